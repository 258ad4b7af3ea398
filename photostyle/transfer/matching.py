"""Feature statistics in, affine map out: the family of transforms that make one set of features look like another.

`Moments` hold the mean μ and covariance Σ of features; `affine_map` returns ``x ↦ A x + b`` with b = μ_s - A μ_c, so
that content features (μ_c, Σ_c) take the mean of the style and, as far as A reaches, its covariance Σ_s. With
Σ̂ = Σ + ε I:

``wct``       A = Σ̂_s^½ Σ̂_c^-½          ZCA whitening and colouring (Li et al., NeurIPS 2017), as in WCT2
``monge``     A = Σ̂_c^-½ (Σ̂_c^½ Σ̂_s Σ̂_c^½)^½ Σ̂_c^-½   optimal transport between Gaussians (Lu et al., ICCV 2019):
              of all maps to Σ̂_s the one that moves the features least
``adain``     A = diag(σ̂_s / σ̂_c)        channel by channel (Huang & Belongie, ICCV 2017)
``cholesky``  A = L_s L_c^-1, Σ̂ = L Lᵀ    cheapest; depends on the order of the channels

Factorisations are computed in float64 whatever the features' dtype. Moments of float32 features are sums in float32
over some thousand pixels at a time, about a rough mean, which are summed up in float64; of float64 features, and where
gradients are wanted, all is float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from photostyle.errors import NumericalError, ParameterError
from photostyle.options import MATCHINGS, Matching
from photostyle.transfer.roots import newton_schulz

_CHUNK = 1 << 17  # values of features taken at a time: they and what is made of them stay in a core's cache
_CHUNK_CUDA = 1 << 26  # there few large products are fast, and memory bounds them
_SAMPLE = 4096  # pixels that the rough mean is taken of


@dataclass(frozen=True)
class Moments:
    """First and second moments of a set of feature vectors.

    Attributes:
        mean: (C,) float64.
        covariance: (C, C) float64, divided by weight - 1 as for a sample.
        weight: how many pixels (or what total of soft weights) they were measured on.
    """

    mean: Tensor
    covariance: Tensor
    weight: float


@dataclass(frozen=True)
class AffineMap:
    """The map ``x ↦ matrix @ x + bias`` on feature vectors; (C, C) and (C,), float64."""

    matrix: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Map (..., C, H, W) features in their own dtype."""
        matrix, bias = self.matrix.to(features), self.bias.to(features)
        if features.dim() == 3 and features.stride(0) == 1:  # channels lie last in memory, and stay there
            pixels = torch.addmm(bias, features.permute(1, 2, 0).flatten(0, 1), matrix.T)
            return pixels.reshape(*features.shape[1:], -1).permute(2, 0, 1)
        mapped: Tensor = matrix @ features.flatten(-2) + bias[:, None]
        return mapped.reshape(*mapped.shape[:-1], *features.shape[-2:])


def _divisor(weight: float) -> float:
    # n - 1 for whole pixels; soft regions of less than two pixels' weight fade to n/2 instead of meeting zero.
    return max(weight - 1.0, weight / 2.0)


def moments(features: Tensor, weights: Tensor | None = None) -> Moments:
    """Moments of features over their pixels.

    Args:
        features: (C, N) or (B, C, H, W) of any floating dtype, batch and pixels taken together.
        weights: (N,) non-negative weight of each pixel (N = B·H·W), all one if None.

    Raises:
        NumericalError: the features contain NaN or infinity.
        ParameterError: no pixel has weight.
    """
    return weighted_moments(features, [weights])[0]


