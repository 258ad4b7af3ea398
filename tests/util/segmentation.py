"""Tiny segmentation networks for the tests."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from photostyle.segmentation.network import CLASSES, DEVIATION, MEAN, Architecture, build

OPTIONS = {
    "channels": [8, 8, 16, 16], "stem_width": 8, "decoder_pyramid_channels": 8, "decoder_segmentation_channels": 32,
}  # fmt: skip


def tiny_architecture(classes: tuple[str, ...] = CLASSES) -> Architecture:
    return Architecture("FPN", "tu-resnet10t", dict(OPTIONS), classes)


def tiny_network(seed: int = 0, classes: tuple[str, ...] = CLASSES) -> nn.Module:
    """A random network that runs in milliseconds."""
    torch.manual_seed(seed)
    return build(tiny_architecture(classes)).eval().requires_grad_(False)


class Colours(nn.Module):
    """The logit of each class is a colour channel, ten times enlarged."""

    def forward(self, images: Tensor) -> Tensor:
        mean, deviation = (torch.tensor(x)[:, None, None] for x in (MEAN, DEVIATION))
        return 10 * (images * deviation + mean)
