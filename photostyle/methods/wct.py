"""Whitening and colouring (Li et al., Universal Style Transfer via Feature Transforms, NeurIPS 2017).

Features are whitened, f̂_c = E_c D_c^-½ E_cᵀ (f_c - m_c), and coloured, f̂_cs = E_s D_s^½ E_sᵀ f̂_c + m_s, so that their
covariance is the style's; then f ← α f̂_cs + (1-α) f_c is decoded. The decoders have learned to reconstruct photos and
nothing else. In the multi-level scheme this is done from relu5_1 down to relu1_1, each level taking the picture that
the one above decoded: layouts of textures first, then strokes, then colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.methods.features import Prepared, pass_through, prepared, transformed
from photostyle.network.decoders import SETS, Decoders
from photostyle.network.features import FeatureEncoder
from photostyle.options import check_strength
from photostyle.regions.regions import Regions


@dataclass(frozen=True)
class WctOptions:
    """Where features are transformed, and how much.

    Attributes:
        strength: α at every level.
        level: the deepest one, 1 (relu1_1) to 5 (relu5_1).
        multilevel: go on from there to relu1_1; False transforms that one level only.
    """

    strength: float = 0.6
    level: int = 5
    multilevel: bool = True

    def __post_init__(self) -> None:
        check_strength(self.strength)
        check_level(self.level, "wct")


class Wct:
    """Whitening and colouring; `Method.run` says what goes in and comes out."""

    def __init__(self, options: WctOptions, features: FeatureEncoder, decoders: Decoders) -> None:
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
        """See `photostyle.methods.base.Method.run`; `should_stop` ends it between levels."""
        content, style = pair_of_images(content, style)
        photos = prepared(content, style, content_regions, style_regions)
        options = self.options
        levels = range(options.level, 0 if options.multilevel else options.level - 1, -1)
        return coarse_to_fine(self.features, self.decoders, "wct", levels, photos, options.strength, should_stop)


@torch.no_grad()
def coarse_to_fine(
    encoder: FeatureEncoder,
    decoders: Decoders,
    name: str,
    levels: range,
    photos: Prepared,
    strength: float,
    should_stop: ShouldStop | None = None,
) -> Tensor:
    """Whitening and colouring at each of the levels in turn, with the decoders of a set; (1, 3, H, W) in [0, 1]."""
    image = photos.content
    theirs = encoder(photos.style, [f"relu{level}_1" for level in levels])
    for level in levels:
        if should_stop and should_stop():
            break
        target = theirs[f"relu{level}_1"]

        def change(features: Tensor, target: Tensor = target) -> Tensor:
            return torch.lerp(features, transformed(features, target, photos.pairs, "wct"), strength)

        image = pass_through(encoder, decoders.get(name, level), image, change).clamp(0, 1)
    return photos.undo(image)


def check_level(level: int, name: str) -> int:
    """`level` itself. Raises ParameterError if a set has no decoder of it."""
    if level not in SETS[name]:
        raise ParameterError(f"level is {level}; it must be between {SETS[name][0]} and {SETS[name][-1]}")
    return level
