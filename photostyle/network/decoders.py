"""Decoders: from the features of one layer back to the photo that has them.

Each mirrors `photostyle.network.features.FeatureEncoder` from one of the layers relu1_1 … relu5_1, and there are three
sets:

``wct``       relu1_1 … relu5_1; enlarges by nearest neighbour (Li et al., Universal Style Transfer, NeurIPS 2017).
``photowct``  relu1_1 … relu4_1; puts every value back to where its maximum was, and zeros beside it (Li et al.,
              PhotoWCT, ECCV 2018, section 3.1), so that edges return to where they were.
``adain``     relu4_1; enlarges by nearest neighbour, and is trained for style as well (Huang & Belongie, ICCV 2017).

They are bound to one encoder: what a channel means, only its decoder knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.errors import ParameterError
from photostyle.network.features import CONVOLUTIONS, FeatureConfig, FeatureEncoder

SETS: Mapping[str, tuple[int, ...]] = {"wct": (1, 2, 3, 4, 5), "photowct": (1, 2, 3, 4), "adain": (4,)}
WIDEST_FACTOR = 8  # of `DecodersConfig.wider`
UNPOOLING = ("photowct",)  # the sets that need the places of the maxima


@dataclass(frozen=True)
class DecodersConfig:
    """What a set of decoders is, apart from its weights.

    Attributes:
        widths: of the encoder's blocks.
        encoder: `fingerprint` of the encoder.
        wider: how many times as wide as the encoder's the layers between features and photo are.
    """

    widths: tuple[int, int, int, int, int] = FeatureConfig().widths
    encoder: str = ""
    wider: int = 1

    def __post_init__(self) -> None:
        FeatureConfig(widths=self.widths)
        if isinstance(self.wider, bool) or not isinstance(self.wider, int) or not 1 <= self.wider <= WIDEST_FACTOR:
            raise ParameterError(f"they are {self.wider!r} times as wide; at most {WIDEST_FACTOR} times")
        if not isinstance(self.encoder, str):
            raise ParameterError(f"the encoder's fingerprint is {self.encoder!r}; it must be a string")


def fingerprint(encoder: FeatureEncoder) -> str:
    """The first 16 hex digits of the SHA-256 of an encoder's weights as float16, as its file keeps them."""
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().to("cpu", torch.float16).contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


class Decoder(nn.Module):
    """Features of ``relu{level}_1`` (B, C, h, w) to RGB (B, 3, h·2ⁿ, w·2ⁿ), n = level - 1; not clamped.

    The image's sides must be multiples of 2ⁿ, for poolings cut off what is left over. Between features and photo the
    layers have `wider` times the encoder's channels, but where unpooling needs the channels whose maxima it puts back.
    """

    conv1_1: nn.Conv2d  # one of those that are set by name below

    def __init__(self, widths: Sequence[int], level: int, unpooling: bool = False, wider: int = 1) -> None:
        super().__init__()
        self.level, self.unpooling = level, unpooling
        inputs = widths[level - 1]
        for block in range(level, 0, -1):
            # The mirror of a block: its own convolutions but the first, after what came down from the block above.
            count = CONVOLUTIONS[block] if block < level else 1
            for i in range(count, 0, -1):
                outputs = widths[block - 1] if i > 1 else widths[block - 2] if block > 1 else 3
                if block > 1 or i > 1:
                    outputs *= 1 if unpooling and i == 1 else wider
                convolution = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")
                nn.init.kaiming_normal_(convolution.weight)
                nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
                setattr(self, f"conv{block}_{i}", convolution)
                inputs = outputs
        nn.init.xavier_normal_(self.conv1_1.weight, 0.1)
        nn.init.constant_(self.conv1_1.bias, 0.45)  # type: ignore[arg-type]  # training starts from grey photos

    def forward(self, features: Tensor, locations: Sequence[Tensor] = ()) -> Tensor:
        """Decode.

        Args:
            features: (B, C, h, w) of the layer.
            locations: of the maxima, as `FeatureEncoder.forward` gives them; only for unpooling.

        Raises:
            ParameterError: there are too few locations.
        """
        if self.unpooling and len(locations) < self.level - 1:
            raise ParameterError(f"unpooling from relu{self.level}_1 needs {self.level - 1} maps of locations")
        x: Tensor = features
        for name, convolution in self.named_children():
            block, i = int(name[4]), int(name[6])
            x = convolution(x)
            if (block, i) == (1, 1):
                return x
            x = torch.relu(x)
            if i == 1 and self.unpooling:
                x = F.max_unpool2d(x, locations[block - 2], [2, 2])
            elif i == 1:
                x = F.interpolate(x, scale_factor=2)
        return x


class Decoders(nn.Module):
    """All decoders of one encoder, by set and level."""

    def __init__(self, config: DecodersConfig) -> None:
        super().__init__()
        self.config = config
        for name, levels in SETS.items():
            for level in levels:
                setattr(self, f"{name}{level}", Decoder(config.widths, level, name in UNPOOLING, config.wider))

    def get(self, name: str, level: int) -> Decoder:
        """The decoder of a set at a level. Raises ParameterError if there is none."""
        if level not in SETS.get(name, ()):
            raise ParameterError(f"there is no {name} decoder of relu{level}_1")
        decoder: Decoder = getattr(self, f"{name}{level}")
        return decoder

    def check(self, encoder: FeatureEncoder) -> None:
        """Raise ParameterError unless these decoders are those of this encoder."""
        if encoder.config.widths != self.config.widths or fingerprint(encoder) != self.config.encoder:
            raise ParameterError(
                f"the decoders belong to another feature encoder than {encoder.config.name!r}: "
                "train some for it with scripts/train/decoders.py"
            )
