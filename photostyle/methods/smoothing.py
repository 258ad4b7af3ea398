"""Making a result a photo again: smoothing along the content's edges (Li et al., PhotoWCT, ECCV 2018, section 3.2).

`matting` keeps the result R near the stylized image Y while pixels that the content's matting affinity W (Levin et al.
2008) ties together agree:

    R = argmin ½ Σ_ij w_ij ‖r_i - r_j‖² + ½ (1-a)/a Σ_i d_ii ‖r_i - y_i‖²,   d_ii = Σ_j w_ij

a linear system, ((1-a) D + a L) R = (1-a) D Y with the Laplacian L = D - W. Where all d_ii are equal, as they are but
for the outermost two pixels, that is the paper's R = (1-a) (I - a S)⁻¹ Y with S = D^-½ W D^-½; the paper's form would
darken the borders, where windows are fewer.

`guided` is the fast variant: a guided filter (`photostyle.edges.guided`) of Y by the content.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import cg
from torch import Tensor

from photostyle.edges.guided import guided_filter
from photostyle.errors import ParameterError
from photostyle.methods.matting import laplacian

FIDELITY = 1e-4  # (1-a)/a, the paper's λ
RADIUS, EPSILON = 35, 1e-3  # of the guided filter, in pixels and squared pixel values
_TOLERANCE = 1e-5  # of the residual, relative: well under a step of 8 bits
_MOST = 2000  # iterations

_logger = logging.getLogger(__name__)


def matting(result: Tensor, content: Tensor, fidelity: float = FIDELITY) -> Tensor:
    """Smooth a result by the content's matting affinity.

    Args:
        result: stylized image (1, 3, H, W) in [0, 1].
        content: the photo that it was made of, of the same size.
        fidelity: the weight of staying near `result`, above 0.

    Returns:
        (1, 3, H, W) in [0, 1].

    Raises:
        ParameterError: the sizes differ, or `fidelity` is not above 0.
    """
    _check_sizes(result, content)
    if not 0 < fidelity < float("inf"):
        raise ParameterError(f"fidelity is {fidelity}; it must be above 0, and finite")
    ties = laplacian(content)
    degree = _windows(content.shape[-2], content.shape[-1])
    system = sparse.csr_array(fidelity * sparse.diags_array(degree) + ties)
    preconditioner = sparse.diags_array(1 / system.diagonal())
    given = result[0].flatten(1).double().cpu().numpy()
    smooth = np.empty_like(given)
    for channel, values in enumerate(given):
        smooth[channel], unfinished = cg(
            system, fidelity * degree * values, x0=values, rtol=_TOLERANCE, maxiter=_MOST, M=preconditioner
        )
        if unfinished:
            _logger.warning("smoothing by matting affinity stopped after %d iterations, near its solution", _MOST)
    return torch.from_numpy(smooth).reshape(result.shape).to(result).clamp(0, 1)


def guided(result: Tensor, content: Tensor, radius: int = RADIUS, epsilon: float = EPSILON) -> Tensor:
    """Smooth a result (1, 3, H, W) by a guided filter of the content. Raises ParameterError if their sizes differ."""
    _check_sizes(result, content)
    return guided_filter(content, result, radius, epsilon).clamp(0, 1)


def _check_sizes(result: Tensor, content: Tensor) -> None:
    if result.shape != content.shape or result.dim() != 4 or result.shape[:2] != (1, 3):
        raise ParameterError(
            f"smoothing takes a result and a content (1, 3, H, W) of one size, "
            f"got {tuple(result.shape)} and {tuple(content.shape)}"
        )


def _windows(height: int, width: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How many 3×3 windows each pixel lies in, which is the sum of its affinities."""
    down, across = (np.convolve(np.ones(side - 2), np.ones(3)) for side in (height, width))
    count: np.ndarray[tuple[int], np.dtype[np.float64]] = np.outer(down, across).ravel()
    return count
