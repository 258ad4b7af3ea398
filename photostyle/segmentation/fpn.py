"""The embedded network's layers in plain torch, so that using it does not wait for the libraries that define it.

segmentation-models-pytorch and timm are the definition (`photostyle.segmentation.network.build`): their FPN (Kirillov
et al. 2019, "Panoptic Feature Pyramid Networks") on their ResNet-18-D (He et al. 2019, "Bag of Tricks") has these
layers under these names, and a test holds both to the same outputs. Importing them takes longer than to find regions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from photostyle.segmentation.network import Architecture

_DECODER, _ENCODER = "FPN", "tu-resnet18d"
_NUMBERS = ("stem_width", "decoder_pyramid_channels", "decoder_segmentation_channels")
_GROUPS = 32  # of the decoder's group normalisation


def plain(architecture: Architecture) -> nn.Module | None:
    """The network of an architecture with fresh weights, or None if it is not one that is written down here.

    As with `photostyle.segmentation.network.build`, it takes normalised images (B, 3, H, W), sides multiples of 32, to
    logits (B, K, H, W).
    """
    options = architecture.options
    widths = options.get("channels")
    if (architecture.decoder, architecture.encoder) != (_DECODER, _ENCODER) or set(options) != {"channels", *_NUMBERS}:
        return None
    if not isinstance(widths, list) or len(widths) != 4:
        return None
    numbers = [*widths, *(options[name] for name in _NUMBERS)]
    if not all(type(number) is int and number > 0 for number in numbers) or numbers[-1] % _GROUPS:
        return None
    stem, pyramid, segmentation = numbers[4:]
    return _Network(widths, stem, pyramid, segmentation, len(architecture.classes))


@torch.no_grad()
def fused(network: nn.Module) -> nn.Module:
    """A network of `plain` in eval mode whose batch normalisations are part of the convolutions before them, in place.

    A sixth less to do, and the same outputs but for rounding. Any other network comes back as it is.
    """
    if not isinstance(network, _Network):
        return network
    encoder = network.encoder["model"]
    assert isinstance(encoder, _Encoder)
    pairs: list[tuple[nn.Module, str, nn.Module, str]] = [(encoder.conv1, "0", encoder.conv1, "1")]
    pairs += [(encoder.conv1, "3", encoder.conv1, "4"), (encoder.conv1, "6", encoder, "bn1")]
    for block in [module for module in encoder.modules() if isinstance(module, _Block)]:
        pairs += [(block, "conv1", block, "bn1"), (block, "conv2", block, "bn2")]
        if isinstance(block.downsample, nn.Sequential):
            pairs.append((block.downsample, "1", block.downsample, "2"))
    for owner, name, other, after in pairs:
        convolution, norm = owner.get_submodule(name), other.get_submodule(after)
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        owner.register_module(name, fuse_conv_bn_eval(convolution, norm).requires_grad_(False))
        other.register_module(after, nn.Identity())
    return network


class _Network(nn.Module):
    def __init__(self, widths: list[int], stem: int, pyramid: int, segmentation: int, classes: int) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"model": _Encoder(widths, stem)})
        self.decoder = _Decoder(widths, pyramid, segmentation)
        self.segmentation_head = nn.Sequential(nn.Conv2d(segmentation, classes, 1))

    def forward(self, images: Tensor) -> Tensor:
        small = self.segmentation_head(self.decoder(self.encoder["model"](images)))
        return F.interpolate(small, scale_factor=4.0, mode="bilinear", align_corners=True)


class _Encoder(nn.Module):
    """A deep stem of three convolutions, and four stages of two blocks at 1/4, 1/8, 1/16 and 1/32 of the resolution."""

    def __init__(self, widths: list[int], stem: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU(inplace=True),
            nn.Conv2d(stem, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU(inplace=True),
            nn.Conv2d(stem, 2 * stem, 3, 1, 1, bias=False),
        )  # fmt: skip
        self.bn1 = nn.BatchNorm2d(2 * stem)
        before = 2 * stem
        for number, width in enumerate(widths, 1):
            stage = nn.Sequential(_Block(before, width, 1 if number == 1 else 2), _Block(width, width, 1))
            self.add_module(f"layer{number}", stage)
            before = width

    def forward(self, images: Tensor) -> list[Tensor]:
        features = [F.max_pool2d(F.relu(self.bn1(self.conv1(images)), inplace=True), 3, 2, 1)]
        for number in range(1, 5):
            features.append(self.get_submodule(f"layer{number}")(features[-1]))
        return features[1:]


class _Block(nn.Module):
    """Two 3×3 convolutions beside the identity, or beside a mean over 2×2 and a 1×1 convolution (ResNet-D)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or before != width:
            pool = nn.AvgPool2d(2, 2) if stride > 1 else nn.Identity()
            self.downsample = nn.Sequential(pool, nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, features: Tensor) -> Tensor:
        inside = F.relu(self.bn1(self.conv1(features)), inplace=True)
        return F.relu(self.bn2(self.conv2(inside)) + self.downsample(features), inplace=True)


class _Decoder(nn.Module):
    """A pyramid from coarse to fine, every level of which is enlarged to 1/4 and summed."""

    def __init__(self, widths: list[int], pyramid: int, segmentation: int) -> None:
        super().__init__()
        self.p5 = nn.Conv2d(widths[3], pyramid, 1)
        for level, width in zip((4, 3, 2), reversed(widths[:3]), strict=True):
            self.add_module(f"p{level}", nn.ModuleDict({"skip_conv": nn.Conv2d(width, pyramid, 1)}))
        counts = (3, 2, 1, 1)  # of convolutions, each but the last level's followed by an enlargement
        self.seg_blocks = nn.ModuleList(
            nn.ModuleDict({"block": nn.Sequential(*(_conv_norm(pyramid, segmentation, n) for n in range(count)))})
            for count in counts
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        level = self.p5(features[3])
        total = self._enlarged(0, level)
        for number, name in enumerate(("p4", "p3", "p2"), 1):
            skip = self.get_submodule(f"{name}.skip_conv")(features[3 - number])
            level = F.interpolate(level, scale_factor=2.0, mode="nearest") + skip
            total = total + self._enlarged(number, level)
        return total

    def _enlarged(self, number: int, level: Tensor) -> Tensor:
        for block in self.get_submodule(f"seg_blocks.{number}.block").children():
            level = block(level)
            if number < 3:
                level = F.interpolate(level, scale_factor=2.0, mode="bilinear", align_corners=True)
        return level


def _conv_norm(pyramid: int, segmentation: int, number: int) -> nn.Module:
    before = segmentation if number else pyramid
    layers = nn.Sequential(
        nn.Conv2d(before, segmentation, 3, 1, 1, bias=False), nn.GroupNorm(_GROUPS, segmentation), nn.ReLU(inplace=True)
    )
    return _Wrapped(layers)


class _Wrapped(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.block(features)
        return result
