"""The feature encoder's file: safetensors like a model's (`photostyle.weights.files`), of its own format."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save as serialize

from photostyle.errors import ParameterError, WeightsError
from photostyle.features import FeatureConfig, FeatureEncoder
from photostyle.io.files import atomic_write, ensure_folder
from photostyle.weights.files import first_not_finite, layout_problem, read_file, tensor_digest
from photostyle.weights.locate import embedded_file
from photostyle.weights.registry import FEATURES_NAME

FORMAT = "photostyle-features"
VERSION = "1"
_WIDEST = 4096  # a false configuration must not ask for a network of absurd size


def save_features(
    encoder: FeatureEncoder, path: str | os.PathLike[str], extra: Mapping[str, str] | None = None
) -> None:
    """Write an encoder in half precision, atomically, in place of an older file. Raises OutputError, WeightsError."""
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in encoder.state_dict().items()
    }
    if bad := first_not_finite(tensors):
        raise WeightsError(f"{bad} of the encoder to save has values that are not finite, or too large for float16")
    own = {
        "format": FORMAT,
        "version": VERSION,
        "config": json.dumps(asdict(encoder.config)),
        "sha256": tensor_digest(tensors),
    }
    ensure_folder(Path(path).parent)
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_bytes(serialize(tensors, metadata={**(extra or {}), **own}))


def load_features(path: str | os.PathLike[str] | None = None, device: str | torch.device = "cpu") -> FeatureEncoder:
    """The encoder in a file, or the embedded one: eval mode, float32, no gradients of its weights.

    Raises:
        WeightsError: the file is missing, damaged, or holds something else.
    """
    found = embedded_file(FEATURES_NAME) if path is None else Path(path)
    metadata, tensors = read_file(found, tensors=True)
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        raise WeightsError(f"{found} holds no feature encoder (format {FORMAT}, version {VERSION})")
    try:
        values = json.loads(metadata.get("config", ""))
        config = FeatureConfig(values["name"], tuple(values["widths"]))
    except (ValueError, TypeError, KeyError, RecursionError, ParameterError) as error:
        raise WeightsError(f"{found} has no valid configuration: copy or make it again") from error
    if max(config.widths) > _WIDEST:
        raise WeightsError(f"{found} says that its widths are {config.widths}: copy or make it again")
    with torch.device("meta"):
        encoder = FeatureEncoder(config)
    problem = layout_problem({name: tuple(t.shape) for name, t in encoder.state_dict().items()}, tensors)
    if problem:
        raise WeightsError(f"{found} does not fit its own configuration: {problem}")
    if metadata.get("sha256") != tensor_digest(tensors) or first_not_finite(tensors):
        raise WeightsError(f"{found} is damaged (its tensors do not match their SHA-256): copy or make it again")
    state = {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
    encoder.load_state_dict(state, assign=True)
    return encoder.to(device).eval().requires_grad_(False)
