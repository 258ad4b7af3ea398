"""Encodings, segments and their join: what goes in comes out, at its own time, with everything beside it."""

import errno
import logging
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from photostyle.errors import OutputError, ParameterError
from photostyle.video.codecs import CODECS, default_codec, encoding_for
from photostyle.video.encode import SegmentWriter, display_order
from photostyle.video.join import join
from photostyle.video.reading import VideoReader
from tests.util.video import decoded, make_clip, packets, remake, same_pictures


@pytest.mark.parametrize(
    ("codec", "name", "close"),
    [
        ("h264", "o.mp4", 4), ("h264", "o.mov", 4), ("h264", "o.mkv", 4),
        ("hevc", "o.mp4", 5), ("hevc", "o.mkv", 5),
        ("prores", "o.mov", 8), ("ffv1", "o.mkv", 0), ("vp9", "o.webm", 6), ("vp9", "o.mp4", 6),
    ],
)  # fmt: skip
def test_segments_join_to_the_same_frames_at_the_same_times(tmp_path, codec, name, close):
    pts = [0, 1500, 4500, 4503, 13503, 14000, 17000, 21000, 22000, 26000, 29003, 31000, 40000, 41000, 45001, 47000]
    source = make_clip(tmp_path / "in.mp4", (7, 9), pts=pts, time_base=Fraction(1, 90000))
    encoding, segments = remake(source, tmp_path / name, (7, 8), codec=codec)
    before, after = decoded(source), decoded(tmp_path / name)
    assert len(after) == 16
    exact = name.endswith((".mp4", ".mov"))
    for (second, planes), (other, others) in zip(before, after, strict=True):
        assert second == other if exact else abs(second - other) <= Fraction(1, 2000)
        unit = 2 ** (encoding.bits - 8)
        assert np.abs(planes[0] - others[0] / unit).mean() <= close
    if exact:
        assert VideoReader(tmp_path / name).info.time_base == Fraction(1, 90000)
    # joining changes no frame of any segment
    parts = [planes for path, _ in segments for _, planes in decoded(path)]
    for planes, (_, others) in zip(parts, after, strict=True):
        assert all(np.array_equal(p, q) for p, q in zip(planes, others, strict=True))
    if not exact:  # Matroska has no decoding times, and milliseconds for the rest
        return
    # decoding times run through, in front of the frames' own
    with av.open(str(tmp_path / name)) as container:
        order = [(p.dts, p.pts) for p in container.demux(video=0) if p.size and p.dts is not None]
    assert all(a[0] < b[0] for a, b in pairwise(order))
    assert all(dts <= pts for dts, pts in order)


def test_sound_subtitles_and_chapters_are_copied_bit_for_bit(tmp_path):
    source = make_clip(tmp_path / "in.mp4", (20,), audio="aac", subtitles=True, chapters=True)
    remake(source, tmp_path / "o.mp4", (8,))
    assert packets(tmp_path / "o.mp4", "audio") == packets(source, "audio")
    assert packets(tmp_path / "o.mp4", "subtitle") == packets(source, "subtitle")
    with av.open(str(tmp_path / "o.mp4")) as a, av.open(str(source)) as b:
        assert [(c["start"] * c["time_base"], c["metadata"]) for c in a.chapters()] == [
            (c["start"] * c["time_base"], c["metadata"]) for c in b.chapters()
        ]
        assert len(a.chapters()) == 2
        assert a.streams.subtitles[0].language == "kor"
        assert a.streams.audio[0].codec_context.extradata == b.streams.audio[0].codec_context.extradata


@pytest.mark.parametrize("name", ["o.mkv", "o.mov"])
def test_sound_goes_into_other_containers(tmp_path, name):
    source = make_clip(tmp_path / "in.mp4", (10,), audio="aac")
    remake(source, tmp_path / name)
    ours, theirs = packets(tmp_path / name, "audio"), packets(source, "audio")
    assert [data for _, data in ours] == [data for _, data in theirs]
    assert all(abs(a[0] - b[0]) <= Fraction(1, 1000) for a, b in zip(ours, theirs, strict=True))
    assert decoded(tmp_path / name)[0][0] == 0


