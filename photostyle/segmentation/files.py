"""Segmentation networks in our own files (`photostyle.weights.files`), without batch normalisation's counters."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from photostyle.errors import ParameterError, WeightsError
from photostyle.segmentation.fpn import plain
from photostyle.segmentation.network import Architecture, build, check_options
from photostyle.weights import files
from photostyle.weights.files import Kind, one_line, read, write

KIND = Kind("photostyle-segmentation", "a segmentation network of ours", Architecture.from_json, key="architecture")
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
        overwrite: replace an existing file.

    Raises:
        OutputError: `path` exists and `overwrite` is false, or it cannot be written.
        ParameterError: a key of `extra` is taken.
        WeightsError: a weight is not finite, or too large for float16.
    """
    tensors = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith(_COUNTER)}
    write(KIND, architecture.to_json(), tensors, path, half=half, extra=extra, overwrite=overwrite)


def read_network(path: str | os.PathLike[str]) -> tuple[nn.Module, Architecture, dict[str, str]]:
    """The network in a file of `save_network` (float32, eval mode, CPU), its architecture and the extra metadata.

    Raises:
        WeightsError: the file is missing, damaged, of another format or version, or its tensors do not fit.
    """
    path = Path(path)
    stored = read(KIND, path)
    network = built(stored.config, stored.tensors, path)
    fill(network, stored.tensors, path)
    return network, stored.config, stored.extra


def built(architecture: Architecture, tensors: Mapping[str, Tensor], path: Path) -> nn.Module:
    """A network of `architecture` to `fill` with `tensors`. It is made without memory first: what is described may be
    of absurd size, and drawing random weights takes as long as a small photo does.

    Raises:
        WeightsError: there is no such network, or names and shapes of the tensors are not its own.
    """
    try:
        check_options(architecture.options)
        with torch.device("meta"):
            ours = plain(architecture)
            network = build(architecture) if ours is None else ours
            files.check_layout(network, tensors, path, ignored=_COUNTER)
        if ours is None:  # it may hold more than tensors
            return build(architecture)
    except (ParameterError, ValueError) as error:
        raise WeightsError(f"{path}: {one_line(error)}") from error
    for module in network.modules():  # `to_empty` would load sympy for it, a third of a second
        for name, values in [*module.named_parameters(recurse=False)]:
            setattr(module, name, nn.Parameter(torch.empty(values.shape, dtype=values.dtype)))
        for name, buffer in [*module.named_buffers(recurse=False)]:
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))
    for name, counter in network.named_buffers():
        if name.endswith(_COUNTER):
            counter.zero_()
    return network


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """`photostyle.weights.files.fill` for networks with batch normalisation, whose counters are not needed."""
    files.fill(network, tensors, path, ignored=_COUNTER)
