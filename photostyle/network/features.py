"""A feature encoder with VGG-19's layers up to relu5_1: what style losses and optimisation methods look through.

Layers are named as in the papers: ``relu3_2`` is the second rectified convolution of block 3. Convolutions are 3×3 with
reflection padding; between blocks lies a 2×2 pooling, the maximum as in VGG-19 or the mean as in Gatys et al. (2016),
who found that it flows gradients better. `weights/features.safetensors` is a narrow student of VGG-19; any network of
this layout fits, VGG-19 itself too, its input's standardization folded into ``conv0``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.errors import ImageSizeError, ParameterError

Pooling = Literal["max", "mean"]

CONVOLUTIONS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 1}  # of each block, as far as it is kept
LAYERS = tuple(f"relu{block}_{i}" for block, count in CONVOLUTIONS.items() for i in range(1, count + 1))
MIN_SIDE = 32  # block 5 of it has 2×2 pixels, the least that reflection can pad


@dataclass(frozen=True)
class FeatureConfig:
    """What a feature encoder is, apart from its weights.

    Attributes:
        name: shown to people and stored with the weights.
        widths: channels of blocks 1 to 5; VGG-19 has (64, 128, 256, 512, 512).
    """

    name: str = "features"
    widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 128)

    def __post_init__(self) -> None:
        if len(self.widths) != len(CONVOLUTIONS) or not all(type(w) is int and w > 0 for w in self.widths):
            raise ParameterError(f"widths are {self.widths}; five positive channel counts are needed")


class FeatureEncoder(nn.Module):
    """RGB (B, 3, H, W) in [0, 1] to named features; sides of at least 32 pixels."""

    conv1_1: nn.Conv2d  # one of those that are set by name below

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        self.conv0 = nn.Conv2d(3, 3, 1)
        inputs = 3
        for (block, count), width in zip(CONVOLUTIONS.items(), config.widths, strict=True):
            for i in range(1, count + 1):
                convolution = nn.Conv2d(inputs, width, 3, padding=1, padding_mode="reflect")
                setattr(self, f"conv{block}_{i}", convolution)
                inputs = width

    def forward(
        self, image: Tensor, layers: Sequence[str], pooling: Pooling = "max", locations: list[Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Features by layer name, in the network's order, computed no deeper than asked for.

        Args:
            image: (B, 3, H, W) in [0, 1].
            layers: any of `LAYERS`.
            pooling: ``"max"``, or ``"mean"``.
            locations: with max pooling, takes the place of every maximum, one (B, C, h, w) a pooling, as
                `torch.nn.functional.max_unpool2d` wants them.

        Returns:
            (B, C, h, w) each; block b has sides of H and W halved b - 1 times, rounded down.

        Raises:
            ImageSizeError: a side is under 32 pixels.
            ParameterError: unknown layer or pooling, or `image` has another shape.
        """
        unknown = [name for name in layers if name not in LAYERS]
        if unknown or not layers:
            raise ParameterError(f"layers are {', '.join(layers) or 'none'}; choose from {', '.join(LAYERS)}")
        if pooling not in get_args(Pooling):
            raise ParameterError(f"pooling is {pooling!r}; it must be 'max' or 'mean'")
        if image.dim() != 4 or image.shape[1] != 3:
            raise ParameterError(f"an image must be (B, 3, H, W), got {tuple(image.shape)}")
        if min(image.shape[-2:]) < MIN_SIDE:
            height, width = image.shape[-2:]
            raise ImageSizeError(f"the image is {width}×{height} pixels; features need at least {MIN_SIDE}×{MIN_SIDE}")
        if locations is not None and pooling != "max":
            raise ParameterError(f"pooling is {pooling!r}, but only maxima have locations")
        reduce = F.max_pool2d if pooling == "max" else F.avg_pool2d
        found: dict[str, Tensor] = {}
        x: Tensor = self.conv0(image)
        for name in LAYERS[: max(LAYERS.index(layer) for layer in layers) + 1]:
            if name.endswith("_1") and name != "relu1_1":
                if locations is None:
                    x = reduce(x, 2)
                else:
                    x, places = F.max_pool2d(x, 2, return_indices=True)
                    locations.append(places)
            x = torch.relu(getattr(self, name.replace("relu", "conv"))(x))
            if name in layers:
                found[name] = x
        return found
