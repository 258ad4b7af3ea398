"""The course of a sky's colour from the horizon to the zenith, and of water's from the far shore to the near one.

A map of colours cannot make a sunset of a flat sky: one colour has one image. What a reference's sky does over its
height is measured band by band (`course`) and laid into the photo's own sky (`laid`), from its foot to its top. What
the photo's sky does beside its own course, its clouds, stays, with the contrast that the fit gives them.

Both are sums over pixels of a photo reduced to a fixed size, so they do not depend on how it was rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.regions.regions import Regions
from photostyle.regions.sources import Sources
from photostyle.transfer.moving import GAIN_RIDGE, bounded_monge, statistics

KINDS = ("sky", "water")
"""Regions whose colour follows their height in every light."""
BANDS = 12
_SMOOTHNESS = 3.0  # weight of the bands' second differences against their pixels' colours
_SHARE = 0.02  # of the photo: a smaller region has no course
_SPAN = 0.08  # of the photo's height: nor has one that is lower
_EDGE = 0.02  # share of a region's pixels that lie below its foot, and above its top
_CLOUDS = (0.5, 1.1)  # bounds on what becomes of the contrast beside the course
_PIXELS = 60_000  # that a course is measured on


def course(image: Tensor, weight: Tensor) -> Tensor | None:
    """A region's mean colour by height.

    Args:
        image: (3, H, W), sRGB values.
        weight: (H, W): how much each pixel belongs to the region, at least 0.

    Returns:
        (`BANDS`, 3) from the region's foot to its top, with small second differences; None where the region is too
        small or too low for one.
    """
    rows = weight.sum(1)
    if float(rows.sum()) < _SHARE * weight.numel():
        return None
    places, span = _heights(rows)
    if span < _SPAN:
        return None
    return _profile(image, weight, _bands(places))


def style_courses(image: Tensor, regions: Regions | None) -> dict[str, Tensor]:
    """The courses of one style image (1, 3, H, W), by region."""
    found = {name: weight for name, weight in (regions.weights if regions else {}).items() if name in KINDS}
    if not found:
        return {}
    height, width = image.shape[-2:]
    scale = min(1.0, (_PIXELS / (height * width)) ** 0.5)
    size = (max(2, round(height * scale)), max(2, round(width * scale)))
    small, *weights = (
        F.interpolate(each.float(), size, mode="area")[0]
        for each in (image[:1], *(w[None, None] for w in found.values()))
    )
    measured = {name: course(small, weight[0]) for name, weight in zip(found, weights, strict=True)}
    return {name: bands for name, bands in measured.items() if bands is not None}


def mixed(known: Sequence[Mapping[str, Tensor]], sources: Sources, shares: Sequence[float]) -> dict[str, Tensor]:
    """Courses by content region, from those of each style by style region.

    A region takes one only from regions of its own name: a sky that was told to look like water is no sky any more.
    """
    result = {}
    for name in KINDS:
        taken = sources.get(name, ())
        parts = [(known[s.style].get(s.region), shares[s.style]) for s in taken if shares[s.style] > 0]
        if not parts or any(s.region != name for s in taken) or any(bands is None for bands, _ in parts):
            continue
        total = sum(share for _, share in parts)
        result[name] = torch.stack([bands * (share / total) for bands, share in parts if bands is not None]).sum(0)
    return result


def laid(
    result: Tensor,
    plain: Tensor,
    target: Tensor,
    photo: Tensor,
    weight: Tensor,
    owner: Tensor,
    bands: Tensor,
    amount: float,
) -> Tensor:
    """A finished photo with a region's course as in the reference.

    Args:
        result: (3, H, W), finished, as it is outside the region.
        plain: the smooth fit that `result` was made from, before its statistics were restored.
        target: the network's result, whose covariance in the region, less the course's, bounds the clouds' contrast.
        photo: the photo.
        weight: (H, W) of the region, as exact as it is known.
        owner: (H, W) of the region as smooth as the fit, in [0, 1].
        bands: the reference's course, (`BANDS`, 3).
        amount: of it, 0 to 1.

    Returns:
        (3, H, W); `result` itself where the region has no course.
    """
    rows = weight.sum(1)
    if amount == 0 or float(rows.sum()) < _SHARE * weight.numel():
        return result
    places, span = _heights(rows)
    if span < _SPAN:
        return result
    hats = _bands(places)
    before, now = (_profile(image, weight, hats) for image in (photo, plain))
    wanted = before + amount * (bands.to(before) - before)
    here, there = ((hats.T @ profile).T[..., None] for profile in (now, wanted))
    beside = plain - here
    count = weight.flatten()[None].double()
    flat, goal, path = (
        statistics(image.expand_as(plain).flatten(1).double(), count)[1][0] for image in (beside, target, there)
    )
    spread = goal - path
    values, vectors = torch.linalg.eigh(spread)
    spread = (vectors * values.clamp_min(GAIN_RIDGE)) @ vectors.T
    gain = bounded_monge(flat, spread, _CLOUDS).to(plain)
    return torch.lerp(result, there + torch.einsum("ij,jhw->ihw", gain, beside), owner.clamp(0, 1))


def _heights(rows: Tensor) -> tuple[Tensor, float]:
    """Place (H,) of each row between a region's foot, 0, and its top, 1; and the share of the height between them."""
    reached = (rows.cumsum(0) - rows / 2) / rows.sum()
    top, foot = int((reached >= _EDGE).nonzero()[0, 0]), int((reached <= 1 - _EDGE).nonzero()[-1, 0])
    y = torch.arange(len(rows), device=rows.device, dtype=torch.float32)
    return ((foot - y) / max(foot - top, 1)).clamp(0, 1), (foot - top) / len(rows)


def _bands(places: Tensor) -> Tensor:
    """How much each row (H,) is of each band: (`BANDS`, H), linear between two of them."""
    centres = torch.arange(BANDS, device=places.device, dtype=places.dtype)[:, None]
    return (1 - (places * (BANDS - 1) - centres).abs()).clamp_min(0)


def _profile(image: Tensor, weight: Tensor, hats: Tensor) -> Tensor:
    """Colours (`BANDS`, 3) between which the rows are interpolated, by least squares with small second differences."""
    rows, colours = weight.sum(1), (image * weight).sum(2)
    total = rows.sum()
    bend = torch.diff(torch.eye(BANDS, device=hats.device), n=2, dim=0)
    gram = (hats * (rows / total)) @ hats.T + _SMOOTHNESS / BANDS * bend.T @ bend
    gram = gram + 1e-6 * torch.eye(BANDS, device=hats.device)
    found: Tensor = torch.linalg.solve(gram.double(), (hats @ colours.T / total).double()).to(image)
    return found
