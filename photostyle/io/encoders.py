"""What Pillow cannot write: PNG with 16 bits, and TIFF of any depth and size with its metadata.

imagecodecs and tifffile encode the pixels.
"""

from __future__ import annotations

import logging
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile

from photostyle.io import attaching, exif
from photostyle.io.containers import PNG_START, chunk
from photostyle.io.directories import Entry, Layout, header, read_directory, write_directory
from photostyle.io.images import Photo
from photostyle.threads import available

logger = logging.getLogger(__name__)

LARGEST_TIFF = 2**32 - 2**25  # bytes of pixels, with room for strips that do not compress and for metadata
_ROOM = 16  # bytes before what a BigTIFF holds


def encode_png(values: npt.NDArray[Any], like: Photo | None, target: Path) -> memoryview:
    """Return a PNG file of (H, W, 3 or 4) uint16, with profile and metadata of `like`; `target` is for messages.

    Settings for speed: twelve times as fast as zlib's usual level and 5 % larger, as noise fills the low bits.
    """
    png = imagecodecs.png_encode(np.ascontiguousarray(values), level=1, strategy=3, filter=16)
    if like is None:
        return memoryview(png)
    png = attaching.into_png(bytes(png), like, values.shape[:2], target)
    profile = chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(like.icc)) if like.icc else b""
    return memoryview(png[:PNG_START] + profile + png[PNG_START:])


def write_tiff(path: Path, values: npt.NDArray[Any], like: Photo | None, target: Path) -> None:
    """Write (H, W, 3 or 4) uint8 or uint16, deflated without loss; a BigTIFF where 4 GiB might not suffice.

    The file begins with the EXIF block as it is and takes its byte order, as maker notes depend on both.

    Args:
        path: the file.
        values: samples.
        like: whose profile and metadata go along.
        target: what messages call the file.
    """
    plain = attaching.TiffParts(b"", Layout("<"), ())
    parts = plain if like is None else attaching.for_tiff(like, values.shape[:2], target)
    layout = Layout(parts.layout.order, values.nbytes + len(parts.block) > LARGEST_TIFF)
    with path.open("w+b") as file:
        # tifffile continues a file: it gets one of a block of EXIF and a directory that nothing will point to.
        start = _even(max(len(parts.block), _ROOM))
        stub = write_directory([Entry(tag, 3, 1, 0, b"\0\0") for tag in (256, 257, 273, 279)], start, layout)
        head = header(layout, start)
        file.write(head + parts.block[len(head) :].ljust(start - len(head), b"\0") + stub)
        file.seek(0)
        with tifffile.TiffWriter(file, append="force") as writer:
            writer.write(
                values,
                photometric="rgb",
                extrasamples=["unassalpha"] if values.shape[2] == 4 else None,
                compression="zlib",
                predictor=True,
                rowsperstrip=64,
                # Noise fills the low bits of 16: the fastest level takes two thirds of the time and no more room.
                compressionargs={"level": 1 if values.itemsize > 1 else 6},
                maxworkers=available(),
                iccprofile=like.icc if like is not None else None,
                metadata=None,
                software=False,
            )
        _, place = read_directory(file, start, layout)
        written = {entry.tag: entry for entry in read_directory(file, place, layout)[0]}
        end = _even(file.seek(0, 2))
        entries, nested = list(parts.entries), b""
        if layout.big:
            entries, nested = exif.as_big(parts.block, entries, end) if parts.block else (entries, b"")
        written |= {entry.tag: entry for entry in entries}
        file.seek(end)
        file.write(nested + write_directory(written.values(), end + len(nested), layout))
        file.seek(0)
        file.write(header(layout, end + len(nested)))


def _even(place: int) -> int:
    """Directories begin on even bytes."""
    return place + place % 2
