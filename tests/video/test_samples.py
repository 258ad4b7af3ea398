"""Samples on their way: alpha, ProRes's profiles, white at every depth, layouts that are repacked."""

import logging
import shutil
import subprocess

import av
import numpy as np
import pytest
import torch

from photostyle.colour import yuv
from photostyle.options import FitOptions
from photostyle.video.codecs import encoding_for, lost_of_picture
from photostyle.video.grade import input_layout, output_layout
from photostyle.video.info import rows
from photostyle.video.looks import StyleSide
from photostyle.video.options import VideoOptions
from photostyle.video.reading import VideoReader
from photostyle.video.stylize import stylize_clip
from tests.util import picture
from tests.util.cli import colourful_model
from tests.util.video import make_clip

ALPHA = {
    "a.webm": ("libvpx-vp9", "yuva420p", {"b": "0", "crf": "4", "cpu-used": "4"}),
    "a.mov": ("prores_ks", "yuva444p10le", {"profile": "4444"}),
    "a.mkv": ("ffv1", "yuva422p10le", {}),
    "b.mkv": ("ffv1", "bgra", {}),
}


@pytest.fixture(scope="module")
def model():
    return colourful_model()


@pytest.fixture(scope="module")
def style():
    return StyleSide(picture(40, 48, 2))


def translucent(folder, name):
    codec, fmt, options = ALPHA[name]
    path = folder / name
    if fmt != "bgra":
        tags = {"alpha_mode": "1"} if codec == "libvpx-vp9" else {}
        return make_clip(path, (4,), codec=codec, fmt=fmt, options=options, stream_tags=tags)
    container = av.open(str(path), "w")
    stream = container.add_stream(codec, rate=25, width=64, height=48)
    stream.pix_fmt = fmt
    values = np.random.default_rng(0).integers(0, 256, (48, 64, 4), np.uint8)
    values[..., 3] = np.round(np.linspace(0, 255, 64))
    container.mux(stream.encode(av.VideoFrame.from_ndarray(values, fmt)))
    container.mux(stream.encode())
    container.close()
    return path


def opacity(path):
    """Alpha of all frames in [0, 1], and its bits."""
    reader = VideoReader(path)
    assert reader.info.alpha
    return np.stack([f.planes()[-1] for f in reader.frames()]) / (2**reader.info.bits - 1), reader.info.bits


@pytest.mark.parametrize("name", ALPHA)
@pytest.mark.parametrize(
    ("output", "codec"), [("o.webm", "vp9"), ("o.mkv", "vp9"), ("o.mov", "prores"), ("o.mkv", "ffv1")]
)
def test_alpha_is_kept_where_the_codec_can(tmp_path, model, style, caplog, name, output, codec):
    clip = translucent(tmp_path, name)
    before, bits = opacity(clip)
    assert np.abs(before - np.linspace(0, 1, 64)).max() < 0.02
    with caplog.at_level(logging.WARNING, "photostyle"):
        stylize_clip(
            model,
            clip,
            style,
            tmp_path / output,
            FitOptions(),
            VideoOptions(codec=codec, crf=4 if codec == "vp9" else None),
        )
    after, other = opacity(tmp_path / output)
    assert np.abs(after - before).max() <= (0.02 if codec == "vp9" else 1 / (2 ** min(bits, other) - 1))
    assert "keep its alpha" not in caplog.text


@pytest.mark.parametrize(("output", "codec"), [("o.mp4", "h264"), ("o.mov", "hevc"), ("o.mp4", "vp9")])
def test_alpha_that_is_lost_is_said(tmp_path, model, style, caplog, output, codec):
    clip = translucent(tmp_path, "a.mov")
    with caplog.at_level(logging.WARNING, "photostyle"):
        stylize_clip(model, clip, style, tmp_path / output, FitOptions(), VideoOptions(codec=codec))
    assert f"{codec} in {output[1:]} does not keep its alpha" in caplog.text
    assert not VideoReader(tmp_path / output).info.alpha


def test_a_preview_of_a_translucent_clip_is_translucent(tmp_path, model, style):
    clip = make_clip(
        tmp_path / "i.mov", (2,), size=(32, 600), codec="prores_ks", fmt="yuva444p10le", options={"profile": "4444"}
    )
    stylize_clip(model, clip, style, tmp_path / "o.mkv", FitOptions(), VideoOptions(codec="ffv1", preview=True))
    found, _ = opacity(tmp_path / "o.mkv")
    assert found.shape == (2, 26, 480)
    assert np.abs(found - np.linspace(0, 1, 480)).max() < 0.01


PROFILES = [
    ("proxy", "yuv422p10le", "apco"), ("lt", "yuv422p10le", "apcs"), ("standard", "yuv422p10le", "apcn"),
    ("hq", "yuv422p10le", "apch"), ("4444", "yuv444p10le", "ap4h"), ("4444xq", "yuv444p10le", "ap4x"),
    ("4444", "yuva444p10le", "ap4h"),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "fmt", "four"), PROFILES)
