"""Regions of content and style in pairs, as methods with masks take them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import MaskError
from photostyle.regions.regions import WHOLE, Regions
from photostyle.regions.sources import Sources
from photostyle.transfer.transfer import as_regions

_CLAIMED = 1e-3  # of a pixel's weight, or of the photo's pixels: too little to be a region


@dataclass(frozen=True)
class RegionPair:
    """A region of the content and the region of the style that it takes.

    Attributes:
        name: of the style's region, ``*`` for the whole style.
        content: (H, W) weights in [0, 1]; at every pixel they sum to 1 over all pairs.
        style: (h, w) weights in [0, 1].
        share: of the content's pixels, 0 to 1; together 1.
    """

    name: str
    content: Tensor
    style: Tensor
    share: float


def restrict(content: Regions, sources: Sources) -> Regions:
    """The content's regions under the names of the style regions that they take.

    So the content has no label that the style lacks (Luan et al. 2017, section 3.2). Regions that take the whole style
    are left out; several that take one region become one.

    Args:
        content: regions of the photo, as `photostyle.regions.labels.match` returns them.
        sources: which style regions they take; of several styles only the first counts.
    """
    weights: dict[str, Tensor] = {}
    for name, weight in content.weights.items():
        found = [source.region for source in sources.get(name, ()) if source.style == 0]
        if found and found[0] != WHOLE:
            weights[found[0]] = weights[found[0]] + weight if found[0] in weights else weight
    return Regions(weights, content.hard)


def pairs(
    content: Tensor, style: Tensor, content_regions: Regions | None, style_regions: Regions | None
) -> list[RegionPair]:
    """The regions that take part, one of the content with one of the style each.

    What no region of the content claims takes the whole style, and so does a region that is empty in the style.

    Args:
        content: the photo (1, 3, H, W).
        style: the style photo (1, 3, h, w).
        content_regions: of the content, or None for the whole photo.
        style_regions: of the style, with every name of the content's.

    Raises:
        MaskError: regions on one side only, of another size than their image, or of a name that the style lacks.
    """
    if (content_regions is None) != (style_regions is None):
        raise MaskError("regions were given for one side only: give those of the content and of the style, or neither")
    ours, theirs = as_regions(content_regions, content), as_regions(style_regions, style)
    rest = torch.ones_like(content[0, 0])
    whole = torch.ones_like(style[0, 0])
    found: list[RegionPair] = []
    if ours and theirs:
        missing = [name for name in ours.weights if name not in theirs.weights]
        if missing:
            raise MaskError(f"the style has no region {missing[0]!r}; it has {', '.join(theirs.weights) or 'none'}")
        for name, weight in ours.weights.items():
            if theirs.pixels(name) >= 1 and float(weight.mean()) > 0:
                found.append(RegionPair(name, weight, theirs.weights[name], float(weight.mean())))
                rest = rest - weight
    rest = torch.where(rest > _CLAIMED, rest, 0.0)
    if float(rest.mean()) > (_CLAIMED if found else 0.0):
        found.append(RegionPair(WHOLE, rest, whole, float(rest.mean())))
    return found


def at(weight: Tensor, size: tuple[int, int]) -> Tensor:
    """A region's weights (H, W) at the resolution of features (h, w), by area."""
    return weight if weight.shape == size else F.adaptive_avg_pool2d(weight[None, None], size)[0, 0]
