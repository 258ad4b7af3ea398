"""Models by name: embedded ones, the cache, or a path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch

from photostyle.errors import ParameterError, WeightsError
from photostyle.network.wct2 import WCT2, Unpool
from photostyle.weights.files import SUFFIX
from photostyle.weights.models import read_header, read_model
from photostyle.weights.registry import (
    DECODERS_NAME,
    EMBEDDED_NAME,
    FEATURES_NAME,
    LOOKS_NAME,
    REGISTRY,
    SCENES_NAME,
    cache_dir,
    unknown_name,
)

IMPORTED_NAME = "vgg19"
DEFAULT_UNPOOL: Unpool = "cat5"


@dataclass(frozen=True)
class ModelInfo:
    """One line of `list_models`.

    Attributes:
        name: what `load_model` (with `unpool`) or `fetch` takes.
        where: ``"embedded"`` in the package, in the user's ``"cache"``, or ``"available"`` to fetch.
        path: the file, if it is on this machine.
        size: bytes.
        unpool: the model's unpooling; None if it is not a model file.
        widths: the model's channels of blocks 1 to 4; None if it is not a model file.
        licence: SPDX identifier, if known.
        note: what it is, or what is wrong with it.
    """

    name: str
    where: Literal["embedded", "cache", "available"]
    path: Path | None
    size: int
    unpool: Unpool | None
    widths: tuple[int, int, int, int] | None
    licence: str | None
    note: str


def load_model(
    name_or_path: str | os.PathLike[str] = EMBEDDED_NAME,
    *,
    unpool: Unpool | None = None,
    device: str | torch.device = "cpu",
) -> WCT2:
    """A model in eval mode, float32, without gradients.

    Args:
        name_or_path: an embedded model (``"small"``), an imported one (``"vgg19"``), or, if it contains a path
            separator or ends in .safetensors, a file.
        unpool: which of an imported pair (default cat5); for the other kinds, what the model is expected to be.
        device: where to put it.

    Raises:
        WeightsError: no such model (the message says how to get it), or its file is damaged.
        ParameterError: the model's unpooling is not `unpool`.
        DeviceError: `device` is not available.
    """
    if unpool is not None and unpool not in get_args(Unpool):
        raise ParameterError(f"unpool is {unpool!r}; it must be 'sum' or 'cat5'")
    path = _find(name_or_path, unpool)
    config = read_header(path).config
    if unpool is not None and config.unpool != unpool:
        raise ParameterError(f"{path} is a {config.unpool} model, not {unpool}: leave unpool out or take another model")
    return read_model(path, device)


def list_models() -> list[ModelInfo]:
    """Every model on this machine and everything `fetch` knows. Unreadable files are listed with what is wrong."""
    found = [_describe(name, "embedded", path) for name, path in _embedded().items()]
    found += [_describe(name, "cache", path) for (name, _), path in _imported().items()]
    for entry in REGISTRY:
        path = cache_dir() / entry.file
        here = path.is_file()
        found.append(
            ModelInfo(
                name=entry.name,
                where="cache" if here else "available",
                path=path if here else None,
                size=path.stat().st_size if here else entry.size,
                unpool=None,
                widths=None,
                licence=entry.licence,
                note=entry.description,
            )
        )
    return found


def _find(name_or_path: str | os.PathLike[str], unpool: Unpool | None) -> Path:
    name = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or is_path(name):
        return Path(name).expanduser()
    embedded = _embedded()
    if name in embedded:
        return embedded[name]
    if name == EMBEDDED_NAME:
        folders = " or ".join(map(str, _embedded_folders()))
        raise WeightsError(f"the embedded model {name!r} is not in {folders}: install photostyle again")
    imported = _imported()
    kind = unpool or DEFAULT_UNPOOL
    if (name, kind) in imported:
        return imported[name, kind]
    other = "sum" if kind == "cat5" else "cat5"
    if (name, other) in imported:
        raise WeightsError(
            f"no {kind} weights of {name!r} in {cache_dir()}: import them, or ask for {other}, which is there"
        )
    if name == IMPORTED_NAME:
        pair = [f"wave_{half}_{kind}_l4.pth" for half in ("encoder", "decoder")]
        raise WeightsError(
            f"no {kind} weights of {name!r} in {cache_dir()}: get {pair[0]} and {pair[1]} from model_checkpoints of "
            f"github.com/clovaai/WCT2, then run: photostyle weights import --encoder {pair[0]} --decoder {pair[1]}"
        )
    known = {EMBEDDED_NAME, IMPORTED_NAME, *embedded, *(found for found, _ in imported)}
    raise unknown_name(name, known, "no model")


def is_path(name: str) -> bool:
    """Whether `load_model` takes `name` for a path rather than a model's name."""
    return "/" in name or os.sep in name or name.lower().endswith(SUFFIX)


def _embedded_folders() -> tuple[Path, Path]:
    package = Path(__file__).resolve().parents[1]
    return package / "_weights", package.parent / "weights"  # in a wheel; in a checkout


def _embedded() -> dict[str, Path]:
    """Embedded models by name; a wheel's come before a checkout's."""
    found: dict[str, Path] = {}
    for folder in _embedded_folders():
        for path in _model_files(folder):
            if path.stem not in (SCENES_NAME, FEATURES_NAME, DECODERS_NAME, LOOKS_NAME):
                found.setdefault(path.stem, path)
    return found


def embedded_file(name: str) -> Path:
    """The file of an embedded network that is no style model. Raises WeightsError if it is not there."""
    paths = [folder / f"{name}{SUFFIX}" for folder in _embedded_folders()]
    for path in paths:
        if path.is_file():
            return path
    folders = " or ".join(str(path.parent) for path in paths)
    raise WeightsError(f"the embedded network {name!r} is not in {folders}: install photostyle again")


def scenes_file() -> Path:
    """The embedded segmentation network's file. Raises WeightsError if it is not there."""
    return embedded_file(SCENES_NAME)


def _imported() -> dict[tuple[str, str], Path]:
    """The cache's model files by name and unpooling."""
    found: dict[tuple[str, str], Path] = {}
    for path in _model_files(cache_dir()):
        name, dash, kind = path.stem.rpartition("-")
        if dash and kind in get_args(Unpool):
            found[name, kind] = path
    return found


def _model_files(folder: Path) -> list[Path]:
    # Hidden ones are files being written, or companions that macOS leaves on foreign disks.
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))


def _describe(name: str, where: Literal["embedded", "cache"], path: Path) -> ModelInfo:
    size = path.stat().st_size
    try:
        header = read_header(path)
    except WeightsError as error:
        return ModelInfo(name, where, path, size, unpool=None, widths=None, licence=None, note=str(error))
    config, extra = header.config, header.extra
    note = extra.get("description", "")
    return ModelInfo(name, where, path, size, config.unpool, config.widths, extra.get("licence"), note)
