"""3×3 convolutions padded by reflection, without a padded copy of their input where that pays."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LEAST = 1 << 14  # pixels from which on four thin convolutions along the borders cost less than a padded copy


class Convolution(nn.Conv2d):
    """A 3×3 convolution padded by reflection of one pixel; what the layers of the networks are."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor, before: nn.Conv2d | None = None) -> Tensor:
        """(B, C, H, W) to (B, O, H, W).

        Args:
            x: features.
            before: a 1×1 convolution that comes first. A map of each pixel commutes with reflection, so that the two
                are one convolution.
        """
        weight, bias = self.weight, self.bias
        if before is not None:
            if before.bias is not None:
                shift = weight.sum((2, 3)) @ before.bias
                bias = shift if bias is None else bias + shift
            weight = torch.einsum("oiyx,ij->ojyx", weight, before.weight[:, :, 0, 0])
        return _convolve(x, weight, bias)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    weight, bias = weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
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
