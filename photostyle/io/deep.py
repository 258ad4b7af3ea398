"""Photos that Pillow would cut to 8 bits or does not know: 16-bit PNG, deep or unusual TIFF.

Each is decoded by the library that keeps every bit, imagecodecs or tifffile; `photostyle.io.coded` and
`photostyle.io.raw` have more of them. As everywhere in `photostyle.io`, whatever is wrong with a file becomes an
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
import tifffile
from PIL import ExifTags, Image

from photostyle.errors import ImageReadError
from photostyle.io.channels import in_range
from photostyle.io.opening import DAMAGE, check_pixels, describe, logged_warnings

logger = logging.getLogger(__name__)
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # its words on damaged tags went to stderr, unasked

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_INK, _MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 5, 0, 1, 2  # TIFF PhotometricInterpretation
_ASSOCIATED, _UNASSOCIATED = 1, 2  # TIFF ExtraSamples
_MOST_SAMPLES = 16  # a pixel: more are instruments' data, and what a few bytes can declare must not fill the memory


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
    """

    values: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None
    exif: Image.Exif
    icc: bytes | None
    xmp: bytes | None
    turned: bool = False


def is_tiff(path: Path) -> bool:
    """Whether a file begins like a TIFF or BigTIFF."""
    with path.open("rb") as stream:
        return stream.read(4) in _TIFF_MAGIC


def read_png(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return the colours (H, W, 1 or 3) uint16 of a 16-bit PNG and its alpha (H, W) or None."""
    try:
        values = imagecodecs.png_decode(path.read_bytes())
    except (imagecodecs.PngError, *DAMAGE) as error:
        raise damaged(path, error) from error
    values = values[..., None] if values.ndim == 2 else values
    if values.shape[2] in (2, 4):
        return values[..., :-1], values[..., -1]
    return values, None


def read_tiff(path: Path, max_pixels: int, exif: Image.Exif | None) -> Raster:
    """Return the first page of a TIFF of any depth, layout and compression that tifffile knows.

    Args:
        path: the file.
        max_pixels: what more than this is refused.
        exif: the file's tags where Pillow could open it, None where it could not.

    Raises:
        ImageReadError: damaged, too large, or neither grey, RGB nor CMYK.
    """
    try:
        with logged_warnings(path), tifffile.TiffFile(path) as tiff:
            page: Any = tiff.pages.first
            check_pixels(page.imagewidth, page.imagelength, path, max_pixels)
            values, alpha = _samples(page, path)
            icc, xmp = page.tags.valueof(34675), page.tags.valueof(700)
        if exif is None:
            exif = Image.Exif()
            with logged_warnings(path), path.open("rb") as stream:
                exif.load_from_fp(stream)
                # Read while the file is open; Pillow before 13 fails on the last where it is not there.
                exif.get_ifd(ExifTags.IFD.GPSInfo)
                if ExifTags.IFD.Interop in exif.get_ifd(ExifTags.IFD.Exif):
                    exif.get_ifd(ExifTags.IFD.Interop)
    except (imagecodecs.DelayedImportError, *DAMAGE) as error:
        raise damaged(path, error) from error
    return Raster(values, alpha, exif, _packet(icc), _packet(xmp))


def _packet(value: object) -> bytes | None:
    """The bytes of a tag that holds a packet; None where a damaged one holds something else, such as a number."""
    if isinstance(value, tuple) and all(isinstance(part, int) and 0 <= part < 256 for part in value):
        value = bytes(value)
    return value if isinstance(value, bytes) and value else None


def _samples(page: Any, path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    photometric = int(page.photometric)
    count = {_INK: 4, _RGB: 3, _MIN_IS_BLACK: 1, _MIN_IS_WHITE: 1}.get(photometric)
    if count is None or page.samplesperpixel < count or page.imagedepth > 1:
        raise ImageReadError(f"{path}: TIFF of {page.photometric.name} colours cannot be read deep; save it as RGB")
    if page.samplesperpixel > _MOST_SAMPLES:
        raise ImageReadError(f"{path}: TIFF of {page.samplesperpixel} samples a pixel cannot be read; save it as RGB")
    values = page.asarray().reshape(page.keyframe.shape)
    values = values[..., None] if values.ndim == 2 else values
    if int(page.planarconfig) == 2 and page.samplesperpixel > 1:
        values = np.moveaxis(values, 0, -1)
    if np.issubdtype(values.dtype, np.floating):
        values = in_range(values, path)
    elif values.dtype not in (np.uint8, np.uint16):
        raise ImageReadError(f"{path}: {values.dtype} samples have no defined white; save it with 8 or 16 bits")
    elif page.bitspersample not in (8, 16):
        values = np.divide(values, np.float32(2**page.bitspersample - 1), dtype=np.float32)
    if photometric == _MIN_IS_WHITE:
        values = (1 if values.dtype == np.float32 else np.iinfo(values.dtype).max) - values
    kinds = [int(kind) for kind in page.extrasamples]
    first = next((i for i, kind in enumerate(kinds) if kind in (_ASSOCIATED, _UNASSOCIATED)), None)
    if first is None:
        return values[..., :count], None
    alpha, values = values[..., count + first], values[..., :count]
    return (_unmultiplied(values, alpha) if kinds[first] == _ASSOCIATED else values), alpha


def _unmultiplied(values: npt.NDArray[Any], alpha: npt.NDArray[Any]) -> npt.NDArray[Any]:
    full = np.float32(1 if values.dtype == np.float32 else np.iinfo(values.dtype).max)
    straight = values / np.maximum(alpha, np.float32(1e-4))[..., None].astype(np.float32)
    return np.clip(np.where(alpha[..., None] > 0, straight, values / full), 0, 1).astype(np.float32)


def damaged(path: Path, error: BaseException) -> ImageReadError:
    """What a decoder raised, as this project says it."""
    return ImageReadError(f"{path}: damaged or truncated image ({describe(error)}); get an intact copy of the file")
