"""Global colour transfer by moments: what came before networks, and what they must beat.

`Reinhard` (Reinhard, Ashikhmin, Gooch & Shirley, Color Transfer between Images, IEEE CG&A 2001) gives every channel of
a perceptual colour space the style's mean and standard deviation:

    x ↦ σ_s / σ_c (x - μ_c) + μ_s

The paper's space is lαβ, whose logarithms have no black; as is usual today it is CIELAB here.

`MongeKantorovich` (Pitié & Kokaram, The Linear Monge-Kantorovitch Linear Colour Mapping, CVMP 2007) gives RGB colours
the style's mean and whole covariance, with the linear map that moves them least:

    x ↦ A (x - μ_c) + μ_s,  A = Σ_c^-½ (Σ_c^½ Σ_s Σ_c^½)^½ Σ_c^-½

Both take regions, as Reinhard's swatches: one map a region, blended by its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.colour.lab import from_lab, to_lab
from photostyle.methods import masks
from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.methods.masks import RegionPair
from photostyle.options import Matching
from photostyle.regions.regions import Regions
from photostyle.transfer import matching

_LAB_NOISE, _RGB_NOISE = 0.01, 1e-5  # variance added to both sides: what is constant but for rounding stays so


@dataclass(frozen=True)
class ReinhardOptions:
    """Nothing to choose."""


@dataclass(frozen=True)
class MongeOptions:
    """Nothing to choose."""


class Reinhard:
    """Mean and deviation of each CIELAB channel; `Method.run` says what goes in and comes out."""

    def __init__(self, options: ReinhardOptions) -> None:
        self.options = options

    def run(
        self,
        content: Tensor,
        style: Tensor,
        content_regions: Regions | None = None,
        style_regions: Regions | None = None,
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:
        """See `photostyle.methods.base.Method.run`."""
        content, style = pair_of_images(content, style)
        regions = masks.pairs(content, style, content_regions, style_regions)
        return from_lab(mapped(to_lab(content), to_lab(style), regions, "adain", _LAB_NOISE)).clamp(0, 1)


class MongeKantorovich:
    """Mean and covariance of RGB; `Method.run` says what goes in and comes out."""

    def __init__(self, options: MongeOptions) -> None:
        self.options = options

    def run(
        self,
        content: Tensor,
        style: Tensor,
        content_regions: Regions | None = None,
        style_regions: Regions | None = None,
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:
        """See `photostyle.methods.base.Method.run`."""
        content, style = pair_of_images(content, style)
        regions = masks.pairs(content, style, content_regions, style_regions)
        return mapped(content, style, regions, "monge", _RGB_NOISE).clamp(0, 1)


def mapped(
    content: Tensor, style: Tensor, regions: Sequence[RegionPair], kind: Matching, regularization: float
) -> Tensor:
    """Colours (1, 3, H, W) through one affine map a region, blended by the regions' weights."""
    result = torch.zeros_like(content)
    for pair in regions:
        ours = matching.moments(content[0].flatten(1), pair.content.flatten())
        theirs = matching.moments(style[0].flatten(1), pair.style.flatten())
        result = result + pair.content * matching.affine_map(ours, theirs, kind, regularization)(content)
    return result
