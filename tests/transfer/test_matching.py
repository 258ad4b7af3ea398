import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.errors import NumericalError, ParameterError
from photostyle.options import MATCHINGS
from photostyle.transfer.matching import AffineMap, Moments, affine_map, mix, moments, pool, shrink, weighted_moments


def features(channels: int, count: int, seed: int) -> torch.Tensor:
    r = np.random.RandomState(seed)
    mixed = r.standard_normal((channels, channels)) @ r.standard_normal((channels, count))
    return torch.from_numpy(mixed + r.uniform(-2, 2, (channels, 1)))


def root(m):
    return np.real(scipy.linalg.sqrtm(m))


def numpy_map(c: Moments, s: Moments, matching: str, eps: float) -> np.ndarray:
    """The formulas of the module's docstring, with scipy."""
    eye = np.eye(len(c.mean))
    cc, cs = c.covariance.numpy() + eps * eye, s.covariance.numpy() + eps * eye
    if matching == "wct":
        return root(cs) @ np.linalg.inv(root(cc))
    if matching == "monge":
        inverse = np.linalg.inv(root(cc))
        return inverse @ root(root(cc) @ cs @ root(cc)) @ inverse
    if matching == "adain":
        return np.diag(np.sqrt(np.diag(cs) / np.diag(cc)))
    return np.linalg.cholesky(cs) @ np.linalg.inv(np.linalg.cholesky(cc))


@given(st.integers(1, 6), st.integers(2, 50), st.integers(0, 10**6))
def test_moments_agree_with_numpy(channels, count, seed):
    x = features(channels, count, seed)
    m = moments(x)
    assert np.allclose(m.mean, x.numpy().mean(1), atol=1e-10)
    assert np.allclose(m.covariance, np.cov(x.numpy()).reshape(channels, channels), atol=1e-9)
    assert m.weight == count


def test_moments_in_chunks_and_batches(monkeypatch):
    x = features(4, 240, 1).reshape(4, 2, 12, 10).transpose(0, 1).float()
    whole = moments(x)
    monkeypatch.setattr("photostyle.transfer.matching._CHUNK", 4 * 7)
    parts = moments(x)
    assert torch.allclose(whole.covariance, parts.covariance, atol=1e-12)
    assert torch.allclose(whole.mean, x.double().mean((0, 2, 3)))


@torch.no_grad()
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_moments_of_many_regions_at_once_in_single_precision(form):
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(2, 5, 150, 210, generator=generator) + 30).contiguous(memory_format=form)
    soft = torch.rand(2 * 150 * 210, generator=generator)
    few = torch.zeros_like(soft)
    few[100:140] = 1
    flat = x.transpose(0, 1).flatten(1).double().numpy()
    found = weighted_moments(x, [None, soft, few])
    for m, w in zip(found, (None, soft, few), strict=True):
        assert np.allclose(m.mean, np.average(flat, axis=1, weights=w), rtol=1e-6)
        assert np.allclose(m.covariance, np.cov(flat, aweights=w, ddof=0) * m.weight / (m.weight - 1), atol=2e-5)
    for w, m in zip((None, soft, few), found, strict=True):
        alone = moments(x, w)
        assert torch.equal(alone.mean, m.mean)
        assert torch.equal(alone.covariance, m.covariance)


def test_moments_keep_digits_far_from_zero():
    x = features(3, 1000, 2) * 1e-3 + 1e4
    assert np.allclose(moments(x).covariance, np.cov(x.numpy()), rtol=1e-6)


def test_whole_weights_select_pixels():
    x = features(3, 40, 3)
    weights = (torch.arange(40) % 3 == 0).double()
    chosen = moments(x[:, weights > 0])
    weighted = moments(x, weights)
    assert torch.allclose(chosen.covariance, weighted.covariance)
    assert torch.allclose(chosen.mean, weighted.mean)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(0, 10**6))
def test_pooled_moments_are_those_of_the_union(sizes, seed):
    parts = [features(3, size, seed + i) for i, size in enumerate(sizes)]
    pooled = pool([moments(part) for part in parts])
    whole = moments(torch.cat(parts, 1))
    assert torch.allclose(pooled.mean, whole.mean, atol=1e-10)
    if sum(sizes) > 2:  # below that, soft and whole counts are the same thing to within the rule for tiny regions
        if min(sizes) > 2:
            assert torch.allclose(pooled.covariance, whole.covariance, atol=1e-8)
        assert torch.isfinite(pooled.covariance).all()


def test_mix_goes_from_one_style_to_the_other():
    a, b = moments(features(3, 50, 0)), moments(features(3, 60, 1))
    assert torch.allclose(mix([a, b], [2, 0]).covariance, a.covariance)
    middle = mix([a, b], [1, 1])
    assert torch.allclose(middle.mean, (a.mean + b.mean) / 2)
    assert torch.allclose(middle.covariance, (a.covariance + b.covariance) / 2)
    for weights in ([1], [-1, 2], [0, 0]):
        with pytest.raises(ParameterError, match="weights"):
            mix([a, b], weights)


@pytest.mark.parametrize("matching", MATCHINGS)
@settings(deadline=None)
@given(seed=st.integers(0, 10**6), channels=st.integers(1, 6), eps=st.sampled_from([0.0, 1e-3, 1.0]))
def test_maps_agree_with_the_formulas_in_float64(matching, seed, channels, eps):
    c, s = moments(features(channels, 80, seed)), moments(features(channels, 70, seed + 1))
    condition = np.linalg.cond(c.covariance.numpy() + eps * np.eye(channels))
    ours = affine_map(c, s, matching, eps)
    expected = numpy_map(c, s, matching, eps)
    assert np.abs(ours.matrix.numpy() - expected).max() <= 1e-9 * condition * max(1.0, np.abs(expected).max())
    assert np.allclose(ours.bias, s.mean.numpy() - ours.matrix.numpy() @ c.mean.numpy())


