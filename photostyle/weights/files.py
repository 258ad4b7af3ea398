"""Our files of weights: safetensors that say which network their tensors belong to.

Tensors are those of the network's ``state_dict()`` as float16 or float32. Metadata: ``format`` and ``version`` (of the
`Kind`), ``config`` (what the network is, as JSON), ``sha256`` of the tensors' names and bytes (safetensors has no
checksum of its own, and a flipped bit gives plausible but wrong photos), and any extra strings.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from photostyle.errors import DeviceError, ParameterError, WeightsError
from photostyle.io.files import atomic_write, ensure_folder

SUFFIX = ".safetensors"
_DTYPES = (torch.float16, torch.float32)
_BLOCK = 1 << 20
_LONGEST = 300  # characters of another library's message, which may quote what is in a file

C = TypeVar("C")


@dataclass(frozen=True)
class Kind(Generic[C]):
    """A kind of network that is stored in our files.

    Attributes:
        format: its name in the metadata.
        what: what such a file holds, with an article, for messages.
        parse: the network's configuration, of the JSON that was given to `write`; raises ParameterError.
        key: the metadata's name for that JSON.
        version: of the format; a file of another one is refused.
        hashed: whether a file without ``sha256`` is refused.
    """

    format: str
    what: str
    parse: Callable[[str], C]
    key: str = "config"
    version: str = "1"
    hashed: bool = True

    @property
    def reserved(self) -> tuple[str, ...]:
        """The keys of the metadata that are not free for extra strings."""
        return ("format", "version", self.key, "sha256")


@dataclass(frozen=True)
class Stored(Generic[C]):
    """What a file holds: configuration, extra strings and, if they were read, tensors by name."""

    config: C
    extra: dict[str, str]
    tensors: dict[str, Tensor]


def write(
    kind: Kind[C],
    config: str,
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    *,
    half: bool = True,
    extra: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a network to `path` (atomically; missing folders are made).

    Args:
        kind: of the network.
        config: its configuration as JSON, which ``kind.parse`` understands.
        tensors: its state, on any device, in any floating dtype.
        path: the file to write.
        half: store float16 rather than float32: half the size, each weight rounded by at most 0.05 % (or 3e-8).
        extra: further metadata; the keys in ``kind.reserved`` are taken.
        overwrite: replace an existing file.

    Raises:
        OutputError: `path` exists and `overwrite` is false, or it cannot be written.
        ParameterError: a key of `extra` is taken.
        WeightsError: a weight is not finite, or too large for float16.
    """
    extra = dict(extra or {})
    taken = sorted(set(extra) & set(kind.reserved))
    if taken:
        raise ParameterError(f"extra metadata cannot be called {', '.join(taken)}: the file format uses the name")
    dtype = torch.float16 if half else torch.float32
    stored = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in tensors.items()}
    bad = first_not_finite(stored)
    if bad:
        hint = ", or too large for float16 (try half=False)" if half else ""
        raise WeightsError(f"{bad} of the network to save has values that are not finite{hint}")
    own = {"format": kind.format, "version": kind.version, kind.key: config, "sha256": tensor_digest(stored)}
    ensure_folder(Path(path).parent)
    with atomic_write(path, overwrite=overwrite) as temporary:
        # Not safetensors' save_file: that one makes files that only their owner can read.
        temporary.write_bytes(serialize(stored, metadata={**extra, **own}))


