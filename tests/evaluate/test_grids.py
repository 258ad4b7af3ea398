"""Grids and weaves against pictures of known spectra."""

import numpy as np
import pytest
import torch

from photostyle.errors import ImageSizeError
from photostyle.evaluate.grids import ROUNDING, nyquist


def smooth(height=64, width=80):
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack([x, y, x * y])[None] * 0.6 + 0.2


def weave(height=64, width=80, axis=-1):
    sign = torch.ones(1, 3, height, width)
    sign.index_fill_(axis, torch.arange(0, sign.shape[axis], 2), -1.0)
    return sign


def test_the_photo_itself_has_one():
    assert nyquist(smooth(), smooth()) == 1
    assert nyquist(smooth(), 1 - smooth()) == pytest.approx(1)


@pytest.mark.parametrize("axis", [-1, -2])
def test_a_weave_is_found_along_either_axis(axis):
    photo = smooth()
    values = [nyquist(photo, photo + size * weave(axis=axis)) for size in (0.002, 0.004, 0.008)]
    assert values[0] > 1.2
    # Power goes with the square of the weave's height.
    assert (values[2] - 1) / (values[1] - 1) == pytest.approx(4, rel=1e-3)


def test_white_noise_has_its_variance():
    rng = np.random.default_rng(0)
    flat = torch.full((1, 3, 200, 160), 0.5)
    noisy = flat + torch.from_numpy(rng.normal(0, 0.01, flat.shape)).float()
    assert nyquist(flat, noisy) == pytest.approx((0.01**2 + ROUNDING) / ROUNDING, rel=0.03)


def test_what_is_coarser_than_the_band_does_not_count():
    photo = smooth(96, 96)
    coarse = 0.1 * torch.sin(torch.arange(96) * 2 * np.pi / 4)  # a quarter of a cycle a pixel
    assert nyquist(photo, photo + coarse) < 1.01


@pytest.mark.parametrize("shape", [(1, 3, 64, 81), (1, 3, 8, 80)])
def test_other_shapes_are_refused(shape):
    photo = smooth() if shape[-1] == 81 else torch.zeros(shape)
    with pytest.raises(ImageSizeError, match="equal shapes"):
        nyquist(photo, torch.zeros(shape))