def test_what_a_container_cannot_hold_is_left_out_with_a_word(tmp_path, caplog):
    source = make_clip(tmp_path / "in.mkv", (6,), audio="aac", subtitles=True)
    with caplog.at_level(logging.WARNING, "photostyle"):
        remake(source, tmp_path / "o.webm")
    assert "audio stream" in caplog.text
    assert "aac" in caplog.text
    assert len(decoded(tmp_path / "o.webm")) == 6


def test_tags_rotation_and_aspect_are_written_back(tmp_path):
    source = make_clip(tmp_path / "in.mp4", (4,), colour=(2, 9, 14, 9), aspect=Fraction(4, 3), rotation=90)
    for name in ("o.mp4", "o.mov", "o.mkv"):
        remake(source, tmp_path / name, (2,))
        before, after = VideoReader(source).info, VideoReader(tmp_path / name).info
        assert after.colour == before.colour
        assert after.pixel_aspect == Fraction(4, 3)
        assert after.rotation == 90
        assert after.display_matrix == before.display_matrix


def test_a_trimmed_clip_begins_at_nought_with_its_sound_beside_it(tmp_path):
    source = make_clip(tmp_path / "in.mp4", (50,), audio="aac", chapters=True)
    remake(source, tmp_path / "o.mp4", span=(13 * 512, 25 * 512))
    found = decoded(tmp_path / "o.mp4")
    assert [second for second, _ in found] == [Fraction(k, 25) for k in range(12)]
    sound, whole = packets(tmp_path / "o.mp4", "audio"), packets(source, "audio")
    start = Fraction(13, 25)
    expected = [(t - start, data) for t, data in whole if start <= t < 1]
    assert [data for _, data in sound] == [data for _, data in expected]
    assert all(abs(a[0] - b[0]) < Fraction(1, 20000) for a, b in zip(sound, expected, strict=True))
    with av.open(str(tmp_path / "o.mp4")) as container:
        chapters = container.chapters()
    assert [round(float(c["end"] * c["time_base"]), 2) for c in chapters] == [0.28]


def test_odd_sizes_keep_every_pixel(tmp_path):
    source = make_clip(tmp_path / "in.mkv", (3,), size=(33, 47), codec="ffv1", options={})
    for name, codec in (("o.mkv", "ffv1"), ("o.webm", "vp9"), ("o.mp4", "h264")):
        encoding = encoding_for(VideoReader(source).info, name[1:], codec)
        assert (encoding.height, encoding.width) == (33, 47)
        assert encoding.format == ("yuv444p" if codec == "h264" else "yuv420p")
    remake(source, tmp_path / "o.mkv", codec="ffv1")
    assert same_pictures(source, tmp_path / "o.mkv")


@pytest.mark.parametrize(
    ("codec", "fmt", "name", "becomes"),
    [
        ("libx264", "yuv420p10le", ".mp4", "yuv420p10le"),
        ("libx264", "yuv422p", ".mp4", "yuv422p"),
        ("ffv1", "yuv420p12le", ".mp4", "yuv420p10le"),
        ("libx264", "yuv420p10le", ".webm", "yuv420p"),
        ("ffv1", "bgr0", ".mkv", "gbrp"),
        ("ffv1", "bgr0", ".mp4", "yuv444p"),
    ],
)
def test_formats_lose_as_little_as_the_codec_lets_them(tmp_path, codec, fmt, name, becomes):
    if fmt == "bgr0":
        path = tmp_path / "in.mkv"
        container = av.open(str(path), "w")
        stream = container.add_stream(codec, rate=25, width=32, height=32)
        stream.pix_fmt = fmt
        container.mux(stream.encode(av.VideoFrame(32, 32, fmt)))
        container.mux(stream.encode())
        container.close()
    else:
        path = make_clip(tmp_path / "in.mkv", (1,), codec=codec, fmt=fmt, options={})
    found = encoding_for(VideoReader(path).info, name, "hevc" if becomes == "gbrp" else None).format
    if becomes == "yuv420p10le" and fmt == "yuv420p12le":
        assert found == becomes
    else:
        assert found == becomes


