"""Interlaced clips come out as whole pictures, marked as such; progressive ones are left alone."""

import logging
import shutil
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest

from photostyle.options import FitOptions
from photostyle.video.looks import StyleSide
from photostyle.video.options import VideoOptions
from photostyle.video.reading import VideoReader
from photostyle.video.stylize import stylize_clip
from tests.util import picture
from tests.util.cli import colourful_model
from tests.util.video import decoded, make_clip

HEIGHT, WIDTH = 48, 64


def bars(moment):
    """Upright bars that move by four pixels a moment."""
    x = np.arange(WIDTH)[None] - 4 * moment
    return np.repeat(0.5 + 0.4 * np.sign(np.sin(x * 2 * np.pi / 32 + 0.1)), HEIGHT, 0)


def woven(first):
    """Frames of two fields, the one that begins with line `first` half a frame before the other."""

    def paint(index):
        frame = bars(2 * index + 1)
        frame[first::2] = bars(2 * index)[first::2]
        return frame

    return paint


def combing(luma):
    """How much lines differ from the lines around them, in code values."""
    values = np.asarray(luma, np.float64)
    return np.abs(values[1:-1] - (values[:-2] + values[2:]) / 2).mean()


def interlaced(path, count=12, **how):
    """H.264 whose frames say that they are of two fields, the lower one first."""
    options = {"x264-params": "bff=1", "crf": "3", "preset": "veryfast"}
    return make_clip(path, (count,), paint=woven(1), options=options, **how)


def shown(path, **how):
    reader = VideoReader(path)
    return reader, [frame.planes()[0] for frame in reader.frames(**how)]


def check(frames, unit=1):
    """No lines differ from those around them, and each picture is of the moment of the field that comes first."""
    assert max(combing(frame) for frame in frames) < 4 * unit
    for index, frame in enumerate(frames[1:-1], 1):
        expected = (16 + 219 * bars(2 * index)) * unit
        assert np.abs(frame.astype(float) - expected).mean() < 6 * unit, index


@pytest.mark.parametrize(("fmt", "unit"), [("yuv420p", 1), ("yuv422p10le", 4)])
def test_fields_are_taken_apart(tmp_path, fmt, unit):
    clip = interlaced(tmp_path / "i.mp4", fmt=fmt)
    reader, frames = shown(clip)
    assert reader.info.fields == "frames"
    assert min(combing(planes[0]) for _, planes in decoded(clip)) > 20 * unit
    check(frames, unit)
    assert [f.pts for f in reader.frames()] == [512 * k for k in range(12)]
    assert {f.duration for f in reader.frames()} == {512}


def test_seeking_gives_the_same_pictures(tmp_path):
    clip = make_clip(tmp_path / "i.mp4", (130,), paint=woven(1), options={"x264-params": "bff=1", "g": "12"})
    reader, everything = shown(clip)
    for seek in (True, False):
        found = [frame.planes()[0] for frame in reader.frames(77 * 512, 90 * 512, seek=seek)]
        assert all(np.array_equal(a, b) for a, b in zip(found, everything[77:90], strict=True))


@pytest.mark.parametrize(
    ("order", "fields", "first"), [(2, "top", 0), (3, "bottom", 1), (4, "bottom", 1), (5, "top", 0)]
)
def test_what_only_the_container_says_counts_where_the_codec_cannot(tmp_path, order, fields, first):
    clip = make_clip(
        tmp_path / "i.mov", (5,), codec="mjpeg", fmt="yuv422p", colour=(2, 1, 1, 1), options={"qmin": "1", "qmax": "2"},
        paint=woven(first), field_order=order,
    )  # fmt: skip
    reader, frames = shown(clip)
    assert reader.info.fields == fields
    check(frames)


def test_progressive_clips_are_delivered_as_they_are(tmp_path):
    clip = make_clip(tmp_path / "i.mp4", (5,), field_order=1)
    reader, frames = shown(clip)
    assert (reader.info.fields, reader.deinterlace, reader.woven) == ("", False, False)
    assert all(np.array_equal(a, planes[0]) for a, (_, planes) in zip(frames, decoded(clip), strict=True))


@pytest.fixture(scope="module")
def model():
    return colourful_model()


@pytest.mark.parametrize(("output", "codec"), [("o.mp4", "h264"), ("o.mov", "prores"), ("o.mkv", "ffv1")])
def test_results_are_progressive_and_say_so(tmp_path, model, caplog, output, codec):
    clip = interlaced(tmp_path / "i.mp4", audio="aac")
    with caplog.at_level(logging.WARNING, "photostyle"):
        options = VideoOptions(codec=codec, segment=0.2)
        stylize_clip(model, clip, StyleSide(picture(40, 48, 2)), tmp_path / output, FitOptions(), options)
    assert [line for line in caplog.text.splitlines() if "is interlaced" in line and "bwdif" in line]
    with av.open(str(tmp_path / output)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.field_order <= 1
        frames = list(container.decode(stream))
        assert [float(frame.pts * stream.time_base) for frame in frames] == [k / 25 for k in range(12)]
        assert not any(frame.interlaced_frame for frame in frames)
    if shutil.which("ffprobe"):
        asked = [
            "ffprobe",
            "-v",
            "error",
            "-select_streams",
            "v",
            "-of",
            "csv=p=0",
            "-show_entries",
            "stream=field_order",
        ]
        found = subprocess.run([*asked, tmp_path / output], capture_output=True, text=True, check=True).stdout.strip()
        assert found in ("progressive", "unknown")


def test_fields_that_begin_later_are_found_on_the_way(tmp_path, model, caplog):
    tick = Fraction(1, 90000)
    even = make_clip(
        tmp_path / "a.ts", (10,), time_base=tick, pts=[3600 * k for k in range(10)], paint=lambda i: bars(2 * i)
    )
    later = interlaced(tmp_path / "b.ts", count=10, time_base=tick, pts=[3600 * (10 + k) for k in range(10)])
    clip = tmp_path / "i.ts"
    clip.write_bytes(even.read_bytes() + later.read_bytes())
    assert VideoReader(clip).info.fields == ""
    options = VideoOptions(codec="ffv1")
    with caplog.at_level(logging.WARNING, "photostyle"):
        report = stylize_clip(model, clip, StyleSide(picture(40, 48, 2)), tmp_path / "o.mkv", FitOptions(), options)
    assert report.frames == 20
    assert "is interlaced" in caplog.text
    assert max(combing(planes[0]) for _, planes in decoded(tmp_path / "o.mkv")) < 10
