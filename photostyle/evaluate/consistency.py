"""Whether a result is one picture, and whether it is true: measures in CIELAB.

*Torn*: of the pairs of pixels 8, 16, 32 and 64 apart, in four directions, that have one colour in the content (CIE76
difference under 1.5), the share that the output shows in two (over 6). Both images are softened first (σ = 1), so that
grain does not count. A colour map of the whole photo tears nothing, as one colour has one image; halos, blotches
and borders of regions do.

*Truth*: mean difference, fine detail aside (σ = 6), to the same scene really photographed in the reference's light,
over that of the content: 0 is there, 1 is nothing done.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.colour.lab import to_lab
from photostyle.edges.pairs import Place, pairs
from photostyle.errors import ParameterError

ALIKE, TORN = 1.5, 6.0
DISTANCES = (8, 16, 32, 64)


def torn(content: Tensor, output: Tensor) -> float:
    """Share of nearby pixels of one colour that a result tears apart; 0 is one picture.

    Args:
        content: (1, 3, H, W) in [0, 1].
        output: the same shape.

    Raises:
        ParameterError: the shapes differ or are no image's.
    """
    apart, alike = torn_at(content, output)
    return int(apart.sum()) / max(int(alike.sum()), 1)


def torn_at(content: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
    """Where `torn` finds what it counts: pairs torn apart, and pairs of one colour, by one of their pixels, (H, W)."""
    check_pair(content, output)
    apart, pairs = (torch.zeros(content.shape[-2:], dtype=torch.int64, device=content.device) for _ in range(2))
    for here, before, after in differences(content, output):
        alike = before < ALIKE
        apart[here] += (after > TORN) & alike
        pairs[here] += alike
    return apart, pairs


def differences(content: Tensor, output: Tensor) -> Iterator[tuple[Place, Tensor, Tensor]]:
    """CIE76 differences of pairs of pixels, softened (σ = 1), for each distance and direction that there is room for.

    Args:
        content: (1, 3, H, W) in [0, 1].
        output: the same shape.

    Yields:
        where one pixel of each pair lies in (H, W), the differences in the content there, and those in the output.
    """
    one, other = (softened(to_lab(image.double().clamp(0, 1)), 1.0)[0] for image in (content, output))
    for here, there in pairs(one.shape[-2:], DISTANCES):
        before, after = (image[(..., *here)] - image[(..., *there)] for image in (one, other))
        yield here, _lengths(before), _lengths(after)


def _lengths(vectors: Tensor) -> Tensor:
    # Not Tensor.norm, which takes ten times as long over so short a dimension.
    return (vectors[0] ** 2 + vectors[1] ** 2 + vectors[2] ** 2).sqrt()


def truth(content: Tensor, output: Tensor, real: Tensor) -> float:
    """How far a result is from the scene as it really looked in the reference's light, over how far the content is.

    Args:
        content: (1, 3, H, W) in [0, 1].
        output: the same shape.
        real: the photo of the same view in that light, the same shape.

    Raises:
        ParameterError: the shapes differ or are no image's.
    """
    check_pair(content, output)
    check_pair(content, real)
    day, made, light = (softened(to_lab(image.double().clamp(0, 1)), 6.0) for image in (content, output, real))
    return float((made - light).norm(dim=1).mean() / (day - light).norm(dim=1).mean().clamp_min(1e-9))


def softened(image: Tensor, sigma: float) -> Tensor:
    """(B, C, H, W) under a Gaussian cut off at four deviations, borders mirrored."""
    reach = int(4 * sigma + 0.5)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device) / sigma) ** 2)
    taps = taps / taps.sum()
    for dim in (-2, -1):
        size = image.shape[dim]
        place = torch.arange(-reach, size + reach, device=image.device) % (2 * size)
        image = image.index_select(dim, torch.where(place < size, place, 2 * size - 1 - place))
        shape = (-1, 1) if dim == -2 else (1, -1)
        batch, channels = image.shape[:2]
        image = F.conv2d(image.flatten(0, 1)[:, None], taps.reshape(1, 1, *shape))
        image = image.reshape(batch, channels, *image.shape[-2:])
    return image


def check_pair(content: Tensor, output: Tensor) -> None:
    """Raise ParameterError unless both are (1, 3, H, W) of one size."""
    if content.shape != output.shape or content.dim() != 4 or content.shape[:2] != (1, 3):
        raise ParameterError(
            f"a result is measured against a photo of its size, both (1, 3, H, W), "
            f"got {tuple(content.shape)} and {tuple(output.shape)}"
        )
