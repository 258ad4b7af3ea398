"""Regions corrected by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from photostyle.errors import ImageReadError, MaskError
from photostyle.io import write_mask
from photostyle.jobs.segment import label_map
from photostyle.regions.regions import nearest_indices
from photostyle.web.asks import NAMES
from photostyle.web.studio import Studio

Labels = npt.NDArray[np.uint8]
_MOST = 1 << 22  # pixels of what is painted; the page paints on its preview


def painted(path: Path, names: Any) -> tuple[Labels, list[str]]:
    """What the page painted, (h, w): 0 where nothing was, else one more than the number of its name.

    Raises:
        ImageReadError, MaskError: it is no such picture, or a name is none of ours.
    """
    if not isinstance(names, list) or not names or any(name not in NAMES for name in names):
        raise MaskError("nothing was painted: choose a region, then paint over the picture")
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > _MOST:
                raise ImageReadError("what was painted is larger than the page's picture")
            values = np.asarray(image.convert("RGB"))[..., 0]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageReadError("what was painted did not arrive whole: try again") from error
    return np.where(values <= len(names), values, np.uint8(0)), names


def corrected(studio: Studio, labels: Labels, names: Sequence[str]) -> Path:
    """Give what was painted (h, w), of any size, to its regions; returns the photo's new label map.

    Raises:
        MaskError: there is nothing to correct, or nothing was painted.
    """
    if studio.content is None or studio.regions is None:
        raise MaskError("there are no regions to correct: choose a photo and a reference, and find regions")
    if not labels.any():
        raise MaskError("nothing was painted: choose a region, then paint over the picture")
    known, found = label_map(studio.regions)
    all_names = [*known, *(name for name in names if name not in known)]
    # Painted on what was found, brought to the photo's own size for its mask.
    size = studio.content.full_size
    result, strokes = _resized(found, size), _resized(labels, size)
    for number, name in enumerate(names, 1):
        result[strokes == number] = all_names.index(name)
    present = [number for number in range(len(all_names)) if (result == number).any()]
    table = np.zeros(len(all_names), np.uint8)
    table[present] = np.arange(len(present), dtype=np.uint8)
    mask = studio.new_folder() / f"{studio.content.path.stem}-regions.png"
    write_mask(mask, table[result], [all_names[number] for number in present])
    return mask


def _resized(labels: Labels, size: tuple[int, ...]) -> Labels:
    rows, columns = (nearest_indices(old, new) for old, new in zip(labels.shape, size, strict=True))
    resized: Labels = torch.from_numpy(np.ascontiguousarray(labels))[rows][:, columns].numpy().copy()
    return resized
