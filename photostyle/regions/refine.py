"""Region weights that fit a photo: coarse or hard masks follow the photo's edges, at any size, in bounded memory.

A mask drawn by hand or by a network is right inside its regions and vague at their borders. So each pixel gets a
confidence, high inside and low near borders, and in every window the weights are fitted as a ridge regression on the
photo's three colours in which each pixel counts by its confidence (the guided filter of He, Sun & Tang 2010, weighted;
with a band of unknown pixels, as in matting with a trimap). Pixels near borders then belong to the region whose
colours they have.

The regression runs on a reduced photo; its coefficients, which vary slowly, are enlarged and applied to the colours of
the full photo (He & Sun 2015, fast guided filter), strip by strip. Windows therefore grow with the photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.edges.guided import box_mean, enlarged_rows, solve_windows
from photostyle.errors import MaskError
from photostyle.regions.regions import UNSURE, Regions

WORKING_SIDE = 256  # long side at which windows are fitted
RADIUS = 12 / 256  # of the windows, as a share of the long side
BAND = 9 / 256  # distance from a border, likewise, from which on a hard mask is trusted fully
PASSES = 2  # the second starts from the first's result, which helps masks that are far off
CONTRAST = 2  # exponent on the fitted weights: leaves little of a region where another one is likelier
LEAST_WEIGHT = 1 / 256  # less is nothing: what a region does not touch need not be measured and mapped for it
EPSILON = 1e-4  # ridge, in squared units of an image in [0, 1]
LEAST_CONFIDENCE = 0.02  # even the pixels of a border count a little, so that windows without others mean something
SURE, GUESSED = 0.7, 0.45  # mean probability of the best class around a pixel
_AROUND = 1 / 40  # how far around, as a share of the long side
_PRESENT = 0.002  # a class of less mean probability is not in the photo
_STRIP = 1 << 22  # values of enlarged coefficients held at a time


@torch.no_grad()
def refine(regions: Regions, image: Tensor) -> Regions:
    """Soft regions whose borders follow the photo's edges.

    Args:
        regions: hard or soft regions of any size: weights of a network may be smaller than the photo.
        image: the photo (3, H, W) in [0, 1].

    Returns:
        Soft regions (H, W) of the same names on the image's device; what no region claimed is refined like a region.

    Raises:
        MaskError: there is no region, or the regions' proportions are not the photo's.
    """
    if not regions.weights:
        raise MaskError("no region given")
    regions.check_proportions((image.shape[-2], image.shape[-1]))
    stack = torch.stack(list(regions.weights.values())).to(image.device, torch.float32)
    rest = (1 - stack.sum(0, keepdim=True)).clamp_min(0)
    if float(rest.max()) > 1e-4:
        stack = torch.cat([stack, rest])
    if len(stack) == 1:
        full = torch.ones(image.shape[-2:], device=image.device)
        return Regions(dict.fromkeys(regions.weights, full), hard=False)
    small = _reduced(image)
    side = max(small.shape[-2:])
    radius, band = (max(1, round(side * share)) for share in (RADIUS, BAND))
    weights = _resized(stack, (small.shape[-2], small.shape[-1]))
    weights = weights / weights.sum(0).clamp_min(1e-6)
    confidence = _inside(weights, band) if regions.hard else _decided(weights)
    slope, intercept = _fit_windows(small, weights, confidence, radius)
    for _ in range(PASSES - 1):
        weights = _cut((slope * small).sum(1) + intercept)
        slope, intercept = _fit_windows(small, weights, _decided(weights), radius)
    result = _apply_windows(slope, intercept, image)
    return Regions(dict(zip(regions.weights, result, strict=False)), hard=False)


def confident(probabilities: Tensor, names: Sequence[str], *, sure: bool = True) -> Regions:
    """Regions of a network's class probabilities (K, h, w), given up where it is unsure if `sure`.

    What counts is how likely the best class is on average around a pixel, so that the narrow seam between two regions
    that are sure of themselves stays theirs. As that average falls from `SURE` to `GUESSED`, weight goes from the
    classes to a region of its own, ``unsure``, which takes the look of the whole style photo
    (`photostyle.regions.labels.match`).

    Of a style photo (not `sure`) nothing is seen but statistics: there every pixel counts for each class by how likely
    it is. A night's sky of which the network is half sure says more of night skies than the two stars that it knows.
    """
    present = [k for k in range(len(names)) if float(probabilities[k].mean()) > _PRESENT]
    radius = max(1, round(max(probabilities.shape[-2:]) * _AROUND))
    best = box_mean(probabilities.amax(0)[None, None], radius)[0, 0]
    trust = ((best - GUESSED) / (SURE - GUESSED)).clamp(0, 1) if sure else torch.ones_like(best)
    weights = {names[k]: probabilities[k] * trust for k in present}
    unsure = (1 - torch.stack(list(weights.values())).sum(0)).clamp(0, 1)
    return Regions(weights | ({UNSURE: unsure} if float(unsure.mean()) > _PRESENT else {}), hard=False)


def _reduced(image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    scale = min(1.0, WORKING_SIDE / max(height, width))
    return _resized(image, (max(1, round(height * scale)), max(1, round(width * scale))))


def _resized(stack: Tensor, size: tuple[int, int]) -> Tensor:
    """(C, H, W) at `size`, by area where it shrinks and bilinearly where it grows."""
    if stack.shape[-1] < size[1] or stack.shape[-2] < size[0]:
        return F.interpolate(stack[None], size=size, mode="bilinear", align_corners=False)[0]
    return F.adaptive_avg_pool2d(stack[None], size)[0]


def _inside(weights: Tensor, band: int) -> Tensor:
    """Confidence (h, w) of hard regions: how much of the window around a pixel is its own region, half or less is 0."""
    own = (box_mean(weights[None], band)[0] * weights).sum(0)
    return _floored(2 * own - 1)


def _decided(weights: Tensor) -> Tensor:
    """Confidence (h, w) of probabilities: how far the greatest is above an even split between two."""
    return _floored(2 * weights.amax(0) - 1)


def _floored(confidence: Tensor) -> Tensor:
    return LEAST_CONFIDENCE + (1 - LEAST_CONFIDENCE) * confidence.clamp(0, 1)


def _fit_windows(guide: Tensor, target: Tensor, confidence: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """Slope (K, 3, h, w) and intercept (K, h, w) that each pixel takes, the mean over its windows by confidence."""
    total = box_mean(confidence[None, None], radius)

    def mean(x: Tensor) -> Tensor:
        return box_mean(x * confidence, radius) / total

    slope, intercept = solve_windows(guide[None], target[None], mean, EPSILON)

    def spread(x: Tensor) -> Tensor:
        return box_mean(x * total, radius)[0] / box_mean(total, radius)[0]

    return spread(slope.flatten(1, 2)).reshape(slope.shape[1:]), spread(intercept)


def _apply_windows(slope: Tensor, intercept: Tensor, image: Tensor) -> Tensor:
    """Enlarged coefficients applied to the full photo's colours: (K, H, W) in [0, 1], sums one."""
    height, width = image.shape[-2:]
    coefficients = torch.cat([slope, intercept[:, None]], 1).flatten(0, 1)
    result = torch.empty(len(slope), height, width, device=image.device)
    rows = max(1, _STRIP // (len(coefficients) * width))
    for top in range(0, height, rows):
        strip = image[:, top : top + rows]
        here = enlarged_rows(coefficients, top, strip.shape[1], (height, width)).reshape(len(slope), 4, -1, width)
        part = _cut((here[:, :3] * strip).sum(1) + here[:, 3]) ** CONTRAST
        part = part / part.sum(0)
        part = torch.where(part < LEAST_WEIGHT, 0.0, part)
        result[:, top : top + rows] = part / part.sum(0)
    return result


def _cut(fitted: Tensor) -> Tensor:
    # The fitted weights of a pixel sum to one already; without the negative ones at least 1/K is left.
    positive = fitted.clamp(0, 1)
    return positive / positive.sum(0)
