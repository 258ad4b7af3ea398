"""A clip's looks on disk: they go through it before they are used, so that a run and its continuation are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from photostyle.edges.places import Box
from photostyle.errors import TransferMismatchError
from photostyle.io.files import atomic_write
from photostyle.network.wct2 import WCT2
from photostyle.transfer.interpolation import Window
from photostyle.transfer.lasting import Statistics, Witness
from photostyle.transfer.matching import Moments
from photostyle.transfer.presets import load_transfer, save_transfer
from photostyle.video.looks import Look
from photostyle.video.vote import Vote
from photostyle.weights.files import one_line

_Made = TypeVar("_Made")


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
    with atomic_write(folder / f"shot-{number:05d}.said", overwrite=True) as partial:
        partial.write_bytes(save(_said(look)))


def load_look(folder: Path, number: int, count: int, model: WCT2) -> Look:
    """Read a look of `count` windows back. Raises PhotostyleError if a file is missing, damaged or of another model."""
    device = next(model.parameters()).device

    def measured(tensors: Mapping[str, Tensor]) -> tuple[int, dict[str, dict[str, Moments]]]:
        return int(tensors["middle"]), _moments(tensors, device)

    windows = []
    for i in range(count):
        stem = folder / f"shot-{number:05d}-{i:05d}"
        transfer = load_transfer(stem.with_suffix(".style"), model)
        middle, moments = _read(stem.with_suffix(".moments"), measured)
        windows.append((middle, Window(transfer, moments)))
    vote, witness = _read(folder / f"shot-{number:05d}.said", lambda tensors: (_vote(tensors), _witness(tensors)))
    return Look(tuple(windows), vote, witness)


def _read(path: Path, made: Callable[[Mapping[str, Tensor]], _Made]) -> _Made:
    """What is made of a file's tensors. Raises TransferMismatchError if that fails."""
    try:
        return made(load(path.read_bytes()))
    except (OSError, SafetensorError, LookupError, ValueError, TypeError, RuntimeError) as error:
        raise TransferMismatchError(
            f"{path}: cannot be read ({one_line(error)}); start again with --overwrite"
        ) from error


def _said(look: Look) -> dict[str, Tensor]:
    """What the shot's key frames say, as tensors."""
    tensors: dict[str, Tensor] = {}
    if look.vote is not None:
        tensors |= {"vote/table": look.vote.table, "vote/count": torch.tensor(look.vote.count)}
        tensors |= _of_box(look.vote.box, "vote")
    if look.witness is not None:
        tensors |= {"sums": look.witness.sums, **_of_box(look.witness.box, "witness")}
        for name, cells in look.witness.owners.items():
            found = look.witness.statistics[name]
            tensors |= {f"owners/{name}": cells, f"fitted/{name}": found.fitted, f"wanted/{name}": found.wanted}
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


def _of_box(box: Box, name: str) -> dict[str, Tensor]:
    return {f"{name}/origin": torch.tensor(box.origin), f"{name}/shape": torch.tensor(box.shape)}


def _box(tensors: Mapping[str, Tensor], name: str) -> Box:
    return Box(tuple(tensors[f"{name}/origin"].tolist()), tuple(tensors[f"{name}/shape"].tolist()))


def _vote(tensors: Mapping[str, Tensor]) -> Vote | None:
    if "vote/table" not in tensors:
        return None
    return Vote(_box(tensors, "vote"), tensors["vote/table"], int(tensors["vote/count"]))


def _witness(tensors: Mapping[str, Tensor]) -> Witness | None:
    if "sums" not in tensors:
        return None
    names = [key.removeprefix("owners/") for key in tensors if key.startswith("owners/")]
    return Witness(
        _box(tensors, "witness"),
        tensors["sums"],
        {name: tensors[f"owners/{name}"] for name in names},
        {name: Statistics(tensors[f"fitted/{name}"], tensors[f"wanted/{name}"]) for name in names},
    )


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
