"""Reading clips: timestamps, tags, sampling and damage as the file has them."""

import logging
from fractions import Fraction

import av
import numpy as np
import pytest

from photostyle.errors import VideoReadError
from photostyle.video.info import check_sdr
from photostyle.video.reading import VideoReader
from tests.util.video import decoded, make_clip


def read(path, **options):
    return list(VideoReader(path).frames(**options))


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_frames_come_in_order_with_their_own_samples(tmp_path, name):
    path = make_clip(tmp_path / name, (12,))
    reader = VideoReader(path)
    frames, expected = list(reader.frames()), decoded(path)
    assert [f.pts * reader.info.time_base for f in frames] == [second for second, _ in expected]
    assert [f.index for f in frames] == list(range(12))
    for frame, (_, planes) in zip(frames, expected, strict=True):
        for ours, theirs in zip(frame.planes(), planes, strict=True):
            assert np.array_equal(ours, theirs)
    assert (reader.info.width, reader.info.height) == (64, 48)
    assert reader.info.rate == 25
    assert reader.damaged == []


def test_variable_frame_rates_keep_their_ticks(tmp_path):
    pts = [0, 1500, 4500, 4503, 13503, 14000, 90001]
    path = make_clip(tmp_path / "v.mp4", (7,), pts=pts, time_base=Fraction(1, 90000))
    reader = VideoReader(path)
    assert reader.info.time_base == Fraction(1, 90000)
    assert [f.pts for f in reader.frames()] == pts


@pytest.mark.parametrize(
    ("codec", "fmt", "bits", "shifts", "name"),
    [
        ("libx264", "yuv420p", 8, (1, 1), "a.mp4"),
        ("libx264", "yuv422p10le", 10, (1, 0), "a.mp4"),
        ("libx265", "yuv420p10le", 10, (1, 1), "a.mkv"),
        ("prores_ks", "yuv422p10le", 10, (1, 0), "a.mov"),
        ("ffv1", "yuv444p", 8, (0, 0), "a.mkv"),
        ("ffv1", "yuv420p12le", 12, (1, 1), "a.mkv"),
    ],
)
def test_depth_and_sampling_are_the_clips_own(tmp_path, codec, fmt, bits, shifts, name):
    options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
    path = make_clip(tmp_path / name, (3,), codec=codec, fmt=fmt, options=options)
    info = VideoReader(path).info
    assert not info.grey
    assert not info.rgb
    assert (info.format, info.bits, (info.shift_x, info.shift_y)) == (fmt, bits, shifts)
    planes = read(path)[0].planes()
    assert planes[0].dtype == (np.uint8 if bits == 8 else np.uint16)
    assert planes[0].max() > 200 * 2 ** (bits - 8)
    assert planes[1].shape == (48 >> shifts[1], 64 >> shifts[0])


def test_tags_are_read(tmp_path):
    path = make_clip(tmp_path / "t.mp4", (2,), colour=(2, 9, 14, 9), aspect=Fraction(4, 3), rotation=-90)
    info = VideoReader(path).info
    assert (info.colour.range_, info.colour.primaries, info.colour.transfer, info.colour.matrix) == (2, 9, 14, 9)
    assert info.full
    assert info.matrix == 9
    assert info.pixel_aspect == Fraction(4, 3)
    assert info.rotation == -90
    assert info.display_matrix is not None
    assert info.format == "yuv420p"  # libav calls full range yuvj420p


def test_untagged_clips_take_the_common_rule(tmp_path):
    small = VideoReader(make_clip(tmp_path / "s.mp4", (1,))).info
    assert (small.matrix, small.full) == (6, False)
    large = VideoReader(make_clip(tmp_path / "l.mp4", (1,), size=(578, 64))).info
    assert large.matrix == 1


@pytest.mark.parametrize(
    ("fmt", "codec", "delivered"),
    [("bgr0", "ffv1", "gbrp"), ("gray", "ffv1", "gray"), ("yuva420p", "ffv1", "yuva420p")],
)
def test_other_layouts_are_repacked(tmp_path, fmt, codec, delivered):
    path = tmp_path / "r.mkv"
    container = av.open(str(path), "w")
    stream = container.add_stream(codec, rate=25, width=32, height=24)
    stream.pix_fmt = fmt
    rgb = np.zeros((24, 32, 3), np.uint8)
    rgb[:, :16], rgb[:, 16:] = (200, 40, 90), (10, 20, 220)
    container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb).reformat(format=fmt)))
    container.mux(stream.encode())
    container.close()
    reader = VideoReader(path)
    assert reader.info.format == delivered
    planes = next(reader.frames()).planes()
    if delivered == "gbrp":
        assert reader.info.matrix == 0
        assert reader.info.full
        assert [int(p[3, 3]) for p in planes] == [40, 90, 200]
    else:
        assert planes[0].shape == (24, 32)
        assert len(planes) == (1 if delivered == "gray" else 4)


