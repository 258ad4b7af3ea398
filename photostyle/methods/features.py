"""Features of a photo with the statistics of a style's, region by region: what AdaIN, WCT and PhotoWCT share.

A photo is reflected at its bottom and right borders to sides that all poolings divide, so that a decoder gives its size
back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.methods import masks
from photostyle.methods.masks import RegionPair
from photostyle.network.decoders import Decoder
from photostyle.network.features import FeatureEncoder
from photostyle.options import Matching
from photostyle.regions.regions import Regions
from photostyle.transfer import matching
from photostyle.transfer.matching import Moments
from photostyle.transfer.transfer import pad

MULTIPLE = 16  # four poolings lie before relu5_1
REGULARIZATION = 1e-3  # ε in units of the mean variance of the style's channels
SHRINKAGE = 1.0  # k of `photostyle.transfer.matching.shrink`: a region may have fewer pixels than a layer has channels


@dataclass(frozen=True)
class Prepared:
    """Photos with sides that poolings divide, and their regions in pairs.

    Attributes:
        content: (1, 3, H, W).
        style: (1, 3, h, w).
        pairs: regions of both.
        undo: cuts an image of the content's padded size back.
    """

    content: Tensor
    style: Tensor
    pairs: Sequence[RegionPair]
    undo: Callable[[Tensor], Tensor]


def prepared(
    content: Tensor, style: Tensor, content_regions: Regions | None, style_regions: Regions | None
) -> Prepared:
    """Pad two photos (1, 3, H, W) and pair their regions. Raises MaskError as `photostyle.methods.masks.pairs`."""
    masks.pairs(content, style, content_regions, style_regions)  # regions of a wrong size are told before they change
    (ours, our_regions), undo = pad(content, content_regions, MULTIPLE)
    (theirs, their_regions), _ = pad(style, style_regions, MULTIPLE)
    return Prepared(ours, theirs, masks.pairs(ours, theirs, our_regions, their_regions), undo)


def transformed(features: Tensor, style: Tensor, pairs: Sequence[RegionPair], kind: Matching) -> Tensor:
    """Features through one affine map a region (`photostyle.transfer.matching`), blended by the regions' weights.

    Args:
        features: of the content, (1, C, h, w), of a size that divides its regions' maps.
        style: of the style, (1, C, h', w'), likewise.
        pairs: regions of the photos.
        kind: ``"wct"``, ``"adain"`` or another matching.

    Returns:
        (1, C, h, w).
    """
    ours, theirs = _moments(features, [p.content for p in pairs]), _moments(style, [p.style for p in pairs])
    epsilon = REGULARIZATION * float(theirs[-1].covariance.diagonal().mean())
    result = torch.zeros_like(features)
    for pair, content_moments, style_moments in zip(pairs, ours[:-1], theirs[:-1], strict=True):
        count = min(content_moments.weight, style_moments.weight)
        drawn = (
            matching.shrink(content_moments, ours[-1], count, SHRINKAGE),
            matching.shrink(style_moments, theirs[-1], count, SHRINKAGE),
        )
        found = drawn if len(pairs) > 1 else (content_moments, style_moments)
        mapped = matching.affine_map(*found, kind, epsilon)(features)
        result = result + masks.at(pair.content, _size(features)) * mapped
    return result


def pass_through(
    encoder: FeatureEncoder, decoder: Decoder, image: Tensor, change: Callable[[Tensor], Tensor]
) -> Tensor:
    """Encode an image (1, 3, H, W) to the decoder's layer, change the features there, and decode."""
    layer = f"relu{decoder.level}_1"
    locations: list[Tensor] | None = [] if decoder.unpooling else None
    features = encoder(image, [layer], locations=locations)[layer]
    decoded: Tensor = decoder(change(features), locations or ())
    return decoded


def _moments(features: Tensor, weights: Sequence[Tensor]) -> list[Moments]:
    """Moments of each region, and at the end those of all pixels."""
    if len(weights) == 1:
        return matching.weighted_moments(features, [None]) * 2
    own = [masks.at(weight, _size(features)).flatten() for weight in weights]
    return matching.weighted_moments(features, [*own, None])


def _size(features: Tensor) -> tuple[int, int]:
    return features.shape[-2], features.shape[-1]
