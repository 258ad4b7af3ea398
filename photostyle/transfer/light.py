"""Light keeps its order: what was the brighter side of a fold in the photo is not its darker side in the result.

A map of colours that is positive definite may still turn light round where colours move with it: in a yellow flower
the depths are more orange, a look that is all red makes orange brighter than yellow, and the flower glows from inside.

Found: of the pairs of nearby pixels of a region, weighed by how far both photo and result differ between them,
|ΔL*_photo · ΔL*_result|, the share whose differences have opposite signs. Most looks have less than a tenth of it.

Put right, from `FEW` on and fully from `MANY`: the region's lightness is the result's own, but in the order of the
photo's (the monotone rearrangement, which is the optimal transport between distributions of one dimension), and what
becomes lighter or darker by it takes the chroma that the result has at that lightness.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.colour.lab import from_lab, to_lab
from photostyle.edges.pairs import pairs

FEW, MANY = 0.2, 0.4  # shares of reversed light between which it is put right by degrees
DISTANCES = (4, 8, 16, 32)  # pixels, at `SIDE`
SIDE = 320  # long side at which light is looked at
LEAST = 0.01  # of the photo: a smaller region is too little to have an order of its own
_LEVELS = 257  # of lightness, at which distributions are known
_SOFT = 6.0  # L* over which the chroma of a lightness is averaged
_STIR = 0.5  # L* that are nothing: between them pixels have no order


@torch.no_grad()
def ordered(photo: Tensor, styled: Tensor, weights: Tensor) -> Tensor:
    """A result whose light is in the photo's order.

    Args:
        photo: (3, H, W) in [0, 1].
        styled: the result, likewise, not clamped.
        weights: of regions, (K, H, W); their sum is 1 at most.

    Returns:
        (3, H, W); `styled` itself where light is in order already.
    """
    amounts = ((reversed_light(photo, styled, weights) - FEW) / (MANY - FEW)).clamp(0, 1)
    amounts = torch.where(weights.mean((1, 2)) >= LEAST, amounts, torch.zeros_like(amounts))
    if not bool((amounts > 0).any()):
        return styled
    before, after = (to_lab(image[None].float().clamp(0, 1))[0] for image in (photo, styled))
    change = torch.zeros_like(after)
    for weight, amount in zip(weights, amounts.tolist(), strict=True):
        if amount:
            change += amount * weight * (_rearranged(before[0], after, weight) - after)
    # Where nothing changes the result stays as it is, beyond [0, 1] too.
    moved = (from_lab((after + change)[None]) - from_lab(after[None]))[0]
    return torch.where(change.abs().sum(0) > 0, styled + moved, styled)


def shares_of(weights: Mapping[str, Tensor], image: Tensor) -> Tensor:
    """Weights (K, h, w) of the regions of an image (3, h, w) and, the last, of what none claims."""
    if not weights:
        return torch.ones_like(image[:1])
    stack = torch.stack(list(weights.values())).to(image)
    return torch.cat([stack, (1 - stack.sum(0, keepdim=True)).clamp_min(0)])


def reversed_light(photo: Tensor, styled: Tensor, weights: Tensor) -> Tensor:
    """The share of each region's light that is turned round, (K,), 0 to 1; 0 where there is no light to speak of.

    Args:
        photo: (3, H, W) in [0, 1].
        styled: the result, the same shape.
        weights: of regions, (K, H, W).
    """
    scale = min(1.0, SIDE / max(photo.shape[-2:]))
    size = tuple(max(1, round(side * scale)) for side in photo.shape[-2:])
    both = torch.stack([photo, styled]).float().clamp(0, 1)
    lights = _smaller(to_lab(both)[:, :1], size)[:, 0]
    shares = _smaller(weights[:, None].float(), size)[:, 0]
    against, all_ = (torch.zeros(len(weights), device=photo.device) for _ in range(2))
    for here, there in pairs(size, DISTANCES):
        before, after = (_beyond(light[here] - light[there]) for light in lights)
        moved = before * after
        pair = shares[(..., *here)] * shares[(..., *there)]
        against += (pair * (-moved).clamp_min(0)).sum((1, 2))
        all_ += (pair * moved.abs()).sum((1, 2))
    return torch.where(all_ > 0, against / all_.clamp_min(1e-12), torch.zeros_like(all_))


def _beyond(difference: Tensor) -> Tensor:
    return difference.sign() * (difference.abs() - _STIR).clamp_min(0)


def _smaller(images: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def _rearranged(light: Tensor, styled: Tensor, weight: Tensor) -> Tensor:
    """CIELAB (3, H, W) of a result with its own lightness in the order of `light`, (H, W), by a region's weights."""
    levels = torch.linspace(0, 100, _LEVELS, device=light.device)
    ours, theirs = (_distribution(values, weight) for values in (light, styled[0]))
    rank = _looked_up(ours, light / 100 * (_LEVELS - 1))
    place = torch.searchsorted(theirs, rank.contiguous()).clamp(1, _LEVELS - 1)
    low, high = theirs[place - 1], theirs[place]
    share = ((rank - low) / (high - low).clamp_min(1e-9)).clamp(0, 1)
    wanted = torch.lerp(levels[place - 1], levels[place], share)
    chroma = _by_lightness(styled, weight)
    new, old = (torch.stack([_looked_up(c, x / 100 * (_LEVELS - 1)) for c in chroma]) for x in (wanted, styled[0]))
    return torch.cat([wanted[None], styled[1:] + new - old])


def _distribution(values: Tensor, weight: Tensor) -> Tensor:
    """The share (`_LEVELS`,) of a region whose lightness is below each level, strictly rising."""
    count = _histogram(values, weight)
    count = count + 1e-6 * count.sum() / _LEVELS
    total = count.cumsum(0)
    return ((total - count / 2) / total[-1]).float()


def _by_lightness(styled: Tensor, weight: Tensor) -> Tensor:
    """Mean a* and b* of a region at each level of lightness, (2, `_LEVELS`), softened."""
    reach = round(3 * _SOFT / 100 * (_LEVELS - 1))
    place = torch.arange(-reach, reach + 1, device=styled.device) / (_SOFT / 100 * (_LEVELS - 1))
    bell = torch.exp(-(place**2) / 2)[None, None]
    sums = torch.stack(
        [_histogram(styled[0], weight * each) for each in (torch.ones_like(weight), *styled[1:])]
    ).float()
    soft = F.conv1d(sums[:, None], bell, padding=reach)[:, 0]
    mean = sums[1:].sum(1) / sums[0].sum().clamp_min(1e-6)
    trust = 1e-3 * sums[0].sum()  # a lightness that hardly occurs has the chroma of all
    return (soft[1:] + trust * mean[:, None]) / (soft[0] + trust).clamp_min(1e-9)


def _histogram(values: Tensor, weight: Tensor) -> Tensor:
    """Weights (`_LEVELS`,), float64, each shared between the two levels that a value lies between."""
    place = (values.flatten() / 100).clamp(0, 1).double() * (_LEVELS - 1)
    low = place.floor().long().clamp_max(_LEVELS - 2)
    high, mass = place - low, weight.flatten().double()
    count = torch.zeros(_LEVELS, dtype=torch.float64, device=values.device)
    return count.index_add_(0, low, mass * (1 - high)).index_add_(0, low + 1, mass * high)


def _looked_up(table: Tensor, place: Tensor) -> Tensor:
    """Values of a table at places between its entries."""
    place = place.clamp(0, len(table) - 1)
    low = place.floor().long().clamp_max(len(table) - 2)
    return torch.lerp(table[low], table[low + 1], (place - low).to(table))
