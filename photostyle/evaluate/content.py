"""What a result kept of its content: measures that need no style.

*Edges*: SSIM (Wang et al., IEEE TIP 2004; Gaussian windows, σ = 1.5) between edge-response maps of content and output,
|∇ log(Y + 0.05)| / 0.5 limited to [0, 1]. A logarithm's gradient does not change with the light.

*Affine residual*: the share of the output's local variance that no locally affine map of the content's colours
explains, Σ (σ_o² - cᵀ (Σ_g + ε I)⁻¹ c) / Σ σ_o² over the windows around all pixels (c the covariance of content and
output, Σ_g that of the content). Levin et al. (2008) and Luan et al. (2017) take such maps for what leaves a photo one.

*Flat variation*: how much the output's luminance varies, in 255ths, where the content hardly does: glow and blotches.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.edges.guided import affine_windows, box_mean
from photostyle.errors import ParameterError

RADIUS, EPSILON = 4, 1e-4  # of the windows of the affine residual
FLAT_RADIUS, FLAT = 8, 1.5 / 255  # windows of the flat variation, and the deviation under which one is flat
_LUMINANCE = (0.2125, 0.7154, 0.0721)  # Rec. 709
_DARK, _STRONG = 0.05, 0.5
_SIGMA, _REACH = 1.5, 5
_ENOUGH = 0.005  # of the photo: less of it flat says nothing


def edges(content: Tensor, output: Tensor) -> float:
    """SSIM of the edge-response maps of two (1, 3, H, W) in [0, 1]; 1 if every edge was kept.

    Raises:
        ParameterError: the shapes differ, or a side is under 11 pixels.
    """
    _check(content, output)
    if min(content.shape[-2:]) <= 2 * _REACH:
        raise ParameterError(f"edges are compared in windows of {2 * _REACH + 1} pixels; the photo is smaller")
    return float(ssim(edge_response(content), edge_response(output)))


def edge_response(image: Tensor) -> Tensor:
    """(1, 1, H, W) in [0, 1] of (1, 3, H, W), in float64."""
    dark = torch.log(luminance(image) + _DARK)
    down, across = torch.gradient(dark, dim=(-2, -1))
    return (torch.hypot(down, across) / _STRONG).clamp(0, 1)


def ssim(one: Tensor, other: Tensor) -> Tensor:
    """Mean structural similarity of two (1, 1, H, W) in [0, 1], over the windows that lie inside."""
    place = torch.arange(-_REACH, _REACH + 1, dtype=one.dtype, device=one.device)
    bell = torch.exp(-(place**2) / (2 * _SIGMA**2))
    bell = bell / bell.sum()

    def mean(x: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, bell[None, None, :, None]), bell[None, None, None])

    a, b = mean(one), mean(other)
    variances = mean(one * one) - a * a + mean(other * other) - b * b
    covariance = mean(one * other) - a * b
    c1, c2 = 0.01**2, 0.03**2
    found: Tensor = ((2 * a * b + c1) * (2 * covariance + c2)) / ((a * a + b * b + c1) * (variances + c2))
    return found.mean()


def affine_residual(content: Tensor, output: Tensor, radius: int = RADIUS, epsilon: float = EPSILON) -> float:
    """Share of the output's local variance that its content does not explain; 0 is photorealistic.

    Args:
        content, output: (1, 3, H, W) in [0, 1].
        radius: of the windows in pixels.
        epsilon: ridge, in squared pixel values.

    Raises:
        ParameterError: the shapes differ.
    """
    _check(content, output)
    guide, target = content.double(), output.double()
    slope, _ = affine_windows(guide, target, radius, epsilon)
    means = box_mean(guide, radius), box_mean(target, radius)
    products = (target[:, :, None] * guide[:, None]).flatten(1, 2)
    shared = box_mean(products, radius).reshape(slope.shape) - means[1][:, :, None] * means[0][:, None]
    variance = (box_mean(target * target, radius) - means[1] ** 2).clamp_min(0)
    unexplained = (variance - (slope * shared).sum(2)).clamp_min(0)
    return float(unexplained.sum() / variance.sum().clamp_min(1e-9))


def flat_variation(content: Tensor, output: Tensor) -> float:
    """Mean deviation of the output's luminance, in 255ths, in windows where the content is flat; NaN if hardly any is.

    Raises ParameterError if the shapes of the (1, 3, H, W) differ.
    """
    _check(content, output)
    flat = _deviation(content) < FLAT
    if not float(flat.float().mean()) > _ENOUGH:
        return float("nan")
    return float(_deviation(output)[flat].mean() * 255)


def luminance(image: Tensor) -> Tensor:
    """(1, 1, H, W) float64 of (1, 3, H, W)."""
    weights = torch.tensor(_LUMINANCE, dtype=torch.float64, device=image.device)
    return (image.double() * weights[:, None, None]).sum(1, keepdim=True)


def _deviation(image: Tensor) -> Tensor:
    grey = luminance(image)
    return (box_mean(grey * grey, FLAT_RADIUS) - box_mean(grey, FLAT_RADIUS) ** 2).clamp_min(0).sqrt()


def _check(content: Tensor, output: Tensor) -> None:
    if content.shape != output.shape or content.dim() != 4 or content.shape[:2] != (1, 3):
        raise ParameterError(
            f"a result is measured against its content, both (1, 3, H, W) of one size, "
            f"got {tuple(content.shape)} and {tuple(output.shape)}"
        )
