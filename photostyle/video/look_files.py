"""A clip's looks on disk: they go through it before they are used, so that a run and its continuation are the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from photostyle.errors import TransferMismatchError
from photostyle.io.files import atomic_write
from photostyle.network.wct2 import WCT2
from photostyle.transfer.interpolation import Window
from photostyle.transfer.matching import Moments
from photostyle.transfer.presets import load_transfer, save_transfer
from photostyle.video.looks import Look
from photostyle.weights.files import one_line


def save_look(look: Look, folder: Path, number: int) -> None:
    """Write a shot's look. Raises OutputError."""
    for i, (middle, window) in enumerate(look.windows):
        save_transfer(window.transfer, folder / f"shot-{number:05d}-{i:05d}.style", overwrite=True)
        tensors = {"middle": torch.tensor(middle)}
        for site, found in window.moments.items():
            for region, moments in found.items():
                tensors[f"{site}/{region}/mean"] = moments.mean.cpu().contiguous()
                tensors[f"{site}/{region}/covariance"] = moments.covariance.cpu().contiguous()
                tensors[f"{site}/{region}/weight"] = torch.tensor(moments.weight, dtype=torch.float64)
        with atomic_write(folder / f"shot-{number:05d}-{i:05d}.moments", overwrite=True) as partial:
            partial.write_bytes(save(tensors))


def load_look(folder: Path, number: int, count: int, model: WCT2) -> Look:
    """Read a look of `count` windows back. Raises PhotostyleError if a file is missing, damaged or of another model."""
    device = next(model.parameters()).device
    windows = []
    for i in range(count):
        transfer = load_transfer(folder / f"shot-{number:05d}-{i:05d}.style", model)
        path = folder / f"shot-{number:05d}-{i:05d}.moments"
        try:
            tensors = load(path.read_bytes())
            windows.append((int(tensors["middle"]), Window(transfer, _moments(tensors, device))))
        except (OSError, SafetensorError, LookupError, ValueError, TypeError, RuntimeError) as error:
            raise TransferMismatchError(
                f"{path}: cannot be read ({one_line(error)}); start again with --overwrite"
            ) from error
    return Look(tuple(windows))


def _moments(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, dict[str, Moments]]:
    moments: dict[str, dict[str, Moments]] = {}
    for key in tensors:
        if key.endswith("/mean"):
            site, region = key.removesuffix("/mean").split("/", 1)
            mean, covariance = (tensors[f"{site}/{region}/{part}"].to(device) for part in ("mean", "covariance"))
            if mean.dim() != 1 or covariance.shape != (*mean.shape, *mean.shape):
                raise ValueError(f"{key} has shape {tuple(mean.shape)}")
            if not bool(mean.isfinite().all() and covariance.isfinite().all()):
                raise ValueError(f"NaN or infinity in {key}")
            weight = float(tensors[f"{site}/{region}/weight"])
            moments.setdefault(site, {})[region] = Moments(mean, covariance, weight)
    return moments
