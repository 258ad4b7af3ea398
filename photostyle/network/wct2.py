"""The WCT2 encoder and decoder (Yoo et al., ICCV 2019), walked level by level so that a transform can sit in between.

The encoder has VGG-19's layers up to conv4_1 behind a 1×1 colour layer ``conv0``, with Haar pooling instead of max
pooling; the decoder mirrors it. All 3×3 convolutions pad by reflection; all but conv0 and the decoder's conv1_1 are
followed by ReLU. Two kinds of unpooling, as in the paper:

``sum``   The encoder carries LL on and hands LH, HL, HH to the decoder, which adds the four transposed components.
          An encoder level ends after its pooling.
``cat5``  Levels end at relu1_1, relu2_1, relu3_1, relu4_1; the decoder concatenates the four transposed components
          and the features before that pooling.

================  ===================================  =========================================
level             encoder                              decoder
================  ===================================  =========================================
1 (``sum``)       conv0 conv1_1 conv1_2 pool           conv1_1
1 (``cat5``)      conv0 conv1_1                        conv1_1
2 (``sum``)       conv2_1 conv2_2 pool                 conv2_1 unpool conv1_2
2 (``cat5``)      conv1_2 pool conv2_1                 conv2_1 unpool conv1_2
3 (``sum``)       conv3_1 … conv3_4 pool               conv3_1 unpool conv2_2
3 (``cat5``)      conv2_2 pool conv3_1                 conv3_1 unpool conv2_2
4 (``sum``)       conv4_1                              conv4_1 unpool conv3_4 conv3_3 conv3_2
4 (``cat5``)      conv3_2 conv3_3 conv3_4 pool conv4_1 conv4_1 unpool conv3_4 conv3_3 conv3_2
================  ===================================  =========================================
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.errors import ParameterError
from photostyle.network import haar
from photostyle.network.convolution import Convolution
from photostyle.network.unpooling import unpool_and_convolve

Unpool = Literal["sum", "cat5"]

LEVELS = (1, 2, 3, 4)
MIN_SIDE = 16  # the 2×2 features of level 4 are the smallest that a reflection of one pixel can pad
MULTIPLE = 8  # three poolings

_POOL = "pool"
_ENCODER_LEVELS: dict[str, dict[int, tuple[str, ...]]] = {
    "sum": {
        1: ("conv0", "conv1_1", "conv1_2", _POOL),
        2: ("conv2_1", "conv2_2", _POOL),
        3: ("conv3_1", "conv3_2", "conv3_3", "conv3_4", _POOL),
        4: ("conv4_1",),
    },
    "cat5": {
        1: ("conv0", "conv1_1"),
        2: ("conv1_2", _POOL, "conv2_1"),
        3: ("conv2_2", _POOL, "conv3_1"),
        4: ("conv3_2", "conv3_3", "conv3_4", _POOL, "conv4_1"),
    },
}
_POOL_OF_ENCODER_LEVEL = {"sum": {1: 1, 2: 2, 3: 3}, "cat5": {2: 1, 3: 2, 4: 3}}
_DECODER_LEVELS: dict[int, tuple[str, ...]] = {
    4: ("conv4_1", _POOL, "conv3_4", "conv3_3", "conv3_2"),
    3: ("conv3_1", _POOL, "conv2_2"),
    2: ("conv2_1", _POOL, "conv1_2"),
    1: ("conv1_1",),
}
_POOL_OF_DECODER_LEVEL = {4: 3, 3: 2, 2: 1}
_REDUCTION = {"conv0": 1, "conv1_1": 1, "conv1_2": 1, "conv2_1": 2, "conv2_2": 2, "conv4_1": 8}  # of a side; else 4


@dataclass(frozen=True)
class ModelConfig:
    """What a WCT2 network is, apart from its weights.

    Attributes:
        name: shown to people and stored in weights and `.style` files.
        widths: channels of blocks 1 to 4; VGG-19 has (64, 128, 256, 512).
        unpool: ``"sum"`` or ``"cat5"`` (module docstring).
        ll_gain: factor on LL at each pooling, undone at unpooling. 1 in VGG-shaped WCT2, where LL is twice the mean;
            0.5 keeps activations of one size from level to level, which a small network trains better with.
        regularization: default multiple of the identity added to covariances (`photostyle.transfer.matching`); it
            belongs to the model because it is in the units of the model's features.
    """

    name: str = "vgg19"
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    unpool: Unpool = "cat5"
    ll_gain: float = 1.0
    regularization: float = 1.0

    def __post_init__(self) -> None:
        if self.unpool not in get_args(Unpool):
            raise ParameterError(f"unpool is {self.unpool!r}; it must be 'sum' or 'cat5'")
        whole = all(type(width) is int and width > 0 for width in self.widths)
        if len(self.widths) != len(LEVELS) or not whole:
            raise ParameterError(f"widths are {self.widths}; four positive channel counts are needed")
        if not 0 < self.ll_gain < math.inf or not 0 <= self.regularization < math.inf or not isinstance(self.name, str):
            raise ParameterError("ll_gain must be positive, regularization not negative, and the name a string")

    def to_json(self) -> str:
        """A JSON object with every field."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """The inverse of `to_json`. Raises ParameterError on missing or unknown fields."""
        try:
            fields: dict[str, Any] = json.loads(text)
            return cls(**{**fields, "widths": tuple(fields["widths"])})
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ParameterError(f"not a model configuration: {error}") from error


@dataclass
class Skip:
    """What one pooling leaves for its unpooling.

    Attributes:
        details: LH, HL and HH; None (cat5) where nobody asked for them: they are those of `original`.
        original: the features before it (cat5).
    """

    details: tuple[Tensor, Tensor, Tensor] | None
    original: Tensor | None

    def split(self) -> tuple[Tensor, Tensor, Tensor]:
        """The details, made where they were not yet."""
        if self.details is None and self.original is not None:
            self.details = haar.pool(self.original)[1:]
        if self.details is None:
            raise ParameterError("this skip has neither details nor the features before the pooling")
        return self.details


def _relu(fresh: Tensor) -> Tensor:
    """ReLU of what nobody else holds."""
    return torch.relu(fresh) if torch.is_grad_enabled() else torch.relu_(fresh)


class WaveEncoder(nn.Module):
    """RGB (B, 3, H, W) in [0, 1] to four levels of features; H and W multiples of 8, at least 16."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        w1, w2, w3, w4 = config.widths
        self.conv0 = nn.Conv2d(3, 3, 1)
        self.conv1_1, self.conv1_2 = Convolution(3, w1), Convolution(w1, w1)
        self.conv2_1, self.conv2_2 = Convolution(w1, w2), Convolution(w2, w2)
        self.conv3_1, self.conv3_2 = Convolution(w2, w3), Convolution(w3, w3)
        self.conv3_3, self.conv3_4 = Convolution(w3, w3), Convolution(w3, w3)
        self.conv4_1 = Convolution(w3, w4)

    def level(self, x: Tensor, level: int, skips: dict[int, Skip]) -> Tensor:
        """Features of `level` from those of the level before (from the image at level 1).

        The pooling on the way, if any, stores its `Skip` in `skips` under its number 1, 2 or 3.
        """
        kind = self.config.unpool
        names = _ENCODER_LEVELS[kind][level]
        for name in names:
            if name == _POOL:
                skip = skips[_POOL_OF_ENCODER_LEVEL[kind][level]] = Skip(None, x if kind == "cat5" else None)
                if kind == "cat5":
                    ll = F.avg_pool2d(x, 2)  # half of LL
                    x = ll * (2 * self.config.ll_gain) if self.config.ll_gain != 0.5 else ll
                else:
                    x, *details = haar.pool(x)
                    skip.details = (details[0], details[1], details[2])
                    x = x if self.config.ll_gain == 1.0 else x * self.config.ll_gain
            elif name == "conv1_1":
                x = _relu(self.conv1_1(x, before=self.conv0))
            elif name != "conv0":
                x = _relu(getattr(self, name)(x))
        return x


