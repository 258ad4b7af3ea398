"""Gram matrices of features, the statistic that Gatys et al. found to be texture (NeurIPS 2015) and style (CVPR 2016).

With F the features of a layer, N channels by M positions: G = F Fᵀ, and the loss of a layer is
E = 1/(4 N² M²) Σ_ij (G_ij - A_ij)². Here a Gram matrix is divided by M at once, so that images of two sizes can be
compared, and E = 1/(4 N²) Σ_ij (G_ij - A_ij)² of such matrices is the same number.
"""

from __future__ import annotations

import torch
from torch import Tensor

from photostyle.errors import ParameterError


def flat(features: Tensor) -> Tensor:
    """(1, N, h, w) as (N, M)."""
    return features[0].flatten(1)


def gram(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """F Fᵀ / M, or F diag(w) Fᵀ / Σw of weighted positions.

    Args:
        features: (N, M).
        weights: (M,), none negative and not all 0.

    Returns:
        (N, N).
    """
    if weights is None:
        return features @ features.T / features.shape[1]
    return (features * weights) @ features.T / weights.sum()


def gram_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    """1/(4 N²) Σ_ij (G_ij - A_ij)² of two (N, N) matrices of `gram`. Raises ParameterError on other shapes."""
    if ours.shape != theirs.shape:
        raise ParameterError(f"Gram matrices are {tuple(ours.shape)} and {tuple(theirs.shape)}; one network makes both")
    return torch.sum((ours - theirs) ** 2) / (4 * len(ours) ** 2)