@pytest.mark.parametrize("matching", ["wct", "monge", "cholesky"])
def test_output_moments_are_the_styles(matching):
    x, s = features(5, 400, 0), moments(features(5, 300, 1))
    result = affine_map(moments(x), s, matching, 0.0)
    mapped = moments((result.matrix @ x) + result.bias[:, None])
    assert torch.allclose(mapped.mean, s.mean, atol=1e-8)
    assert torch.allclose(mapped.covariance, s.covariance, atol=1e-6)


def test_adain_output_has_the_styles_means_and_variances():
    x, s = features(5, 400, 0), moments(features(5, 300, 1))
    result = affine_map(moments(x), s, "adain", 0.0)
    mapped = moments((result.matrix @ x) + result.bias[:, None])
    assert torch.allclose(mapped.covariance.diagonal(), s.covariance.diagonal(), atol=1e-8)


def test_regularised_output_covariance_is_as_derived():
    # For wct the output covariance is T Σc Tᵀ with T = (Σs+ε)^½ (Σc+ε)^-½, hence (Σs + ε) minus ε T Tᵀ.
    x, s, eps = features(4, 400, 0), moments(features(4, 300, 1)), 0.5
    result = affine_map(moments(x), s, "wct", eps)
    mapped = moments((result.matrix @ x) + result.bias[:, None])
    expected = s.covariance + eps * torch.eye(4, dtype=torch.float64) - eps * result.matrix @ result.matrix.T
    assert torch.allclose(mapped.covariance, expected, atol=1e-8)


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("eps", [0.0, 1.0])
def test_equal_moments_give_the_identity(matching, eps):
    m = moments(features(4, 100, 0))
    result = affine_map(m, m, matching, eps)
    assert torch.allclose(result.matrix, torch.eye(4, dtype=torch.float64), atol=1e-7)
    assert result.bias.abs().max() < 1e-6


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("eps", [0.0, 1e-6, 1.0])
@pytest.mark.parametrize("count", [1, 3, 500])
def test_degenerate_content_gives_finite_maps(matching, eps, count):
    s = moments(features(16, 300, 1))
    constant = torch.full((16, count), 0.25, dtype=torch.float64)
    few = features(16, count, 2)  # fewer pixels than channels
    for content in (constant, few, torch.zeros(16, count)):
        for pair in ((moments(content), s), (s, moments(content))):
            result = affine_map(*pair, matching, eps)
            assert torch.isfinite(result.matrix).all()
            assert torch.isfinite(result.bias).all()


def test_monge_moves_features_least():
    x, s = features(4, 2000, 0), moments(features(4, 2000, 1))
    cost = {}
    for matching in ("wct", "monge", "cholesky"):
        result = affine_map(moments(x), s, matching, 0.0)
        cost[matching] = float(((result.matrix @ x) + result.bias[:, None] - x).square().sum(0).mean())
    assert cost["monge"] < cost["wct"]
    assert cost["monge"] < cost["cholesky"]


def test_affine_map_call_uses_the_features_dtype():
    result = AffineMap(torch.eye(3, dtype=torch.float64) * 2, torch.ones(3, dtype=torch.float64))
    x = torch.rand(2, 3, 4, 5)
    assert torch.allclose(result(x), x * 2 + 1)
    assert result(x).dtype == torch.float32


def test_bad_arguments():
    m = moments(features(2, 10, 0))
    with pytest.raises(ParameterError, match="matching"):
        affine_map(m, m, "sorcery")
    with pytest.raises(ParameterError, match="regularization"):
        affine_map(m, m, "wct", -1.0)
    with pytest.raises(NumericalError, match="NaN"):
        moments(torch.tensor([[1.0, float("nan")]]))
    with pytest.raises(ParameterError, match="weight"):
        moments(torch.ones(2, 3), torch.zeros(3))
    with pytest.raises(ParameterError, match="pool"):
        pool([])


@pytest.mark.parametrize("matching", ["wct", "monge", "adain", "cholesky"])
@pytest.mark.parametrize("degenerate", [False, True])
def test_gradients_agree_with_finite_differences(matching, degenerate):
    x, s = features(3, 12, 0), features(3, 10, 1)
    if degenerate:  # equal eigenvalues, where differentiating an eigendecomposition fails
        x = torch.cat([torch.eye(3), -torch.eye(3)], 1).double()

    def mapped(content, style):
        result = affine_map(moments(content), moments(style), matching, 0.1)
        return result.matrix @ content + result.bias[:, None]

    assert torch.autograd.gradcheck(mapped, (x.requires_grad_(), s.requires_grad_()), atol=1e-6)


def test_shrinking_follows_its_formula():
    torch.manual_seed(0)
    part, whole = moments(torch.randn(5, 40)), moments(3 + 2 * torch.randn(5, 400))
    found = shrink(part, whole, 40, k=2.0)
    mean, covariance = 40 / 42, 40 / 50
    assert torch.allclose(found.mean, mean * part.mean + (1 - mean) * whole.mean)
    assert torch.allclose(found.covariance, covariance * part.covariance + (1 - covariance) * whole.covariance)
    assert found.weight == part.weight
    assert shrink(part, whole, 40, k=0) is part
    assert torch.equal(shrink(part, whole, 0).covariance, whole.covariance)
    with pytest.raises(ParameterError, match="shrinking"):
        shrink(part, whole, -1)
