"""Fitted styles on disk: one safetensors file (``.style``) that any photo can be given with `Transfer.apply`.

Tensors ``SITE/REGION/matrix`` (C, C), ``…/bias`` (C,) and ``…/range`` (2,), all float32; metadata ``format``,
``version``, ``model`` (name), ``model_hash`` (`WCT2.fingerprint`), ``options`` (JSON of `FitOptions`).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from photostyle.errors import ParameterError, TransferMismatchError, WeightsError
from photostyle.io.files import atomic_write
from photostyle.matching import AffineMap
from photostyle.networks import WCT2
from photostyle.options import FitOptions
from photostyle.transfer import SiteMap, Transfer

FORMAT, VERSION = "photostyle-transfer", "1"
SUFFIX = ".style"


def save_transfer(transfer: Transfer, path: Path, *, overwrite: bool = False) -> None:
    """Write a fitted style.

    Raises:
        OutputError: the file exists and `overwrite` is false, or cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for site, maps in transfer.maps.items():
        for region, m in maps.items():
            key = f"{site}/{region}"
            tensors[f"{key}/matrix"] = m.affine.matrix.to("cpu", torch.float32).contiguous()
            tensors[f"{key}/bias"] = m.affine.bias.to("cpu", torch.float32).contiguous()
            tensors[f"{key}/range"] = torch.tensor([m.low, m.high], dtype=torch.float32)
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "model": transfer.model.config.name,
        "model_hash": transfer.model.fingerprint(),
        "unpool": transfer.model.config.unpool,
        "options": json.dumps(asdict(transfer.options)),
    }
    with atomic_write(path, overwrite=overwrite) as partial:
        partial.write_bytes(save(tensors, metadata=metadata))


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of a `.style` file, without its maps: which model it needs.

    Raises:
        WeightsError: the file is missing, damaged or of another format.
        TransferMismatchError: it was written by a newer version.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot read this style file ({error})") from error
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path}: not a style file; make one with photostyle photo … --save-style FILE{SUFFIX}")
    if metadata.get("version") != VERSION:
        raise TransferMismatchError(
            f"{path}: style file version {metadata.get('version')}, this photostyle reads version {VERSION}: update it"
        )
    return metadata


def load_transfer(path: Path, model: WCT2) -> Transfer:
    """Read a fitted style back for the model that it was fitted with.

    Raises:
        WeightsError: the file is missing, damaged or of another format.
        TransferMismatchError: it belongs to another model or was written by a newer version.
    """
    metadata = read_metadata(path)
    if metadata.get("model_hash") != model.fingerprint():
        raise TransferMismatchError(
            f"{path}: fitted with model {metadata.get('model')!r} ({metadata.get('unpool')}), not with "
            f"{model.config.name!r} ({model.config.unpool}); pass the model it was fitted with, or fit the style again"
        )
    maps: dict[str, dict[str, SiteMap]] = {}
    device = next(model.parameters()).device
    try:
        options = json.loads(metadata["options"])
        with safe_open(path, "pt") as file:
            for key in sorted(name.removesuffix("/matrix") for name in file.keys() if name.endswith("/matrix")):  # noqa: SIM118
                site, region = key.split("/", 1)
                matrix, bias = (file.get_tensor(f"{key}/{part}").double().to(device) for part in ("matrix", "bias"))
                low, high = file.get_tensor(f"{key}/range").tolist()
                if matrix.shape != (bias.numel(), bias.numel()) or not bool(
                    matrix.isfinite().all() and bias.isfinite().all()
                ):
                    raise WeightsError(f"{path}: the map {key} is damaged; fit the style again")
                maps.setdefault(site, {})[region] = SiteMap(AffineMap(matrix, bias), low, high)
        return Transfer(model, FitOptions(**{**options, "at": tuple(options["at"])}), maps)
    except (SafetensorError, KeyError, ValueError, TypeError, ParameterError) as error:
        raise WeightsError(f"{path}: damaged style file ({error}); fit the style again") from error
