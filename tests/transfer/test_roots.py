import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from photostyle.transfer import matching
from photostyle.transfer.matching import affine_map, moments
from photostyle.transfer.roots import newton_schulz


def covariance(channels, lowest, seed=0):
    """With eigenvalues from `lowest` to 1, as those of features spread."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(channels, channels, generator=generator, dtype=torch.float64)).Q
    return (basis * torch.logspace(np.log10(lowest), 0, channels, dtype=torch.float64)) @ basis.T


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.floats(1e-8, 1), st.floats(1e-6, 1e6), st.integers(0, 99))
def test_both_roots(channels, lowest, scale, seed):
    matrix = covariance(channels, lowest, seed) * scale
    root, inverse = newton_schulz(matrix)
    assert torch.allclose(root @ root, matrix, atol=1e-8 * scale)
    assert torch.allclose(inverse @ root, torch.eye(channels, dtype=torch.float64), atol=1e-5)
    assert np.allclose(root, linalg.sqrtm(matrix.numpy()).real, atol=1e-6 * scale**0.5)


def test_several_at_once():
    pair = torch.stack([covariance(5, 1e-3), covariance(5, 0.5, 1) * 7])
    for found, alone in zip(newton_schulz(pair), zip(*(newton_schulz(m) for m in pair), strict=True), strict=True):
        assert torch.allclose(found, torch.stack(alone), atol=1e-9)


@pytest.mark.parametrize(
    "matrix", [torch.zeros(3, 3), torch.diag(torch.tensor([1.0, 0, 1])), torch.full((2, 2), np.nan)]
)
def test_what_has_no_inverse_is_left_to_others(matrix):
    assert newton_schulz(matrix.double()) is None


@pytest.mark.parametrize("kind", ["wct", "monge"])
def test_maps_are_those_of_eigenvalues(monkeypatch, kind):
    """The maps of a GPU, made here by taking its way on this machine."""
    content = moments(torch.randn(6, 400, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    style = moments(3 * torch.randn(6, 300, generator=torch.Generator().manual_seed(2), dtype=torch.float64).square())
    expected = affine_map(content, style, kind, 1e-3)
    calls = []

    def by_products(matrix, exponent):
        calls.append(exponent)
        return newton_schulz(matrix)[0 if exponent > 0 else 1]

    monkeypatch.setattr(matching, "_power", by_products)
    found = affine_map(content, style, kind, 1e-3)
    assert calls
    assert torch.allclose(found.matrix, expected.matrix, atol=1e-7)
