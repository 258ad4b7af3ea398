"""The finish: a stylized photo projected onto locally affine maps of the photo's own colours, robustly.

In every window the stylized colours are fitted as an affine function of the photo's (`photostyle.edges.guided`): what
fits is light and colour, what does not is halo, noise or texture that the network added. A plain guided filter spreads
a rim along a strong silhouette into a soft glow, because a window's least squares give the rim its share. Here the fit
is repeated with every pixel weighted by 1 / (1 + r²/t²), r its residual (iteratively reweighted least squares with the
Cauchy weight, Holland & Welsch 1977), so that rims, the minority of their windows, lose their vote; and each window's
map counts by the weight that its pixels kept.

Windows are fitted at half resolution and their maps applied at full (fast guided filter, He & Sun 2015): nothing is
measured over more than a neighbourhood, so tiles and frames can be finished apart.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from photostyle.edges.guided import box_mean, solve_windows
from photostyle.errors import ParameterError

RADIUS = 3  # of the windows, in pixels of half resolution
EPSILON = 1e-4
TOLERANCE = 0.03
ITERATIONS = 4
REACH = 2 * (2 * RADIUS * ITERATIONS + 2)
"""How far, in pixels, a pixel's result can depend on the input: two windows an iteration, and the interpolation."""


def project(photo: Tensor, stylized: Tensor) -> Tensor:
    """What of a stylized photo is locally affine in the photo's colours.

    Args:
        photo: (B, 3, H, W) in [0, 1], both sides even.
        stylized: the same shape.

    Returns:
        (B, 3, H, W), not clamped.

    Raises:
        ParameterError: the shapes differ or a side is odd.
    """
    if photo.shape != stylized.shape or photo.dim() != 4 or photo.shape[1] != 3 or any(n % 2 for n in photo.shape[-2:]):
        raise ParameterError(
            f"a finish takes two (B, 3, H, W) of even sides, got {tuple(photo.shape)} and {tuple(stylized.shape)}"
        )
    guide, target = F.avg_pool2d(photo, 2), F.avg_pool2d(stylized, 2)
    weight = guide.new_ones(guide.shape[0], 1, *guide.shape[-2:])
    for iteration in range(ITERATIONS):
        trust = box_mean(weight, RADIUS)
        slope, intercept = solve_windows(guide, target, _mean(weight, trust), EPSILON)
        norm = box_mean(trust, RADIUS)
        slope = (box_mean(slope.flatten(1, 2) * trust, RADIUS) / norm).reshape(slope.shape)
        intercept = box_mean(intercept * trust, RADIUS) / norm
        if iteration < ITERATIONS - 1:
            residual = (target - _apply(slope, intercept, guide)).square().mean(1, keepdim=True)
            weight = 1 / (1 + residual / TOLERANCE**2)
    slope, intercept = (F.interpolate(x, scale_factor=2, mode="bilinear") for x in (slope.flatten(1, 2), intercept))
    return _apply(slope.reshape(*photo.shape[:1], 3, *photo.shape[1:]), intercept, photo)


def _mean(weight: Tensor, trust: Tensor) -> Callable[[Tensor], Tensor]:
    """Weighted means of windows; `trust` is the mean weight of each."""
    return lambda x: box_mean(x * weight, RADIUS) / trust


def _apply(slope: Tensor, intercept: Tensor, colours: Tensor) -> Tensor:
    return (slope * colours[:, None]).sum(2) + intercept
