"""All measures of one result."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from photostyle.evaluate.consistency import torn
from photostyle.evaluate.content import affine_residual, edges, flat_variation
from photostyle.evaluate.style import Features, RegionPair, colour_distance, style_distances


@dataclass(frozen=True)
class Measures:
    """What a result is worth; formulas in `photostyle.evaluate.content`, `consistency` and `style`.

    Attributes:
        edges: SSIM of the edge-response maps of content and output; 1 keeps every edge.
        residual: share of the output's detail that is not locally affine in the content; 0 is photorealistic.
        flat: deviation of the output, in 255ths, where the content is flat; NaN if hardly any of it is.
        torn: share of nearby pixels of one colour that the result tears apart; 0 is one picture.
        style: distance of features, output to style over content to style; 0 has the style.
        gram: the Gram loss on the same footing.
        colour: distance of CIELAB colours, likewise.
    """

    edges: float
    residual: float
    flat: float
    torn: float
    style: float
    gram: float
    colour: float


def measure(
    features: Features, content: Tensor, style: Tensor, output: Tensor, regions: RegionPair | None = None
) -> Measures:
    """Measure a result.

    Args:
        features: what photos are looked at through, such as `photostyle.evaluate.style.seen_by` gives.
        content: (1, 3, H, W) in [0, 1].
        style: (1, 3, h, w), likewise.
        output: the result, of the content's size.
        regions: of content and style; those of one name are compared with each other, and None compares whole photos.

    Raises:
        ImageSizeError, MaskError, ParameterError: the input does not fit.
    """
    style_, gram = style_distances(features, content, style, output, regions)
    return Measures(
        edges=edges(content, output),
        residual=affine_residual(content, output),
        flat=flat_variation(content, output),
        torn=torn(content, output),
        style=style_,
        gram=gram,
        colour=colour_distance(content, style, output, regions),
    )
