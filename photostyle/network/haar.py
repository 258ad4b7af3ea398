"""Haar wavelet pooling and unpooling: one orthonormal analysis step and its exact inverse.

With the analysis filters ``L = (1, 1)/√2`` and ``H = (-1, 1)/√2``, a 2×2 block ::

    a b
    c d

gives LL = (a+b+c+d)/2, LH = (-a+b-c+d)/2 (L down, H across), HL = (-a-b+c+d)/2 (H down, L across) and
HH = (a-b-c+d)/2. The step is orthonormal, so its transpose is its inverse (Yoo et al., ICCV 2019, section 3.1).
In PyWavelets' terms LL = cA, LH = -cV, HL = -cH, HH = cD of ``dwt2(x, "haar")``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from photostyle.errors import ImageSizeError


class Bands(NamedTuple):
    """The four components of one Haar step, each (..., H/2, W/2)."""

    ll: Tensor
    lh: Tensor
    hl: Tensor
    hh: Tensor


def pool(x: Tensor) -> Bands:
    """One stride-2 Haar analysis step over the last two dimensions.

    Args:
        x: (..., H, W), both sides even; any floating dtype.

    Raises:
        ImageSizeError: a side is odd (pad first, and undo the padding after `unpool`).
    """
    height, width = x.shape[-2:]
    if height % 2 or width % 2:
        raise ImageSizeError(f"Haar pooling needs even sides, got {height}×{width}: pad the features first")
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    # Sums and differences of the diagonals' partners are shared: 8 additions a block instead of 12.
    top, bottom, top_step, bottom_step = a + b, c + d, b - a, d - c
    return Bands(
        (top + bottom) * 0.5, (top_step + bottom_step) * 0.5, (bottom - top) * 0.5, (bottom_step - top_step) * 0.5
    )


def unpool(bands: Bands) -> Tensor:
    """The exact inverse of `pool`: four (..., h, w) components to (..., 2h, 2w)."""
    ll, lh, hl, hh = bands
    top, bottom, top_step, bottom_step = ll - hl, ll + hl, lh - hh, lh + hh
    return _interleave(top - top_step, top + top_step, bottom - bottom_step, bottom + bottom_step)


def upsample_each(bands: Bands) -> Bands:
    """Transpose of each analysis filter on its own: four (..., 2h, 2w) images whose sum is ``unpool(bands)``."""
    ll, lh, hl, hh = bands
    return Bands(
        _interleave(ll, ll, ll, ll),
        _interleave(-lh, lh, -lh, lh),
        _interleave(-hl, -hl, hl, hl),
        _interleave(hh, -hh, -hh, hh),
    )


def _interleave(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Half of each 2×2 block [[a, b], [c, d]], laid out as one image."""
    rows = torch.stack((torch.stack((a, b), -1), torch.stack((c, d), -1)), -3) * 0.5
    return rows.flatten(-4, -3).flatten(-2, -1)
