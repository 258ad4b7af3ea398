"""Model files: where they are, how they are read and written, and how they are fetched or imported.

This is the only part of the package that reads from the network, and only in `fetch`.
"""

from __future__ import annotations

from photostyle.weights.convert import import_checkpoints
from photostyle.weights.decoders import load_decoders, save_decoders
from photostyle.weights.download import fetch
from photostyle.weights.features import load_features, save_features
from photostyle.weights.locate import ModelInfo, list_models, load_model, scenes_file
from photostyle.weights.looks import load_looks, save_looks
from photostyle.weights.models import ModelHeader, read_header, read_model, save_model
from photostyle.weights.registry import REGISTRY, RegistryEntry, cache_dir, find_entry

__all__ = [
    "REGISTRY",
    "ModelHeader",
    "ModelInfo",
    "RegistryEntry",
    "cache_dir",
    "fetch",
    "find_entry",
    "import_checkpoints",
    "list_models",
    "load_decoders",
    "load_features",
    "load_looks",
    "load_model",
    "read_header",
    "read_model",
    "save_decoders",
    "save_features",
    "save_looks",
    "save_model",
    "scenes_file",
]
