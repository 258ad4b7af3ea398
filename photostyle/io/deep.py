"""Photos that Pillow would cut to 8 bits or does not know: what they are read into, and 16-bit PNG.

Each is decoded by the library that keeps every bit: imagecodecs here, others in `photostyle.io.coded`,
`photostyle.io.raw` and `photostyle.io.tiff`. As everywhere in `photostyle.io`, whatever is wrong with a file becomes an
ImageReadError.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy.typing as npt
from PIL import Image

from photostyle.errors import ImageReadError
from photostyle.io.metadata import Metadata
from photostyle.io.opening import DAMAGE, describe


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
        raise damaged(path, error) from error
    values = values[..., None] if values.ndim == 2 else values
    if values.shape[2] in (2, 4):
        return values[..., :-1], values[..., -1]
    return values, None


def damaged(path: Path, error: BaseException) -> ImageReadError:
    """What a decoder raised, as this project says it."""
    return ImageReadError(f"{path}: damaged or truncated image ({describe(error)}); get an intact copy of the file")
