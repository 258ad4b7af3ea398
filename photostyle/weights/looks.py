"""Image transformation networks in files (`photostyle.weights.files`); one may be embedded."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from photostyle.errors import ParameterError
from photostyle.network.feedforward import FeedForward, FeedForwardConfig
from photostyle.weights.features import WIDEST
from photostyle.weights.files import Kind, fill, place, read, write
from photostyle.weights.locate import embedded_file
from photostyle.weights.registry import LOOKS_NAME


def _parse(text: str) -> FeedForwardConfig:
    try:
        values = json.loads(text)
        config = FeedForwardConfig(tuple(values["looks"]), tuple(values["widths"]), values["blocks"], values["norm"])
    except (ValueError, TypeError, KeyError) as error:
        raise ParameterError(f"no description of looks: {error}") from error
    if max(config.widths) > WIDEST:
        raise ParameterError(f"its widths are {config.widths}")
    return config


KIND = Kind("photostyle-looks", "a network of looks", _parse)


def save_looks(
    network: FeedForward,
    path: str | os.PathLike[str],
    extra: Mapping[str, str] | None = None,
    *,
    half: bool = True,
) -> None:
    """Write a network, in place of an older file; see `photostyle.weights.files.write` for errors."""
    write(KIND, json.dumps(asdict(network.config)), network.state_dict(), path, half=half, extra=extra, overwrite=True)


def load_looks(path: str | os.PathLike[str] | None = None, device: str | torch.device = "cpu") -> FeedForward:
    """The network in a file, or the embedded one: eval mode, float32, no gradients of its weights.

    Raises:
        WeightsError: the file is missing, damaged, or holds something else.
        DeviceError: `device` is not available.
    """
    found = embedded_file(LOOKS_NAME) if path is None else Path(path)
    stored = read(KIND, found)
    with torch.device("meta"):
        network = FeedForward(stored.config)
    fill(network, stored.tensors, found)
    place(network, device)
    return network
