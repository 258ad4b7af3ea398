"""Rates and times: constant in, constant out; variable stays as it is; decoding times step as the frames do."""

import itertools
import shutil
import subprocess
from fractions import Fraction
from itertools import pairwise

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photostyle.video.reading import VideoReader
from photostyle.video.timing import Schedule, constant_rate, decoding_times, scheduled
from tests.util.video import make_clip, remake

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)]
VARIABLE = [0, 1500, 4500, 4503, 13503, 14000, 17000, 21000, 22000, 26000, 29003, 31000, 40000, 41000, 45001, 47000]


def told(path):
    """Mean and base rate, duration, frames' times and steps between decoding times, as libav's demuxer has them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        tick = stream.time_base
        steps = [(b.dts - a.dts) * tick for a, b in pairwise(p for p in packets if p.dts is not None)]
        times = sorted(p.pts * tick for p in packets)
        duration = stream.duration * tick if stream.duration else None
        return (stream.average_rate, stream.base_rate), duration, times, steps


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")
@pytest.mark.parametrize("source", ["i.mp4", "i.mov", "i.mkv"])
@pytest.mark.parametrize("output", ["o.mp4", "o.mov", "o.mkv"])
def test_constant_rates_stay_constant(tmp_path, rate, source, output):
    clip = make_clip(tmp_path / source, (17, 6), size=(32, 48), rate=rate, audio="aac")
    remake(clip, tmp_path / output, (9, 17), last=round(1 / rate / VideoReader(clip).info.time_base))
    before, after = told(clip), told(tmp_path / output)
    assert after[0] == before[0] == (rate, rate)
    assert len(after[2]) == 23
    if output.endswith("mkv"):
        assert all(abs(step - 1 / rate) <= Fraction(1, 1000) for step in after[3])
    else:
        assert set(after[3]) == {1 / rate}
        assert after[1] == 23 / rate
    exact = not (source + output).count("mkv")
    for one, other in zip(before[2], after[2], strict=True):
        assert one == other if exact else abs(one - other) <= Fraction(1, 1000)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("sound", [None, "aac"])
def test_reordered_frames_of_every_codec_step_evenly(tmp_path, codec, sound):
    clip = make_clip(tmp_path / "i.mp4", (24,), audio=sound)
    remake(clip, tmp_path / "o.mp4", (11,), codec=codec)
    assert told(tmp_path / "o.mp4") == told(clip)
    with av.open(str(tmp_path / "o.mp4")) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    assert any(b.pts < a.pts for a, b in pairwise(packets)), "the encoder reorders frames, or this tests nothing"


@pytest.mark.parametrize("name", ["o.mp4", "o.mov"])
@pytest.mark.parametrize("last", [3000, 9000])
def test_variable_rates_stay_as_they_are(tmp_path, name, last):
    clip = make_clip(tmp_path / "i.mp4", (16,), pts=VARIABLE, time_base=Fraction(1, 90000))
    remake(clip, tmp_path / name, (7,), last=last)
    rates, duration, times, steps = told(tmp_path / name)
    assert rates[0] == Fraction(16 * 90000, VARIABLE[-1] + last)
    assert times == [Fraction(t, 90000) for t in VARIABLE]
    lasts = [*(b - a for a, b in pairwise(VARIABLE)), last]
    # Every frame's duration is the step of one decoding time; the last packet's own stays over.
    spare = [Fraction(t, 90000) for t in lasts]
    for step in steps:
        spare.remove(step)
    assert len(spare) == 1
    assert duration == Fraction(sum(lasts), 90000)


def test_matroska_states_no_rate_for_variable_ones_unless_the_clip_did(tmp_path):
    clip = make_clip(tmp_path / "i.mp4", (16,), pts=VARIABLE, time_base=Fraction(1, 90000))
    remake(clip, tmp_path / "o.mkv", (7,))
    assert [round(t * 1000) for t in told(tmp_path / "o.mkv")[2]] == [round(t / 90) for t in VARIABLE]
    stated = make_clip(tmp_path / "s.mkv", (16,), pts=VARIABLE, time_base=Fraction(1, 90000))
    remake(stated, tmp_path / "p.mkv", (7,))
    for name, value in (("o.mkv", None), ("p.mkv", 40_000_000)):
        # The element's identifier and size, then nanoseconds a frame.
        data = (tmp_path / name).read_bytes()
        found = data.find(b"\x23\xe3\x83\x84")
        assert (int.from_bytes(data[found + 4 : found + 8], "big") if found >= 0 else None) == value


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")
@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
def test_trimmed_clips_keep_their_rate(tmp_path, rate, name):
    clip = make_clip(tmp_path / "i.mp4", (30,), size=(32, 48), rate=rate, audio="aac")
    pts = [frame.pts for frame in VideoReader(clip).frames()]
    remake(clip, tmp_path / name, (5,), span=(pts[7], pts[21]))
    rates, duration, times, steps = told(tmp_path / name)
    assert rates == (rate, rate)
    assert times[0] == 0
    assert len(times) == 14
    if name.endswith("mp4"):
        assert set(steps) == {1 / rate}
        assert duration == 14 / rate


@pytest.mark.parametrize("step", [3003, Fraction(90090, 24)])
def test_broadcast_clocks_begin_at_nought(tmp_path, step):
    rate, tick = 90000 / Fraction(step), Fraction(1, 90000)
    pts = [450000 + round(step * i) for i in range(20)]
    clip = make_clip(tmp_path / "i.ts", (20,), pts=pts, time_base=tick, rate=rate)
    info = VideoReader(clip).info
    assert info.begins > 4
    remake(clip, tmp_path / "o.mp4")
    rates, duration, times, steps = told(tmp_path / "o.mp4")
    assert rates == (rate, rate)
    assert set(steps) == {1 / rate}
    assert abs(times[0] - (info.starts * tick - info.begins)) <= tick
    assert duration == 20 / rate


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not installed")
def test_ffprobe_says_the_same(tmp_path):
    clip = make_clip(tmp_path / "i.mp4", (24,), rate=Fraction(24000, 1001))
    for name in ("o.mp4", "o.mkv"):
        remake(clip, tmp_path / name, (11,))
        asked = ["ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "stream=r_frame_rate,avg_frame_rate"]
        found = subprocess.run([*asked, tmp_path / name], capture_output=True, text=True, check=True).stdout
        assert found.strip() == "24000/1001,24000/1001"


@pytest.mark.skipif(not shutil.which("mediainfo"), reason="mediainfo is not installed")
def test_mediainfo_says_constant_and_variable(tmp_path):
    even = make_clip(tmp_path / "i.mp4", (24,))
    uneven = make_clip(tmp_path / "v.mp4", (16,), pts=VARIABLE, time_base=Fraction(1, 90000))
    for clip, mode in ((even, "CFR"), (uneven, "VFR")):
        remake(clip, tmp_path / f"o-{mode}.mp4", (7,))
        asked = ["mediainfo", "--Inform=Video;%FrameRate_Mode%", tmp_path / f"o-{mode}.mp4"]
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == mode


def info_with(tmp_path, name, **how):
    return VideoReader(make_clip(tmp_path / name, (2,), size=(16, 16), **how)).info


def test_rates_rounded_by_a_container_are_recognised(tmp_path):
    info = info_with(tmp_path, "i.mkv", rate=Fraction(24000, 1001))
    for rate in (*RATES, Fraction(50), Fraction(60000, 1001), Fraction(120)):
        pts = [17 + round(i / rate * 1000) for i in range(500)]
        assert constant_rate(pts, info) == rate
        schedule = scheduled(pts, 0, info, Fraction(0), finer=True)
        assert {b - a for a, b in pairwise(schedule.shown)} == {1 / rate / schedule.time_base}
        assert all(abs(t * schedule.time_base - p * info.time_base) <= Fraction(1, 999)
                   for t, p in zip(schedule.shown, pts, strict=True))  # fmt: skip
        assert scheduled(pts, 0, info, Fraction(0), finer=False).shown == pts
    uneven = [0, 42, 83, 125, 209, 250]  # one frame is missing
    assert constant_rate(uneven, info) is None
    schedule = scheduled(uneven, 0, info, Fraction(0), finer=True)
    assert [tick * schedule.time_base for tick in schedule.shown] == [Fraction(tick, 1000) for tick in uneven]


@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=40), st.integers(-500, 500), st.randoms(use_true_random=False),
    st.integers(0, 6),
)  # fmt: skip
def test_decoding_times_increase_lie_before_display_and_step_as_frames_do(lasts, start, random, reach):
    shown = list(itertools.accumulate(lasts[:-1], initial=start))
    # an order in which no frame is decoded more than `reach` places behind its turn
    order = sorted(range(len(lasts)), key=lambda i: i - random.randint(0, reach))
    times = decoding_times(Schedule(Fraction(1, 1000), shown, lasts[-1], Fraction(25), False), order)
    assert len(times) == len(order)
    assert all(a < b for a, b in pairwise(times))
    assert all(time <= shown[frame] for time, frame in zip(times, order, strict=True))
    steps = [*(b - a for a, b in pairwise(times)), lasts[order[-1]]]
    assert sorted(steps) == sorted(lasts)
