"""Region masks: images whose colours, or grey values, say which region each pixel belongs to."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from photostyle.errors import MaskError
from photostyle.io.files import StrPath, atomic_write
from photostyle.io.mask_colours import (
    CLASS_COLOURS,
    DPST_COLOURS,
    UNSURE_COLOUR,
    described,
    name_of,
    pack,
    region_colours,
)
from photostyle.io.mask_files import (
    MAX_EXACT_COLOURS,
    LabelArray,
    MaskFile,
    as_bytes,
    coloured,
    in_colour,
    read_file,
)
from photostyle.io.mask_files import NAMES_KEY as NAMES_KEY
from photostyle.io.soft_masks import FloatArray

logger = logging.getLogger(__name__)

_LISTED = 6
_SAMPLE = 1 << 16  # pixels looked at to tell which colours a blurred mask was painted with
_CLOSE = 300  # squared distance in RGB within which a lossy format leaves a painted colour


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A mask as it was meant.

    Attributes:
        labels: (H, W) int64; colours are packed as red << 16 | green << 8 | blue.
        names: each label's name: of grey masks the number, of colours a name that the file gives, a class
            (`CLASS_COLOURS`) or ``#rrggbb``.
        share: (H, W) in [0, 1] of the greater of the two labels of a soft grey mask, the rest is of the other; `labels`
            then say which is more. None for all other masks.
    """

    labels: LabelArray
    names: Mapping[int, str]
    share: FloatArray | None = None


def read_painted(path: StrPath, rgb: npt.NDArray[np.uint8], *, lossy: bool) -> LabelMap:
    """Read colours (H, W, 3), a frame of a painted clip, as `read_mask` reads a picture in those colours."""
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    mask = coloured(Path(path), {}, red << 16 | green << 8 | blue, lossy=lossy)
    return _label_map(mask, _nearest_known(mask) if mask.blurred else mask.found)


def read_labels(path: StrPath, *, size: tuple[int, int]) -> LabelArray:
    """`read_mask` without the names."""
    return read_mask(path, size=size).labels


def read_mask(path: StrPath, *, size: tuple[int, int]) -> LabelMap:
    """Read a mask of `size` (H, W) pixels.

    Grey images hold the labels themselves; of a brush, a feather or a gradient (`photostyle.io.soft_masks`) each pixel
    has a share in two regions, ``0`` and ``255``, which is logged. In colour and palette images a colour is a label;
    alpha and EXIF orientation do not count. Files of lossy formats (JPEG, WebP, AVIF), grey ones too, and masks of more
    than `MAX_EXACT_COLOURS` colours (antialiased edges) have no exact colours: every pixel takes the nearest of the
    colours that the file names, of `CLASS_COLOURS` where most pixels are close to one, or of `DPST_COLOURS`, and a
    warning is logged.

    Raises:
        ImageReadError: as for photos.
        MaskError: another size than `size`, or values that cannot be labels.
    """
    mask = read_file(Path(path), size)
    return _label_map(mask, _nearest_known(mask) if mask.blurred else mask.found)


def read_label_pair(
    content_mask: StrPath,
    content_size: tuple[int, int],
    style_mask: StrPath,
    style_size: tuple[int, int],
) -> tuple[LabelArray, LabelArray]:
    """`read_mask_pair` without the names."""
    content, style = read_mask_pair(content_mask, content_size, style_mask, style_size)
    return content.labels, style.labels


def read_mask_pair(
    content_mask: StrPath,
    content_size: tuple[int, int],
    style_mask: StrPath,
    style_size: tuple[int, int],
    *,
    need_common: bool = True,
) -> tuple[LabelMap, LabelMap]:
    """Read both masks by the same rule, as `read_mask` does.

    If one of them needs the nearest of the known colours, both get it. If one is grey with at most 8 bits and the
    other has colours, the grey one is read as colours too.

    Raises:
        ImageReadError: as for photos.
        MaskError: as `read_mask`, or the masks cannot be compared, or (with `need_common`) share no label.
    """
    content, style = read_file(Path(content_mask), content_size), read_file(Path(style_mask), style_size)
    if content.share is not None or style.share is not None:
        content, style = as_bytes(content), as_bytes(style)
    if (content.white is None) != (style.white is None):
        content, style = in_colour(content), in_colour(style)
    content_found, style_found = content.found, style.found
    if content.blurred or style.blurred:
        content_found, style_found = _nearest_known(content), _nearest_known(style)
    maps = _label_map(content, content_found), _label_map(style, style_found)
    if need_common and not set(maps[0].names.values()) & set(maps[1].names.values()):
        raise MaskError(
            f"{content_mask} and {style_mask}: no region in common (content has {_listing(content, content_found)}; "
            f"style has {_listing(style, style_found)}); give matching regions the same colour in both masks"
        )
    return maps