def read(kind: Kind[C], path: str | os.PathLike[str], *, tensors: bool = True) -> Stored[C]:
    """What the file at `path` holds, with its tensors only if asked for. They may be the file itself, mapped.

    Raises:
        WeightsError: the file is missing, damaged, of another kind or version, or has no valid configuration.
    """
    path = Path(path)
    metadata, found = read_file(path, tensors=tensors)
    if metadata.get("format") != kind.format:
        raise WeightsError(f"{path} is a safetensors file, but not {kind.what} (format {kind.format})")
    if metadata.get("version") != kind.version:
        version = metadata.get("version", "none")
        raise WeightsError(f"{path} is {kind.what} of version {version}; this photostyle reads version {kind.version}")
    try:
        config = kind.parse(metadata.get(kind.key, ""))
    except (ParameterError, RecursionError) as error:
        raise WeightsError(f"{path} has no valid configuration ({one_line(error)}): copy or make it again") from error
    digest = metadata.get("sha256", "")
    if tensors and (digest or kind.hashed) and digest != tensor_digest(found):
        raise WeightsError(f"{path} is damaged (its tensors do not match their SHA-256): copy or make it again")
    odd = next((f"{name} is {tensor.dtype}" for name, tensor in found.items() if tensor.dtype not in _DTYPES), "")
    if odd:
        raise WeightsError(f"{path} does not fit its own configuration: {odd}")
    return Stored(config, {key: value for key, value in metadata.items() if key not in kind.reserved}, found)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path, ignored: str | None = None) -> None:
    """Give `network`, which may be on torch's meta device, copies of `tensors` as float32, and make it ready for use.

    Args:
        network: the module to fill: eval mode and no gradients afterwards.
        tensors: its state by name.
        path: of the file they are from, for messages.
        ignored: end of the names of tensors that are not needed; these are left as they are.

    Raises:
        WeightsError: names, shapes, dtypes or values are not those of such a network.
    """
    given = check_layout(network, tensors, path, ignored)
    bad = first_not_finite(given)
    if bad:
        raise WeightsError(f"{path} is damaged ({bad} has values that are not finite): copy or make it again")
    # Copies: what safetensors returns may be the file itself, mapped into memory.
    copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in given.items()}
    network.load_state_dict(copies, assign=True, strict=False)
    network.eval().requires_grad_(False)


def check_layout(
    network: nn.Module, tensors: Mapping[str, Tensor], path: Path, ignored: str | None = None
) -> dict[str, Tensor]:
    """The tensors that `fill` would give to `network`, with the same arguments.

    Raises:
        WeightsError: names, shapes or dtypes are not those of such a network.
    """
    given = {name: tensor for name, tensor in tensors.items() if not (ignored and name.endswith(ignored))}
    state = {name: tensor for name, tensor in network.state_dict().items() if not (ignored and name.endswith(ignored))}
    problem = layout_problem({name: tuple(tensor.shape) for name, tensor in state.items()}, given)
    odd = (f"{name} is {t.dtype}, no floating-point numbers" for name, t in given.items() if not t.is_floating_point())
    problem = problem or next(odd, "")
    if problem:
        raise WeightsError(f"{path} does not fit its own configuration: {problem}")
    return given


def place(network: nn.Module, device: str | torch.device) -> None:
    """Move `network` to `device`. Raises DeviceError if that is not available."""
    try:
        network.to(device)
    except (RuntimeError, AssertionError) as error:  # torch's answers to unknown, missing and full devices
        raise DeviceError(f"cannot put the model on device {str(device)!r}: {one_line(error)}") from error


def read_file(path: Path, *, tensors: bool) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata of a safetensors file and, if asked for, its tensors. Raises WeightsError if it cannot be read."""
    if not os.path.isfile(path):
        what = "is a folder" if os.path.isdir(path) else "does not exist"
        raise WeightsError(f"{path} {what}: give the path of a {SUFFIX} model file")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata: dict[str, str] = file.metadata() or {}
            return metadata, {name: file.get_tensor(name) for name in file.keys()} if tensors else {}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged or not a safetensors file: {one_line(error)}") from error
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or one_line(error)}") from error


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


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) of the tensors' names and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file of any size. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def one_line(error: BaseException) -> str:
    """The first line of an error's text, cut where it is longer than people read, or its type if it has none."""
    text = next(iter(str(error).splitlines()), "") or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _some(names: Iterable[str], most: int = 4) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
