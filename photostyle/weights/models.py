"""Style networks in files (`photostyle.weights.files`); tensors are named as in ``WCT2.state_dict()``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from photostyle.errors import WeightsError
from photostyle.network.wct2 import LEVELS, WCT2, ModelConfig
from photostyle.weights.files import Kind, fill, place, read, write

KIND = Kind("photostyle-wct2", "a photostyle model", ModelConfig.from_json, hashed=False)
WIDTH_KEYS = tuple(f"conv{block}_1.weight" for block in LEVELS)


@dataclass(frozen=True)
class ModelHeader:
    """What a model file says about itself.

    Attributes:
        config: the network.
        extra: the strings given to `save_model`, such as ``licence``.
    """

    config: ModelConfig
    extra: dict[str, str]


def save_model(
    model: WCT2,
    path: str | os.PathLike[str],
    *,
    half: bool = True,
    extra: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write `model` to `path` (atomically; missing folders are made).

    Args:
        model: on any device, in any floating dtype.
        path: the file to write.
        half: store float16 rather than float32: half the size, each weight rounded by at most 0.05 % (or 3e-8).
        extra: further metadata; the keys format, version, config and sha256 are taken.
        overwrite: replace an existing file.

    Raises:
        OutputError: `path` exists and `overwrite` is false, or it cannot be written.
        ParameterError: a key of `extra` is taken.
        WeightsError: a weight is not finite, or too large for float16.
    """
    write(KIND, model.config.to_json(), model.state_dict(), path, half=half, extra=extra, overwrite=overwrite)


def read_header(path: str | os.PathLike[str]) -> ModelHeader:
    """What the model file at `path` says about itself; its tensors are not read.

    Raises:
        WeightsError: the file is missing, damaged, not a model file, or of another version.
    """
    stored = read(KIND, path, tensors=False)
    return ModelHeader(stored.config, stored.extra)


def read_model(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> WCT2:
    """The model in the file at `path`: eval mode, float32, no gradients.

    Raises:
        WeightsError: the file is missing, damaged, not a model file, of another version, or its tensors do not fit
            its configuration.
        DeviceError: `device` is not available.
    """
    path = Path(path)
    stored = read(KIND, path)
    model = _empty(stored.config, stored.tensors, path)
    fill(model, stored.tensors, path)
    place(model, device)
    return model


def infer_widths(encoder: Mapping[str, Tensor]) -> tuple[int, int, int, int]:
    """The output channels of the encoder's `WIDTH_KEYS`; at least 1 each, so that a `ModelConfig` can be made."""
    w1, w2, w3, w4 = (max(1, encoder[name].shape[:1].numel()) for name in WIDTH_KEYS)
    return w1, w2, w3, w4


def _empty(config: ModelConfig, tensors: Mapping[str, Tensor], path: Path) -> WCT2:
    """A model of `config` without memory, if `tensors` are as wide as that."""
    encoder = {name: tensors[f"encoder.{name}"] for name in WIDTH_KEYS if f"encoder.{name}" in tensors}
    if len(encoder) < len(WIDTH_KEYS):
        raise WeightsError(f"{path} lacks encoder tensors: it is not a complete model; copy or make it again")
    # The widths are compared first so that a false configuration cannot ask for a network of absurd size.
    widths = infer_widths(encoder)
    if widths != config.widths:
        raise WeightsError(f"{path} says that its widths are {config.widths}, but its tensors have {widths}")
    with torch.device("meta"):  # no memory, no drawing from the user's random generator
        return WCT2(dataclasses.replace(config, widths=widths))
