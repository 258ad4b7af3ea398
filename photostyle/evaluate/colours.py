"""What becomes of single colours: how far a result stretches them, and how many lose what they are.

*Stretch*: of the pairs of pixels 8, 16, 32 and 64 apart, in four directions, that differ by 2 to 10 in CIELAB (CIE76),
the ratio of the difference in the output to that in the content which all but one in a hundred keep to. It is a
Lipschitz constant of the result as a map of colours, up to its rarest pairs; 1 is the photo. Both images are softened
first (σ = 1), so that grain does not count. ColorFM (ECCV 2026) compares methods by such a constant; the figures of its
paper are of its own photos and pairs.

*Lost*: share of the pixels that are skin (where a person is known), foliage or of a vivid colour, outside sky and
water, whose hue or chroma has left the bounds of their kind (`photostyle.transfer.protect`), with the tint of the
look's light and beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from photostyle.colour.lab import to_lab
from photostyle.evaluate.consistency import check_pair, differences
from photostyle.transfer.protect import KINDS, belonging, dimmed, grey_of, neutral_light, outside_bounds

LEAST, MOST = 2.0, 10.0  # differences in the content that are looked at
QUANTILE = 0.99


def stretch(content: Tensor, output: Tensor) -> float:
    """The ratio of colour differences that 99 of 100 pairs keep to; NaN where the content has no such pairs.

    Args:
        content: (1, 3, H, W) in [0, 1].
        output: the same shape.

    Raises:
        ParameterError: the shapes differ or are no image's.
    """
    check_pair(content, output)
    ratios = []
    for _, before, after in differences(content, output):
        chosen = (before >= LEAST) & (before <= MOST)
        ratios.append(after[chosen] / before[chosen])
    found = torch.cat(ratios) if ratios else torch.zeros(0)
    if not len(found):
        return math.nan
    return float(found.kthvalue(max(1, round(QUANTILE * len(found)))).values)


def lost(content: Tensor, output: Tensor, weights: Mapping[str, Tensor] | None = None) -> float:
    """Share of skin, foliage and vivid colours that are so no more; NaN where hardly any (0.5 %) of the photo is.

    Args:
        content: (1, 3, H, W) in [0, 1].
        output: the same shape.
        weights: of the photo's regions, (H, W) each; without them there is no skin, and sky and water count too.

    Raises:
        ParameterError: the shapes differ or are no image's.
    """
    check_pair(content, output)
    regions = weights or {}
    before, after = (to_lab(image.float().clamp(0, 1))[0] for image in (content, output))
    light = to_lab(neutral_light(content[0], output[0], grey_of(before[0])).clamp(0, 1)[None])[0][1:]
    hue = torch.atan2(before[2], before[1])
    had = before[1:].norm(dim=0) * dimmed(before[0], after[0])
    of_any, gone = (torch.zeros_like(hue) for _ in range(2))
    for kind in KINDS.values():
        share = belonging(kind, before[1:], regions)
        beyond = [outside_bounds(kind, hue, had, colour) > 0.5 for colour in (after[1:], after[1:] - light)]
        of_any = of_any + share
        gone = gone + share * (beyond[0] & beyond[1])
    return float(gone.sum() / of_any.sum()) if float(of_any.mean()) > 0.005 else math.nan
