"""From Pillow's many image modes to RGB floats, alpha and the colour profile that still applies."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from photostyle.errors import ImageReadError
from photostyle.io.metadata import profile_space, to_srgb

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]


def to_rgb(image: Image.Image, icc: bytes | None, path: Path) -> tuple[FloatArray, FloatArray | None, bytes | None]:
    """Return pixels (H, W, 3) and alpha (H, W) or None, both in [0, 1], and the RGB profile to keep or None.

    CMYK, and grey with a grey profile, become sRGB. Other profiles that do not fit RGB are dropped. Both are logged.

    Raises:
        ImageReadError: NaN or infinity, or integers without a defined white.
        ValueError: from Pillow, a mode it cannot convert.
    """
    space = None if icc is None else profile_space(icc)
    if icc is not None and space is None:
        logger.warning("%s: unreadable colour profile dropped", path)
    if image.mode.startswith("I") or image.mode == "F":
        grey, alpha = _deep_grey(image, path)
        return np.repeat(grey[..., None], 3, axis=2), alpha, _rgb_profile(icc, space, path)
    colour, mask = _split(image)
    alpha = None if mask is None else _to_floats(mask)
    if icc is not None and (colour.mode, space) in (("CMYK", "CMYK"), ("L", "GRAY")):
        if colour.mode == "CMYK":
            logger.warning("%s: CMYK converted to sRGB through its colour profile", path)
        return _to_floats(to_srgb(colour, icc, path)), alpha, None
    if colour.mode == "CMYK":
        logger.warning("%s: CMYK without a CMYK profile; its colours in RGB are approximate", path)
        return _to_floats(colour.convert("RGB")), alpha, None
    return _to_floats(colour.convert("RGB")), alpha, _rgb_profile(icc, space, path)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours as an L, RGB or CMYK image, and the alpha as an L image or None."""
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        grey = image.mode in ("1", "L", "LA", "La")
        return (rgba.getchannel("R") if grey else rgba.convert("RGB")), rgba.getchannel("A")
    if image.mode == "1":
        return image.convert("L"), None
    return (image if image.mode in ("L", "CMYK") else image.convert("RGB")), None


def _rgb_profile(icc: bytes | None, space: str | None, path: Path) -> bytes | None:
    if space not in ("RGB", None):
        logger.warning("%s: %s colour profile dropped, it does not fit an RGB photo", path, space)
    return icc if space == "RGB" else None


def _deep_grey(image: Image.Image, path: Path) -> tuple[FloatArray, FloatArray | None]:
    """Return the grey (H, W) of an image with more than 8 bits a sample, and its alpha if one value is transparent."""
    values = np.asarray(image)
    if image.mode == "F":
        if not np.isfinite(values).all():
            raise ImageReadError(f"{path}: contains NaN or infinite values; repair it before use")
        if values.min() < 0 or values.max() > 1:
            logger.warning("%s: float values outside 0 to 1 clipped", path)
        return np.clip(values, 0, 1).astype(np.float32), None
    if image.mode == "I" and image.format != "PPM":  # Pillow scales PGM to 16 bits, whatever its own white is
        raise ImageReadError(f"{path}: 32-bit integer grey has no defined white; save it with 8 or 16 bits")
    key = image.info.get("transparency")
    alpha = (values != key).astype(np.float32) if isinstance(key, int) else None
    return np.divide(values, np.float32(2 ** _bits(image) - 1), dtype=np.float32), alpha


def _bits(image: Image.Image) -> int:
    """Return the bits a sample: a TIFF may fill fewer than the 16 it is decoded to."""
    tags: Any = getattr(image, "tag_v2", {})
    return int(tags.get(ExifTags.Base.BitsPerSample, (16,))[0])


def _to_floats(image: Image.Image) -> FloatArray:
    floats: FloatArray = np.divide(np.asarray(image), np.float32(255), dtype=np.float32)
    return floats
