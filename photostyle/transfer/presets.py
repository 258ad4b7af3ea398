"""Styles on disk: one safetensors file (``.style``) for any photo; fitted already, or to be fitted to each.

Version 1 holds a `Transfer`, fitted to a photo or a shoot and applied as it is: tensors ``SITE/REGION/matrix`` (C, C),
``…/bias`` (C,) and ``…/range`` (2,), float32. Version 2 holds a `Target`, the style alone, which is fitted to every
photo that it is applied to: ``NUMBER/SITE/REGION/mean`` (C,), ``…/covariance`` (C, C) and ``…/weight`` (), float64, so
that a fit to the file equals a fit to the style photos; and metadata ``styles`` (JSON of names and shares). Both have
metadata ``format``, ``version``, ``model`` (name), ``model_hash`` (`WCT2.fingerprint`), ``unpool``, ``options`` (JSON
of `FitOptions`) and ``sha256`` of all the rest, as a flipped bit gives plausible but wrong photos; files of before it
was written are read without. Where the style has a sky or water there is also ``course/REGION`` or
``NUMBER/course/REGION``, (bands, 3): its colours by height.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from photostyle.errors import ParameterError, TransferMismatchError, WeightsError
from photostyle.io.files import atomic_write
from photostyle.network.wct2 import LEVELS, WCT2
from photostyle.options import STAGES, FitOptions
from photostyle.regions.regions import WHOLE
from photostyle.transfer.course import BANDS
from photostyle.transfer.mapping import SiteMap
from photostyle.transfer.matching import AffineMap, Moments
from photostyle.transfer.targets import StyleMoments, Target
from photostyle.transfer.transfer import Transfer, site_groups
from photostyle.weights.files import one_line, tensor_digest

FORMAT = "photostyle-transfer"
FITTED, UNFITTED = "1", "2"
SUFFIX = ".style"
_COURSE = "course"
_NAMES = {"format", "version", "model", "model_hash", "unpool", "options", "styles", "sha256"}  # of metadata
_LARGEST = 1e30  # where float32 cannot even hold squares
_DAMAGE = (
    OSError, SafetensorError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError,
    ParameterError,
)  # fmt: skip


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
    for region, bands in transfer.courses.items():
        tensors[f"{_COURSE}/{region}"] = bands.to("cpu", torch.float32).contiguous()
    _write(path, transfer, FITTED, tensors, {}, overwrite)


def save_target(target: Target, path: Path, *, overwrite: bool = False) -> None:
    """Write a style that is fitted to each photo; errors as `save_transfer`."""
    tensors: dict[str, Tensor] = {}
    for number, style in enumerate(target.styles):
        for site, parts in style.sites.items():
            for region, moments in parts.items():
                key = f"{number}/{site}/{region}"
                tensors[f"{key}/mean"] = moments.mean.to("cpu", torch.float64).contiguous()
                tensors[f"{key}/covariance"] = moments.covariance.to("cpu", torch.float64).contiguous()
                tensors[f"{key}/weight"] = torch.tensor(moments.weight, dtype=torch.float64)
        for region, bands in style.courses.items():
            tensors[f"{number}/{_COURSE}/{region}"] = bands.to("cpu", torch.float64).contiguous()
    styles = [{"name": style.name, "share": style.share} for style in target.styles]
    _write(path, target, UNFITTED, tensors, {"styles": json.dumps(styles)}, overwrite)


def save_style(style: Transfer | Target, path: Path, *, overwrite: bool = False) -> None:
    """`save_transfer` or `save_target`."""
    if isinstance(style, Transfer):
        save_transfer(style, path, overwrite=overwrite)
    else:
        save_target(style, path, overwrite=overwrite)


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of a `.style` file, without its tensors: which model it needs.

    Raises:
        WeightsError: the file is missing, damaged or of another format.
        TransferMismatchError: it was written by a newer version.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot read this style file ({one_line(error)})") from error
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path}: not a style file; make one with photostyle style make PHOTO … -o FILE{SUFFIX}")
    if metadata.get("version") not in (FITTED, UNFITTED):
        raise TransferMismatchError(
            f"{path}: style file version {metadata.get('version')}, this photostyle reads versions up to {UNFITTED}: "
            "update it"
        )
    return metadata


def load_style(path: Path, model: WCT2) -> Transfer | Target:
    """Read a style back for the model that it was made with.

    Raises:
        WeightsError: the file is missing, damaged or of another format.
        TransferMismatchError: it belongs to another model or was written by a newer version.
    """
    metadata = read_metadata(path)
    if metadata.get("model_hash") != model.fingerprint():
        raise TransferMismatchError(
            f"{path}: made with model {metadata.get('model')!r} ({metadata.get('unpool')}), not with "
            f"{model.config.name!r} ({model.config.unpool}); pass the model it was made with, or make the style again"
        )
    device = next(model.parameters()).device
    read: Callable[..., Transfer | Target] = _transfer if metadata["version"] == FITTED else _target
    try:
        options = json.loads(metadata["options"])
        stored = load(path.read_bytes())
        strange = sorted(set(metadata) - _NAMES)
        if strange:  # it may have been sha256
            raise ValueError(f"no style has metadata {strange[0]!r}")
        if "sha256" in metadata and metadata["sha256"] != _digest(stored, metadata):
            raise ValueError("its contents do not match their SHA-256")
        wanted = torch.float32 if metadata["version"] == FITTED else torch.float64
        odd = [name for name, tensor in stored.items() if tensor.dtype != wanted]
        if odd:
            raise ValueError(f"{odd[0]} is {stored[odd[0]].dtype}")
        broken = [name for name, tensor in stored.items() if not bool((tensor.abs() < _LARGEST).all())]
        if broken:
            raise ValueError(f"NaN, infinity or a number beyond all features in {broken[0]}")
        tensors = {name: tensor.to(device) for name, tensor in stored.items()}
        return read(model, FitOptions(**{**options, "at": tuple(options["at"])}), tensors, metadata)
    except _DAMAGE as error:
        raise WeightsError(f"{path}: damaged style file ({one_line(error)}); make the style again") from error


def load_transfer(path: Path, model: WCT2) -> Transfer:
    """Read a fitted style; errors as `load_style`, and TransferMismatchError for one that is fitted to each photo."""
    style = load_style(path, model)
    if isinstance(style, Target):
        raise TransferMismatchError(f"{path}: holds a style that is not fitted yet; load_style reads it, fit fits it")
    return style


def _write(
    path: Path,
    style: Transfer | Target,
    version: str,
    tensors: Mapping[str, Tensor],
    extra: Mapping[str, str],
    overwrite: bool,
) -> None:
    metadata = {
        "format": FORMAT,
        "version": version,
        "model": style.model.config.name,
        "model_hash": style.model.fingerprint(),
        "unpool": style.model.config.unpool,
        "options": json.dumps(asdict(style.options)),
        **extra,
    }
    metadata["sha256"] = _digest(tensors, metadata)
    with atomic_write(path, overwrite=overwrite) as partial:
        partial.write_bytes(save(dict(tensors), metadata=metadata))


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    rest = {key: value for key, value in metadata.items() if key != "sha256"}
    return hashlib.sha256(json.dumps([tensor_digest(tensors), rest], sort_keys=True).encode()).hexdigest()


def _transfer(model: WCT2, options: FitOptions, tensors: Mapping[str, Tensor], _: Mapping[str, str]) -> Transfer:
    maps: dict[str, dict[str, SiteMap]] = {}
    for key in sorted(name.removesuffix("/matrix") for name in tensors if name.endswith("/matrix")):
        site, region = key.split("/", 1)
        matrix, bias = (tensors[f"{key}/{part}"].double() for part in ("matrix", "bias"))
        _check_square(key, matrix, bias, _channels(site, model))
        ends = tensors[f"{key}/range"]
        if ends.shape != (2,):
            raise ValueError(f"{key} has a range of shape {tuple(ends.shape)}")
        low, high = ends.tolist()
        maps.setdefault(site, {})[region] = SiteMap(AffineMap(matrix, bias), low, high)
    return Transfer(model, options, maps, _courses(tensors, ""))


def _target(model: WCT2, options: FitOptions, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Target:
    found: dict[str, dict[str, dict[str, Moments]]] = {}
    for key in sorted(name.removesuffix("/mean") for name in tensors if name.endswith("/mean")):
        number, site, region = key.split("/", 2)
        mean, covariance, weight = (tensors[f"{key}/{part}"].double() for part in ("mean", "covariance", "weight"))
        _check_square(key, covariance, mean, _channels(site, model))
        moments = Moments(mean, covariance, float(weight))
        found.setdefault(number, {}).setdefault(site, {})[region] = moments
    styles: Any = json.loads(metadata["styles"])
    for number in map(str, range(len(styles))):
        for site in (site for group in site_groups(options.at) for site in group):
            if WHOLE not in found[number][site]:
                raise ValueError(f"{number}/{site}/{WHOLE} is missing")
    measured = (
        StyleMoments(str(s["name"]), float(s["share"]), found[str(n)], _courses(tensors, f"{n}/"))
        for n, s in enumerate(styles)
    )
    return Target(model, options, tuple(measured))


def _courses(tensors: Mapping[str, Tensor], before: str) -> dict[str, Tensor]:
    start = f"{before}{_COURSE}/"
    found = {name.removeprefix(start): tensor.float() for name, tensor in tensors.items() if name.startswith(start)}
    for region, bands in found.items():
        if bands.shape != (BANDS, 3):
            raise ValueError(f"{start}{region} has shape {tuple(bands.shape)}")
    return found


def _channels(site: str, model: WCT2) -> int:
    if site not in {name for group in site_groups(STAGES) for name in group} | {f"decoder{LEVELS[-1]}"}:
        raise ValueError(f"there is no site {site}")
    return model.config.widths[int(site.partition(".")[0][-1]) - 1]


def _check_square(key: str, matrix: Tensor, vector: Tensor, channels: int) -> None:
    if vector.shape != (channels,) or matrix.shape != (channels, channels):
        raise ValueError(f"{key} has shapes {tuple(matrix.shape)} and {tuple(vector.shape)}")
