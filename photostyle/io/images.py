"""Photos in: pixels as floats, with the colour profile, EXIF, XMP and alpha that belong to them."""

from __future__ import annotations

import dataclasses
import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from photostyle.errors import ImageReadError, ImageSizeError, ParameterError
from photostyle.io import declared, deep, tiff
from photostyle.io.channels import from_array, to_rgb
from photostyle.io.coded import HEIF_EXTENSIONS, read_coded, read_heif
from photostyle.io.declared import full_range
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
from photostyle.io.raw import RAW_EXTENSIONS, RawBrightness, check_raw_brightness, read_raw
from photostyle.io.transparency import premultiplied_resize, resized, uncovered

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
    hidden: (N, 3) what the file has under alpha 0, in the order of rows, where `pixels` hold something else there
        (`as_seen`), or None.
    """

    pixels: FloatArray
    alpha: FloatArray | None
    icc: bytes | None
    exif: bytes | None
    path: Path
    xmp: bytes | None = None
    bits: int = 8
    extras: Extras = field(default_factory=Extras)
    hidden: FloatArray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def read_photo(path: StrPath, *, max_pixels: int = MAX_PIXELS, raw_brightness: RawBrightness = "shot") -> Photo:
    """Read the first frame of an image file of any size and mode as an RGB photo, with all its bits.

    Colours come to the working space by the embedded profile (`photostyle.io.profiles`) or what else the file declares
    (`photostyle.io.declared`); CMYK and profiled grey become sRGB. What gets lost on the way (frames, profiles) is
    logged as a warning.

    Args:
        path: the file.
        max_pixels: what more than this is refused.
        raw_brightness: of camera raw (`photostyle.io.raw.RawBrightness`).

    Raises:
        ImageReadError: missing, empty, damaged or truncated file, not an image, more than `max_pixels` pixels
            (checked before decoding), NaN or infinity, a colour mode that cannot be converted, HDR (PQ or HLG), or a
            library for HEIC or camera raw is not installed.
        ParameterError: there is no such raw brightness.
    """
    check_raw_brightness(raw_brightness)
    source = Path(path)
    suffix = source.suffix.lower()
    check_file(source)
    if suffix in RAW_EXTENSIONS:
        return _from_raster(read_raw(source, max_pixels, raw_brightness), source)
    if suffix in HEIF_EXTENSIONS:
        return _from_raster(read_heif(source, max_pixels), source)
    if tiff.is_tiff(source):
        raster = tiff.read_tiff(source, max_pixels)
        icc = declared.embedded(raster.icc, source) or declared.of_exif(raster.exif, source)
        return _from_raster(dataclasses.replace(raster, icc=icc), source)
    with open_photo(source, max_pixels=max_pixels) as (image, is_deep):
        return _from_image(image, is_deep, source)


def _from_image(image: Image.Image, is_deep: bool, source: Path) -> Photo:
    metadata, exif = read_metadata(image, source), _tags(image, source)
    icc, narrow = declared.of_image(image, image.info.get("icc_profile") or None, exif, source)
    if is_deep and image.format in ("PNG", "AVIF", "JPEG2000"):
        decoded = deep.read_png(source) if image.format == "PNG" else read_coded(source, image.format)
        if decoded is not None:
            values = full_range(decoded[0]) if narrow else decoded[0]
            return _from_raster(deep.Raster(values, decoded[1], exif, icc, None, metadata=metadata), source)
    elif is_deep:
        logger.warning("%s: more than 8 bits per colour channel; read with 8", source)
    deep_grey = image.mode.startswith("I") or image.mode == "F"
    try:
        pixels, alpha, icc = to_rgb(upright(image, metadata.orientation), icc, source, narrow=narrow)
    except DAMAGE as error:
        raise ImageReadError(
            f"{source}: cannot be converted from mode {image.mode} to RGB ({describe(error)}); save it as RGB"
        ) from error
    icc, bits = declared.of_result(icc, exif, source), 16 if deep_grey else 8
    return Photo(pixels, alpha, icc, metadata.exif, source, metadata.xmp, bits, metadata.extras)


def _tags(image: Image.Image, source: Path) -> Image.Exif:
    """An opened image's EXIF, for what it says of colours; empty where it is damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is damaged is told where it is kept
            exif = image.getexif()
            exif.get_ifd(ExifTags.IFD.Exif)
        return exif
    except DAMAGE:
        return Image.Exif()


def _from_raster(raster: deep.Raster, source: Path) -> Photo:
    metadata = raster.metadata or Metadata()
    turn = 1 if raster.turned else metadata.orientation
    values = upright_array(raster.values, turn)
    mask = None if raster.alpha is None else upright_array(raster.alpha, turn)
    pixels, alpha, icc = from_array(values, mask, raster.icc, source)
    icc = declared.of_result(icc, raster.exif, source)
    bits = 8 if raster.values.dtype == np.uint8 else 16
    return Photo(pixels, alpha, icc, metadata.exif, source, metadata.xmp, bits, metadata.extras)


def as_seen(photo: Photo) -> Photo:
    """Return the photo with what lies under alpha 0 put aside, to be written again with a result.

    Its pixels there continue what can be seen (`photostyle.io.transparency`), so that the rest decides nothing. The
    given photo's pixels may be overwritten.
    """
    if photo.alpha is None or photo.hidden is not None:
        return photo
    pixels, hidden = uncovered(photo.pixels, photo.alpha)
    return dataclasses.replace(photo, pixels=pixels, hidden=hidden)


def photo_extensions() -> frozenset[str]:
    """Extensions, in lower case, of the files that `read_photo` reads, with the libraries that they need."""
    return pillow_extensions() | RAW_EXTENSIONS | HEIF_EXTENSIONS


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
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    alpha, least, most = photo.alpha, min(0.0, photo.pixels.min()), max(1.0, photo.pixels.max())
    if alpha is None:
        pixels = np.stack([resized(photo.pixels[..., channel], size) for channel in range(3)], axis=-1)
    else:
        pixels, alpha = premultiplied_resize(photo.pixels, alpha, size), resized(alpha, size).clip(0, 1)
    return dataclasses.replace(photo, pixels=pixels.clip(least, most), alpha=alpha, hidden=None)
