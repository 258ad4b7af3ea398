"""Folders that segmentation-models-pytorch's ``save_pretrained`` wrote: config.json and model.safetensors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from torch import nn

from photostyle.errors import WeightsError
from photostyle.segmentation.files import built, fill
from photostyle.segmentation.network import Architecture
from photostyle.weights.files import one_line, read_file

CONFIG, TENSORS = "config.json", "model.safetensors"
PICKLES = (".bin", ".pth", ".pt", ".ckpt", ".pkl", ".pickle")
_NAMES = ("classes_names", "class_names", "labels", "id2label")  # where people put them; the library has no place
# Ours to choose, or of no use here: initial weights are read from the file, the logits are wanted as they are.
_DROPPED = ("encoder_weights", "activation", "aux_params", "classes", "encoder_name", *_NAMES)


def read_checkpoint(folder: Path) -> tuple[nn.Module, tuple[str, ...], str]:
    """Network, names of its classes and licence, from a folder of ``save_pretrained``.

    The names come from a list ``labels`` (or ``class_names``, or a table ``id2label``) in config.json, or
    comma-separated from ``classes`` in the tensors' metadata; else they are "0", "1", … A network with one output
    has two classes.

    Raises:
        WeightsError: not such a folder, a pickle in place of safetensors, damaged, or not for RGB images.
    """
    if not os.path.isdir(folder):
        raise WeightsError(f"{folder} is no folder: give one that segmentation-models-pytorch's save_pretrained wrote")
    tensors_path = folder / TENSORS
    if not tensors_path.is_file():
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PICKLES)
        if pickles:
            raise refuse_pickle(folder / pickles[0])
        raise WeightsError(f"{folder} has no {TENSORS}: give a folder that save_pretrained wrote")
    config = _read_config(folder / CONFIG)
    metadata, tensors = read_file(tensors_path, tensors=True)
    outputs = config.get("classes")
    if type(outputs) is not int or not 1 <= outputs <= 10_000:
        raise WeightsError(f"{folder / CONFIG} says classes: {outputs!r}; it must be a number from 1 to 10000")
    if config.get("in_channels", 3) != 3:
        raise WeightsError(f"{folder / CONFIG} is for {config['in_channels']} channels; only RGB networks can be used")
    names = _names(config, metadata, max(2, outputs), folder)
    options = {key: value for key, value in config.items() if key not in _DROPPED and not key.startswith("_")}
    channels = tuple(map(str, range(outputs)))
    try:
        architecture = Architecture(str(config["_model_class"]), str(config["encoder_name"]), options, channels)
    except KeyError as error:
        raise WeightsError(f"{folder / CONFIG} lacks {error.args[0]}: save the network with save_pretrained") from error
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("classification_head.")}
    network = built(architecture, kept, folder / CONFIG)
    fill(network, kept, tensors_path)
    licence = config.get("license", metadata.get("licence", "not stated"))
    return network, names, str(licence)


def refuse_pickle(path: Path) -> WeightsError:
    """The error for weights in a format that can run code when it is read."""
    return WeightsError(
        f"{path} is a pickle, which can run code: refused; save the network with save_pretrained, as safetensors"
    )


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise WeightsError(f"cannot read {path} ({error.strerror}): save_pretrained writes one") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not valid JSON ({one_line(error)}): save the network again") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{path} is not a table of settings: save the network again")
    return config


def _names(config: dict[str, Any], metadata: dict[str, str], count: int, folder: Path) -> tuple[str, ...]:
    found: Any = next((config[key] for key in _NAMES if config.get(key)), None)
    if found is None and metadata.get("classes"):
        found = [name.strip() for name in metadata["classes"].split(",")]
    if found is None:
        return tuple(map(str, range(count)))
    if isinstance(found, dict):
        found = [found.get(str(index), str(index)) for index in range(count)] if len(found) == count else list(found)
    if not isinstance(found, list) or len(found) != count or len({str(name) for name in found}) != count:
        raise WeightsError(f"{folder / CONFIG} must name {count} different classes, one for each output; correct it")
    return tuple(map(str, found))
