"""What a segmentation found, settled between pixels that look alike."""

import pytest
import torch

from photostyle.errors import MaskError
from photostyle.regions.regions import Regions
from photostyle.regions.settle import settle


def scene(height=96, width=128):
    """Sky over a wall, with grain: the wall's upper edge at row 40."""
    image = torch.empty(3, height, width)
    image[:, :40] = torch.tensor([0.55, 0.7, 0.9])[:, None, None]
    image[:, 40:] = torch.tensor([0.8, 0.6, 0.2])[:, None, None]
    return image + 0.005 * torch.randn(image.shape, generator=torch.Generator().manual_seed(2))


def found(height=96, width=128):
    """Sky, a wall known on its left, and half of it unsure."""
    weights = {name: torch.zeros(height, width) for name in ("sky", "building", "unsure")}
    weights["sky"][:40] = 1
    weights["building"][40:, :80] = 1
    weights["unsure"][40:, 80:] = 1
    return Regions(weights, hard=False)


def test_what_is_known_of_a_surface_decides_on_the_rest_of_it():
    result = settle(found(), scene())
    assert float(result.weights["building"][45:, 82:95].min()) > 0.5
    assert float(result.weights["sky"][45:].max()) < 0.1
    assert float(result.weights["building"][:35].max()) < 0.1


def test_a_majority_wins_and_sums_stay():
    weights = found()
    weights.weights["sky"][60:66, 20:26] = 1  # a patch of wall taken for sky
    weights.weights["building"][60:66, 20:26] = 0
    result = settle(weights, scene())
    assert float(result.weights["building"][60:66, 20:26].min()) > 0.9
    total = torch.stack(list(result.weights.values())).sum(0)
    assert float(total.max()) < 1 + 1e-4
    assert float(total.min()) > 1 - 1e-4


def test_sizes_may_differ_and_proportions_not():
    small = found(48, 64)
    assert settle(small, scene(192, 256)).size == (192, 256)
    assert settle(small, torch.nn.functional.interpolate(scene()[None], (480, 640))[0]).size == (192, 256)
    with pytest.raises(MaskError, match="proportions"):
        settle(small, scene(96, 96))