def weighted_moments(features: Tensor, weights: Sequence[Tensor | None]) -> list[Moments]:
    """`moments` for each of several weights, in one pass over the features; arguments and errors as there."""
    x = pixels(features)
    channels, count = x.shape
    kind = torch.float64 if x.dtype == torch.float64 or torch.is_grad_enabled() else torch.float32
    totals = [float(count) if w is None else float(w.sum(dtype=torch.float64)) for w in weights]
    if not all(total > 0 for total in totals):
        raise ParameterError("moments need at least one pixel with weight")
    # Sums run over features shifted by a rough mean, so that one pass loses no digits.
    shifts = [_rough_mean(x, w).to(kind) for w in weights]
    first = [torch.zeros(channels, dtype=torch.float64, device=x.device) for _ in weights]
    second = [torch.zeros(channels, channels, dtype=torch.float64, device=x.device) for _ in weights]
    step = max(1, (_CHUNK_CUDA if x.is_cuda else _CHUNK) // channels)
    for start in range(0, count, step):
        part = x[:, start : start + step].to(kind)
        for i, w in enumerate(weights):
            own = None if w is None else w[start : start + step].to(kind)
            if own is not None and not own.is_cuda and not own.any():
                continue
            centred = part - shifts[i][:, None]
            weighted = centred if own is None else centred * own
            first[i] = first[i] + weighted.sum(1)
            second[i] = second[i] + weighted @ centred.T
    sums = zip(shifts, first, second, totals, strict=True)
    return [_from_sums(shift.double(), one, two, total) for shift, one, two, total in sums]


def pixels(features: Tensor) -> Tensor:
    """Features (B, C, H, W) as (C, B·H·W); (C, N) as they are. A view wherever memory allows."""
    if features.dim() == 2:
        return features
    if features.is_contiguous(memory_format=torch.channels_last):
        return features.permute(0, 2, 3, 1).flatten(0, 2).T
    return features.transpose(0, 1).flatten(1)


def _rough_mean(x: Tensor, weights: Tensor | None) -> Tensor:
    """Near the weighted mean of (C, N): that of evenly spaced pixels, or one that counts if none of those does."""
    step = -(-x.shape[1] // _SAMPLE)
    some = x[:, ::step].detach().double()
    if weights is None:
        return some.mean(1)
    own = weights[::step].detach().double()
    if not float(own.sum()) > 0:
        return x[:, int(weights.argmax())].detach().double()
    return (some * own).sum(1) / own.sum()


def _from_sums(shift: Tensor, first: Tensor, second: Tensor, total: float) -> Moments:
    offset = first / total
    covariance = (second - total * torch.outer(offset, offset)) / _divisor(total)
    result = Moments(shift + offset, (covariance + covariance.T) / 2, total)
    if not (torch.isfinite(result.mean).all() and torch.isfinite(result.covariance).all()):
        raise NumericalError("features contain NaN or infinity: check the photo and the model's weights")
    return result


def pool(parts: Sequence[Moments]) -> Moments:
    """Moments of the union of several sets of pixels, exactly as if measured together (tiles, frames, a shoot)."""
    if not parts:
        raise ParameterError("nothing to pool")
    if len(parts) == 1:
        return parts[0]
    total = sum(part.weight for part in parts)
    mean = torch.stack([part.mean * (part.weight / total) for part in parts]).sum(0)
    scatter = torch.zeros_like(parts[0].covariance)
    for part in parts:
        offset = part.mean - mean
        scatter = scatter + part.covariance * _divisor(part.weight) + part.weight * torch.outer(offset, offset)
    return Moments(mean, scatter / _divisor(total), total)


def mix(parts: Sequence[Moments], weights: Sequence[float]) -> Moments:
    """Weighted averages of means and of covariances: a look between several styles.

    Unlike `pool`, the distance between the styles' means adds nothing to the covariance, so a mix of a dark and a
    bright style has the contrast of the two and not more.

    Raises:
        ParameterError: weights are negative, all zero, or not as many as parts.
    """
    if len(parts) != len(weights) or not parts or min(weights) < 0 or not sum(weights) > 0:
        raise ParameterError("style weights must be one a style, none negative and not all zero")
    shares = [w / sum(weights) for w in weights]
    mean = torch.stack([m.mean * share for m, share in zip(parts, shares, strict=True)]).sum(0)
    covariance = torch.stack([m.covariance * share for m, share in zip(parts, shares, strict=True)]).sum(0)
    return Moments(mean, covariance, sum(part.weight for part in parts))


def shrink(part: Moments, whole: Moments, count: float, k: float = 1.0) -> Moments:
    """Moments of a small region drawn towards those of the whole photo that it lies in.

    A mean is known from a few pixels, a (C, C) covariance only from many times C, so each has its own weight (in the
    manner of Ledoit & Wolf 2004, with the whole photo's moments as the target):

        μ = λ μ_part + (1 - λ) μ_whole,   λ = n / (n + k)
        Σ = λ Σ_part + (1 - λ) Σ_whole,   λ = n / (n + k C)

    Args:
        part: moments of the region, C channels.
        whole: moments of all pixels of the same photo.
        count: n, the pixels to trust. Give the lesser count of a region and its counterpart to both, so that a region
            that is tiny on either side takes the map between the whole photos.
        k: 0 changes nothing.

    Raises:
        ParameterError: negative count or k.
    """
    if not (count >= 0 and k >= 0):
        raise ParameterError(f"shrinking needs a count and k of 0 or more, got {count} and {k}")
    if k == 0:
        return part
    mean, covariance = count / (count + k), count / (count + k * part.mean.numel())
    return Moments(
        torch.lerp(whole.mean, part.mean, mean), torch.lerp(whole.covariance, part.covariance, covariance), part.weight
    )


def affine_map(content: Moments, style: Moments, matching: Matching = "wct", regularization: float = 1.0) -> AffineMap:
    """The map that takes features with `content`'s moments to `style`'s.

    Args:
        content: moments of the features to be mapped.
        style: moments that they shall have.
        matching: ``"wct"``, ``"monge"``, ``"adain"`` or ``"cholesky"`` (module docstring).
        regularization: ε ≥ 0 of Σ + ε I, in squared feature units. The public WCT2 uses 1 on VGG-19 features. It keeps
            directions in which the content hardly varies (flat regions, regions of fewer pixels than channels) from
            being blown up; at 0 such directions are mapped to the style's mean.

    Raises:
        ParameterError: unknown matching or negative regularization.
    """
    if not regularization >= 0:
        raise ParameterError(f"regularization is {regularization}; it must be 0 or more")
    if matching == "adain":
        variance_c, variance_s = content.covariance.diagonal(), style.covariance.diagonal()
        gain = ((variance_s + regularization) / (variance_c + regularization).clamp_min(_tiny(variance_c))).sqrt()
        matrix = torch.diag(torch.where(variance_c + regularization > _tiny(variance_c), gain, 0.0))
        return AffineMap(matrix, style.mean - matrix @ content.mean)
    identity = torch.eye(content.mean.numel(), dtype=torch.float64, device=content.mean.device)
    cov_c = content.covariance + regularization * identity
    cov_s = style.covariance + regularization * identity
    if matching == "wct":
        matrix = _power(cov_s, 0.5) @ _power(cov_c, -0.5)
    elif matching == "monge":
        root, inverse_root = _power(cov_c, 0.5), _power(cov_c, -0.5)
        matrix = inverse_root @ _power(root @ cov_s @ root, 0.5) @ inverse_root
    elif matching == "cholesky":
        lower_c, lower_s = _cholesky(cov_c), _cholesky(cov_s)
        matrix = torch.linalg.solve_triangular(lower_c, lower_s, upper=False, left=False)
    else:
        raise ParameterError(f"matching is {matching!r}; it must be one of {', '.join(MATCHINGS)}")
    return AffineMap(matrix, style.mean - matrix @ content.mean)


def square_root(covariance: Tensor) -> Tensor:
    """Symmetric square root of a positive semi-definite (C, C) float64 matrix, differentiable at equal eigenvalues."""
    return _power(covariance, 0.5)


def _tiny(values: Tensor) -> float:
    """Below this a variance is rounding error of the largest."""
    return max(float(values.detach().max()) * 1e-12, 1e-300)


def _power(symmetric: Tensor, exponent: float) -> Tensor:
    """Square root (exponent 0.5) or inverse square root (-0.5) of a positive semi-definite matrix.

    Directions whose variance is rounding error count as none: the inverse is the pseudo-inverse.
    """
    if symmetric.is_cuda and not torch.is_grad_enabled():
        roots = newton_schulz(symmetric)
        if roots is not None:
            return roots[0] if exponent > 0 else roots[1]
    power: Tensor = _MatrixPower.apply(symmetric, exponent)
    return power


class _MatrixPower(torch.autograd.Function):
    """`_power` with the gradient of Daleckii and Krein.

    Differentiating `eigh` divides by differences of eigenvalues, which fails where two are equal. For the function as
    a whole the divided differences (f(λi) - f(λj)) / (λi - λj) have closed forms without that division:
    1 / (si + sj) for the square root and -1 / (si sj (si + sj)) for its inverse, with s = √λ.
    """

    @staticmethod
    def forward(ctx: Any, symmetric: Tensor, exponent: float) -> Tensor:
        values, vectors = torch.linalg.eigh(symmetric)
        floor = _tiny(values)
        kept = values > floor
        roots = values.clamp_min(floor).sqrt()
        powers = torch.where(kept, roots if exponent > 0 else 1 / roots, 0.0)
        ctx.save_for_backward(vectors, roots, kept)
        ctx.exponent = exponent
        result: Tensor = (vectors * powers) @ vectors.mT
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        vectors, roots, kept = ctx.saved_tensors
        sums = roots[:, None] + roots[None]
        divided = 1 / sums if ctx.exponent > 0 else -1 / (roots[:, None] * roots[None] * sums)
        divided = torch.where(kept[:, None] & kept[None], divided, 0.0)
        inner = vectors.mT @ ((gradients[0] + gradients[0].mT) / 2) @ vectors
        return vectors @ (inner * divided) @ vectors.mT, None


def _cholesky(covariance: Tensor) -> Tensor:
    """Lower Cholesky factor; a jitter far under any sensible ε admits singular matrices at ε = 0."""
    jitter = (covariance.diagonal().max() * 1e-13).clamp_min(1e-18)
    lower: Tensor = torch.linalg.cholesky(covariance + jitter * torch.eye(len(covariance)).to(covariance))
    return lower
