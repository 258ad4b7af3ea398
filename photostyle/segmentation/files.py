"""Our own segmentation networks on disk: a safetensors file that says which network its tensors belong to.

Tensors are those of the network's ``state_dict()`` as float16 or float32, without batch normalisation's counters.
Metadata: ``format``, ``version``, ``architecture`` (`Architecture.to_json`), ``sha256`` of names and tensors, and any
extra strings such as ``licence``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save as serialize
from torch import Tensor, nn

from photostyle.errors import ParameterError, WeightsError
from photostyle.io.files import atomic_write, ensure_folder
from photostyle.segmentation.network import Architecture, build
from photostyle.weights.files import first_not_finite, layout_problem, one_line, read_file, tensor_digest

FORMAT = "photostyle-segmentation"
VERSION = "1"
_RESERVED = ("format", "version", "architecture", "sha256")
_COUNTER = "num_batches_tracked"  # batch normalisation's, for training only


def save_network(
    network: nn.Module,
    architecture: Architecture,
    path: str | os.PathLike[str],
    *,
    half: bool = True,
    extra: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write `network`, which is one of `architecture`, to `path` (atomically; missing folders are made).

    Args:
        half: store float16 rather than float32.
        extra: further metadata; the keys format, version, architecture and sha256 are taken.

    Raises:
        OutputError: `path` exists and `overwrite` is false, or it cannot be written.
        ParameterError: a key of `extra` is taken.
        WeightsError: a weight is not finite, or too large for float16.
    """
    taken = sorted(set(extra or {}) & set(_RESERVED))
    if taken:
        raise ParameterError(f"extra metadata cannot be called {', '.join(taken)}: the file format uses the name")
    dtype = torch.float16 if half else torch.float32
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in _tensors(network).items()}
    bad = first_not_finite(tensors)
    if bad:
        hint = ", or too large for float16 (try half=False)" if half else ""
        raise WeightsError(f"{bad} of the network to save has values that are not finite{hint}")
    own = {"format": FORMAT, "version": VERSION, "architecture": architecture.to_json()}
    ensure_folder(Path(path).parent)
    with atomic_write(path, overwrite=overwrite) as temporary:
        metadata = {**(extra or {}), **own, "sha256": tensor_digest(tensors)}
        temporary.write_bytes(serialize(tensors, metadata=metadata))


def read_network(path: str | os.PathLike[str]) -> tuple[nn.Module, Architecture, dict[str, str]]:
    """The network in a file of `save_network` (float32, eval mode, CPU), its architecture and the extra metadata.

    Raises:
        WeightsError: the file is missing, damaged, of another format or version, or its tensors do not fit.
    """
    path = Path(path)
    metadata, tensors = read_file(path, tensors=True)
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} is a safetensors file, but not a segmentation network of ours (format {FORMAT})")
    if metadata.get("version") != VERSION:
        version = metadata.get("version", "none")
        raise WeightsError(f"{path} is a segmentation file of version {version}; this photostyle reads {VERSION}")
    if metadata.get("sha256") != tensor_digest(tensors):
        raise WeightsError(f"{path} is damaged (its tensors do not match their SHA-256): copy or make it again")
    try:
        architecture = Architecture.from_json(metadata.get("architecture", ""))
        network = build(architecture)
    except ParameterError as error:
        raise WeightsError(f"{path}: {one_line(error)}") from error
    fill(network, tensors, path)
    extra = {key: value for key, value in metadata.items() if key not in _RESERVED}
    return network, architecture, extra


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy `tensors` into `network` as float32 and make it ready for use, after checking that they fit.

    Raises:
        WeightsError: names, shapes or values are not those of such a network; `path` is for the message.
    """
    given = {name: tensor for name, tensor in tensors.items() if not name.endswith(_COUNTER)}
    problem = layout_problem({name: tuple(tensor.shape) for name, tensor in _tensors(network).items()}, given)
    if problem:
        raise WeightsError(f"{path} does not fit its own description of a network: {problem}")
    for name, tensor in given.items():
        if not tensor.is_floating_point():
            raise WeightsError(f"{path}: {name} is {tensor.dtype}, not floating-point numbers; make the file again")
    bad = first_not_finite(given)
    if bad:
        raise WeightsError(f"{path} is damaged ({bad} has values that are not finite): copy or make it again")
    network.load_state_dict({name: tensor.float() for name, tensor in given.items()}, strict=False)
    network.eval().requires_grad_(False)


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in network.state_dict().items() if not name.endswith(_COUNTER)}
