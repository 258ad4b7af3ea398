"""Losses through the transfer: what a stylized photo should be like, all differentiable.

The transfer itself is `photostyle.matching` with gradients, a pair of images at a time inside one batched walk.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle import matching
from photostyle.networks import WCT2
from photostyle.options import Matching
from photostyle.transfer import run

LUMA = (0.299, 0.587, 0.114)


def record_moments(found: dict[str, list[matching.Moments]], name: str, features: Tensor) -> Tensor:
    """A site function that notes the moments of every image of a batch and changes nothing."""
    found[name] = [matching.moments(x[None]) for x in features.float()]
    return features


def transfer(
    model: WCT2,
    content: Tensor,
    style: dict[str, list[matching.Moments]],
    at: Sequence[str],
    matching_: Matching,
    regularization: float,
) -> Tensor:
    """Stylize (B, 3, H, W), each image with its own style's moments (`record_moments`); no clamp of features."""

    def site(name: str, features: Tensor) -> Tensor:
        mapped = []
        for x, target in zip(features.float(), style[name], strict=True):
            mapped.append(matching.affine_map(matching.moments(x[None]), target, matching_, regularization)(x))
        return torch.stack(mapped)

    return run(model, content, at, site)


def style_distance(output: Sequence[Tensor], style: Sequence[Tensor]) -> Tensor:
    """Distance of the Gaussians of teacher features, mean over levels and images.

    ‖μ_o - μ_s‖² + ‖Σ_o^½ - Σ_s^½‖², an upper bound of the squared 2-Wasserstein distance and equal to it where the
    covariances commute, over the trace of Σ_s.

    Args:
        output: features (B, C, H, W) of each level.
        style: the same of the styles.
    """
    losses = []
    for ours, theirs in zip(output, style, strict=True):
        for x, y in zip(ours, theirs, strict=True):
            a, b = matching.moments(x[None].float()), matching.moments(y[None].float())
            identity = torch.eye(len(a.mean)).to(a.covariance) * 1e-4 * b.covariance.trace() / len(b.mean)
            roots = [matching.square_root(m.covariance + identity + 1e-8) for m in (a, b)]
            distance = (a.mean - b.mean).square().sum() + (roots[0] - roots[1]).square().sum()
            losses.append(distance / b.covariance.trace().clamp_min(1e-3))
    return torch.stack(losses).clamp(max=10).mean().float()


def affine_residual(content: Tensor, output: Tensor, radius: int = 4, epsilon: float = 1e-4) -> Tensor:
    """Share of the output's local variance that no locally affine map of the content's colours explains.

    Windows of (2 · radius + 1)², ridge `epsilon`; the guided-filter form of the matting-Laplacian energy (Levin et al.
    2008; He et al. 2010) that Deep Photo Style Transfer calls photorealism. (B, 3, H, W) to a scalar.
    """
    mean_c, mean_o = _box(content, radius), _box(output, radius)
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    products = torch.stack([content[:, i] * content[:, j] for i, j in pairs], 1)
    covariance = _box(products, radius) - torch.stack([mean_c[:, i] * mean_c[:, j] for i, j in pairs], 1)
    cross = torch.stack(
        [_box(content * output[:, j : j + 1], radius) - mean_c * mean_o[:, j : j + 1] for j in range(3)]
    )
    variance = (_box(output.square(), radius) - mean_o.square()).clamp_min(0)
    xx, xy, xz, yy, yz, zz = covariance.unbind(1)
    xx, yy, zz = xx + epsilon, yy + epsilon, zz + epsilon
    # The inverse of each window's 3×3 covariance by cofactors: a batched solve of millions of them is far slower.
    a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    determinant = (xx * a + xy * b + xz * c).clamp_min(1e-14)
    explained = []
    for j in range(3):
        u, v, w = cross[j].unbind(1)
        form = u * (a * u + b * v + c * w) + v * (b * u + d * v + e * w) + w * (c * u + e * v + f * w)
        explained.append(form / determinant)
    residual = (variance - torch.stack(explained, 1)).clamp_min(0).sum((1, 2, 3))
    return (residual / variance.sum((1, 2, 3)).clamp_min(1e-6 * variance[0].numel())).mean()


def flat_deviation(content: Tensor, output: Tensor, radius: int = 8, flat: float = 1.5 / 255) -> Tensor:
    """Mean local deviation of the output's luma, in 255ths, where the content is flat: glow, blotches and noise."""
    weights = torch.tensor(LUMA).to(content)[:, None, None]

    def deviation(image: Tensor) -> Tensor:
        luma = (image * weights).sum(1, keepdim=True)
        return (_box(luma.square(), radius) - _box(luma, radius).square()).clamp_min(1e-8).sqrt()

    where = (deviation(content) < flat).float()
    return 255 * (deviation(output) * where).sum() / where.sum().clamp_min(1.0)


def _box(x: Tensor, radius: int) -> Tensor:
    # Twice along one axis each: a box is separable, and a pooling of k + k numbers is cheaper than one of k · k.
    x = F.avg_pool2d(F.pad(x, (radius,) * 4, mode="reflect"), (2 * radius + 1, 1), 1)
    return F.avg_pool2d(x, (1, 2 * radius + 1), 1)
