"""Losses through the transfer: what a stylized photo should be like, all differentiable.

The transfer itself is `photostyle.transfer.matching` with gradients, a pair of images at a time inside one batched
walk.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.network.wct2 import WCT2
from photostyle.options import Matching
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer import matching
from photostyle.transfer.matching import Moments
from photostyle.transfer.transfer import run

LUMA = (0.299, 0.587, 0.114)
QUANTILES = 64

RegionMoments = dict[str, Moments]
MaybeRegions = Sequence[Regions | None]


def region_moments(features: Tensor, regions: Regions | None) -> RegionMoments:
    """Moments of one image's (C, H, W) features: the whole image's (``*``) and each region's, by soft weights."""
    weights = regions.at((features.shape[-2], features.shape[-1])) if regions else {}
    own = {name: weight.flatten() for name, weight in weights.items() if float(weight.sum()) > 4}
    found = matching.weighted_moments(features[None].float(), [None, *own.values()])
    return dict(zip((WHOLE, *own), found, strict=True))


def record_moments(features: Tensor, regions: MaybeRegions) -> list[RegionMoments]:
    """`region_moments` of every image of a batch (B, C, H, W)."""
    return [region_moments(x, r) for x, r in zip(features, regions, strict=True)]


def transfer(
    model: WCT2,
    content: Tensor,
    regions: MaybeRegions,
    style: dict[str, list[RegionMoments]],
    at: Sequence[str],
    matching_: Matching,
    regularization: float,
) -> Tensor:
    """Stylize (B, 3, H, W), each image with its own style's moments (`record_moments`); no clamp of features."""

    def site(name: str, features: Tensor) -> Tensor:
        mapped = []
        for x, own, target in zip(features.float(), regions, style[name], strict=True):
            here = region_moments(x, own)
            shared = [k for k in here if k in target and k != WHOLE]
            weights = own.at((x.shape[-2], x.shape[-1])) if own else {}
            rest = 1 - torch.stack([weights[k] for k in shared]).sum(0) if shared else torch.ones_like(x[0])
            parts = [(WHOLE, rest), *((k, weights[k]) for k in shared)]
            results = [matching.affine_map(here[k], target[k], matching_, regularization)(x) * w for k, w in parts]
            mapped.append(torch.stack(results).sum(0))
        return torch.stack(mapped)

    return run(model, content, at, site)


def style_distance(
    output: Sequence[Tensor], style: Sequence[Tensor], regions: Sequence[tuple[Regions, Regions] | None] | None = None
) -> Tensor:
    """Distance of the Gaussians of teacher features, mean over levels and images (and regions, by their share).

    ‖μ_o - μ_s‖² + ‖Σ_o^½ - Σ_s^½‖², an upper bound of the squared 2-Wasserstein distance and equal to it where the
    covariances commute, over the trace of Σ_s.

    Args:
        output: features (B, C, H, W) of each level.
        style: the same of the styles.
        regions: of output and style of each image, None where they are compared as a whole.
    """
    losses = []
    for ours, theirs in zip(output, style, strict=True):
        for x, y, pair in zip(ours, theirs, regions or [None] * len(ours), strict=True):
            a, b = region_moments(x, pair[0] if pair else None), region_moments(y, pair[1] if pair else None)
            names = [k for k in a if k in b and (k != WHOLE or pair is None)] or [WHOLE]
            total = sum(a[k].weight for k in names)
            terms = [_gaussian_distance(a[k], b[k]).clamp(max=10) * (a[k].weight / total) for k in names]
            losses.append(torch.stack(terms).sum())
    return torch.stack(losses).mean().float()


def _gaussian_distance(a: Moments, b: Moments) -> Tensor:
    identity = torch.eye(len(a.mean)).to(a.covariance) * 1e-4 * b.covariance.trace() / len(b.mean)
    roots = [matching.square_root(m.covariance + identity + 1e-8) for m in (a, b)]
    distance = (a.mean - b.mean).square().sum() + (roots[0] - roots[1]).square().sum()
    return distance / b.covariance.trace().clamp_min(1e-3)


def colour_distance(
    content: Tensor,
    output: Tensor,
    style: Tensor,
    regions: Sequence[tuple[Regions, Regions] | None],
    directions: Tensor,
) -> Tensor:
    """Sliced Wasserstein distance of pixel colours, output to style over content to style, inside regions if given.

    Args:
        content, output, style: (B, 3, H, W).
        regions: of content and style of each image, None where they are compared as a whole.
        directions: (3, N) unit vectors to slice along.
    """
    losses = []
    for c, o, s, pair in zip(content, output, style, regions, strict=True):
        masks = [(torch.ones_like(c[0]) > 0, torch.ones_like(s[0]) > 0)]
        if pair:
            both = [k for k in pair[0].weights if k in pair[1].weights]
            masks = [(pair[0].weights[k] > 0.5, pair[1].weights[k] > 0.5) for k in both]
        terms, total = [], 0.0
        for here, there in masks:
            if min(int(here.sum()), int(there.sum())) < QUANTILES:
                continue
            slices = [_quantiles(directions.T @ x[:, m]) for x, m in ((c, here), (o, here), (s, there))]
            before, after = (slices[0] - slices[2]).abs().mean(), (slices[1] - slices[2]).abs().mean()
            terms.append(float(here.sum()) * after / (before + 0.03))
            total += float(here.sum())
        if terms:
            losses.append(torch.stack(terms).sum() / total)
    return torch.stack(losses).mean() if losses else output.sum() * 0


def _quantiles(values: Tensor) -> Tensor:
    """`QUANTILES` order statistics, evenly spread, of each row of (N, pixels)."""
    count = values.shape[1]
    places = ((torch.arange(QUANTILES, device=values.device) + 0.5) / QUANTILES * count).long()
    return values.sort(1).values[:, places]


def consistency(features: dict[str, Tensor]) -> Tensor:
    """How far the decoder's features lie from the encoder's at the same level of an untouched pass, per variance.

    With it small, statistics of a style measured in the encoder mean the same in the decoder.
    """
    terms = []
    for name, x in features.items():
        if name.startswith("decoder"):
            target = features[name.replace("decoder", "encoder")].detach().float()
            terms.append((x.float() - target).square().mean() / target.var((0, 2, 3)).mean().clamp_min(1e-6))
    return torch.stack(terms).mean()


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
