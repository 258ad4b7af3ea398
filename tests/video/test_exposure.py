"""A clip's own exposure: steps from frame to frame, and the gains that take wavering out and leave slow changes."""

import numpy as np
import pytest

from photostyle.video.exposure import MOST, exposed, gains, step
from tests.util.video import scene


def thumbnail(factor, shift=0):
    luma = 16 + factor * (40 + 100 * scene(3, 0, 32, 120)[:, shift : shift + 48])
    return np.stack([luma.round().clip(0, 255), *[np.full((32, 48), 128)] * 2]).astype(np.uint8)


@pytest.mark.parametrize("factor", [0.8, 0.98, 1.0, 1.05, 1.3])
def test_a_step_is_the_factor_that_most_pixels_share(factor):
    before, here = thumbnail(1.0), thumbnail(factor)
    assert step(before, here) == pytest.approx(np.log(factor), abs=0.01)
    here[0, :, :12] = 200  # something passes in front
    assert step(before, here) == pytest.approx(np.log(factor), abs=0.03)


def test_black_and_white_say_nothing():
    dark, bright = (np.full((3, 32, 48), code, np.uint8) for code in (16, 240))
    assert step(dark, bright) == step(bright, bright) == 0


def test_wavering_goes_and_a_steady_change_stays():
    time = np.arange(200) / 25
    slow, fast = 0.05 * time, 0.15 * np.sin(2 * np.pi * 2.1 * time)
    found = np.log(gains([0.0, *np.diff(slow + fast)], 25.0))
    # At either end the line knows one side only.
    assert np.abs(found + fast)[25:-25].max() < 0.01
    assert np.abs(found + fast).max() < 0.06
    still = gains([0.0, *np.diff(slow)], 25.0)
    assert np.allclose(still, 1, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_shots_and_leaps_stay_in_bounds(count):
    found = gains([0.0, 3.0, -3.0][:count], 25.0)
    assert len(found) == count
    assert all(1 / MOST <= gain <= MOST for gain in found)


def test_exposed_is_clipped():
    image = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 2, 2)
    assert exposed(image, 1.0) is image
    assert np.allclose(exposed(image, 1.5), np.minimum(image * 1.5, 1))