class WaveDecoder(nn.Module):
    """The mirror of `WaveEncoder`: level 4 features and the skips back to RGB (B, 3, H, W), not clamped."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        w1, w2, w3, w4 = config.widths
        unpooled = 5 if config.unpool == "cat5" else 1
        self.conv4_1 = Convolution(w4, w3)
        self.conv3_4, self.conv3_3 = Convolution(unpooled * w3, w3), Convolution(w3, w3)
        self.conv3_2, self.conv3_1 = Convolution(w3, w3), Convolution(w3, w2)
        self.conv2_2, self.conv2_1 = Convolution(unpooled * w2, w2), Convolution(w2, w1)
        self.conv1_2, self.conv1_1 = Convolution(unpooled * w1, w1), Convolution(w1, 3)

    def level(self, x: Tensor, level: int, skips: dict[int, Skip]) -> Tensor:
        """Decode one level, from 4 down to 1; level 1 returns the image. The `Skip` that is used leaves `skips`."""
        names = iter(_DECODER_LEVELS[level])
        for name in names:
            if name == _POOL:
                x = self._unpool(x, skips.pop(_POOL_OF_DECODER_LEVEL[level]), getattr(self, next(names)))
            else:
                x = getattr(self, name)(x)
            x = x if level == 1 else _relu(x)
        return x

    def _unpool(self, ll: Tensor, skip: Skip, conv: Convolution) -> Tensor:
        """Unpool and convolve."""
        gain = self.config.ll_gain
        if self.config.unpool == "cat5" and skip.original is not None and skip.details is None:
            return unpool_and_convolve(ll, skip.original, conv.weight, conv.bias, gain)
        bands = haar.Bands(ll if gain == 1.0 else ll / gain, *skip.split())
        if self.config.unpool == "sum":
            parts: tuple[Tensor, ...] = (haar.unpool(bands),)
        else:
            if skip.original is None:
                raise ParameterError(
                    "cat5 unpooling needs the features before pooling; these skips come from a sum encoder"
                )
            parts = (*haar.upsample_each(bands), skip.original)
        unpooled: Tensor = conv(torch.cat(parts, 1))
        return unpooled


class WCT2(nn.Module):
    """An encoder and its decoder. `photostyle.transfer.transfer` walks them; ``forward`` only reconstructs.

    Attributes:
        config: what the network is.
        precision: dtype of the features on a walk; None, the image's. The weights stay as they are, and with them the
            fingerprint; moments are summed, maps applied and the last layer computed in float32 at least.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.precision: torch.dtype | None = None
        self.encoder = WaveEncoder(config)
        self.decoder = WaveDecoder(config)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), sides multiples of 8 and at least 16, through encoder and decoder with no map in between."""
        skips: dict[int, Skip] = {}
        for level in LEVELS:
            image = self.encoder.level(image, level, skips)
        for level in reversed(LEVELS):
            image = self.decoder.level(image, level, skips)
        return image

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the architecture and the weights as float32: what a saved `Transfer` is bound to."""
        config = {**asdict(self.config), "name": "", "regularization": 0.0}  # these do not change what maps mean
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
        return digest.hexdigest()


def macs_per_pixel(config: ModelConfig) -> float:
    """Multiply-accumulate operations of the convolutions per image pixel, encoder and decoder, maps not counted."""
    model = WCT2(config)
    total = 0.0
    for half in (model.encoder, model.decoder):
        for name, layer in half.named_children():
            total += layer.weight.numel() * share_of_pixels(name)  # type: ignore[union-attr, operator]
    return total


def share_of_pixels(layer: str) -> float:
    """The pixels that a layer of encoder or decoder works on, as a share of the image's."""
    return 1 / _REDUCTION.get(layer, 4) ** 2
