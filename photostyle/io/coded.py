"""HEIC, AVIF and JPEG 2000 with all their bits: pillow-heif (extra ``heic``) and imagecodecs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from photostyle.errors import ImageReadError
from photostyle.io import boxes, declared
from photostyle.io.deep import Raster, damaged
from photostyle.io.metadata_sources import of_heif
from photostyle.io.opening import DAMAGE, check_pixels

logger = logging.getLogger(__name__)

HEIF_EXTENSIONS = frozenset((".heic", ".heif", ".hif"))
_RGB_OR_GREY = (16, 17, None)  # JPEG 2000's numbers of sRGB and grey; bare codestreams and profiles have none


def read_heif(path: Path, max_pixels: int) -> Raster:
    """Return a HEIC photo with all its bits; libheif applies the orientation. Raises ImageReadError, also for HDR."""
    try:
        from pillow_heif import open_heif
    except ImportError as error:
        raise ImageReadError(f"{path}: HEIC photos need one more library; pip install 'photostyle[heic]'") from error
    try:
        image = open_heif(path, convert_hdr_to_8bit=False)
        check_pixels(image.size[0], image.size[1], path, max_pixels)
        if len(image) > 1:
            logger.warning("%s: holds %d pictures; only the primary one is used", path, len(image))
        info = image.info
        icc = info.get("icc_profile") or None
        points = None if icc else info.get("nclx_profile")
        if points:
            icc = declared.of_code_points(points["color_primaries"], points["transfer_characteristics"], path)
        values = np.asarray(image)
        exif = Image.Exif()
        exif.load(info.get("exif") or b"")
        if not points:
            icc = declared.embedded(icc, path) or declared.of_exif(exif, path)
    except ImageReadError:
        raise
    except DAMAGE as error:
        raise damaged(path, error) from error
    colours, alpha = _parted(values)
    return Raster(colours, alpha, exif, icc, info.get("xmp") or None, turned=True, metadata=of_heif(path, info))


def read_coded(path: Path, kind: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None] | None:
    """Return colours (H, W, 1 or 3) and alpha (H, W) or None of an AVIF or JPEG 2000 file of more than 8 bits.

    Values are uint16 for 16 bits, else floats in [0, 1]; not turned. None is a variant that Pillow has to read: that
    8 bits are left is logged.

    Args:
        path: the file.
        kind: ``AVIF`` or ``JPEG2000``.
    """
    data = path.read_bytes()
    coded = (boxes.avif if kind == "AVIF" else boxes.jpeg2000)(data)
    try:
        if kind == "AVIF":
            values = imagecodecs.avif_decode(data, index=0)
        elif coded.enumerated in _RGB_OR_GREY:
            values = imagecodecs.jpeg2k_decode(data)
        else:
            values = np.empty(0)
    except (imagecodecs.AvifError, imagecodecs.Jpeg2kError, *DAMAGE):
        values = np.empty(0)  # Pillow will say what is wrong
    if (
        values.dtype != np.uint16
        or values.ndim not in (2, 3)
        or (values.ndim == 3 and values.shape[2] not in (1, 2, 3, 4))
    ):
        logger.warning("%s: more than 8 bits per colour channel; read with 8", path)
        return None
    if coded.bits < 16:
        values = np.divide(values, np.float32(2**coded.bits - 1), dtype=np.float32).clip(0, 1)
    return _parted(values)


def _parted(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    values = values[..., None] if values.ndim == 2 else values
    return (values[..., :-1], values[..., -1]) if values.shape[2] in (2, 4) else (values, None)
