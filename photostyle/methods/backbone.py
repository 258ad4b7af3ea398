"""The network that optimisation methods look through, as Gatys et al. prepare it (CVPR 2016, section 2).

Any `photostyle.network.features.FeatureEncoder` will do: VGG-19, or the embedded student of it. Pooling is by the mean,
and the weights are normalised: every channel's mean activation is made 1. As rectified convolutions and poolings scale
with their input, that changes nothing but the scale of each channel, and losses then weigh alike in all layers and
networks. The paper takes the mean over ImageNet's validation set; here it is over the photos at hand.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.network.features import LAYERS, MIN_SIDE, FeatureEncoder, Pooling

CONTENT_LAYERS = ("relu4_2",)
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
POOLING: Pooling = "mean"

_FLOOR = 0.05  # of a layer's mean activation: a channel that is all but silent on these photos is not blown up


@torch.no_grad()
def normalised(encoder: FeatureEncoder, images: Sequence[Tensor]) -> FeatureEncoder:
    """A copy of the encoder whose channels each have a mean activation of 1 over the pixels of the images.

    Args:
        encoder: stays as it is.
        images: (B, 3, H, W) each, of any sizes from 32 pixels a side.

    Raises:
        ImageSizeError, ParameterError: as `FeatureEncoder`.
    """
    totals: dict[str, Tensor] = {}
    for image in images:
        for name, x in encoder(image, LAYERS, POOLING).items():
            mean = x.mean((0, 2, 3)) / len(images)
            totals[name] = totals[name] + mean if name in totals else mean
    prepared = copy.deepcopy(encoder)
    before = torch.ones(3, device=images[0].device)
    for name in LAYERS:
        scale = totals[name].clamp_min(_FLOOR * float(totals[name].mean()))
        scale = torch.where(scale > 0, scale, 1.0)
        convolution: nn.Conv2d = getattr(prepared, name.replace("relu", "conv"))
        convolution.weight.mul_(before[None, :, None, None] / scale[:, None, None, None])
        if convolution.bias is not None:
            convolution.bias.div_(scale)
        before = scale
    return prepared


def reduced(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """(H, W) times a factor of at most 1, no side under 32 pixels unless it was before."""
    height, width = (min(side, max(MIN_SIDE, round(side * scale))) for side in size)
    return height, width


def fitted(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, 3, H, W) at another size, bilinearly, without aliasing."""
    if tuple(image.shape[-2:]) == size:
        return image
    return F.interpolate(image, size=size, mode="bilinear", antialias=True, align_corners=False)


def size_of(image: Tensor) -> tuple[int, int]:
    """(H, W) of an image."""
    return image.shape[-2], image.shape[-1]
