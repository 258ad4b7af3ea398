"""Warping error and flicker on clips whose answer is known."""

import math

import cv2
import numpy as np
import pytest

from photostyle.errors import ParameterError
from photostyle.video.motion import flow, slip, warp
from photostyle.video.steadiness import _visible, steadiness

RNG = np.random.default_rng(0)


def texture(height, width):
    return cv2.GaussianBlur(RNG.random((height, width, 3)).astype(np.float32), (0, 0), 3) * 3 - 1


WIDE = texture(96, 200).clip(0, 1)


def pan(count=16, step=2):
    """A camera that moves `step` pixels a frame over a picture, with a sensor's noise."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.01, (count, 96, 128, 3)).astype(np.float32)
    return [WIDE[:, step * t : step * t + 128] + noise[t] for t in range(count)]


def test_flow_finds_a_pan_and_warping_undoes_it():
    first, second = (frame.mean(-1) for frame in pan(2, 3))
    found = flow(second, first)
    inner = found[16:-16, 16:-16]
    assert np.abs(inner[..., 0] - 3).mean() < 0.2
    assert np.abs(inner[..., 1]).mean() < 0.2
    moved = warp(first[None], found)[0]
    assert np.abs(moved - second)[16:-16, 16:-16].mean() < 0.25 * np.abs(first - second)[16:-16, 16:-16].mean()


def test_slip_is_large_where_something_is_covered():
    first, second = WIDE[:, :128].mean(-1), WIDE[:, :128].mean(-1).copy()
    first[30:60, 30:60], second[30:60, 42:72] = 1.0, 1.0
    missed = slip(flow(second, first), flow(first, second))
    assert missed[32:58, 32:40].mean() > 10 * missed[70:, 90:].mean()  # uncovered behind the square; still elsewhere


def test_small_pictures_have_a_flow_too():
    assert flow(WIDE[:9, :11, 0], WIDE[:9, 1:12, 0]).shape == (9, 11, 2)


def test_a_clip_is_as_steady_as_itself_in_any_contrast():
    clip = pan()
    for gain, offset in ((1.0, 0.0), (0.5, 0.2)):
        found = steadiness(clip, [frame * np.float32(gain) + np.float32(offset) for frame in clip])
        assert found.short == pytest.approx(1, rel=0.05)
        assert found.long == pytest.approx(1, rel=0.05)
        assert found.flicker == pytest.approx(1, rel=0.05)


def test_flicker_is_seen_by_all_measures_and_noise_by_the_warping_error():
    clip = pan()
    wavering = [frame * np.float32(1 + 0.06 * (-1) ** t) for t, frame in enumerate(clip)]
    found = steadiness(clip, wavering)
    assert found.short > 3
    assert found.flicker > 10
    noisy = [(frame + RNG.normal(0, 0.05, frame.shape)).astype(np.float32) for frame in clip]
    assert steadiness(clip, noisy).short > 3


def test_a_slow_change_counts_over_ten_frames_and_not_as_flicker():
    clip = pan()
    slow = [frame * np.float32(1 - 0.02 * t) for t, frame in enumerate(clip)]
    found = steadiness(clip, slow)
    assert found.long - 1 > 2 * (found.short - 1)
    assert found.flicker < 2


def test_what_is_occluded_does_not_count():
    then, now = WIDE[:, :128].mean(-1), WIDE[:, :128].mean(-1)
    then[30:60, 30:60], now[30:60, 42:72] = WIDE[30:60, 150:180].mean(-1), WIDE[30:60, 150:180].mean(-1)
    _, mask = _visible(now, then)
    assert mask[33:57, 33:39].mean() < 0.6  # uncovered: nothing of it was seen before
    assert mask[66:, :].mean() > 0.95


def test_short_clips_and_strangers():
    clip = pan(3)
    found = steadiness(clip, clip)
    assert math.isnan(found.long)
    assert found.short == pytest.approx(1)
    assert math.isnan(steadiness(clip[:2], clip[:2]).flicker)
    with pytest.raises(ParameterError, match="at least two"):
        steadiness(clip[:1], clip[:1])
    with pytest.raises(ParameterError, match="differ in length"):
        steadiness(clip, clip[:2])
    with pytest.raises(ParameterError, match="one size"):
        steadiness(clip, [frame[:-1] for frame in clip])


def test_sharpening_raises_detail_and_the_warping_error_alike():
    clip = pan()
    sharp = [frame + 2 * (frame - cv2.GaussianBlur(frame, (0, 0), 4)) for frame in clip]
    found = steadiness(clip, sharp)
    assert found.detail > 1.5
    assert 0.5 < found.short / found.detail < 1.5
    assert steadiness(clip, clip).detail == pytest.approx(1)


def test_a_still_clip_made_to_flicker_has_a_finite_ratio():
    still = [WIDE[:, :128]] * 6
    found = steadiness(still, [frame * np.float32(1 + 0.1 * (t % 2)) for t, frame in enumerate(still)])
    assert 100 < found.flicker < math.inf
    assert steadiness(still, still).flicker == pytest.approx(1)
