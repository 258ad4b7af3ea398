"""PCA-KD the plain way: what small networks are measured against (Chiu & Gurari, CVPR 2022; weights are theirs).

Encoder and decoder of four blocks with max pooling; what a pooling takes away, x - up(pool(x)), comes back at its
unpooling; whitening and colouring from the coarsest block to the finest. For time and memory, not for its pictures.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from _plain import whiten_and_colour
from torch import Tensor

_EPSILON = 1e-3


def _layer(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    kernel = weights[f"{name}.kernel"]
    x = F.pad(x, (1, 1, 1, 1), mode="reflect") if kernel.shape[-1] == 3 else x
    return F.conv2d(x, kernel, weights[f"{name}.bias"])


def _encode(weights: Mapping[str, Tensor], image: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
    colours = x = _layer(weights, "enc.0.0", image)
    x = torch.relu(_layer(weights, "enc.0.1", x))
    features, lost = [x], []
    for block, before in ((1, 1), (2, 1), (3, 3)):
        for i in range(before):
            x = torch.relu(_layer(weights, f"enc.{block}.{i}", x))
        pooled = F.max_pool2d(x, 2)
        lost.append(x - F.interpolate(pooled, scale_factor=2))
        x = torch.relu(_layer(weights, f"enc.{block}.{before}", pooled))
        features.append(x)
    return features, lost, colours


@torch.no_grad()
def stylize(weights: Mapping[str, Tensor], content: Tensor, style: Tensor) -> Tensor:
    """The work of a transfer between photos (1, 3, H, W), sides multiples of 8."""
    wanted, _, _ = _encode(weights, style)
    features, lost, colours = _encode(weights, content)
    x = features[3]
    for block, after in ((3, 3), (2, 1), (1, 1)):
        x = whiten_and_colour(x, wanted[block], _EPSILON)
        x = torch.relu(_layer(weights, f"dec.{block}.0", x))
        x = F.interpolate(x, scale_factor=2) + lost[block - 1]
        for i in range(1, after + 1):
            x = torch.relu(_layer(weights, f"dec.{block}.{i}", x))
    x = whiten_and_colour(x, wanted[0], _EPSILON)
    return _layer(weights, "dec.0.0", torch.cat([x, colours], 1))
