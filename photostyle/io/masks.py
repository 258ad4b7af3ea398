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

from photostyle.errors import ImageReadError, MaskError
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
from photostyle.io.opening import DAMAGE, describe, open_image

logger = logging.getLogger(__name__)

LabelArray = npt.NDArray[np.int64]

MAX_EXACT_COLOURS = 64
"""A mask with more colours than this is taken for one with blurred edges, see `read_mask`."""

NAMES_KEY = "photostyle-regions"
"""PNG text chunk of masks with other names than the classes: JSON of ``{"#rrggbb": name}``."""

# WebP, AVIF and JPEG 2000 can be lossless as well, but do not tell, and one shifted value would undo every match.
_LOSSLESS_FORMATS = ("PNG", "TIFF", "BMP", "GIF", "PPM")

_LARGEST_LABEL = 0xFFFFFF
_LISTED = 6
_SAMPLE = 1 << 16  # pixels looked at to tell which colours a blurred mask was painted with
_CLOSE = 300  # squared distance in RGB within which a lossy format leaves a painted colour


@dataclass(frozen=True, eq=False)
class _Mask:
    """What each pixel of a mask says, before it is compared with another mask.

    codes: (H, W) packed colours or grey values.
    names: what the file itself calls some of its colours.
    found: the distinct codes, sorted.
    white: the largest grey value there could be, None for colours.
    blurred: the colours are only roughly those that were painted.
    """

    path: Path
    names: Mapping[int, str]
    codes: npt.NDArray[np.int32]
    found: LabelArray
    white: int | None
    blurred: bool


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A mask as it was meant.

    Attributes:
        labels: (H, W) int64; colours are packed as red << 16 | green << 8 | blue.
        names: each label's name: of grey masks the number, of colours a name that the file gives, a class
            (`CLASS_COLOURS`) or ``#rrggbb``.
    """

    labels: LabelArray
    names: Mapping[int, str]


def read_painted(path: StrPath, rgb: npt.NDArray[np.uint8], *, lossy: bool) -> LabelMap:
    """Read colours (H, W, 3), a frame of a painted clip, as `read_mask` reads a picture in those colours."""
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    mask = _coloured(Path(path), {}, red << 16 | green << 8 | blue, lossy=lossy)
    return _label_map(mask, _nearest_known(mask) if mask.blurred else mask.found)


def read_labels(path: StrPath, *, size: tuple[int, int]) -> LabelArray:
    """`read_mask` without the names."""
    return read_mask(path, size=size).labels


def read_mask(path: StrPath, *, size: tuple[int, int]) -> LabelMap:
    """Read a mask of `size` (H, W) pixels.

    Grey images hold the labels themselves. In colour and palette images a colour is a label; alpha and EXIF
    orientation do not count. Files of lossy formats (JPEG, WebP, AVIF), grey ones too, and masks of more than
    `MAX_EXACT_COLOURS` colours (antialiased edges) have no exact colours: every pixel takes the nearest of
    the colours that the file names, of `CLASS_COLOURS` where most pixels are close to one, or of `DPST_COLOURS`, and a
    warning is logged.

    Raises:
        ImageReadError: as for photos.
        MaskError: another size than `size`, or values that cannot be labels.
    """
    mask = _read(Path(path), size)
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
    content, style = _read(Path(content_mask), content_size), _read(Path(style_mask), style_size)
    if (content.white is None) != (style.white is None):
        content, style = _in_colour(content), _in_colour(style)
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


def _read(path: Path, size: tuple[int, int]) -> _Mask:
    with open_image(path) as image:
        if (image.height, image.width) != size:
            raise MaskError(
                f"{path}: mask is {image.width}x{image.height} pixels but its photo is {size[1]}x{size[0]}; "
                "make the mask the same size as its photo"
            )
        if image.mode == "F":
            raise MaskError(f"{path}: labels cannot be fractions; save the mask as an 8-bit PNG")
        lossy = image.format not in _LOSSLESS_FORMATS
        names = _own_names(image, path)
        if not lossy and (image.mode in ("1", "L", "LA") or image.mode.startswith("I")):
            return _grey(image, path)
        try:
            # By way of RGBA, as Pillow warns of palettes with alpha being converted to plain RGB.
            rgb = np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
        except DAMAGE as error:
            raise ImageReadError(f"{path}: cannot be converted to RGB ({describe(error)}); save it as RGB") from error
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    return _coloured(path, names, red << 16 | green << 8 | blue, lossy=lossy)


def _own_names(image: Image.Image, path: Path) -> dict[int, str]:
    try:
        table = json.loads(image.info.get(NAMES_KEY, "{}"))
        if not all(isinstance(name, str) and name and name != "*" for name in table.values()):
            raise ValueError("a name is empty or no text")
        names = {int(colour.removeprefix("#"), 16): name for colour, name in table.items()}
        if not all(0 <= colour <= _LARGEST_LABEL for colour in names):
            raise ValueError("a colour is out of range")
        return names
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        reason = describe(error)
        logger.warning("%s: its table of region names is damaged (%s); its colours name the regions", path, reason)
        return {}


def _grey(image: Image.Image, path: Path) -> _Mask:
    values = np.asarray(image.getchannel("L") if image.mode == "LA" else image)
    if values.min() < 0 or values.max() > _LARGEST_LABEL:
        raise MaskError(f"{path}: label {values.min()} or {values.max()} is outside 0..{_LARGEST_LABEL}; renumber them")
    codes = values.astype(np.int32)
    white = {"1": 1, "L": 255, "LA": 255}.get(image.mode, 65535)
    return _Mask(path, {}, codes, _distinct(codes), white, blurred=False)


def _coloured(path: Path, names: Mapping[int, str], codes: npt.NDArray[np.int32], *, lossy: bool) -> _Mask:
    found = _distinct(codes)
    return _Mask(path, names, codes, found, white=None, blurred=lossy or len(found) > MAX_EXACT_COLOURS)


def _in_colour(mask: _Mask) -> _Mask:
    if mask.white is None:
        return mask
    if mask.white > 255:
        raise MaskError(f"{mask.path}: 16-bit grey labels cannot match a colour mask; save both in the same mode")
    return _coloured(mask.path, {}, mask.codes * np.int32(255 // mask.white * 0x010101), lossy=False)


def _distinct(codes: npt.NDArray[np.int32]) -> LabelArray:
    # A table of flags instead of np.unique: no sorting of millions of pixels.
    present = np.zeros(int(codes.max()) + 1, dtype=np.bool_)
    present[codes.ravel()] = True
    return np.flatnonzero(present).astype(np.int64)


def _replace(codes: npt.NDArray[np.int32], old: LabelArray, new: LabelArray) -> LabelArray:
    table = np.zeros(int(old[-1]) + 1, dtype=np.int64)
    table[old] = new
    labels: LabelArray = table[codes]
    return labels


def _nearest_known(mask: _Mask) -> LabelArray:
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


def _label_map(mask: _Mask, found: LabelArray) -> LabelMap:
    labels = mask.codes.astype(np.int64) if found is mask.found else _replace(mask.codes, mask.found, found)
    if mask.white is not None:
        return LabelMap(labels, {int(label): str(label) for label in mask.found})
    return LabelMap(labels, {int(label): mask.names.get(int(label), name_of(int(label))) for label in found})


def _listing(mask: _Mask, labels: LabelArray) -> str:
    if mask.white is not None:
        names = [str(label) for label in np.unique(labels)]
    else:
        names = [described(int(label)) for label in np.unique(labels)]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
