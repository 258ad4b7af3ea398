"""Segmenters by name or path."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from photostyle.device import resolve
from photostyle.errors import WeightsError
from photostyle.segmentation import ade20k
from photostyle.segmentation.checkpoint import PICKLES, read_checkpoint, refuse_pickle
from photostyle.segmentation.files import fill, read_network
from photostyle.segmentation.fpn import fused
from photostyle.segmentation.network import build
from photostyle.segmentation.segmenter import Segmenter
from photostyle.weights import find_entry, scenes_file
from photostyle.weights.files import SUFFIX, read_file

log = logging.getLogger(__name__)

EMBEDDED = "auto"
TEMPERATURES = "temperatures"  # in the metadata of our files: `Segmenter.temperatures`, comma-separated
SCALES = (0.75, 1.0, 1.5)
WORKING_SIDE, LARGE_WORKING_SIDE = 384, 512  # what the embedded network, and those of others, are at their best at


def load_segmenter(name: str = EMBEDDED, device: str | torch.device = "cpu") -> Segmenter:
    """The segmentation network of that name.

    Args:
        name: ``auto`` for the embedded network with our ten classes; ``ade20k`` for one with ADE20K's 150, which is
            downloaded to the cache on first use; else the path of a folder written by segmentation-models-pytorch's
            ``save_pretrained``, or of a .safetensors file written by scripts/train/scenes.py.
        device: ``cpu``, ``cuda`` or ``auto``.

    Raises:
        WeightsError: no such network, or its files are damaged or refused.
        DownloadError: ``ade20k`` cannot be downloaded.
        DeviceError: `device` is not available.
    """
    place = device if isinstance(device, torch.device) else resolve(device)
    if name == ade20k.NAME:
        return _log(_ade20k(place))
    path = scenes_file() if name == EMBEDDED else Path(name).expanduser()
    if path.suffix.lower() == SUFFIX:
        network, architecture, extra = read_network(path)
        licence, shown = extra.get("licence", "not stated"), "scenes" if name == EMBEDDED else path.stem
        return _log(
            Segmenter(
                fused(network), architecture.classes, name=shown, licence=licence, working_side=WORKING_SIDE,
                scales=SCALES, temperatures=_temperatures(extra, architecture.classes, path), device=place,
            )
        )  # fmt: skip
    if path.suffix.lower() in PICKLES and os.path.isfile(path):
        raise refuse_pickle(path)
    if not os.path.exists(path):
        raise WeightsError(f"no segmentation network is called {name!r}: use auto, ade20k or the path of a folder")
    network, classes, licence = read_checkpoint(path)
    return _log(
        Segmenter(network, classes, name=path.name, licence=licence, working_side=LARGE_WORKING_SIDE, device=place)
    )


def _temperatures(extra: Mapping[str, str], classes: Sequence[str], path: Path) -> tuple[float, ...] | None:
    text = extra.get(TEMPERATURES)
    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != len(classes) or not all(0 < value < math.inf for value in values):
        raise WeightsError(f"{path} must give a positive temperature for each of {len(classes)} classes, not {text!r}")
    return values


def _ade20k(device: torch.device) -> Segmenter:
    path = ade20k.ade20k_file()
    _, tensors = read_file(path, tensors=True)
    network = build(ade20k.ARCHITECTURE)
    fill(network, tensors, path)
    entry = find_entry(ade20k.NAME)
    classes = ade20k.ARCHITECTURE.classes
    return Segmenter(
        network, classes, name=entry.name, licence=entry.licence, working_side=LARGE_WORKING_SIDE, device=device
    )


def _log(segmenter: Segmenter) -> Segmenter:
    log.info(
        "segmentation network %s: %d classes, licence %s", segmenter.name, len(segmenter.classes), segmenter.licence
    )
    return segmenter
