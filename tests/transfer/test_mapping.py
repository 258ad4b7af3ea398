import pytest
import torch

from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer import mapping
from photostyle.transfer.mapping import SiteMap, map_features
from photostyle.transfer.matching import AffineMap
from tests.util import halves

X = torch.randn(2, 4, 37, 29, generator=torch.Generator().manual_seed(0))


def site_map(seed):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    return SiteMap(AffineMap(matrix, torch.randn(4, generator=generator, dtype=torch.float64)), -1.5, 2.0)


def by_formula(x, maps, weights, amounts):
    """Every pixel by itself, in float64."""
    x = x.double()
    rest = 1 - sum(weights.values())
    whole = maps[WHOLE](x) if WHOLE in maps else x
    mapped = whole * rest + sum((maps[name] if name in maps else maps.get(WHOLE, lambda y: y))(x) * weight
                                for name, weight in weights.items())  # fmt: skip
    return x + amounts * (mapped - x)


@pytest.mark.parametrize("strip", [1, 500, 1 << 20])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("names", [(WHOLE,), ("1", "2"), (WHOLE, "1"), ("2",)])
@torch.no_grad()
def test_strips_are_the_formula(monkeypatch, strip, form, names):
    monkeypatch.setattr(mapping, "_STRIP", strip)
    maps = {name: site_map(i) for i, name in enumerate(names)}
    labels = halves(37, 29, 1, 2)
    soft = torch.rand(37, 29, generator=torch.Generator().manual_seed(1))
    soft[:20] = 0
    for regions in (Regions.from_labels(labels), Regions({"1": soft, "2": (1 - soft) * 0.5}, hard=False)):
        weights = {name: weight.double() for name, weight in regions.weights.items()}
        for strength, own in ((1.0, {}), (0.3, {}), (0.5, {"2": 1.0}), (0.0, {"1": 0.7})):
            amounts = strength + sum((weights[name] * (value - strength) for name, value in own.items()),
                                     torch.zeros(37, 29))  # fmt: skip
            result = map_features(X.contiguous(memory_format=form), maps, regions, strength, own)
            assert torch.allclose(result.double(), by_formula(X, maps, weights, amounts), atol=1e-5)
            assert result.is_contiguous(memory_format=form)


@torch.no_grad()
def test_without_regions_everything_takes_the_one_map():
    one = site_map(3)
    assert torch.allclose(map_features(X, {WHOLE: one}, None, 1.0), one(X), atol=1e-6)
    assert torch.allclose(map_features(X, {WHOLE: one}, None, 0.25), torch.lerp(X, one(X), 0.25), atol=1e-6)
    assert map_features(X, {WHOLE: one}, None, 0.0) is X
    assert map_features(X, {}, None, 1.0) is X


def test_gradients_are_those_of_the_formula():
    regions = Regions.from_labels(halves(37, 29, 1, 2))
    x, y = X.clone().requires_grad_(), X.double().requires_grad_()
    map_features(x, {"1": site_map(0), "2": site_map(1)}, regions, 0.8).square().sum().backward()
    weights = {name: weight.double() for name, weight in regions.weights.items()}
    by_formula(y, {"1": site_map(0), "2": site_map(1)}, weights, 0.8).square().sum().backward()
    assert torch.allclose(x.grad.double(), y.grad, atol=1e-4)