def test_prores_keeps_its_profile_and_its_samples(tmp_path, model, style, profile, fmt, four):
    clip = make_clip(tmp_path / "i.mov", (2,), codec="prores_ks", fmt=fmt, options={"profile": profile})
    stylize_clip(model, clip, style, tmp_path / "o.mov", FitOptions(), VideoOptions(codec="prores"))
    with av.open(str(clip)) as a, av.open(str(tmp_path / "o.mov")) as b:
        one, other = (c.streams.video[0].codec_context for c in (a, b))
        assert (other.codec_tag, other.profile, other.pix_fmt) == (one.codec_tag, one.profile, one.pix_fmt)
        assert other.codec_tag == four
    if shutil.which("ffprobe"):
        asked = ["ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "stream=codec_tag_string"]
        found = subprocess.run([*asked, tmp_path / "o.mov"], capture_output=True, text=True, check=True).stdout
        assert found.strip() == four


@pytest.mark.parametrize(("fmt", "four"), [("yuv420p", "apch"), ("yuv422p", "apch"), ("yuv444p", "ap4h")])
def test_prores_of_other_clips_is_422_hq_or_4444(tmp_path, fmt, four):
    info = VideoReader(make_clip(tmp_path / "i.mp4", (1,), fmt=fmt)).info
    assert encoding_for(info, ".mov", "prores").tag == four


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
def test_limited_white_and_black_are_white_and_black(bits, matrix):
    unit = 2 ** (bits - 8)
    for luma, value in ((235, 1.0), (16, 0.0), (125.5 if bits > 8 else 16, 0.5 if bits > 8 else 0.0)):
        layout = yuv.Layout(bits, matrix)
        planes = [torch.full((4, 4), int(luma * unit)), *(torch.full((2, 2), 128 * unit) for _ in range(2))]
        rgb = yuv.to_rgb(planes, layout)
        assert (rgb - value).abs().max() < 1e-6
        assert all(torch.equal(a, b.to(a.dtype)) for a, b in zip(yuv.from_rgb(rgb, layout), planes, strict=True))


def white(path, codec, fmt, options):
    """A clip whose left half is white and whose right half is black."""
    half = np.repeat(np.arange(64) < 32, 48).reshape(64, 48).T.astype(float)
    return make_clip(path, (2,), codec=codec, fmt=fmt, options=options, paint=lambda index: half)


@pytest.mark.parametrize(
    ("name", "codec", "fmt", "options"),
    [
        ("i.mp4", "libx264", "yuv420p10le", {"qp": "0"}),
        ("i.mkv", "ffv1", "yuv422p10le", {}),
        ("i.mov", "prores_ks", "yuv422p10le", {"profile": "hq"}),
        ("i.mkv", "ffv1", "yuv444p12le", {}),
        ("i.mkv", "ffv1", "yuv420p", {}),
    ],
)
@pytest.mark.parametrize(("output", "codec_out"), [("o.mov", "prores"), ("o.mkv", "ffv1"), ("o.mp4", "h264")])
def test_white_stays_white_through_every_codec(tmp_path, name, codec, fmt, options, output, codec_out):
    clip = white(tmp_path / name, codec, fmt, options)
    reader = VideoReader(clip)
    encoding = encoding_for(reader.info, output[1:], codec_out)
    planes = next(reader.frames()).planes()
    rgb = yuv.to_rgb([torch.from_numpy(p.astype(np.int32)) for p in planes], input_layout(reader.info))
    luma = yuv.from_rgb(rgb, output_layout(reader.info, encoding))[0]
    unit = 2 ** (encoding.bits - 8)
    assert (luma[:, 4:28] - 235 * unit).abs().max() <= (0 if codec != "prores_ks" else 2)
    assert (luma[:, 36:60] - 16 * unit).abs().max() <= (0 if codec != "prores_ks" else 2)


PACKED = [
    ("p010le", "yuv420p10le", 6), ("p210le", "yuv422p10le", 6), ("p012le", "yuv420p12le", 4), ("nv12", "yuv420p", 0),
    ("nv16", "yuv422p", 0),
]  # fmt: skip


@pytest.mark.parametrize(("packed", "planar", "shift"), PACKED)
def test_repacking_changes_no_sample(packed, planar, shift):
    frame = av.VideoFrame(64, 48, packed)
    bits = frame.format.components[0].bits
    word = np.uint8 if bits == 8 else np.uint16
    rng = np.random.default_rng(0)
    values = []
    for plane in frame.planes:
        whole = np.frombuffer(plane, word).reshape(plane.height, -1)
        whole[:] = rng.integers(0, 2**bits, whole.shape).astype(word) << shift
        values.append(whole >> shift)
    made = frame.reformat(format=planar)
    luma, chroma = values[0][:, :64], values[1]
    width = made.planes[1].width
    expected = [luma, chroma[:, 0 : 2 * width : 2], chroma[:, 1 : 2 * width : 2]]
    assert all(np.array_equal(rows(plane, bits), value) for plane, value in zip(made.planes, expected, strict=True))


def test_what_lies_beside_the_samples_is_said_to_be_lost(tmp_path):
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    options = {"x265-params": f"log-level=error:master-display={display}:max-cll=1000,400"}
    clip = make_clip(tmp_path / "i.nut", (2,), codec="libx265", fmt="yuv420p10le", options=options)
    info = VideoReader(clip).info
    assert lost_of_picture(info, encoding_for(info, ".mp4", "hevc")) == ["mastering display", "light levels"]
    plain = VideoReader(make_clip(tmp_path / "p.mp4", (1,))).info
    assert lost_of_picture(plain, encoding_for(plain, ".mp4")) == []
    assert lost_of_picture(info, encoding_for(info, ".webm"))[0] == "10 bits a sample (it has 8)"
