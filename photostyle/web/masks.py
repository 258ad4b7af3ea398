"""Regions corrected by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from photostyle.errors import MaskError
from photostyle.io import write_mask
from photostyle.jobs.segment import label_map
from photostyle.regions.regions import nearest_indices
from photostyle.web.studio import Studio

_Kind = TypeVar("_Kind", np.uint8, np.bool_)


def correct_mask(studio: Studio, stroke: npt.NDArray[np.bool_], name: str) -> Path:
    """Give what was painted (h, w), of any size, to a region; the photo's label map is written and used from now on.

    Raises:
        MaskError: there is nothing to correct, or nothing was painted.
    """
    if studio.content is None or studio.regions is None:
        raise MaskError("there are no regions to correct: choose a photo and a reference, and find regions")
    if not stroke.any():
        raise MaskError("nothing was painted: choose a region, then paint over the picture")
    names, labels = label_map(studio.regions)
    number = names.index(name) if name in names else len(names)
    # Painted on what was found, at that size; brought to the photo's own size for its mask.
    labels = np.where(_resized(stroke, labels.shape), np.uint8(number), labels)
    mask = studio.new_folder() / f"{studio.content.path.stem}-regions.png"
    write_mask(mask, _resized(labels, studio.content.full_size), names if name in names else [*names, name])
    studio.mask, studio.preview = mask, None
    return mask


def _resized(labels: npt.NDArray[_Kind], size: tuple[int, ...]) -> npt.NDArray[_Kind]:
    rows, columns = (nearest_indices(old, new) for old, new in zip(labels.shape, size, strict=True))
    resized: npt.NDArray[_Kind] = torch.from_numpy(labels)[rows][:, columns].numpy()
    return resized
