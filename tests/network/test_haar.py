import numpy as np
import pytest
import pywt
import torch
from hypothesis import given
from hypothesis import strategies as st

from photostyle.errors import ImageSizeError
from photostyle.network import haar

sides = st.integers(1, 20).map(lambda n: 2 * n)


@given(sides, sides, st.integers(0, 10**6))
def test_pool_agrees_with_pywavelets(height, width, seed):
    x = torch.from_numpy(np.random.RandomState(seed).uniform(-1, 1, (2, 3, height, width)).astype(np.float32))
    approximation, (horizontal, vertical, diagonal) = pywt.dwt2(x.double().numpy(), "haar")
    for ours, theirs in zip(haar.pool(x), (approximation, -vertical, -horizontal, diagonal), strict=True):
        assert np.abs(ours.numpy() - theirs).max() < 1e-6


@given(sides, sides, st.integers(0, 10**6))
def test_unpool_is_the_inverse_and_the_sum_of_transposes(height, width, seed):
    x = torch.from_numpy(np.random.RandomState(seed).uniform(-1, 1, (1, 2, height, width)).astype(np.float32))
    bands = haar.pool(x)
    assert (haar.unpool(bands) - x).abs().max() < 1e-6
    assert (sum(haar.upsample_each(bands)) - x).abs().max() < 1e-6


def test_energy_is_kept():
    x = torch.randn(1, 1, 32, 48, dtype=torch.float64)
    energy = sum(float(band.square().sum()) for band in haar.pool(x))
    assert energy == pytest.approx(float(x.square().sum()), rel=1e-12)


def test_components_see_their_direction():
    columns = torch.tensor([0.0, 1.0]).repeat(4).expand(1, 1, 8, 8)  # changes across: only LH answers
    bands = haar.pool(columns)
    assert torch.equal(bands.lh, torch.ones(1, 1, 4, 4))
    assert not bands.hl.any()
    assert not bands.hh.any()
    rows = columns.mT
    assert torch.equal(haar.pool(rows).hl, torch.ones(1, 1, 4, 4))


@pytest.mark.parametrize("shape", [(1, 3, 5, 4), (1, 3, 4, 5)])
def test_odd_sides_are_refused(shape):
    with pytest.raises(ImageSizeError, match="even"):
        haar.pool(torch.zeros(shape))


def test_gradient_passes():
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: haar.unpool(haar.pool(t)), (x,))