def write_mask(path: StrPath, labels: npt.NDArray[np.uint8], names: Sequence[str], *, overwrite: bool = False) -> None:
    """Write an indexed PNG that `read_mask` reads back with the same names.

    Args:
        path: where to write, ``.png``.
        labels: (H, W) numbers of `names`.
        names: at most 64; classes take their `CLASS_COLOURS`, other names the next colour of a fixed list.
        overwrite: replace an existing file.

    Raises:
        MaskError: more names than a mask can tell apart.
        OutputError: the file exists or cannot be written.
    """
    if len(names) > MAX_EXACT_COLOURS:
        raise MaskError(f"{path}: {len(names)} regions are too many for a mask (at most {MAX_EXACT_COLOURS})")
    colours = region_colours(names)
    image = Image.fromarray(labels)
    image.putpalette([part for name in names for part in colours[name]])
    chunks = PngInfo()
    chunks.add_itxt(NAMES_KEY, json.dumps({f"#{pack(colours[name]):06x}": name for name in names}))
    with atomic_write(Path(path), overwrite=overwrite) as partial:
        image.save(partial, format="PNG", pnginfo=chunks, optimize=True)


def _replace(codes: npt.NDArray[np.int32], old: LabelArray, new: LabelArray) -> LabelArray:
    table = np.zeros(int(old[-1]) + 1, dtype=np.int64)
    table[old] = new
    labels: LabelArray = table[codes]
    return labels


def _nearest_known(mask: MaskFile) -> LabelArray:
    """Return, for each colour found, the packed known colour at the smallest Euclidean distance in RGB."""
    what, table = "nine benchmark colours", [pack(colour) for colour in DPST_COLOURS]
    classes = [pack(colour) for colour in (*CLASS_COLOURS.values(), UNSURE_COLOUR)]
    sample = mask.codes.ravel()[:: max(1, mask.codes.size // _SAMPLE)]
    if mask.names:
        what, table = "colours that it names", list(mask.names)
    elif (_nearest(sample, classes)[1] < _CLOSE).mean() > 0.5:
        what, table = "class colours", classes
    result, distance = _nearest(mask.found, table)
    if distance.any():
        count = len(mask.found)
        logger.warning("%s: %d colours in this mask; each pixel takes the nearest of the %s", mask.path, count, what)
    return result


def _nearest(codes: npt.NDArray[np.integer[Any]], table: Sequence[int]) -> tuple[LabelArray, LabelArray]:
    """For each code the nearest colour of the table, the first if several are, and the squared distance to it."""
    wide = codes.astype(np.int64)
    best = np.full(wide.shape, np.iinfo(np.int64).max)
    result = np.zeros_like(wide)
    for colour in table:
        distance = sum(((wide >> shift & 255) - (colour >> shift & 255)) ** 2 for shift in (16, 8, 0))
        result[distance < best] = colour
        best = np.minimum(best, distance)
    return result, best


def _label_map(mask: MaskFile, found: LabelArray) -> LabelMap:
    labels = mask.codes.astype(np.int64) if found is mask.found else _replace(mask.codes, mask.found, found)
    if mask.white is not None:
        return LabelMap(labels, {int(label): str(label) for label in mask.found}, mask.share)
    names = {int(label): mask.names.get(int(label), name_of(int(label))) for label in found}
    return LabelMap(labels, names, mask.share)


def _listing(mask: MaskFile, labels: LabelArray) -> str:
    if mask.white is not None:
        names = [str(label) for label in np.unique(labels)]
    else:
        names = [described(int(label)) for label in np.unique(labels)]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