def test_ranges_begin_and_end_where_asked_by_seeking_or_not(tmp_path):
    path = make_clip(tmp_path / "s.mp4", (130,), options={"g": "12", "preset": "veryfast"})
    everything = read(path)
    start, end = everything[77].pts, everything[90].pts
    for seek in (True, False):
        found = read(path, start=start, end=end, seek=seek)
        assert [f.pts for f in found] == [f.pts for f in everything[77:90]]
        assert [f.index for f in found] == list(range(13))
        for ours, theirs in zip(found, everything[77:90], strict=True):
            assert np.array_equal(ours.planes()[0], theirs.planes()[0])
    assert read(path, start=everything[-1].pts + 1) == []


def test_one_frame_is_a_clip(tmp_path):
    assert len(read(make_clip(tmp_path / "one.mp4", (1,)))) == 1


def test_odd_sizes(tmp_path):
    path = make_clip(tmp_path / "o.mkv", (2,), size=(33, 47), codec="ffv1", options={})
    assert [p.shape for p in read(path)[0].planes()] == [(33, 47), (17, 24), (17, 24)]


def test_thumbnails_and_rgb(tmp_path):
    frame = read(make_clip(tmp_path / "t.mp4", (1,)))[0]
    assert frame.thumbnail(16, 12).shape == (3, 12, 16)
    assert abs(frame.thumbnail(16, 12)[0].mean() - frame.planes()[0].mean()) < 2
    assert frame.rgb().shape == (48, 64, 3)


def test_damage_is_reported_and_the_rest_goes_on(tmp_path, caplog):
    path = make_clip(tmp_path / "d.mp4", (60,), options={"g": "10", "preset": "veryfast", "crf": "5"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = np.random.default_rng(0).integers(0, 256, 400, np.uint8).tobytes()
    path.write_bytes(data)
    reader = VideoReader(path)
    with caplog.at_level(logging.WARNING, "photostyle"):
        frames = list(reader.frames())
    assert len(frames) >= 50
    assert reader.damaged
    assert "damaged" in caplog.text
    assert "the rest goes on" in caplog.text
    pts = [f.pts for f in frames]
    assert pts == sorted(set(pts))
    assert frames[-1].pts == 59 * 512


def test_a_truncated_clip_gives_what_it_has(tmp_path):
    path = make_clip(tmp_path / "t.mkv", (60,), options={"g": "10", "preset": "veryfast", "crf": "5"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert 20 < len(read(path)) < 60


def sound_only(path):
    container = av.open(str(path), "w")
    stream = container.add_stream("aac", rate=48000)
    block = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), "s16", "stereo")
    block.sample_rate = 48000
    container.mux(stream.encode(block))
    container.mux(stream.encode())
    container.close()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: None, "No such file"),
        (lambda p: p.write_bytes(b""), "cannot be read as a video"),
        (lambda p: p.write_bytes(b"not a video at all" * 99), "cannot be read as a video"),
        (lambda p: p.mkdir(), "cannot be read as a video"),
        (sound_only, "no video stream"),
        (lambda p: p.write_bytes(make_clip(p.with_name("x.mp4"), (9,)).read_bytes()[:300]), "cannot be read|no frame"),
        (lambda p: make_clip(p, (2,), size=(8, 64)), "too small"),
        (lambda p: make_clip(p, (2,), colour=(1, 9, 1, 10)), "matrix coefficients 10 are not supported"),
    ],
)
def test_refusals_are_one_line_that_names_the_file(tmp_path, make, says):
    path = tmp_path / "bad.mp4"
    make(path)
    with pytest.raises(VideoReadError, match=says) as refused:
        VideoReader(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_unless_allowed(tmp_path, transfer, name):
    info = VideoReader(make_clip(tmp_path / "h.mp4", (1,), fmt="yuv420p10le", colour=(1, 9, transfer, 9))).info
    with pytest.raises(VideoReadError, match=rf"HDR \({name}\).*--allow-hdr"):
        check_sdr(info, allow_hdr=False)
    check_sdr(info, allow_hdr=True)
