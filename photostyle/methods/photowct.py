"""PhotoWCT (Li et al., A Closed-form Solution to Photorealistic Image Stylization, ECCV 2018).

WCT blurs a photo's edges: maxima lose their place in pooling, and nearest neighbours do not bring it back. Here every
decoder unpools: it puts each value where the maximum came from, so that fine structure returns. relu4_1 to relu1_1 are
whitened and coloured in turn. What is still uneven inside objects is smoothed along the photo's edges
(`photostyle.methods.smoothing`), as the paper's second step.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.methods import smoothing
from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.methods.features import prepared
from photostyle.methods.wct import check_level, coarse_to_fine
from photostyle.network.decoders import Decoders
from photostyle.network.features import FeatureEncoder
from photostyle.options import check_strength
from photostyle.regions.regions import Regions

Smooth = Literal["auto", "matting", "guided", "off"]
SMOOTH: tuple[Smooth, ...] = get_args(Smooth)
MATTING_PIXELS = 700_000  # up to which "auto" solves the matting system: its unknowns are pixels

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhotoWctOptions:
    """Where features are transformed, how much, and what follows.

    Attributes:
        strength: α at every level; the paper has no such choice, which is 1.
        level: the deepest one, 1 (relu1_1) to 4 (relu4_1).
        smooth: ``"matting"``, the paper's; ``"guided"``, its fast approximation by a guided filter; ``"off"``; or
            ``"auto"``: matting up to 700,000 pixels, above that guided.
    """

    strength: float = 1.0
    level: int = 4
    smooth: Smooth = "auto"

    def __post_init__(self) -> None:
        check_strength(self.strength)
        check_level(self.level, "photowct")
        if self.smooth not in SMOOTH:
            raise ParameterError(f"smooth is {self.smooth!r}; it must be one of {', '.join(SMOOTH)}")


class PhotoWct:
    """Whitening and colouring with unpooling, then smoothing; `Method.run` says what goes in and comes out."""

    def __init__(self, options: PhotoWctOptions, features: FeatureEncoder, decoders: Decoders) -> None:
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
        levels, strength = range(self.options.level, 0, -1), self.options.strength
        result = coarse_to_fine(self.features, self.decoders, "photowct", levels, photos, strength, should_stop)
        return smoothed(result, content, self.options.smooth)


def smoothed(result: Tensor, content: Tensor, how: Smooth) -> Tensor:
    """The second step: a result (1, 3, H, W) smoothed along the edges of its content, of the same size."""
    if how == "off":
        return result
    pixels = content.shape[-2] * content.shape[-1]
    if how == "matting" or (how == "auto" and pixels <= MATTING_PIXELS):
        return smoothing.matting(result, content)
    if how == "auto":
        _logger.info("smoothed by the guided filter: over %d pixels, the matting system takes long", MATTING_PIXELS)
    return smoothing.guided(result, content)
