"""From the many modes of image files to working RGB floats, alpha and the colour profile to go back to."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from photostyle.errors import ImageReadError
from photostyle.io.declared import full_range
from photostyle.io.opening import DAMAGE, describe
from photostyle.io.profiles import FloatArray, bands, goes_both_ways, is_srgb, profile_space, to_working

logger = logging.getLogger(__name__)

Colours = tuple[FloatArray, FloatArray | None, bytes | None]
"""Working RGB (H, W, 3), alpha (H, W) in [0, 1] or None, and the RGB profile to go back to or None."""


def to_rgb(image: Image.Image, icc: bytes | None, path: Path, *, narrow: bool = False) -> Colours:
    """Return the `Colours` of a decoded Pillow image, whose samples may have a narrow range; as `from_array`.

    Raises:
        ImageReadError: NaN or infinity, or integers without a defined white.
        ValueError: from Pillow, a mode it cannot convert.
    """
    if image.mode.startswith("I") or image.mode == "F":
        grey, alpha = _deep_grey(image, path)
        return from_array(full_range(grey[..., None]) if narrow else grey[..., None], alpha, icc, path)
    values, mask = _split(image)
    return from_array(full_range(values) if narrow else values, mask, icc, path)


def from_array(values: npt.NDArray[Any], alpha: npt.NDArray[Any] | None, icc: bytes | None, path: Path) -> Colours:
    """Return the `Colours` of device values.

    RGB goes to the working space by its profile, which is kept for the way back. Grey with a grey profile and CMYK
    become sRGB without a profile. Profiles that do not fit are dropped. What is lost is logged.

    Args:
        values: (H, W, C) uint8, uint16, or float32 in [0, 1]; C is 1 for grey, 3 for RGB, 4 for CMYK (full is ink).
        alpha: (H, W) of any of these types, or None.
        icc: embedded profile or None.
        path: for messages.
    """
    space = None if icc is None else profile_space(icc)
    if icc is not None and space is None:
        logger.warning("%s: unreadable colour profile dropped", path)
    mask = None if alpha is None else to_floats(alpha)
    own = {1: "GRAY", 3: "RGB", 4: "CMYK"}[values.shape[2]]
    if own == "CMYK":
        return _from_ink(values, icc if space == own else None, path), mask, None
    if icc is not None and own == space == "GRAY" and (grey := _converted(values, icc, own, path)) is not None:
        return np.clip(grey, 0, 1, out=grey), mask, None
    rgb = np.repeat(to_floats(values), 3, axis=2) if own == "GRAY" else values
    if icc is None or space != "RGB":
        if space not in ("RGB", None):
            logger.warning("%s: %s colour profile dropped, it does not fit an RGB photo", path, space)
        return to_floats(rgb), mask, None
    if is_srgb(icc):
        return to_floats(rgb), mask, icc
    pixels = _converted(rgb, icc, "RGB", path)
    if pixels is None:
        return to_floats(rgb), mask, None
    if not goes_both_ways(icc):
        logger.warning("%s: its colour profile cannot be written to; the result will be sRGB", path)
        return np.clip(pixels, 0, 1, out=pixels), mask, None
    return pixels, mask, icc


def to_floats(values: npt.NDArray[Any]) -> FloatArray:
    """Return integers divided by their type's greatest value; floats as they are."""
    if not np.issubdtype(values.dtype, np.integer):
        return np.asarray(values, np.float32)
    floats: FloatArray = values.astype(np.float32)  # and then in place: four times as fast as a division that converts
    floats /= np.float32(np.iinfo(values.dtype).max)
    return floats


def _from_ink(cmyk: npt.NDArray[Any], icc: bytes | None, path: Path) -> FloatArray:
    pixels = None if icc is None else _converted(cmyk, icc, "CMYK", path)
    if pixels is not None:
        logger.warning("%s: CMYK converted to sRGB through its colour profile", path)
        return np.clip(pixels, 0, 1, out=pixels)
    logger.warning("%s: CMYK without a CMYK profile; its colours in RGB are approximate", path)
    ink = to_floats(cmyk)
    rgb: FloatArray = (1 - ink[..., :3]) * (1 - ink[..., 3:])
    return rgb


def _converted(values: npt.NDArray[Any], icc: bytes, space: str, path: Path) -> FloatArray | None:
    try:
        return to_working(values, icc, space)
    except (imagecodecs.CmsError, *DAMAGE) as error:
        logger.warning("%s: colour profile not usable (%s); colours are approximate", path, describe(error))
        return None


def _split(image: Image.Image) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """Return the colours (H, W, C) of an image, grey, RGB or CMYK, and its alpha (H, W) or None.

    Pillow holds four bytes a pixel of whatever is not grey, so it converts band by band.
    """
    transparent = image.has_transparency_data
    mode = (
        "L" if image.mode in ("1", "L", "LA", "La") else "CMYK" if image.mode == "CMYK" and not transparent else "RGB"
    )
    values = np.empty((image.height, image.width, len(mode)), np.uint8)
    alpha = np.empty((image.height, image.width), np.uint8) if transparent else None
    for rows in bands(image.height, image.width):
        band = image.crop((0, rows.start, image.width, rows.stop))
        if alpha is not None:
            pixels = np.asarray(band.convert("RGBA"))
            values[rows], alpha[rows] = pixels[..., : len(mode)], pixels[..., 3]
        else:
            band = band if band.mode == mode else band.convert(mode)
            values[rows] = np.asarray(band).reshape(band.height, band.width, -1)
    return values, alpha


def _deep_grey(image: Image.Image, path: Path) -> tuple[FloatArray, FloatArray | None]:
    """Return the grey (H, W) of an image with more than 8 bits a sample, and its alpha if one value is transparent."""
    values = np.asarray(image)
    if image.mode == "F":
        return in_range(values, path), None
    if image.mode == "I" and image.format != "PPM":  # Pillow scales PGM to 16 bits, whatever its own white is
        raise ImageReadError(f"{path}: 32-bit integer grey has no defined white; save it with 8 or 16 bits")
    key = image.info.get("transparency")
    alpha = (values != key).astype(np.float32) if isinstance(key, int) else None
    return np.divide(values, np.float32(2 ** _bits(image) - 1), dtype=np.float32), alpha


def in_range(values: npt.NDArray[Any], path: Path) -> FloatArray:
    """Return float samples clipped to [0, 1], which is logged. Raises ImageReadError for NaN and infinity."""
    if not np.isfinite(values).all():
        raise ImageReadError(f"{path}: contains NaN or infinite values; repair it before use")
    if values.min() < 0 or values.max() > 1:
        logger.warning("%s: float values outside 0 to 1 clipped", path)
    clipped: FloatArray = np.clip(values, 0, 1).astype(np.float32)
    return clipped


def _bits(image: Image.Image) -> int:
    """Return the bits a sample: a TIFF may fill fewer than the 16 it is decoded to."""
    tags: Any = getattr(image, "tag_v2", {})
    return int(tags.get(ExifTags.Base.BitsPerSample, (16,))[0])
