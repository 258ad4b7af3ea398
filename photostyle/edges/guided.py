"""The colour-guided filter (He, Sun & Tang 2010): locally affine maps of a guide photo, fitted window by window.

In each window of (2r + 1)² pixels the target is fitted as a ridge regression on the guide's three colours,
t ≈ a · g + b with a = (Σ_gg + ε I)⁻¹ Σ_gt, b = t̄ - a · ḡ; every pixel then takes the mean of a and b over the windows
that contain it. What is locally affine in a photo's colours has that photo's edges and no others: the closed-form
matting Laplacian (Levin et al. 2008) and Deep Photo Style Transfer measure photorealism by the same windows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import ParameterError


def guided_filter(guide: Tensor, target: Tensor, radius: int, epsilon: float) -> Tensor:
    """Smooth `target` along the edges of `guide`.

    Args:
        guide: photo (B, 3, H, W) in [0, 1].
        target: (B, C, H, W), any channels: region weights, or a stylized version of the photo.
        radius: of the windows in pixels, at least 1; windows are cut off at the borders.
        epsilon: ridge, in squared units of the guide; edges of the guide well above √ε are followed.

    Returns:
        (B, C, H, W).

    Raises:
        ParameterError: shapes do not match, radius below 1 or epsilon not positive.
    """
    if guide.dim() != 4 or guide.shape[1] != 3 or target.dim() != 4 or guide.shape[-2:] != target.shape[-2:]:
        raise ParameterError(
            f"a guided filter takes a (B, 3, H, W) guide and a target of its size, "
            f"got {tuple(guide.shape)} and {tuple(target.shape)}"
        )
    if radius < 1 or not epsilon > 0:
        raise ParameterError(f"radius must be at least 1 and epsilon above 0, got {radius} and {epsilon}")
    slope, intercept = affine_windows(guide, target, radius, epsilon)
    slope, intercept = box_mean(slope.flatten(1, 2), radius).reshape(slope.shape), box_mean(intercept, radius)
    return (slope * guide[:, None]).sum(2) + intercept


def affine_windows(guide: Tensor, target: Tensor, radius: int, epsilon: float) -> tuple[Tensor, Tensor]:
    """Slope (B, C, 3, H, W) and intercept (B, C, H, W) of the ridge regression in the window around each pixel."""
    return solve_windows(guide, target, lambda x: box_mean(x, radius), epsilon)


def solve_windows(
    guide: Tensor, target: Tensor, mean: Callable[[Tensor], Tensor], epsilon: float
) -> tuple[Tensor, Tensor]:
    """`affine_windows` with any windows: `mean` gives the mean of (B, C, H, W) in the window around each pixel."""
    mean_g, mean_t = mean(guide), mean(target)
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    covariance = mean(torch.stack([guide[:, i] * guide[:, j] for i, j in pairs], 1))
    covariance = covariance - torch.stack([mean_g[:, i] * mean_g[:, j] for i, j in pairs], 1)
    products = target[:, :, None] * guide[:, None]
    cross = mean(products.flatten(1, 2)).reshape(products.shape) - mean_t[:, :, None] * mean_g[:, None]
    slope = _solve_3x3(covariance, cross, epsilon)
    return slope, mean_t - (slope * mean_g[:, None]).sum(2)


def _solve_3x3(covariance: Tensor, cross: Tensor, epsilon: float) -> Tensor:
    # LDLᵀ written out: a batched solve of millions of 3×3 systems is far slower, and cofactors lose float32's digits on
    # grey photos. With the ridge every pivot is ε at least.
    xx, xy, xz, yy, yz, zz = covariance[:, :, None].unbind(1)
    x = xx.clamp_min(0) + epsilon
    yx, zx = xy / x, xz / x
    y = (yy + epsilon - yx * xy).clamp_min(epsilon)
    rest = yz - zx * xy
    zy = rest / y
    z = (zz + epsilon - zx * xz - zy * rest).clamp_min(epsilon)
    u, v, w = cross.unbind(2)
    v = v - yx * u
    w = (w - zx * u - zy * v) / z
    v = v / y - zy * w
    u = u / x - yx * v - zx * w
    return torch.stack([u, v, w], 2)


def box_mean(x: Tensor, radius: int) -> Tensor:
    """Mean over the (2r + 1)² window around each pixel of (B, C, H, W), over what of it lies inside the image."""
    for dim in (-2, -1):
        reach = min(radius, x.shape[dim] - 1)
        place = torch.arange(x.shape[dim], device=x.device)
        count = (place + reach).clamp_max(x.shape[dim] - 1) - (place - reach).clamp_min(0) + 1
        x = _box_sum(x, reach, dim) / (count[:, None] if dim == -2 else count).to(x)
    return x


def enlarged_rows(stack: Tensor, top: int, count: int, size: tuple[int, int]) -> Tensor:
    """Some rows of an enlargement, without the others: coefficients fitted small, wanted strip by strip.

    Args:
        stack: (…, h, w).
        top: first row wanted.
        count: how many.
        size: (H, W) of the whole enlargement, bilinear between pixel centres.

    Returns:
        (…, count, W).
    """
    height, width = stack.shape[-2:]
    centre = (torch.arange(top, top + count, dtype=torch.float64) + 0.5) * (height / size[0]) - 0.5
    centre = centre.clamp(0, height - 1)
    above = centre.floor().long().clamp_max(max(height - 2, 0))
    below = (above + 1).clamp_max(height - 1)
    share = (centre - above).to(stack)[:, None]
    first, second = (stack.index_select(-2, i.to(stack.device)) for i in (above, below))
    # Rows are at their place then; along them, linear interpolation is twice as fast as bilinear.
    rows = torch.lerp(first, second, share).reshape(1, -1, width)
    return F.interpolate(rows, size[1], mode="linear", align_corners=False).reshape(*stack.shape[:-2], count, size[1])


def _box_sum(x: Tensor, radius: int, dim: int) -> Tensor:
    """Sums of 2r + 1 neighbours along one axis, zeros outside, out of sums of 1, 2, 4, 8 … neighbours.

    That is log₂ r additions of whole tensors, several times faster on a CPU than pooling, and without the growing
    rounding error of a running sum.
    """
    width, size = 2 * radius + 1, x.shape[dim]
    power = F.pad(x, (0, 0, radius, radius) if dim == -2 else (radius, radius))
    span, start = 1, 0
    total: Tensor | None = None
    while width:
        if width & span:
            part = power.narrow(dim, start, size)
            total = part if total is None else total + part
            start, width = start + span, width - span
        if width:
            length = power.shape[dim] - span
            power = power.narrow(dim, 0, length) + power.narrow(dim, span, length)
            span *= 2
    return x if total is None else total
