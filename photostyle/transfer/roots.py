"""Square roots of covariances by products of matrices alone: what a GPU is fast at, and eigenvalues are not.

The coupled Newton-Schulz iteration (Higham, Functions of Matrices, 2008, equation 6.35), Y → A^½ and Z → A^-½:

    T = (3 I - Z Y) / 2,   Y ← Y T,   Z ← T Z,   Y₀ = A / ‖A‖, Z₀ = I

An eigenvalue that is 1/κ of the norm takes some log κ / log 2.25 steps. Where that is too many, it says so.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 60  # enough for eigenvalues down to 10⁻²⁰ of the norm, beyond what float64 can tell from nothing
TOLERANCE = 1e-9  # of the mean squared entry of Z Y - I


def newton_schulz(symmetric: Tensor) -> tuple[Tensor, Tensor] | None:
    """Square root and inverse square root of positive definite matrices.

    Args:
        symmetric: (..., C, C) float64, on any device.

    Returns:
        Both roots; None if the iteration did not converge, as for singular matrices.
    """
    norm = torch.linalg.matrix_norm(symmetric, keepdim=True)
    identity = torch.eye(symmetric.shape[-1], dtype=symmetric.dtype, device=symmetric.device)
    y, z = symmetric / norm, identity.expand_as(symmetric)
    for step in range(1, STEPS + 1):
        t = (3 * identity - z @ y) / 2
        y, z = y @ t, t @ z
        # Asking makes the host wait for the device, so not every time.
        if step % 10 == 0 and bool(((z @ y - identity).square().mean((-2, -1)) < TOLERANCE**2).all()):
            root = norm.sqrt()
            return y * root, z / root
    return None
