"""What Pillow cannot write: PNG with 16 bits, and TIFF of any depth and size with its metadata.

imagecodecs and tifffile encode the pixels; Pillow lays out the EXIF directories and PNG chunks that they lack.
"""

from __future__ import annotations

import io
import logging
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from photostyle.io.images import Photo
from photostyle.io.metadata import exif_for_size

logger = logging.getLogger(__name__)

LARGEST_TIFF = 2**32 - 2**25  # bytes of pixels, with room for strips that do not compress and for metadata

_PNG_START = 33  # bytes of a PNG's signature and IHDR, after which other chunks may come
_HEADER, _BIG_HEADER = 8, 16  # bytes before what a TIFF and a BigTIFF hold; their second half points to it
_STRIP_OFFSETS, _XMP, _BYTE = 273, 700, 1  # TIFF tags and type


def encode_png(values: npt.NDArray[Any], like: Photo | None) -> memoryview:
    """Return a PNG file of (H, W, 3 or 4) uint16, with profile, EXIF and XMP of `like`.

    Settings for speed: twelve times as fast as zlib's usual level and 5 % larger, as noise fills the low bits.
    """
    png = imagecodecs.png_encode(np.ascontiguousarray(values), level=1, strategy=3, filter=16)
    file = io.BytesIO()
    file.write(png[:_PNG_START])
    if like is not None and like.icc:
        PngImagePlugin.putchunk(file, b"iCCP", b"ICC Profile\0\0", zlib.compress(like.icc))
    if like is not None and like.exif:
        exif = exif_for_size(like.exif, values.shape[:2]).tobytes()
        PngImagePlugin.putchunk(file, b"eXIf", exif.removeprefix(b"Exif\0\0"))
    if like is not None and like.xmp:
        PngImagePlugin.putchunk(file, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0", like.xmp)
    file.write(memoryview(png)[_PNG_START:])
    return file.getbuffer()


def write_tiff(path: Path, values: npt.NDArray[Any], like: Photo | None) -> None:
    """Write (H, W, 3 or 4) uint8 or uint16, deflated without loss; a BigTIFF where 4 GiB might not suffice.

    The file's byte order is that of the EXIF, as maker notes depend on it.
    """
    exif = Image.Exif() if like is None or like.exif is None else exif_for_size(like.exif, values.shape[:2])
    big = values.nbytes > LARGEST_TIFF
    tags: dict[int, Any] = dict(exif.items())
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if directory in exif:
            tags[directory] = dict(exif.get_ifd(directory))
            if big:  # whose nested directories Pillow cannot address
                logger.warning("a TIFF of more than 4 GiB cannot keep the %s tags", directory.name)
                del tags[directory]
    with path.open("w+b") as file:
        tifffile.imwrite(
            file,
            values,
            bigtiff=big,
            byteorder=">" if exif.endian == ">" and not big else "<",
            photometric="rgb",
            extrasamples=["unassalpha"] if values.shape[2] == 4 else None,
            compression="zlib",
            predictor=True,
            rowsperstrip=64,
            iccprofile=like.icc if like is not None else None,
            extratags=[(_XMP, _BYTE, len(like.xmp), like.xmp, True)] if like is not None and like.xmp else [],
            metadata=None,
            software=False,
        )
        if tags:
            _add_tags(file, tags, _BIG_HEADER if big else _HEADER)


def _add_tags(file: Any, tags: dict[int, Any], header: int) -> None:
    """Give a TIFF a second first directory, behind its pixels, that has these tags as well; tifffile writes no EXIF."""
    file.seek(0)
    start = file.read(header)
    written = TiffImagePlugin.ImageFileDirectory_v2(ifh=start)
    file.seek(written.next)
    written.load(file)
    complete = TiffImagePlugin.ImageFileDirectory_v2(ifh=start)
    for tag in written:
        complete.tagtype[tag] = written.tagtype[tag]
        complete[tag] = written[tag]
    for tag, value in tags.items():
        complete[tag] = value
    offsets = written[_STRIP_OFFSETS]
    complete[_STRIP_OFFSETS] = (0,) * len(offsets)  # Pillow would move them; the strips stay where they are
    place = file.seek(0, 2)
    place = file.seek(place + place % 2)  # directories begin on even bytes
    file.write(complete.tobytes(place))
    file.seek(header // 2)
    file.write(place.to_bytes(header // 2, "big" if start.startswith(b"MM") else "little"))
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        tiff.pages.first.tags[_STRIP_OFFSETS].overwrite(offsets)