def test_choices_that_do_not_go_together(tmp_path):
    info = VideoReader(make_clip(tmp_path / "a.mp4", (1,), aspect=Fraction(4, 3))).info
    assert [default_codec(ext) for ext in (".mp4", ".MOV", ".mkv", ".webm")] == ["h264", "h264", "h264", "vp9"]
    with pytest.raises(OutputError, match="not a clip's extension"):
        default_codec(".avi")
    with pytest.raises(OutputError, match="do not hold prores"):
        encoding_for(info, ".mp4", "prores")
    with pytest.raises(ParameterError, match="must be one of"):
        encoding_for(info, ".mp4", "mpeg2")
    for codec, crf in (("h264", 52), ("h264", -1), ("prores", 10)):
        with pytest.raises(ParameterError, match="crf"):
            encoding_for(info, ".mov", codec, crf)
    with pytest.raises(OutputError, match="pixels are not square"):
        encoding_for(info, ".webm")
    assert encoding_for(info, ".mp4", "h264", 30).options["crf"] == "30"
    assert encoding_for(info, ".mp4", preview=True).options["preset"] == "ultrafast"
    assert all(codec.containers for codec in CODECS.values())


def test_a_segment_stands_under_its_name_only_when_whole(tmp_path):
    reader = VideoReader(make_clip(tmp_path / "in.mp4", (8,)))
    frames = list(reader.frames())
    encoding = encoding_for(reader.info, ".mp4")
    path = tmp_path / "s" / "one.nut"
    path.parent.mkdir()
    writer = SegmentWriter(path, encoding)
    for frame in frames:
        writer.write(frame.planes())
    assert not path.exists()
    writer.close()
    assert list(path.parent.iterdir()) == [path]
    assert sorted(display_order(path)) == list(range(8))
    other = SegmentWriter(path.with_name("two.nut"), encoding)
    other.write(frames[0].planes())
    other.abandon()
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_said_and_leaves_no_part(tmp_path, monkeypatch):
    reader = VideoReader(make_clip(tmp_path / "in.mp4", (3,)))
    path = tmp_path / "s" / "one.nut"
    path.parent.mkdir()
    writer = SegmentWriter(path, encoding_for(reader.info, ".mp4"))

    class Full:
        def mux(self, packets):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            pass

    writer._container = Full()
    frame = next(reader.frames())
    with pytest.raises(OutputError, match=r"one.nut: cannot be written \(the disk is full\).*--resume"):
        writer.write(frame.planes())
    assert list(path.parent.iterdir()) == []


def test_segments_of_different_making_do_not_join(tmp_path):
    source = make_clip(tmp_path / "in.mp4", (8,))
    reader = VideoReader(source)
    segments = []
    for number, crf in enumerate((20, 20)):
        encoding = encoding_for(reader.info, ".mp4", crf=crf, preview=number == 1)
        writer = SegmentWriter(tmp_path / f"{number}.nut", encoding)
        for frame in reader.frames():
            writer.write(frame.planes())
        writer.close()
        segments.append((writer.path, [f.pts for f in reader.frames()]))
    with pytest.raises(OutputError, match="does not belong"):
        join([segments[0], (segments[1][0], [10**6 + k for k in range(8)])], encoding, reader.info, tmp_path / "o.mp4")
    with pytest.raises(OutputError, match="does not belong"):
        join([(segments[0][0], [0, 1, 2])], encoding, reader.info, tmp_path / "o.mp4")
    assert not (tmp_path / "o.mp4").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_an_existing_output_is_kept(tmp_path):
    source = make_clip(tmp_path / "in.mp4", (3,))
    (tmp_path / "o.mp4").write_bytes(b"mine")
    with pytest.raises(OutputError, match="already exists"):
        remake(source, tmp_path / "o.mp4")
    assert (tmp_path / "o.mp4").read_bytes() == b"mine"
