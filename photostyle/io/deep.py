"""Photos that Pillow would cut to 8 bits or does not know: 16-bit PNG, HEIC, camera RAW.

Each is decoded by the library that keeps every bit: imagecodecs, pillow-heif (extra ``heic``), rawpy (extra ``raw``);
`photostyle.io.tiff` has another. As everywhere in `photostyle.io`, whatever is wrong with a file becomes an
ImageReadError.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from photostyle.errors import ImageReadError
from photostyle.io.metadata import Metadata
from photostyle.io.metadata_sources import of_heif, of_raw
from photostyle.io.opening import DAMAGE, check_pixels, describe, logged_warnings

logger = logging.getLogger(__name__)

RAW_EXTENSIONS = frozenset((
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw",
    ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
))  # fmt: skip
HEIF_EXTENSIONS = frozenset((".heic", ".heif", ".hif"))


@dataclass(frozen=True, eq=False)
class Raster:
    """Device values of a photo and what was found beside them.

    Attributes:
        values: (H, W, C) uint8, uint16, or float32 in [0, 1]; C is 1 grey, 3 RGB, 4 CMYK.
        alpha: (H, W) of these types, not multiplied into the colours, or None.
        exif: as parsed by Pillow.
        icc: embedded profile or None.
        xmp: XMP packet or None.
        turned: the decoder has applied the orientation.
        metadata: what goes along; None leaves it at that.
    """

    values: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None
    exif: Image.Exif
    icc: bytes | None
    xmp: bytes | None
    turned: bool = False
    metadata: Metadata | None = None


def read_png(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return the colours (H, W, 1 or 3) uint16 of a 16-bit PNG and its alpha (H, W) or None."""
    try:
        values = imagecodecs.png_decode(path.read_bytes())
    except (imagecodecs.PngError, *DAMAGE) as error:
        raise _damaged(path, error) from error
    values = values[..., None] if values.ndim == 2 else values
    if values.shape[2] in (2, 4):
        return values[..., :-1], values[..., -1]
    return values, None


def read_heif(path: Path, max_pixels: int) -> Raster:
    """Return a HEIC photo with all its bits; libheif applies the orientation. Raises ImageReadError."""
    try:
        from pillow_heif import open_heif
    except ImportError as error:
        raise ImageReadError(f"{path}: HEIC photos need one more library; pip install 'photostyle[heic]'") from error
    try:
        image = open_heif(path, convert_hdr_to_8bit=False)
        check_pixels(image.size[0], image.size[1], path, max_pixels)
        values, info = np.asarray(image), image.info
        exif = Image.Exif()
        exif.load(info.get("exif") or b"")
    except DAMAGE as error:
        raise _damaged(path, error) from error
    values = values[..., None] if values.ndim == 2 else values
    alpha = values[..., -1] if values.shape[2] in (2, 4) else None
    colours = values if alpha is None else values[..., :-1]
    return Raster(
        colours, alpha, exif, info.get("icc_profile") or None, info.get("xmp") or None, True, of_heif(path, info)
    )


def read_raw(path: Path, max_pixels: int) -> Raster:
    """Return a camera's raw photo, developed by LibRaw: camera white balance, 16 bits, sRGB, turned upright.

    Raises:
        ImageReadError: damaged, too large, an unknown camera, or rawpy is not installed.
    """
    try:
        import rawpy
    except ImportError as error:
        raise ImageReadError(f"{path}: camera raw needs one more library; pip install 'photostyle[raw]'") from error
    try:
        with rawpy.imread(str(path)) as raw:
            check_pixels(raw.sizes.width, raw.sizes.height, path, max_pixels)
            values = raw.postprocess(
                use_camera_wb=True, output_bps=16, output_color=rawpy.ColorSpace.sRGB, gamma=(2.4, 12.92)
            )
            metadata = of_raw(path, raw)
    except (rawpy.LibRawError, *DAMAGE) as error:
        raise _damaged(path, error) from error
    exif = Image.Exif()
    try:
        with logged_warnings(path), path.open("rb") as stream:
            exif.load_from_fp(stream)
    except DAMAGE:
        exif = Image.Exif()  # not every maker's raw is a TIFF inside
    return Raster(values, None, exif, None, None, True, metadata)


def _damaged(path: Path, error: BaseException) -> ImageReadError:
    return ImageReadError(f"{path}: damaged or truncated image ({describe(error)}); get an intact copy of the file")
