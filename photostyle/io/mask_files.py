"""What the pixels of a mask file say, before it is compared with another mask."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from photostyle.errors import ImageReadError, MaskError
from photostyle.io.opening import DAMAGE, describe, open_image
from photostyle.io.soft_masks import FloatArray, Soft, find_soft

logger = logging.getLogger(__name__)

LabelArray = npt.NDArray[np.int64]

MAX_EXACT_COLOURS = 64
"""A mask with more colours than this is taken for one with blurred edges, see `photostyle.io.masks.read_mask`."""

NAMES_KEY = "photostyle-regions"
"""PNG text chunk of masks with other names than the classes: JSON of ``{"#rrggbb": name}``."""

# WebP, AVIF and JPEG 2000 can be lossless as well, but do not tell, and one shifted value would undo every match.
_LOSSLESS_FORMATS = ("PNG", "TIFF", "BMP", "GIF", "PPM")

_LARGEST_LABEL = 0xFFFFFF
_TINTED = 4  # by how much channels of a grey picture differ in lossy formats


@dataclass(frozen=True, eq=False)
class MaskFile:
    """What each pixel of a mask says, before it is compared with another mask.

    codes: (H, W) packed colours or grey values.
    names: what the file itself calls some of its colours.
    found: the distinct codes, sorted.
    white: the largest grey value there could be, None for colours.
    blurred: the colours are only roughly those that were painted.
    share: (H, W) of the greater of two codes, where pixels are of both; None where each is of one.
    """

    path: Path
    names: Mapping[int, str]
    codes: npt.NDArray[np.int32]
    found: LabelArray
    white: int | None
    blurred: bool
    share: FloatArray | None = None


def read_file(path: Path, size: tuple[int, int]) -> MaskFile:
    """Read a mask of `size` (H, W). Raises ImageReadError, or MaskError for another size and for what are no labels."""
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
    if not names and max(np.abs(red - green).max(), np.abs(green - blue).max()) <= (_TINTED if lossy else 0):
        soft = find_soft(green, 255, lossy=lossy)
        if soft:
            return _soft(path, soft)
    return coloured(path, names, red << 16 | green << 8 | blue, lossy=lossy)


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


def _grey(image: Image.Image, path: Path) -> MaskFile:
    values = np.asarray(image.getchannel("L") if image.mode == "LA" else image)
    if values.min() < 0 or values.max() > _LARGEST_LABEL:
        raise MaskError(f"{path}: label {values.min()} or {values.max()} is outside 0..{_LARGEST_LABEL}; renumber them")
    codes = values.astype(np.int32)
    white = {"1": 1, "L": 255, "LA": 255}.get(image.mode, 65535)
    soft = find_soft(codes, white, lossy=False) if white > 1 and image.mode != "I" else None
    if soft:
        return _soft(path, soft)
    return MaskFile(path, {}, codes, distinct(codes), white, blurred=False)


def _soft(path: Path, soft: Soft) -> MaskFile:
    logger.warning(
        "%s: soft grey, taken for two regions: %d and %d, and between them shares", path, soft.low, soft.high
    )
    codes = np.where(soft.share >= 0.5, soft.high, soft.low).astype(np.int32)
    return MaskFile(path, {}, codes, np.array([soft.low, soft.high]), 255, blurred=False, share=soft.share)


def coloured(path: Path, names: Mapping[int, str], codes: npt.NDArray[np.int32], *, lossy: bool) -> MaskFile:
    """A mask of packed colours (H, W), some of which the file has names for."""
    found = distinct(codes)
    return MaskFile(path, names, codes, found, white=None, blurred=lossy or len(found) > MAX_EXACT_COLOURS)


def in_colour(mask: MaskFile) -> MaskFile:
    """Grey labels as the colours that they are seen as. Raises MaskError for those of 16 bits."""
    if mask.white is None:
        return mask
    if mask.white > 255:
        raise MaskError(f"{mask.path}: 16-bit grey labels cannot match a colour mask; save both in the same mode")
    factor = 255 // mask.white * 0x010101
    if mask.share is not None:
        return replace(mask, codes=mask.codes * np.int32(factor), found=mask.found * factor, white=None)
    return coloured(mask.path, {}, mask.codes * np.int32(factor), lossy=False)


def as_bytes(mask: MaskFile) -> MaskFile:
    """Labels of one or 16 bits as those of 8, where they are black and white only: beside a soft mask they match it."""
    if mask.white in (None, 255) or set(mask.found.tolist()) - {0, mask.white}:
        return mask
    codes = np.where(mask.codes > 0, np.int32(255), np.int32(0))
    return replace(mask, codes=codes, found=distinct(codes), white=255)


def distinct(codes: npt.NDArray[np.int32]) -> LabelArray:
    """The codes that occur, sorted."""
    # A table of flags instead of np.unique: no sorting of millions of pixels.
    present = np.zeros(int(codes.max()) + 1, dtype=np.bool_)
    present[codes.ravel()] = True
    return np.flatnonzero(present).astype(np.int64)
