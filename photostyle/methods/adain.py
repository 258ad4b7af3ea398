"""Adaptive instance normalisation (Huang & Belongie, Arbitrary Style Transfer in Real-time with Adaptive Instance
Normalization, ICCV 2017).

Style is taken to be the mean and the standard deviation of every channel of relu4_1:

    AdaIN(x, y) = σ(y) (x - μ(x)) / σ(x) + μ(y)

A decoder trained for it turns the result T = g((1-α) f(c) + α AdaIN(f(c), f(s))) into a picture. Several styles are
interpolated by Σ w_k AdaIN(f(c), f(s_k)) (section 6.3), and regions of the photo take those of the style.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.methods.features import pass_through, prepared, transformed
from photostyle.network.decoders import Decoders
from photostyle.network.features import FeatureEncoder
from photostyle.options import check_strength
from photostyle.regions.regions import Regions

LEVEL = 4


@dataclass(frozen=True)
class AdainOptions:
    """How much style.

    Attributes:
        strength: α; 0 only encodes and decodes the photo, 1 is the full style.
    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        check_strength(self.strength)


class AdaIN:
    """Mean and deviation of relu4_1; `Method.run` says what goes in and comes out."""

    def __init__(self, options: AdainOptions, features: FeatureEncoder, decoders: Decoders) -> None:
        decoders.check(features)
        self.options, self.features, self.decoders = options, features, decoders

    def run(
        self,
        content: Tensor,
        style: Tensor,
        content_regions: Regions | None = None,
        style_regions: Regions | None = None,
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:
        """See `photostyle.methods.base.Method.run`; there is one step, which cannot be stopped."""
        return self.interpolate(content, [style], [1.0], content_regions, [style_regions])

    @torch.no_grad()
    def interpolate(
        self,
        content: Tensor,
        styles: Sequence[Tensor],
        weights: Sequence[float],
        content_regions: Regions | None = None,
        style_regions: Sequence[Regions | None] | None = None,
    ) -> Tensor:
        """Between several styles.

        Args:
            content: (1, 3, H, W) in [0, 1].
            styles: (1, 3, h, w) each.
            weights: one a style, none negative and not all 0; they are divided by their sum.
            content_regions: as of `run`.
            style_regions: of each style, None for one that is taken as a whole by every region.

        Returns:
            (1, 3, H, W) in [0, 1].

        Raises:
            ParameterError: the numbers of styles, weights and regions differ, or weights are out of range.
            ImageSizeError, MaskError, NumericalError: as `run`.
        """
        regions = [None] * len(styles) if style_regions is None else style_regions
        if not len(styles) == len(weights) == len(regions) or not weights:
            raise ParameterError(f"{len(styles)} styles, {len(weights)} weights: one weight a style is needed")
        if min(weights) < 0 or not 0 < sum(weights) < float("inf"):
            raise ParameterError("style weights must not be negative, nor all zero")
        several = len(styles) > 1
        photos = []
        for style, found in zip(styles, regions, strict=True):
            content, style = pair_of_images(content, style)
            photos.append(prepared(content, style, None if several and found is None else content_regions, found))
        layer = f"relu{LEVEL}_1"

        def change(features: Tensor) -> Tensor:
            target = torch.zeros_like(features)
            for photo, weight in zip(photos, weights, strict=True):
                theirs = self.features(photo.style, [layer])[layer]
                target = target + weight / sum(weights) * transformed(features, theirs, photo.pairs, "adain")
            return torch.lerp(features, target, self.options.strength)

        result = pass_through(self.features, self.decoders.get("adain", LEVEL), photos[0].content, change)
        return photos[0].undo(result).clamp(0, 1)
