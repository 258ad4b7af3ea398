import pytest
import torch

from photostyle.regions.clustering import cluster
from tests.util import picture, tiny_model


def scene(height, width, sky, ground, seed):
    """Two surfaces: a smooth bright one above, a textured dark one below."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.tensor(sky)[:, None, None].expand(3, height, width).clone()
    half = height * 2 // 5
    texture = 0.25 * torch.rand(1, height - half, width, generator=generator)
    image[:, half:] = torch.tensor(ground)[:, None, None] + texture
    return image.clamp(0, 1), half


def test_like_meets_like_across_day_and_night():
    day, day_half = scene(128, 160, (0.6, 0.8, 1.0), (0.2, 0.4, 0.1), 1)
    night, night_half = scene(160, 128, (0.1, 0.1, 0.3), (0.0, 0.02, 0.0), 2)
    a, b = cluster(tiny_model(), [day, night], clusters=2)
    assert list(a.weights) == list(b.weights) == ["cluster1", "cluster2"]
    above = {
        name: [float(r.weights[name][: int(r.size[0] * 0.3)].mean()) for r in (a, b)]
        for name in ("cluster1", "cluster2")
    }
    top = max(above, key=lambda name: above[name][0])
    assert min(above[top]) > 0.8
    assert abs(day_half / 128 - night_half / 160) < 0.05


@pytest.mark.parametrize("count", [1, 3, 6])
def test_weights_sum_to_one_and_are_shared(count):
    images = [picture(90, 120, 1), picture(64, 40, 2), picture(16, 16, 3)]
    found = cluster(tiny_model(), images, clusters=count)
    assert len({tuple(regions.weights) for regions in found}) == 1
    assert 1 <= len(found[0].weights) <= count
    for regions in found:
        total = torch.stack(list(regions.weights.values())).sum(0)
        assert torch.allclose(total, torch.ones_like(total), atol=1e-5)
        for name in regions.weights:
            assert regions.pixels(name) > 0.005 * total.numel()


def test_the_same_twice():
    images = [picture(90, 120, 1), picture(64, 80, 2)]
    first, second = (cluster(tiny_model(), images) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_photos(value):
    flat = torch.full((3, 40, 50), value)
    for images in ([flat, flat], [flat, picture(40, 50)]):
        for regions in cluster(tiny_model(), images):
            stack = torch.stack(list(regions.weights.values()))
            assert torch.isfinite(stack).all()
            assert torch.allclose(stack.sum(0), torch.ones(regions.size), atol=1e-5)
