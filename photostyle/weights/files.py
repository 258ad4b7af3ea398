"""The model file format: a safetensors file that says which network its tensors belong to.

Tensors are those of ``WCT2.state_dict()`` (``encoder.conv1_1.weight``, …) as float16 or float32. Metadata: ``format``
and ``version`` (`FORMAT`, `VERSION`), ``config`` (`ModelConfig.to_json`), ``sha256`` of the tensors' names and bytes
(safetensors has no checksum of its own, and a flipped bit gives plausible but wrong photos), and any extra strings.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from photostyle.errors import DeviceError, ParameterError, WeightsError
from photostyle.io.files import atomic_write, ensure_folder
from photostyle.networks import LEVELS, WCT2, ModelConfig

FORMAT = "photostyle-wct2"
VERSION = "1"
SUFFIX = ".safetensors"
_RESERVED = ("format", "version", "config", "sha256")
_DTYPES = (torch.float16, torch.float32)
_BLOCK = 1 << 20


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
    extra = dict(extra or {})
    taken = sorted(set(extra) & set(_RESERVED))
    if taken:
        raise ParameterError(f"extra metadata cannot be called {', '.join(taken)}: the file format uses the name")
    dtype = torch.float16 if half else torch.float32
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in model.state_dict().items()}
    bad = first_not_finite(tensors)
    if bad:
        hint = ", or too large for float16 (try half=False)" if half else ""
        raise WeightsError(f"{bad} of the model to save has values that are not finite{hint}")
    own = {"format": FORMAT, "version": VERSION, "config": model.config.to_json(), "sha256": tensor_digest(tensors)}
    ensure_folder(Path(path).parent)
    with atomic_write(path, overwrite=overwrite) as temporary:
        # Not safetensors' save_file: that one makes files that only their owner can read.
        temporary.write_bytes(serialize(tensors, metadata={**extra, **own}))


def read_header(path: str | os.PathLike[str]) -> ModelHeader:
    """What the model file at `path` says about itself; its tensors are not read.

    Raises:
        WeightsError: the file is missing, damaged, not a model file, or of another version.
    """
    metadata, _ = read_file(Path(path), tensors=False)
    return _parse(metadata, Path(path))


def read_model(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> WCT2:
    """The model in the file at `path`: eval mode, float32, no gradients.

    Raises:
        WeightsError: the file is missing, damaged, not a model file, of another version, or its tensors do not fit
            its configuration.
        DeviceError: `device` is not available.
    """
    path = Path(path)
    metadata, tensors = read_file(path, tensors=True)
    config = _parse(metadata, path).config
    if metadata.get("sha256", "") not in ("", tensor_digest(tensors)):
        raise WeightsError(f"{path} is damaged (its tensors do not match their SHA-256): copy or make it again")
    model = _build(config, tensors, path)
    try:
        model.to(device)
    except (RuntimeError, AssertionError) as error:  # torch's answers to unknown, missing and full devices
        raise DeviceError(f"cannot put the model on device {str(device)!r}: {one_line(error)}") from error
    return model.eval().requires_grad_(False)


WIDTH_KEYS = tuple(f"conv{block}_1.weight" for block in LEVELS)


def infer_widths(encoder: Mapping[str, Tensor]) -> tuple[int, int, int, int]:
    """The output channels of the encoder's `WIDTH_KEYS`; at least 1 each, so that a `ModelConfig` can be made."""
    w1, w2, w3, w4 = (max(1, encoder[name].shape[:1].numel()) for name in WIDTH_KEYS)
    return w1, w2, w3, w4


def layout_problem(shapes: Mapping[str, tuple[int, ...]], tensors: Mapping[str, Tensor]) -> str:
    """The first way in which `tensors` lack, exceed or contradict `shapes`; empty if none."""
    missing, unexpected = sorted(set(shapes) - set(tensors)), sorted(set(tensors) - set(shapes))
    if missing or unexpected:
        found = (("missing", missing), ("unexpected", unexpected))
        return "; ".join(f"{word}: {_some(names)}" for word, names in found if names)
    for name, shape in shapes.items():
        if tuple(tensors[name].shape) != shape:
            return f"{name} has shape {tuple(tensors[name].shape)}, expected {shape}"
    return ""


def first_not_finite(tensors: Mapping[str, Tensor]) -> str:
    """The name of the first tensor with NaN or infinity in it; empty if none."""
    return next((name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())), "")


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file of any size. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def one_line(error: BaseException) -> str:
    """The first line of an error's text, or its type if it has none."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def read_file(path: Path, *, tensors: bool) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata of a safetensors file and, if asked for, its tensors. Raises WeightsError if it cannot be read."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(f"{path} {what}: give the path of a {SUFFIX} model file")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata: dict[str, str] = file.metadata() or {}
            return metadata, {name: file.get_tensor(name) for name in file.keys()} if tensors else {}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged or not a safetensors file: {one_line(error)}") from error
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or one_line(error)}") from error


def _parse(metadata: Mapping[str, str], path: Path) -> ModelHeader:
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} is a safetensors file, but not a photostyle model (format {FORMAT})")
    if metadata.get("version") != VERSION:
        version = metadata.get("version", "none")
        raise WeightsError(f"{path} is a model file of version {version}; this photostyle reads version {VERSION}")
    try:
        config = ModelConfig.from_json(metadata.get("config", ""))
    except (ParameterError, RecursionError) as error:
        raise WeightsError(f"{path} has no valid model configuration: {one_line(error)}") from error
    return ModelHeader(config, {key: value for key, value in metadata.items() if key not in _RESERVED})


def _build(config: ModelConfig, tensors: Mapping[str, Tensor], path: Path) -> WCT2:
    """The model of `config` with copies of `tensors` as float32, after checking that they fit."""
    encoder = {name: tensors[f"encoder.{name}"] for name in WIDTH_KEYS if f"encoder.{name}" in tensors}
    if len(encoder) < len(WIDTH_KEYS):
        raise WeightsError(f"{path} lacks encoder tensors: it is not a complete model; copy or make it again")
    # The widths are compared first so that a false configuration cannot ask for a network of absurd size.
    widths = infer_widths(encoder)
    if widths != config.widths:
        raise WeightsError(f"{path} says that its widths are {config.widths}, but its tensors have {widths}")
    with torch.device("meta"):  # no memory, no drawing from the user's random generator
        model = WCT2(dataclasses.replace(config, widths=widths))
    problem = layout_problem({name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}, tensors)
    problem = problem or next((f"{name} is {t.dtype}" for name, t in tensors.items() if t.dtype not in _DTYPES), "")
    if problem:
        raise WeightsError(f"{path} does not fit its own configuration: {problem}")
    bad = first_not_finite(tensors)
    if bad:
        raise WeightsError(f"{path} is damaged ({bad} has values that are not finite): copy or make it again")
    # Copies: what safetensors returns may be the file itself, mapped into memory.
    model.load_state_dict({name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}, assign=True)
    return model


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) of the tensors' names and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _some(names: Iterable[str], most: int = 4) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
