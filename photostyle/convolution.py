"""3×3 convolutions padded by reflection, without a padded copy of their input where that pays."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LEAST = 1 << 14  # pixels from which on four thin convolutions along the borders cost less than a padded copy


def convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """``conv(x)`` for a 3×3 convolution with reflection padding of one pixel; (B, C, H, W) to (B, O, H, W)."""
    return _convolve(x, conv.weight, conv.bias)


def fused(first: nn.Conv2d, second: nn.Conv2d, x: Tensor) -> Tensor:
    """``second(first(x))`` of a 1×1 and a 3×3 convolution as one: a map of each pixel commutes with reflection."""
    matrix = first.weight[:, :, 0, 0]
    weight = torch.einsum("oiyx,ij->ojyx", second.weight, matrix)
    bias = second.bias
    if first.bias is not None:
        shift = second.weight.sum((2, 3)) @ first.bias
        bias = shift if bias is None else bias + shift
    return _convolve(x, weight, bias)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    height, width = x.shape[-2:]
    if x.is_cuda or torch.is_grad_enabled() or height * width < _LEAST or min(height, width) < 4:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias)
    y = F.conv2d(x, weight, bias, padding=1)

    def border(part: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
        return F.conv2d(F.pad(part, sides, mode="reflect"), weight, bias)

    y[..., :1, :] = border(x[..., :2, :], (1, 1, 1, 0))
    y[..., -1:, :] = border(x[..., -2:, :], (1, 1, 0, 1))
    y[..., :, :1] = border(x[..., :, :2], (1, 0, 1, 1))
    y[..., :, -1:] = border(x[..., :, -2:], (0, 1, 1, 1))
    return y
