"""How near a result came to its style: distances of output and style over those of content and style.

Each is 0 where the style is reached, 1 where nothing was done, and more where the result went elsewhere. Everything is
compared region by region, a sky with a sky; a region counts by its share of the content, and not at all if it covers
less than a hundredth of either photo.

*Style*: features of each level as Gaussians, their squared 2-Wasserstein distance
‖μ_o - μ_s‖² + tr(Σ_o + Σ_s - 2 (Σ_s^½ Σ_o Σ_s^½)^½), in units of tr Σ_s.

*Gram*: ‖G_o - G_s‖² of the second moments G = E x xᵀ, the loss of Gatys et al. (2016), in units of ‖G_s‖².

*Colour*: sliced Wasserstein distance of CIELAB colours: the mean difference of their quantiles along 64 directions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from photostyle.colour.lab import to_lab
from photostyle.errors import MaskError
from photostyle.network.features import FeatureEncoder
from photostyle.regions.regions import Regions
from photostyle.transfer.matching import Moments, moments, square_root

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LEAST_SHARE = 0.01
LEAST_FEATURES = 64  # of a region at a level: fewer have no covariance
DIRECTIONS, QUANTILES = 64, 200

Features = Callable[[Tensor], Sequence[Tensor]]
"""(1, 3, H, W) in [0, 1] to features (1, C, h, w) of each level."""
RegionPair = tuple[Regions, Regions]
"""Regions of content and style; those of one name belong together."""

_Mask = Tensor | None


def seen_by(encoder: FeatureEncoder) -> Features:
    """Features of `LAYERS` through an encoder."""

    @torch.no_grad()
    def features(image: Tensor) -> list[Tensor]:
        return list(encoder(image, LAYERS).values())

    return features


def style_distances(
    features: Features, content: Tensor, style: Tensor, output: Tensor, regions: RegionPair | None = None
) -> tuple[float, float]:
    """The distances *style* and *Gram*.

    Args:
        features: what photos are looked at through.
        content: (1, 3, H, W) in [0, 1].
        style: (1, 3, h, w).
        output: of the content's size.
        regions: of content and style; None compares whole photos.

    Raises:
        MaskError: no region lies in both photos.
    """
    names = shared(regions)
    sums = torch.zeros(2, 2, dtype=torch.float64)  # of output and content, by Wasserstein and Gram
    for levels in zip(*(features(image) for image in (content, style, output)), strict=True):
        sizes = [(x.shape[-2], x.shape[-1]) for x in levels]
        ours, theirs = (_masks(regions, side, sizes[side], names) for side in (0, 1))
        for here, there in zip(ours, theirs, strict=True):
            if min(_count(here, sizes[0]), _count(there, sizes[1])) < LEAST_FEATURES:
                continue
            target = _moments(levels[1], there)
            share = _count(here, sizes[0]) / (sizes[0][0] * sizes[0][1])
            for row, x in enumerate((levels[2], levels[0])):
                found = _moments(x, here)
                sums[row, 0] += share * wasserstein(found, target) / (target.covariance.trace() + 1e-6)
                sums[row, 1] += share * _gram_distance(found, target)
    ratios = sums[0] / sums[1].clamp_min(1e-12)
    return float(ratios[0]), float(ratios[1])


def colour_distance(content: Tensor, style: Tensor, output: Tensor, regions: RegionPair | None = None) -> float:
    """The distance *colour*; arguments and errors as `style_distances`."""
    names = shared(regions)
    images = [to_lab(image.double())[0] for image in (content, style, output.clamp(0, 1))]
    sizes = [(x.shape[-2], x.shape[-1]) for x in images]
    directions = _directions().to(images[0])
    sums = [0.0, 0.0]
    ours, theirs = (_masks(regions, side, sizes[side], names) for side in (0, 1))
    for here, there in zip(ours, theirs, strict=True):
        target = _slices(images[1], there, directions)
        for row, image in enumerate((images[2], images[0])):
            distance = (_slices(image, here, directions) - target).abs().mean()
            sums[row] += _count(here, sizes[0]) * float(distance)
    return sums[0] / max(sums[1], 1e-9)


def wasserstein(one: Moments, other: Moments) -> float:
    """Squared 2-Wasserstein distance of two Gaussians."""
    root = square_root(other.covariance)
    cross = square_root(root @ one.covariance @ root)
    distance = ((one.mean - other.mean) ** 2).sum()
    return float(distance + (one.covariance + other.covariance - 2 * cross).trace())


def shared(regions: RegionPair | None) -> list[str] | None:
    """The names of the regions that count; None for whole photos. Raises MaskError if there is none."""
    if regions is None:
        return None
    names = [
        name
        for name in regions[0].weights
        if name in regions[1].weights
        and min(float((r.weights[name] > 0.5).float().mean()) for r in regions) > LEAST_SHARE
    ]
    if not names:
        raise MaskError(f"no region covers {LEAST_SHARE:.0%} of both photos: there is nothing to compare")
    return names


def _masks(regions: RegionPair | None, side: int, size: tuple[int, int], names: list[str] | None) -> list[_Mask]:
    if regions is None or names is None:
        return [None]
    weights = regions[side].at(size)
    return [weights[name].flatten() > 0.5 for name in names]


def _count(mask: _Mask, size: tuple[int, int]) -> int:
    return size[0] * size[1] if mask is None else int(mask.sum())


def _moments(features: Tensor, mask: _Mask) -> Moments:
    x = features[0].flatten(1)
    return moments(x if mask is None else x[:, mask])


def _gram_distance(one: Moments, other: Moments) -> float:
    grams = [torch.outer(m.mean, m.mean) + (1 - 1 / m.weight) * m.covariance for m in (one, other)]
    return float(((grams[0] - grams[1]) ** 2).sum() / (grams[1] ** 2).sum().clamp_min(1e-12))


def _directions() -> Tensor:
    """(`DIRECTIONS`, 3) unit vectors spread evenly over a half sphere, along a spiral of golden angles."""
    place = (torch.arange(DIRECTIONS, dtype=torch.float64) + 0.5) / DIRECTIONS
    angle = torch.arange(DIRECTIONS, dtype=torch.float64) * math.pi * (3 - math.sqrt(5))
    radius = (1 - place**2).sqrt()
    return torch.stack([place, radius * angle.cos(), radius * angle.sin()], 1)


def _slices(colours: Tensor, mask: _Mask, directions: Tensor) -> Tensor:
    x = colours.flatten(1)
    ordered = (directions @ (x if mask is None else x[:, mask])).sort(1).values
    place = torch.linspace(0.005, 0.995, QUANTILES, dtype=torch.float64, device=x.device) * (ordered.shape[1] - 1)
    low = place.floor().long()
    high = (low + 1).clamp_max(ordered.shape[1] - 1)
    return torch.lerp(ordered[:, low], ordered[:, high], place - low)
