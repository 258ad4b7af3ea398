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

PIXELS = 100_000
"""That the smooth finish is fitted to; larger photos are reduced."""
CELL = 1 / 8  # side of a cell, as a share of the long side
GAIN = 2.0  # by which a region's spread of colours is widened at most, and narrowed
_SPECK = 0.01  # share of the photo of which a region's own statistics count half
_RIDGE = 1e-4  # on covariances, in squared units of an image in [0, 1]


@torch.no_grad()
def smooth(
    photo: Tensor, styled: Tensor, regions: Regions | None, strength: float, strengths: Mapping[str, float]
) -> Tensor:
    """The smooth part of a stylized photo.

    Args:
        photo: (B, 3, H, W) in [0, 1].
        styled: the network's result, the same shape.
        regions: the photo's regions, (H, W); None for none.
        strength: that `styled` was made with; at 0 the photo is returned as it is, to the bit.
        strengths: regions with one of their own; where it is 0 the photo's own pixels are returned.

    Returns:
        (B, 3, H, W), not clamped.
    """
    own = {name: value for name, value in strengths.items() if regions and name in regions.weights}
    if strength == 0 and not any(own.values()):
        return photo.clone()
    result = torch.stack([_smooth(*pair, regions) for pair in zip(photo, styled, strict=True)])
    for image, before in zip(result, photo, strict=True):
        _keep_(image, before, regions, strength, own)
    return result


def _smooth(photo: Tensor, styled: Tensor, regions: Regions | None) -> Tensor:
    height, width = photo.shape[-2:]
    scale = (PIXELS / (height * width)) ** 0.5
    size = (height, width) if scale >= 1 else (max(1, round(height * scale)), max(1, round(width * scale)))
    small, target = (_reduced(image, size) for image in (photo, styled))
    lattice = bilateral.Lattice.of(small, max(size) * CELL)
    fitted = bilateral.affine(small, target, lattice)
    fitted = _restored(fitted, target, _owners(regions.at(size) if regions else {}, lattice, fitted))
    if scale >= 1:
        return fitted
    return fit_grid(small[None], fitted[None]).apply_(photo[None].clone())[0]


def _reduced(image: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(image.shape[-2:]) == size:
        return image.float().contiguous()  # sums do not depend on how the network left its result in memory
    whole = image[None].float().contiguous()
    return F.interpolate(whole, size, mode="bilinear", antialias=True, align_corners=False)[0]


def _owners(weights: Mapping[str, Tensor], lattice: bilateral.Lattice, fitted: Tensor) -> Tensor:
    """Weights (K, h, w) of the regions and of what none claims, as smooth on the lattice as the fit itself."""
    if not weights:
        return torch.ones_like(fitted[:1])
    stack = torch.stack(list(weights.values())).to(fitted)
    stack = torch.cat([stack, (1 - stack.sum(0, keepdim=True)).clamp_min(0)])
    return bilateral.spread(stack, torch.ones_like(stack[0]), lattice, (1, 1), 1.0)


def _restored(fitted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """`fitted` with each region's mean and covariance those of `target`, in bounds."""
    flat, wanted = fitted.flatten(1).T.double(), target.flatten(1).T.double()
    result = torch.zeros_like(flat)
    for weight in weights:
        count = weight.flatten()[:, None].clamp_min(0).double()
        total = float(count.sum())
        share = total / (total + _SPECK * len(flat))
        if not share:
            continue
        here, there = _statistics(flat, count), _statistics(wanted, count)
        gain = share * _gain(here[1], there[1]) + (1 - share) * torch.eye(3, dtype=flat.dtype, device=flat.device)
        result += count * ((flat - here[0]) @ gain + here[0] + share * (there[0] - here[0]))
    return result.T.reshape(fitted.shape).to(fitted.dtype)


def _statistics(colours: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    mean = (colours * count).sum(0) / count.sum()
    apart = colours - mean
    covariance = (apart * count).T @ apart / count.sum()
    return mean, covariance + _RIDGE * torch.eye(3, dtype=colours.dtype, device=colours.device)


def _gain(here: Tensor, there: Tensor) -> Tensor:
    """A^-½ (A^½ B A^½)^½ A^-½ with its eigenvalues in [1 / `GAIN`, `GAIN`]; symmetric."""
    values, vectors = torch.linalg.eigh(here)
    root, inverse = ((vectors * values.pow(power)) @ vectors.T for power in (0.5, -0.5))
    values, vectors = torch.linalg.eigh(root @ there @ root)
    gain = inverse @ ((vectors * values.clamp_min(0).sqrt()) @ vectors.T) @ inverse
    values, vectors = torch.linalg.eigh((gain + gain.T) / 2)
    bounded: Tensor = (vectors * values.clamp(1 / GAIN, GAIN)) @ vectors.T
    return bounded


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
