"""Feature encoders in files (`photostyle.weights.files`), of which one is embedded."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from photostyle.errors import ParameterError
from photostyle.network.features import FeatureConfig, FeatureEncoder
from photostyle.weights.files import Kind, fill, place, read, write
from photostyle.weights.locate import embedded_file
from photostyle.weights.registry import FEATURES_NAME

WIDEST = 4096  # a false configuration must not ask for a network of absurd size


def _parse(text: str) -> FeatureConfig:
    try:
        values = json.loads(text)
        config = FeatureConfig(values["name"], tuple(values["widths"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ParameterError(f"no description of a feature encoder: {error}") from error
    if max(config.widths) > WIDEST:
        raise ParameterError(f"its widths are {config.widths}")
    return config


KIND = Kind("photostyle-features", "a feature encoder", _parse)


def save_features(
    encoder: FeatureEncoder,
    path: str | os.PathLike[str],
    extra: Mapping[str, str] | None = None,
    *,
    half: bool = True,
) -> None:
    """Write an encoder, in place of an older file; see `photostyle.weights.files.write` for errors."""
    write(KIND, json.dumps(asdict(encoder.config)), encoder.state_dict(), path, half=half, extra=extra, overwrite=True)


def load_features(path: str | os.PathLike[str] | None = None, device: str | torch.device = "cpu") -> FeatureEncoder:
    """The encoder in a file, or the embedded one: eval mode, float32, no gradients of its weights.

    Raises:
        WeightsError: the file is missing, damaged, or holds something else.
        DeviceError: `device` is not available.
    """
    found = embedded_file(FEATURES_NAME) if path is None else Path(path)
    stored = read(KIND, found)
    with torch.device("meta"):
        encoder = FeatureEncoder(stored.config)
    fill(encoder, stored.tensors, found)
    place(encoder, device)
    return encoder
