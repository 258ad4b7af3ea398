"""Decoders of feature encoders in files (`photostyle.weights.files`); those of the embedded encoder are embedded."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from photostyle.errors import ParameterError
from photostyle.network.decoders import Decoders, DecodersConfig
from photostyle.weights.features import WIDEST
from photostyle.weights.files import Kind, fill, place, read, write
from photostyle.weights.locate import embedded_file
from photostyle.weights.registry import DECODERS_NAME


def _parse(text: str) -> DecodersConfig:
    try:
        values = json.loads(text)
        config = DecodersConfig(tuple(values["widths"]), values["encoder"], values.get("wider", 1))
    except (ValueError, TypeError, KeyError) as error:
        raise ParameterError(f"no description of decoders: {error}") from error
    if max(config.widths) * config.wider > WIDEST:
        raise ParameterError(f"their widths are {config.widths}")
    return config


KIND = Kind("photostyle-decoders", "a set of decoders", _parse)


def save_decoders(
    decoders: Decoders,
    path: str | os.PathLike[str],
    extra: Mapping[str, str] | None = None,
    *,
    half: bool = True,
) -> None:
    """Write decoders, in place of an older file; see `photostyle.weights.files.write` for errors."""
    write(
        KIND, json.dumps(asdict(decoders.config)), decoders.state_dict(), path, half=half, extra=extra, overwrite=True
    )


def load_decoders(path: str | os.PathLike[str] | None = None, device: str | torch.device = "cpu") -> Decoders:
    """The decoders in a file, or the embedded ones: eval mode, float32, no gradients of their weights.

    Raises:
        WeightsError: the file is missing, damaged, or holds something else.
        DeviceError: `device` is not available.
    """
    found = embedded_file(DECODERS_NAME) if path is None else Path(path)
    stored = read(KIND, found)
    with torch.device("meta"):
        decoders = Decoders(stored.config)
    fill(decoders, stored.tensors, found)
    place(decoders, device)
    return decoders
