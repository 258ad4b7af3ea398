"""The smooth finish: what of a network's result is a smooth function of place and colour, at any size.

1. Photo and result, reduced to `PIXELS`, are fitted on a lattice over place and colour (`photostyle.edges.bilateral`).
   What the network added beside that (rims, glows, blotches, noise, borders of regions across one surface) is gone.
2. Smoothing draws the regions' colours together. Each region's mean and covariance are brought back to those of the
   network's result by the Monge map between them (Pitié & Kokaram 2007), its singular values held in bounds.
3. The outcome is carried to full size as a locally affine map of the photo's colours (`photostyle.edges.colour_grid`).

Nothing of the style is needed: the finish sees a photo, a result and the photo's regions.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.edges import bilateral
from photostyle.edges.colour_grid import fit_grid
from photostyle.regions.regions import Regions
from photostyle.transfer.course import laid
from photostyle.transfer.light import ordered, shares_of
from photostyle.transfer.moving import GAIN, SPECK, bounded_monge, statistics
from photostyle.transfer.protect import protected

PIXELS = 200_000
"""That the smooth finish is fitted to; larger photos are reduced."""
RADIUS = 3  # of the windows in which the outcome is fitted to be carried to full size


@torch.no_grad()
def smooth(
    photo: Tensor,
    styled: Tensor,
    regions: Regions | None,
    strength: float,
    strengths: Mapping[str, float],
    *,
    courses: Mapping[str, Tensor] | None = None,
    protect: Mapping[str, float] | None = None,
) -> Tensor:
    """The smooth part of a stylized photo.

    Args:
        photo: (B, 3, H, W) in [0, 1].
        styled: the network's result, the same shape.
        regions: the photo's regions, (H, W); None for none.
        strength: that `styled` was made with; at 0 the photo is returned as it is, to the bit.
        strengths: regions with one of their own; where it is 0 the photo's own pixels are returned.
        courses: that regions take, see `photostyle.transfer.course`.
        protect: kinds of colours and how much of them is protected, see `photostyle.transfer.protect`.

    Returns:
        (B, 3, H, W), not clamped.
    """
    own = {name: value for name, value in strengths.items() if regions and name in regions.weights}
    if strength == 0 and not any(own.values()):
        return photo.clone()
    amounts = {name: own.get(name, strength) for name in regions.weights} if regions else {}
    taken = {name: (bands, amounts[name]) for name, bands in (courses or {}).items() if amounts.get(name)}
    result = torch.stack([_smooth(*pair, regions, taken, protect or {}) for pair in zip(photo, styled, strict=True)])
    for image, before in zip(result, photo, strict=True):
        _keep_(image, before, regions, strength, own)
    return result


def _smooth(
    photo: Tensor,
    styled: Tensor,
    regions: Regions | None,
    courses: Mapping[str, tuple[Tensor, float]],
    protect: Mapping[str, float],
) -> Tensor:
    height, width = photo.shape[-2:]
    scale = (PIXELS / (height * width)) ** 0.5
    size = (height, width) if scale >= 1 else (max(1, round(height * scale)), max(1, round(width * scale)))
    small, target = (_reduced(image, size) for image in (photo, styled))
    weights = regions.at(size) if regions else {}
    shares = shares_of(weights, small)
    if any(protect.values()):  # nobody forgives light that is turned round either
        target = ordered(small, target, shares)
    soft = bilateral.softened(small.clamp(0, 1))
    lattice = bilateral.Lattice.of(soft, max(size) * bilateral.CELL, soft=True)
    fitted = bilateral.affine(small, target, lattice)
    owners = _owners(shares, lattice)
    plain, fitted = fitted, _restored(fitted, target, owners)
    for (name, weight), owner in zip(weights.items(), owners, strict=False):
        if name in courses:
            bands, amount = courses[name]
            fitted = laid(fitted, plain, target, small, weight.to(small), owner, bands.to(small), amount)
    fitted = protected(soft, fitted, weights, protect)
    return fit_grid(small[None], fitted[None], RADIUS).apply_(photo[None].float().clone())[0]


def _reduced(image: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(image.shape[-2:]) == size:
        return image.float().contiguous()  # sums do not depend on how the network left its result in memory
    whole = image[None].float().contiguous()
    return F.interpolate(whole, size, mode="bilinear", antialias=True, align_corners=False)[0]


def _owners(shares: Tensor, lattice: bilateral.Lattice) -> Tensor:
    """Weights (K, h, w) of the regions and of what none claims, as smooth on the lattice as the fit itself."""
    if len(shares) == 1:
        return shares
    return bilateral.spread(shares, torch.ones_like(shares[0]), lattice, (1, 1), 1.0)


def _restored(fitted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """`fitted` with each region's mean and covariance those of `target`, in bounds."""
    flat, count = fitted.flatten(1), weights.flatten(1).clamp_min(0).double()
    total = count.sum(1)
    held = (total > 0).nonzero()[:, 0].tolist()
    here, there = (statistics(image.flatten(1).double(), count) for image in (fitted, target))
    maps = flat.new_zeros(len(count), 12)
    for region in held:
        share = float(total[region] / (total[region] + SPECK * flat.shape[1]))
        bounded = bounded_monge(here[1][region], there[1][region], (1 / GAIN, GAIN))
        gain = share * bounded + (1 - share) * torch.eye(3, dtype=bounded.dtype, device=bounded.device)
        shift = here[0][region] + share * (there[0][region] - here[0][region]) - here[0][region] @ gain
        maps[region] = torch.cat([gain.flatten(), shift]).to(maps)
    mixed = (maps.T @ count.to(maps)).reshape(4, 3, -1)  # each pixel's own map, of all regions that it is of
    result = mixed[3]
    for source in range(3):
        result = result.addcmul(mixed[source], flat[source])
    return result.reshape(fitted.shape)


def _keep_(result: Tensor, photo: Tensor, regions: Regions | None, strength: float, own: Mapping[str, float]) -> None:
    """Put the photo's pixels back where the strength is 0."""
    if regions is None:
        return
    amounts = {**dict.fromkeys(regions.weights, strength), **own}
    kept = [regions.weights[name] for name, amount in amounts.items() if amount == 0]
    if strength == 0:
        kept.append((1 - torch.stack(list(regions.weights.values())).sum(0)).clamp_min(0))
    if kept:
        share = torch.stack(kept).sum(0).to(result)
        result.copy_(torch.where(share >= 1, photo, torch.lerp(result, photo.to(result), share)))
