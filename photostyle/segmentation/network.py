"""Segmentation networks, made by segmentation-models-pytorch from a description that fits into a file's metadata."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from photostyle.errors import ParameterError

CLASSES = (
    "sky", "vegetation", "water", "building", "ground", "mountain", "object", "person", "wall", "ceiling",
)  # fmt: skip
IGNORE = 255  # label of pixels that belong to no class
_LARGEST_OPTION, _MOST_OPTIONS = 4096, 100  # far beyond every network that is known
# ImageNet's means and deviations of RGB in [0, 1]: what checkpoints of others expect, so ours do too.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Architecture:
    """What `build` needs to make a network; every field is an argument of segmentation-models-pytorch.

    Attributes:
        decoder: its name there, such as ``FPN`` (Kirillov et al. 2019) or ``Unet``.
        encoder: its name there; ``tu-…`` are timm's.
        options: further arguments of decoder and encoder, plain JSON values.
        classes: names of the output channels.
    """

    decoder: str = "FPN"
    encoder: str = "tu-resnet18d"
    options: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = CLASSES

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """The reverse. Raises ParameterError if `text` is none of `to_json`."""
        try:
            values = json.loads(text)
            found = cls(**{**values, "classes": tuple(values["classes"])})
        except (ValueError, TypeError, LookupError) as error:
            raise ParameterError(f"no description of a segmentation network: {error}") from error
        names = (found.decoder, found.encoder, *found.classes)
        if not isinstance(found.options, dict) or not all(isinstance(name, str) for name in names):
            raise ParameterError("no description of a segmentation network: names must be texts, options a table")
        return found


def build(architecture: Architecture) -> nn.Module:
    """A network with fresh weights: normalised images (B, 3, H, W), sides multiples of 32, to logits (B, K, H, W).

    Raises:
        ParameterError: segmentation-models-pytorch does not know the names or options.
    """
    # Only here, as it takes longer to import than a photo takes to segment (`photostyle.segmentation.fpn`).
    import segmentation_models_pytorch as smp

    try:
        check_options(architecture.options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about initial weights of odd shapes: real ones replace them
            network: nn.Module = smp.create_model(
                architecture.decoder,
                encoder_name=architecture.encoder,
                encoder_weights=None,
                classes=len(architecture.classes),
                **architecture.options,
            )
    # What the library and timm raise on names and options that they do not know.
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, AssertionError) as error:
        raise ParameterError(
            f"cannot build {architecture.decoder} on {architecture.encoder} ({error}): check names and options"
        ) from error
    return network


def check_options(value: object) -> None:
    """Raise ValueError for numbers with which building alone, even without memory, would take for ever."""
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if len(parts) > _MOST_OPTIONS:
        raise ValueError(f"{len(parts)} options at once")
    for part in parts:
        if isinstance(part, (int, float)) and not -_LARGEST_OPTION <= part <= _LARGEST_OPTION:
            raise ValueError(f"an option is {part}")
        check_options(part)


def encoder_channels(network: nn.Module) -> list[int]:
    """Channels of the encoder's features, from the image itself (3) to 1/32 of its resolution."""
    return list(network.encoder.out_channels)  # type: ignore[union-attr, arg-type]


def logits_and_features(network: nn.Module, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """`network`'s logits, and its encoder's features from the image itself to 1/32 of its resolution."""
    features = network.encoder(images)  # type: ignore[operator]
    return network.segmentation_head(network.decoder(features)), features  # type: ignore[operator]


def normalise(images: Tensor) -> Tensor:
    """(…, 3, H, W) in [0, 1] as the networks want it."""
    mean, deviation = (torch.tensor(x, device=images.device)[:, None, None] for x in (MEAN, DEVIATION))
    return (images - mean) / deviation
