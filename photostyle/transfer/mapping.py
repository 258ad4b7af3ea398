"""The maps of one site applied to its features: an affine map a region, blended by the regions' weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer.matching import AffineMap

_STRIP = 1 << 17  # values of features mapped at a time: they and what is made of them stay in a core's cache
_NOTHING = 1e-6  # weight of what no region claims, below which it is rounding


@dataclass(frozen=True)
class SiteMap:
    """The map of one region at one site: an affine map, then a clamp to the range of the features it was fitted on.

    Attributes:
        affine: (C, C) matrix and (C,) bias.
        low: least content feature, over all channels, that the map was fitted on.
        high: greatest such feature.
    """

    affine: AffineMap
    low: float
    high: float

    def __call__(self, features: Tensor) -> Tensor:
        """Map (..., C, H, W) features."""
        return self.affine(features).clamp(self.low, self.high)


SiteMaps = Mapping[str, SiteMap]  # region name to map


def map_features(
    x: Tensor, maps: SiteMaps, regions: Regions | None, strength: float, strengths: Mapping[str, float] | None = None
) -> Tensor:
    """Blend every region's map by its weight; what no region claims takes the map ``*`` or stays as it is.

    Args:
        x: (B, C, H, W).
        maps: of this site.
        regions: of the image, at its full size; None maps everything with ``*``.
        strength: between the features (0) and the mapped ones (1).
        strengths: regions that are mapped at a strength of their own, whether by a map of their own or by ``*``.
    """
    own = {name: value for name, value in (strengths or {}).items() if regions and name in regions.weights}
    if not maps or (strength == 0 and not any(own.values())):
        return x
    at_site = regions.at((x.shape[-2], x.shape[-1])) if regions else {}
    weights = {name: weight for name, weight in at_site.items() if name in maps}
    # Each pixel's strength is blended like its map; regions sum to one at most, and the rest has the common strength.
    amount: Tensor | float = strength
    if own:
        amount = strength + torch.stack([at_site[name] * (value - strength) for name, value in own.items()]).sum(0)
        amount = amount.to(_exact(x.dtype))
    rest = None if not weights else 1.0 - sum(list(weights.values())[1:], next(iter(weights.values())))
    if x.is_cuda or torch.is_grad_enabled():
        return _blended(x.to(_exact(x.dtype)), maps, weights, rest, amount).to(x.dtype)
    result = torch.empty_like(x)
    rows = max(1, _STRIP // (x.shape[1] * x.shape[3]))
    for top in range(0, x.shape[2], rows):
        strip = slice(top, top + rows)
        # Regions lie together, so that most strips meet only a few of them.
        here = {name: weight[strip] for name, weight in weights.items() if weight[strip].any()}
        unclaimed = rest[strip] if rest is not None else None
        if here and unclaimed is not None and float(unclaimed.abs().max()) <= _NOTHING:
            unclaimed = None
        some = amount[strip] if isinstance(amount, Tensor) else amount
        for image, out in zip(x, result, strict=True):
            out[:, strip] = _blended(image[:, strip].to(_exact(x.dtype)), maps, here, unclaimed, some)
    return result


def _exact(dtype: torch.dtype) -> torch.dtype:
    """What features are mapped in, float32 at least: a map's cancellations are not for half precision."""
    return torch.promote_types(dtype, torch.float32)


def _blended(
    x: Tensor, maps: SiteMaps, weights: Mapping[str, Tensor], rest: Tensor | None, amount: Tensor | float
) -> Tensor:
    """`map_features` of (..., C, H, W) with all (H, W) weights at hand; without `rest` the weights sum to one."""
    whole = maps.get(WHOLE)
    if not weights:
        mapped = whole(x) if whole else x
    else:
        parts = [maps[name](x) * weight for name, weight in weights.items()]
        if rest is not None:
            parts.append((whole(x) if whole else x) * rest)
        mapped = sum(parts[1:], parts[0])
    if isinstance(amount, Tensor):
        return torch.lerp(x, mapped, amount)
    return mapped if amount == 1 else torch.lerp(x, mapped, amount)
