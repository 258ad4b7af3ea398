"""Photos in: pixels as floats, with the colour profile, EXIF, XMP and alpha that belong to them."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from photostyle.errors import ImageReadError, ImageSizeError, ParameterError
from photostyle.io import deep, tiff
from photostyle.io.channels import from_array, to_rgb
from photostyle.io.files import StrPath
from photostyle.io.metadata import Extras, Metadata, read_metadata, upright, upright_array
from photostyle.io.opening import (
    DAMAGE,
    MAX_PIXELS,
    check_file,
    describe,
    open_photo,
    pillow_extensions,
)
from photostyle.io.profiles import FloatArray

logger = logging.getLogger(__name__)

MIN_SIDE = 16
"""Shortest side, in pixels, that the networks can work on."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as it is meant to be seen, EXIF orientation applied.

    pixels: (H, W, 3) float32 sRGB, in [0, 1] but for colours of a wider gamut, which lie outside
        (`photostyle.io.profiles`).
    alpha: (H, W) float32 in [0, 1], 1 is opaque, or None for a photo without transparency.
    icc: the RGB colour profile that the photo came in and its result goes back to; None is sRGB.
    exif: EXIF block, upright and without thumbnail, or None.
    path: where it was read from.
    xmp: XMP packet, upright and without thumbnails, or None.
    bits: 8 or 16 a sample, as the file had (deeper ones count as 16).
    extras: what else the file held: resolution, IPTC, texts, …
    """

    pixels: FloatArray
    alpha: FloatArray | None
    icc: bytes | None
    exif: bytes | None
    path: Path
    xmp: bytes | None = None
    bits: int = 8
    extras: Extras = field(default_factory=Extras)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def read_photo(path: StrPath, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read the first frame of an image file of any size and mode as an RGB photo, with all its bits.

    Colours come to the working space by the embedded profile (`photostyle.io.profiles`); CMYK and profiled grey
    become sRGB. What gets lost on the way (frames, profiles) is logged as a warning.

    Raises:
        ImageReadError: missing, empty, damaged or truncated file, not an image, more than `max_pixels` pixels
            (checked before decoding), NaN or infinity, a colour mode that cannot be converted, or a library for
            HEIC or camera raw is not installed.
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if suffix in deep.RAW_EXTENSIONS or suffix in deep.HEIF_EXTENSIONS:
        check_file(source)
        reader = deep.read_raw if suffix in deep.RAW_EXTENSIONS else deep.read_heif
        return _from_raster(reader(source, max_pixels), source)
    check_file(source)
    if tiff.is_tiff(source):
        return _from_raster(tiff.read_tiff(source, max_pixels), source)
    with open_photo(source, max_pixels=max_pixels) as (image, is_deep):
        return _from_image(image, is_deep, source)


def _from_image(image: Image.Image, is_deep: bool, source: Path) -> Photo:
    icc = image.info.get("icc_profile") or None
    metadata = read_metadata(image, source)
    if is_deep and image.format == "PNG":
        values, alpha = deep.read_png(source)
        return _from_raster(deep.Raster(values, alpha, Image.Exif(), icc, None, metadata=metadata), source)
    if is_deep:
        logger.warning("%s: more than 8 bits per colour channel; read with 8", source)
    deep_grey = image.mode.startswith("I") or image.mode == "F"
    try:
        pixels, alpha, icc = to_rgb(upright(image, metadata.orientation), icc, source)
    except DAMAGE as error:
        raise ImageReadError(
            f"{source}: cannot be converted from mode {image.mode} to RGB ({describe(error)}); save it as RGB"
        ) from error
    bits = 16 if deep_grey else 8
    return Photo(pixels, alpha, icc, metadata.exif, source, metadata.xmp, bits, metadata.extras)


def _from_raster(raster: deep.Raster, source: Path) -> Photo:
    metadata = raster.metadata or Metadata()
    turn = 1 if raster.turned else metadata.orientation
    values = upright_array(raster.values, turn)
    mask = None if raster.alpha is None else upright_array(raster.alpha, turn)
    pixels, alpha, icc = from_array(values, mask, raster.icc, source)
    bits = 8 if raster.values.dtype == np.uint8 else 16
    return Photo(pixels, alpha, icc, metadata.exif, source, metadata.xmp, bits, metadata.extras)


def photo_extensions() -> frozenset[str]:
    """Extensions, in lower case, of the files that `read_photo` reads, with the libraries that they need."""
    return pillow_extensions() | deep.RAW_EXTENSIONS | deep.HEIF_EXTENSIONS


def check_size(photo: Photo) -> None:
    """Raise unless both sides have at least `MIN_SIDE` pixels.

    Raises:
        ImageSizeError: a side is shorter.
    """
    height, width = photo.size
    if min(height, width) < MIN_SIDE:
        raise ImageSizeError(
            f"{photo.path}: {width}x{height} pixels is too small; use a photo of at least {MIN_SIDE}x{MIN_SIDE}"
        )


def limit_size(photo: Photo, side: int) -> Photo:
    """Return the photo with its long side reduced to at most `side` pixels, for previews; never enlarged.

    Raises:
        ParameterError: `side` is below `MIN_SIDE`.
    """
    if side < MIN_SIDE:
        raise ParameterError(f"a preview side of {side} pixels is too small; use at least {MIN_SIDE}")
    height, width = photo.size
    if max(height, width) <= side:
        return photo
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return dataclasses.replace(
        photo,
        pixels=np.stack([_resample(photo.pixels[..., channel], size) for channel in range(3)], axis=-1),
        alpha=None if photo.alpha is None else _resample(photo.alpha, size),
    )


def _resample(plane: FloatArray, size: tuple[int, int]) -> FloatArray:
    resized = Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.LANCZOS)
    # Lanczos overshoots at edges.
    return np.clip(np.asarray(resized, dtype=np.float32), min(0.0, plane.min()), max(1.0, plane.max()))
