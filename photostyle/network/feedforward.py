"""Image transformation networks: one pass gives a photo a look that the network was trained for.

The network is that of Johnson, Alahi & Fei-Fei (Perceptual Losses for Real-Time Style Transfer, ECCV 2016), narrower:
two convolutions of stride 2, residual blocks, twice nearest neighbour and a convolution, all padded by reflection. Each
convolution's output is normalised: over the batch as there, or, which does better, over each photo alone (Ulyanov,
Vedaldi & Lempitsky, Improved Texture Networks, CVPR 2017). What scale and shift follow belongs to the look:

    z = γ_s (x - μ(x)) / σ(x) + β_s

so that one network has many looks, which differ in nothing else (conditional instance normalisation; Dumoulin, Shlens &
Kudlur, A Learned Representation for Artistic Style, ICLR 2017). Looks are blended by blending γ and β.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.errors import ImageSizeError, ParameterError

Norm = Literal["instance", "batch"]
NORMS: tuple[Norm, ...] = get_args(Norm)
MULTIPLE = 4  # of an image's sides: two convolutions halve it
MIN_SIDE = 16
MOST_LOOKS = 256
MOST_BLOCKS = 32
_EPSILON = 1e-3  # of a channel's variance; at 1e-5, gradients through crops that are black all over know no bounds


@dataclass(frozen=True)
class FeedForwardConfig:
    """What a network is, apart from its weights.

    Attributes:
        looks: their names, in the order of their scales and shifts.
        widths: channels at full, half and quarter size.
        blocks: residual blocks, at quarter size.
        norm: ``"instance"``, or ``"batch"``, which goes with a single look.
    """

    looks: tuple[str, ...]
    widths: tuple[int, int, int] = (16, 32, 48)
    blocks: int = 4
    norm: Norm = "instance"

    def __post_init__(self) -> None:
        if not 1 <= len(self.looks) <= MOST_LOOKS or len(set(self.looks)) < len(self.looks):
            raise ParameterError(f"there are {len(self.looks)} looks; 1 to {MOST_LOOKS} are needed, each name once")
        for name in self.looks:
            if not isinstance(name, str) or not name.strip() or any(sign in name for sign in ":,="):
                raise ParameterError(f"a look is called {name!r}; a name is not empty and has no ':', ',' or '='")
        if len(self.widths) != 3 or any(type(width) is not int or width < 1 for width in self.widths):
            raise ParameterError(f"widths are {self.widths}; they must be three whole numbers from 1")
        if type(self.blocks) is not int or not 0 <= self.blocks <= MOST_BLOCKS:
            raise ParameterError(f"blocks is {self.blocks!r}; it must be between 0 and {MOST_BLOCKS}")
        if self.norm not in NORMS:
            raise ParameterError(f"norm is {self.norm!r}; it must be one of {', '.join(NORMS)}")
        if self.norm == "batch" and len(self.looks) > 1:
            raise ParameterError("batch norm goes with one look: several looks need instance norm")


class ConditionalNorm(nn.Module):
    """Normalised channels, then the scale and shift of a look or between looks."""

    def __init__(self, channels: int, looks: int, norm: Norm = "instance") -> None:
        super().__init__()
        self.mean: Tensor | None
        self.variance: Tensor | None
        # Not nn.BatchNorm2d, which counts its batches in a tensor of whole numbers.
        self.register_buffer("mean", torch.zeros(channels) if norm == "batch" else None)
        self.register_buffer("variance", torch.ones(channels) if norm == "batch" else None)
        self.scale = nn.Parameter(torch.ones(looks, channels))
        self.shift = nn.Parameter(torch.zeros(looks, channels))

    def forward(self, x: Tensor, looks: Tensor) -> Tensor:
        """Of (B, C, h, w) and weights of the looks (B, N) or (1, N)."""
        if self.mean is None:
            x = F.instance_norm(x, eps=_EPSILON)
        else:
            x = F.batch_norm(x, self.mean, self.variance, training=self.training, eps=_EPSILON)
        return torch.addcmul(_as_map(looks @ self.shift), x, _as_map(looks @ self.scale))


class _Convolution(nn.Module):
    """A convolution padded by reflection, and its `ConditionalNorm`."""

    def __init__(self, inputs: int, outputs: int, config: FeedForwardConfig, side: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, side, stride, side // 2, padding_mode="reflect", bias=False)
        self.norm = ConditionalNorm(outputs, len(config.looks), config.norm)

    def forward(self, x: Tensor, looks: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x), looks)
        return y


class _Residual(nn.Module):
    """x + g(x), g two convolutions with a rectification between them."""

    def __init__(self, width: int, config: FeedForwardConfig) -> None:
        super().__init__()
        self.first, self.second = _Convolution(width, width, config), _Convolution(width, width, config)

    def forward(self, x: Tensor, looks: Tensor) -> Tensor:
        y: Tensor = x + self.second(torch.relu(self.first(x, looks)), looks)
        return y


class FeedForward(nn.Module):
    """A photo in one look, or between several."""

    def __init__(self, config: FeedForwardConfig) -> None:
        super().__init__()
        self.config = config
        fine, half, quarter = config.widths
        self.down = nn.ModuleList(
            [
                _Convolution(3, fine, config, side=9),
                _Convolution(fine, half, config, stride=2),
                _Convolution(half, quarter, config, stride=2),
            ]
        )
        self.blocks = nn.ModuleList(_Residual(quarter, config) for _ in range(config.blocks))
        self.up = nn.ModuleList([_Convolution(quarter, half, config), _Convolution(half, fine, config)])
        self.last = _Convolution(fine, 3, config, side=9)

    def forward(self, image: Tensor, looks: Tensor) -> Tensor:
        """The whole network.

        Args:
            image: (B, 3, H, W) in [0, 1], sides multiples of 4, at least 16.
            looks: weights of the looks, (B, N) or (1, N) for all images; those of one image add up to 1.

        Returns:
            (B, 3, H, W) in [0, 1].

        Raises:
            ImageSizeError: the sides are none.
            ParameterError: there are not N weights.
        """
        height, width = image.shape[-2:]
        if min(height, width) < MIN_SIDE or height % MULTIPLE or width % MULTIPLE:
            raise ImageSizeError(f"the image is {width}×{height} pixels; sides are multiples of 4, at least {MIN_SIDE}")
        count = len(self.config.looks)
        if looks.dim() != 2 or looks.shape[1] != count or looks.shape[0] not in (1, len(image)):
            raise ParameterError(f"weights of looks are {tuple(looks.shape)}; ({len(image)}, {count}) are needed")
        x = image - 0.5
        for layer in self.down:
            x = torch.relu(layer(x, looks))
        for block in self.blocks:
            x = block(x, looks)
        for layer in self.up:
            x = torch.relu(layer(F.interpolate(x, scale_factor=2), looks))
        return torch.sigmoid(self.last(x, looks))

    def weights_of(self, chosen: Mapping[str, float] | Sequence[float] | None = None) -> Tensor:
        """Weights of the looks (1, N) that add up to 1, on the network's device.

        Args:
            chosen: by name, or one for each look; None is the first look alone.

        Raises:
            ParameterError: an unknown look, a wrong number of weights, one that is negative, or none above 0.
        """
        names = self.config.looks
        if chosen is None:
            chosen = {names[0]: 1.0}
        if isinstance(chosen, Mapping):
            unknown = [name for name in chosen if name not in names]
            if unknown:
                raise ParameterError(f"there is no look {unknown[0]!r}; there is {', '.join(names)}")
            chosen = [chosen.get(name, 0.0) for name in names]
        if len(chosen) != len(names):
            raise ParameterError(f"{len(chosen)} weights for {len(names)} looks")
        total = math.fsum(chosen)
        if not all(0 <= weight < math.inf for weight in chosen) or not 0 < total < math.inf:
            raise ParameterError(
                f"weights of looks are {', '.join(map(str, chosen))}; none is negative, one is above 0"
            )
        device = next(self.parameters()).device
        return torch.tensor([[weight / total for weight in chosen]], device=device)


def _as_map(values: Tensor) -> Tensor:
    return values[:, :, None, None]
