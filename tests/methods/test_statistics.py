"""Gram matrices, the MMD view of them, and the normalised network they are measured in."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from photostyle.errors import ParameterError
from photostyle.methods import backbone, mmd
from photostyle.methods.gram import flat, gram, gram_loss
from photostyle.network.features import LAYERS
from tests.util import picture
from tests.util.methods import tiny_encoder


def features(channels, count, seed):
    return torch.from_numpy(np.random.default_rng(seed).gamma(1.0, 1.0, (channels, count)))


@given(st.integers(1, 6), st.integers(2, 9), st.integers(2, 9), st.integers(0, 99))
def test_gram_loss_is_the_mmd_of_the_polynomial_kernel(channels, count, other, seed):
    x, s = features(channels, count, seed), features(channels, other, seed + 1)
    pairs = [(a[:, i] @ b[:, j]) ** 2 for a, b in ((x, x), (s, s), (x, s)) for i in range(a.shape[1])
             for j in range(b.shape[1])]  # fmt: skip
    n, m = count * count, other * other
    squared = sum(pairs[:n]) / n + sum(pairs[n : n + m]) / m - 2 * sum(pairs[n + m :]) / (count * other)
    expected = squared / (4 * channels**2)
    assert torch.allclose(gram_loss(gram(x), gram(s)), expected, atol=1e-9)
    assert torch.allclose(mmd.polynomial_mmd(x, s), squared, atol=1e-9)
    for name in ("gram", "mmd-poly"):
        assert torch.allclose(mmd.style_loss(name, s)(x), expected, atol=1e-9)


def test_gram_loss_has_the_papers_factors():
    x, s = features(4, 30, 1), features(4, 30, 2)
    g, a = x.numpy() @ x.numpy().T, s.numpy() @ s.numpy().T
    expected = ((g - a) ** 2).sum() / (4 * 4**2 * 30**2)
    assert float(gram_loss(gram(x), gram(s))) == pytest.approx(expected)


def test_weights_count_positions():
    x = features(3, 10, 1)
    weights = torch.tensor([1.0, 0, 2, 0, 0, 0, 0, 0, 0, 1], dtype=torch.float64)
    expected = gram(x[:, [0, 2, 2, 9]])
    assert torch.allclose(gram(x, weights), expected)


def test_gram_matrices_of_different_networks_are_refused():
    with pytest.raises(ParameterError, match=r"\(3, 3\) and \(4, 4\)"):
        gram_loss(torch.eye(3), torch.eye(4))


@pytest.mark.parametrize("kernel", [mmd.linear, mmd.polynomial, mmd.gaussian(2.0)], ids=["linear", "poly", "gauss"])
def test_the_estimate_in_linear_time_is_unbiased(kernel):
    # Over all ways to draw, its mean is that of the estimate from all pairs.
    x, s = features(3, 8, 1), features(3, 8, 2) + 1.0
    expected = float(mmd.quadratic_mmd(x, s, kernel))
    generator = torch.Generator().manual_seed(0)
    draws = []
    for _ in range(3000):
        a, b = (v[:, torch.randperm(8, generator=generator)] for v in (x, s))
        draws.append(float(mmd.linear_time_mmd(a, b, kernel)))
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - expected) < 4 * error
    assert error < abs(expected) / 4


def test_the_quadratic_estimate_against_numpy():
    x, s = features(2, 5, 3), features(2, 4, 4)

    def k(a, b):
        return np.exp(-((a - b) ** 2).sum() / 6)

    a, b = x.numpy().T, s.numpy().T
    expected = (
        np.mean([k(p, q) for i, p in enumerate(a) for j, q in enumerate(a) if i != j])
        + np.mean([k(p, q) for i, p in enumerate(b) for j, q in enumerate(b) if i != j])
        - 2 * np.mean([k(p, q) for p in a for q in b])
    )
    assert float(mmd.quadratic_mmd(x, s, mmd.gaussian(3.0))) == pytest.approx(expected)


def test_linear_mmd_and_batch_norm_statistics_against_numpy():
    x, s = features(3, 20, 1), features(3, 30, 2)
    means = x.numpy().mean(1) - s.numpy().mean(1)
    deviations = x.numpy().std(1) - s.numpy().std(1)
    assert float(mmd.linear_mmd(x, s)) == pytest.approx((means**2).sum())
    assert float(mmd.style_loss("mmd-linear", s)(x)) == pytest.approx((means**2).sum() / 3)
    assert float(mmd.style_loss("bn", s)(x)) == pytest.approx((means**2 + deviations**2).mean(), rel=1e-6)


@pytest.mark.parametrize("name", mmd.STYLE_LOSSES)
def test_style_losses_know_their_style_and_their_gradient(name):
    x, s = features(2, 6, 1).requires_grad_(True), features(2, 6, 2)
    loss = mmd.style_loss(name, s, torch.Generator().manual_seed(0))
    if name != "mmd-gauss":  # whose σ² is held fast in the gradient
        assert torch.autograd.gradcheck(loss, [x])
    assert float(loss(x.detach())) > float(loss(s))
    again = mmd.style_loss(name, s, torch.Generator().manual_seed(0))
    assert torch.equal(loss(x), again(x))
    assert float(torch.autograd.grad(loss(x), x)[0].norm()) > 0


def test_unknown_losses_and_single_pixels_are_refused():
    with pytest.raises(ParameterError, match="style loss is 'wasserstein'; it must be one of gram"):
        mmd.style_loss("wasserstein", torch.ones(2, 2))
    with pytest.raises(ParameterError, match="two features"):
        mmd.linear_time_mmd(torch.ones(2, 1), torch.ones(2, 3), mmd.linear)


def test_every_channel_of_a_normalised_network_has_mean_one():
    encoder, images = tiny_encoder(), [picture(48, 40, 1)[None], picture(64, 36, 2)[None]]
    prepared = backbone.normalised(encoder, images)
    before = [encoder(image, LAYERS, "mean") for image in images]
    after = [prepared(image, LAYERS, "mean") for image in images]
    for name in LAYERS:
        mean = sum(x[name].mean((0, 2, 3)) for x in after) / 2
        raw = sum(x[name].mean((0, 2, 3)) for x in before) / 2
        loud = raw > 0.05 * raw.mean()
        assert loud.any()
        assert torch.allclose(mean[loud], torch.ones_like(mean[loud]), rtol=1e-3), name
        assert (mean[~loud] < 1.001).all()
        # Only scales have changed.
        scale = (before[0][name] / after[0][name].clamp_min(1e-9))[after[0][name] > 1e-3]
        assert (scale > 0).all()
    channel = int((sum(x["relu5_1"].mean((0, 2, 3)) for x in before)).argmax())
    a, b = before[1]["relu5_1"][0, channel], after[1]["relu5_1"][0, channel]
    assert torch.allclose(a / a.mean(), b / b.mean(), rtol=1e-3)


def test_flat_features_and_reduced_sizes():
    x = torch.rand(1, 3, 4, 5)
    assert torch.equal(flat(x)[:, 7], x[0, :, 1, 2])
    assert backbone.reduced((100, 61), 0.5) == (50, 32)
    assert backbone.reduced((100, 20), 0.25) == (32, 20)
    assert backbone.fitted(x, (4, 5)) is x
    assert backbone.size_of(backbone.fitted(x, (8, 3))) == (8, 3)
