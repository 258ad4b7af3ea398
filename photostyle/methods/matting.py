"""The matting Laplacian (Levin, Lischinski & Weiss, A Closed-Form Solution to Natural Image Matting, TPAMI 2008).

Over each 3×3 window w of a photo I, an image that is an affine function of the photo's colours there costs nothing.
Summed over all windows, what is left is αᵀ L α, with the sparse, symmetric, positive semi-definite N×N matrix

    L_ij = Σ_{w ∋ i, j} δ_ij - 1/|w| (1 + (I_i - μ_w)ᵀ (Σ_w + ε/|w| 1)⁻¹ (I_j - μ_w))

μ_w and Σ_w the mean and covariance of the window's colours. Rows sum to 0; constants and the photo's own channels lie
in its null space but for ε. A pixel is tied to 24 neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from photostyle.errors import ParameterError

EPSILON = 1e-7  # in squared units of an image in [0, 1]
_SIDE = 3
_AREA = _SIDE * _SIDE


def laplacian(photo: Tensor, epsilon: float = EPSILON) -> sparse.csr_array:
    """The matting Laplacian of a photo.

    Args:
        photo: (3, H, W) or (1, 3, H, W) in [0, 1], sides of at least 3 pixels.
        epsilon: ε ≥ 0; what of a window's colours varies less than its root counts as constant.

    Returns:
        (H·W, H·W) float64, pixels in rows.

    Raises:
        ParameterError: another shape, or a negative ε.
    """
    image = photo[0] if photo.dim() == 4 and photo.shape[0] == 1 else photo
    if image.dim() != 3 or image.shape[0] != 3 or min(image.shape[1:]) < _SIDE:
        raise ParameterError(f"a matting Laplacian takes a (3, H, W) photo of 3×3 or more, got {tuple(photo.shape)}")
    if not epsilon >= 0:
        raise ParameterError(f"epsilon is {epsilon}; it must be 0 or more")
    pixels = image.detach().permute(1, 2, 0).double().cpu().numpy()
    height, width = pixels.shape[:2]
    rows, columns = height - _SIDE + 1, width - _SIDE + 1
    places = [(y, x) for y in range(_SIDE) for x in range(_SIDE)]
    windows = np.stack([pixels[y : y + rows, x : x + columns] for y, x in places])  # (9, rows, columns, 3)
    centred = windows - windows.mean(0)
    covariance = np.einsum("khwi,khwj->hwij", centred, centred) / _AREA + epsilon / _AREA * np.eye(3)
    whitened = np.einsum("hwij,khwj->khwi", np.linalg.pinv(covariance, hermitian=True), centred)

    bands: dict[tuple[int, int], Any] = {}  # by the step from a pixel to its neighbour
    for i, (y, x) in enumerate(places):
        for j, (v, u) in enumerate(places):
            tie = (i == j) - (1 + (centred[i] * whitened[j]).sum(-1)) / _AREA
            band = bands.setdefault((v - y, u - x), np.zeros((height, width)))
            band[y : y + rows, x : x + columns] += tie
    return _assembled(bands, height, width)


def _assembled(bands: dict[tuple[int, int], Any], height: int, width: int) -> sparse.csr_array:
    index = np.arange(height * width).reshape(height, width)
    sources, targets, values = [], [], []
    for (down, across), band in bands.items():
        top, left = max(0, -down), max(0, -across)
        bottom, right = height - max(0, down), width - max(0, across)
        sources.append(index[top:bottom, left:right].ravel())
        targets.append(index[top + down : bottom + down, left + across : right + across].ravel())
        values.append(band[top:bottom, left:right].ravel())
    where = (np.concatenate(sources), np.concatenate(targets))
    return sparse.csr_array((np.concatenate(values), where), shape=(index.size, index.size))


def energy(matrix: sparse.csr_array, device: torch.device) -> Callable[[Tensor], Tensor]:
    """1/N Σ_c V_cᵀ L V_c of the channels of an image, as a differentiable function.

    Divided by the number of pixels N, a weight of it means the same at any size.

    Args:
        matrix: of `laplacian`.
        device: where the images are.

    Returns:
        A function of images (1, C, H, W) with H·W = N, in pixel values of [0, 1]; products are of float64.
    """
    rows, columns = (torch.from_numpy(x.astype(np.int64)) for x in sparse.coo_array(matrix).coords)
    values = torch.from_numpy(sparse.coo_array(matrix).data)
    ties = torch.sparse_coo_tensor(
        torch.stack([rows, columns]), values, matrix.shape, is_coalesced=True, check_invariants=False
    ).to(device)

    def of(image: Tensor) -> Tensor:
        value: Tensor = _QuadraticForm.apply(image, ties)
        return value

    return of


class _QuadraticForm(torch.autograd.Function):
    """1/N Σ_c V_cᵀ L V_c; of a symmetric L the gradient is 2/N L V, which the value has computed already."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, ties: Tensor) -> Tensor:
        vectors = image[0].flatten(1).T.double()
        tied = torch.sparse.mm(ties, vectors)
        ctx.save_for_backward((2 / len(vectors) * tied).T.reshape(image.shape).to(image))
        value: Tensor = (vectors * tied).sum() / len(vectors)
        return value.to(image)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope, None
