"""Whether a result is one picture, and whether it is true: measures in CIELAB.

*Torn*: of the pairs of pixels 8, 16, 32 and 64 apart, in four directions, that have one colour in the content (CIE76
difference under 1.5), the share that the output shows in two (over 6). Both images are softened first (σ = 1), so that
grain does not count. A colour map of the whole photo tears nothing, as one colour has one image; halos, blotches
and borders of regions do.

*Truth*: mean difference, fine detail aside (σ = 6), to the same scene really photographed in the reference's light,
over that of the content: 0 is there, 1 is nothing done.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.colour.lab import to_lab
from photostyle.errors import ParameterError

ALIKE, TORN = 1.5, 6.0
DISTANCES = (8, 16, 32, 64)
DIRECTIONS = 4


def torn(content: Tensor, output: Tensor) -> float:
    """Share of nearby pixels of one colour that a result tears apart; 0 is one picture.

    Args:
        content: (1, 3, H, W) in [0, 1].
        output: the same shape.

    Raises:
        ParameterError: the shapes differ or are no image's.
    """
    _check(content, output)
    one, other = (_softened(to_lab(image.double().clamp(0, 1)), 1.0)[0] for image in (content, output))
    height, width = one.shape[-2:]
    apart = pairs = 0
    for distance in DISTANCES:
        for direction in range(DIRECTIONS):
            angle = math.pi * direction / DIRECTIONS
            x, y = round(distance * math.cos(angle)), round(distance * math.sin(angle))
            if abs(x) >= width or abs(y) >= height:
                continue
            here = (..., slice(max(0, -y), min(height, height - y)), slice(max(0, -x), min(width, width - x)))
            there = (..., slice(max(0, y), min(height, height + y)), slice(max(0, x), min(width, width + x)))
            alike = (one[here] - one[there]).norm(dim=0) < ALIKE
            apart += int(((other[here] - other[there]).norm(dim=0) > TORN)[alike].sum())
            pairs += int(alike.sum())
    return apart / max(pairs, 1)


def truth(content: Tensor, output: Tensor, real: Tensor) -> float:
    """How far a result is from the scene as it really looked in the reference's light, over how far the content is.

    Args:
        content: (1, 3, H, W) in [0, 1].
        output: the same shape.
        real: the photo of the same view in that light, the same shape.

    Raises:
        ParameterError: the shapes differ or are no image's.
    """
    _check(content, output)
    _check(content, real)
    day, made, light = (_softened(to_lab(image.double().clamp(0, 1)), 6.0) for image in (content, output, real))
    return float((made - light).norm(dim=1).mean() / (day - light).norm(dim=1).mean().clamp_min(1e-9))


def _softened(image: Tensor, sigma: float) -> Tensor:
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


def _check(content: Tensor, output: Tensor) -> None:
    if content.shape != output.shape or content.dim() != 4 or content.shape[:2] != (1, 3):
        raise ParameterError(
            f"a result is measured against a photo of its size, both (1, 3, H, W), "
            f"got {tuple(content.shape)} and {tuple(output.shape)}"
        )
