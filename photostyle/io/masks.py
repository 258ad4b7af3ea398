"""Region masks: images whose colours, or grey values, say which region each pixel belongs to."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from photostyle.errors import MaskError
from photostyle.io.files import StrPath
from photostyle.io.opening import open_image

logger = logging.getLogger(__name__)

LabelArray = npt.NDArray[np.int64]

DPST_COLOURS: tuple[tuple[int, int, int], ...] = (
    (0, 0, 0),
    (255, 255, 255),
    (0, 255, 0),
    (0, 0, 255),
    (255, 0, 0),
    (255, 255, 0),
    (128, 128, 128),
    (0, 255, 255),
    (255, 0, 255),
)
"""RGB, 0 to 255, of the nine regions of the Deep Photo Style Transfer benchmark, in its order."""

_DPST_NAMES = ("black", "white", "green", "blue", "red", "yellow", "grey", "lightblue", "purple")

MAX_EXACT_COLOURS = 64
"""A mask with more colours than this is taken for one with blurred edges, see `read_labels`."""

# WebP, AVIF and JPEG 2000 can be lossless as well, but do not tell, and one shifted value would undo every match.
_LOSSLESS_FORMATS = ("PNG", "TIFF", "BMP", "GIF", "PPM")

_LARGEST_LABEL = 0xFFFFFF
_LISTED = 6


@dataclass(frozen=True, eq=False)
class _Mask:
    """What each pixel of a mask says, before it is compared with another mask.

    codes: (H, W) packed colours or grey values.
    found: the distinct codes, sorted.
    white: the largest grey value there could be, None for colours.
    blurred: the colours are only roughly those that were painted.
    """

    path: Path
    codes: npt.NDArray[np.int32]
    found: LabelArray
    white: int | None
    blurred: bool


def read_labels(path: StrPath, *, size: tuple[int, int]) -> LabelArray:
    """Read a mask of `size` (H, W) pixels as labels (H, W) int64.

    Grey images hold the labels themselves. In colour and palette images a colour is a label, red << 16 |
    green << 8 | blue; alpha and EXIF orientation do not count. Files of lossy formats (JPEG, WebP, AVIF), grey ones
    too, and masks of more than `MAX_EXACT_COLOURS` colours (antialiased edges) have no exact colours: every pixel
    takes the nearest of `DPST_COLOURS`, and a warning is logged.

    Raises:
        ImageReadError: as for photos.
        MaskError: another size than `size`, or values that cannot be labels.
    """
    mask = _read(Path(path), size)
    if mask.blurred:
        return _replace(mask.codes, mask.found, _benchmark_colours(mask))
    return mask.codes.astype(np.int64)


def read_label_pair(
    content_mask: StrPath,
    content_size: tuple[int, int],
    style_mask: StrPath,
    style_size: tuple[int, int],
) -> tuple[LabelArray, LabelArray]:
    """Read both masks by the same rule, as labels (H, W) int64 with the meaning they have in `read_labels`.

    If one of them needs the nearest of `DPST_COLOURS` (see `read_labels`), both get it. If one is grey with at
    most 8 bits and the other has colours, the grey one is read as colours too.

    Raises:
        ImageReadError: as for photos.
        MaskError: as `read_labels`, or the masks cannot be compared, or have no label in common.
    """
    content, style = _read(Path(content_mask), content_size), _read(Path(style_mask), style_size)
    if (content.white is None) != (style.white is None):
        content, style = _in_colour(content), _in_colour(style)
    content_names, style_names = content.found, style.found
    if content.blurred or style.blurred:
        content_names, style_names = _benchmark_colours(content), _benchmark_colours(style)
    if not np.intersect1d(content_names, style_names).size:
        raise MaskError(
            f"{content_mask} and {style_mask}: no region in common (content has {_listing(content, content_names)}; "
            f"style has {_listing(style, style_names)}); give matching regions the same colour in both masks"
        )
    return (
        _replace(content.codes, content.found, content_names),
        _replace(style.codes, style.found, style_names),
    )


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
        if not lossy and (image.mode in ("1", "L", "LA") or image.mode.startswith("I")):
            return _grey(image, path)
        # By way of RGBA, as Pillow warns of palettes with alpha being converted to plain RGB.
        rgb = np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    return _coloured(path, red << 16 | green << 8 | blue, lossy=lossy)


def _grey(image: Image.Image, path: Path) -> _Mask:
    values = np.asarray(image.getchannel("L") if image.mode == "LA" else image)
    if values.min() < 0 or values.max() > _LARGEST_LABEL:
        raise MaskError(f"{path}: label {values.min()} or {values.max()} is outside 0..{_LARGEST_LABEL}; renumber them")
    codes = values.astype(np.int32)
    white = {"1": 1, "L": 255, "LA": 255}.get(image.mode, 65535)
    return _Mask(path, codes, _distinct(codes), white, blurred=False)


def _coloured(path: Path, codes: npt.NDArray[np.int32], *, lossy: bool) -> _Mask:
    found = _distinct(codes)
    return _Mask(path, codes, found, white=None, blurred=lossy or len(found) > MAX_EXACT_COLOURS)


def _in_colour(mask: _Mask) -> _Mask:
    if mask.white is None:
        return mask
    if mask.white > 255:
        raise MaskError(f"{mask.path}: 16-bit grey labels cannot match a colour mask; save both in the same mode")
    return _coloured(mask.path, mask.codes * np.int32(255 // mask.white * 0x010101), lossy=False)


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


def _benchmark_colours(mask: _Mask) -> LabelArray:
    """Return, for each colour found, the packed DPST colour at the smallest Euclidean distance in RGB."""
    colours = mask.found
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255])
    best = np.full(colours.shape, np.iinfo(np.int64).max)
    result = np.zeros_like(colours)
    for colour in DPST_COLOURS:
        distance = ((rgb - np.array(colour)[:, None]) ** 2).sum(axis=0)
        result[distance < best] = _pack(colour)
        best = np.minimum(best, distance)
    if best.any():
        logger.warning(
            "%s: %d colours in this mask; each pixel takes the nearest of the nine benchmark colours",
            mask.path,
            len(colours),
        )
    return result


def _pack(colour: tuple[int, int, int]) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def _listing(mask: _Mask, labels: LabelArray) -> str:
    if mask.white is not None:
        names = [str(label) for label in np.unique(labels)]
    else:
        known = {_pack(colour): f"{name} " for colour, name in zip(DPST_COLOURS, _DPST_NAMES, strict=True)}
        names = [f"{known.get(int(label), '')}#{label:06x}" for label in np.unique(labels)]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
