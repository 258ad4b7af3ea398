"""Weighted means and covariances of colours, and the Monge map between two, its gains held in bounds."""

from __future__ import annotations

import torch
from torch import Tensor

GAIN_RIDGE = 1e-4
"""On covariances, in squared units of an image in [0, 1]."""
GAIN = 2.0
"""By which a region's spread of colours is widened at most, and narrowed, to be that of the network's result."""
SPECK = 0.01
"""Share of a photo of which a region's own statistics count half."""


def statistics(colours: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Means (K, 3) and covariances (K, 3, 3), with `GAIN_RIDGE` on them, of colours (3, N) under K counts (K, N).

    Where nothing counts, both are those of nothing: NaN.
    """
    total = counts.sum(1)
    mean = counts @ colours.T / total[:, None]
    products = torch.cat([colours[i : i + 1] * colours for i in range(3)])
    second = (counts @ products.T / total[:, None]).reshape(-1, 3, 3)
    covariance = second - mean[:, :, None] * mean[:, None]
    return mean, covariance + GAIN_RIDGE * torch.eye(3, dtype=colours.dtype, device=colours.device)


def bounded_monge(here: Tensor, there: Tensor, bounds: tuple[float, float]) -> Tensor:
    """A^-½ (A^½ B A^½)^½ A^-½ of two covariances (3, 3) with its eigenvalues in bounds; symmetric.

    Pitié & Kokaram, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", 2007.
    """
    values, vectors = torch.linalg.eigh(here)
    root, inverse = ((vectors * values.pow(power)) @ vectors.T for power in (0.5, -0.5))
    values, vectors = torch.linalg.eigh(root @ there @ root)
    gain = inverse @ ((vectors * values.clamp_min(0).sqrt()) @ vectors.T) @ inverse
    values, vectors = torch.linalg.eigh((gain + gain.T) / 2)
    bounded: Tensor = (vectors * values.clamp(*bounds)) @ vectors.T
    return bounded
