"""Photos in and out: pixels as floats in [0, 1], with the ICC profile, EXIF and alpha that belong to them."""

from __future__ import annotations

import dataclasses
import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from photostyle.errors import ImageReadError, ImageSizeError, NumericalError, OutputError, ParameterError
from photostyle.io.channels import FloatArray, to_rgb
from photostyle.io.files import StrPath, atomic_write, check_output
from photostyle.io.metadata import exif_for_size, has_directories, read_exif, upright
from photostyle.io.opening import DAMAGE, MAX_PIXELS, describe, open_image

logger = logging.getLogger(__name__)

MIN_SIDE = 16
"""Shortest side, in pixels, that the networks can work on."""

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
_LARGEST_JPEG_EXIF = 65_533  # bytes: a JPEG segment, less its own length field


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as it is meant to be seen, EXIF orientation applied.

    pixels: (H, W, 3) float32 in [0, 1], in the colour space of `icc`, or sRGB where that is None.
    alpha: (H, W) float32 in [0, 1], 1 is opaque, or None for a photo without transparency.
    icc: an RGB colour profile or None.
    exif: EXIF without orientation, thumbnail and file layout, or None.
    path: where it was read from.
    """

    pixels: FloatArray
    alpha: FloatArray | None
    icc: bytes | None
    exif: bytes | None
    path: Path

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def read_photo(path: StrPath, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read the first frame of an image file of any size and mode as an RGB photo.

    CMYK and profiled grey images are converted to sRGB. What gets lost on the way (frames, depth, profiles) is
    logged as a warning.

    Raises:
        ImageReadError: missing, empty, damaged or truncated file, not an image, more than `max_pixels` pixels
            (checked before decoding), NaN or infinity, or a colour mode that cannot be converted.
    """
    source = Path(path)
    with open_image(source, max_pixels=max_pixels) as image:
        orientation, exif = read_exif(image, source)
        embedded = image.info.get("icc_profile")
        try:
            pixels, alpha, icc = to_rgb(upright(image, orientation), embedded or None, source)
        except (MemoryError, OSError, ValueError) as error:
            raise ImageReadError(
                f"{source}: cannot be converted from mode {image.mode} to RGB ({describe(error)}); save it as RGB"
            ) from error
    return Photo(pixels=pixels, alpha=alpha, icc=icc, exif=exif, path=source)


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


def check_encodable(path: StrPath, size: tuple[int, int]) -> None:
    """Raise unless the format that `path` names can hold an image of `size` (H, W) pixels.

    Raises:
        OutputError: a side is longer than the format allows.
    """
    name = _FORMATS.get(Path(path).suffix.lower(), "")
    longest = _LONGEST_SIDE.get(name)
    if longest is not None and max(size) > longest:
        raise OutputError(
            f"{path}: {size[1]}x{size[0]} pixels is more than {name} can hold ({longest} a side); write .png or .tif"
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


def write_photo(
    path: StrPath,
    pixels: npt.NDArray[np.floating[Any]],
    *,
    like: Photo | None = None,
    overwrite: bool = False,
    quality: int = 95,
) -> None:
    """Write pixels (H, W, 3), floats in [0, 1], as an 8-bit photo; values outside are clipped, all are rounded.

    The extension chooses the format: JPEG (4:4:4) and WebP take `quality` (1 to 100), PNG and TIFF are lossless.
    ICC profile, EXIF and alpha come from `like`; a JPEG has no alpha, which is logged. The file appears complete
    or not at all.

    Raises:
        ParameterError: `pixels` is no (H, W, 3) float array, `quality` is out of range, or the alpha of `like`
            has another size.
        NumericalError: NaN or infinity among the pixels.
        OutputError: as `check_output`, `check_encodable` and `atomic_write` raise it, or the encoder fails.
    """
    target = Path(path)
    check_output(target, overwrite=overwrite)
    _check_pixels(target, pixels, like)
    if not 1 <= quality <= 100:
        raise ParameterError(f"quality {quality} is out of range; use 1 to 100")
    name = _FORMATS[target.suffix.lower()]
    check_encodable(target, (pixels.shape[0], pixels.shape[1]))
    image = Image.fromarray(_to_bytes(pixels))
    if like is not None and like.alpha is not None:
        if name != "JPEG":
            image.putalpha(Image.fromarray(_to_bytes(like.alpha)))
        elif like.alpha.min() < 1:
            logger.warning("%s: transparency dropped, JPEG has none; write .png, .tif or .webp to keep it", target)
    options = _options(name, quality)
    if like is not None:
        options |= _metadata(target, name, like, (image.height, image.width))
    with atomic_write(target, overwrite=overwrite) as temporary:
        try:
            # Encoded in memory: Pillow's encoders overlook a disk that fills up while they write.
            encoded = io.BytesIO()
            image.save(encoded, format=name, **options)
        except DAMAGE as error:
            raise OutputError(
                f"{target}: cannot be encoded as {name} ({describe(error)}); write .png instead"
            ) from error
        temporary.write_bytes(encoded.getbuffer())


def _options(name: str, quality: int) -> dict[str, Any]:
    if name == "JPEG":
        return {"quality": quality, "subsampling": "4:4:4"}
    if name == "WEBP":
        return {"quality": quality, "method": 4}
    return {"compression": "tiff_adobe_deflate"} if name == "TIFF" else {}


def _metadata(target: Path, name: str, like: Photo, size: tuple[int, int]) -> dict[str, Any]:
    options: dict[str, Any] = {"icc_profile": like.icc} if like.icc else {}
    if like.exif is None:
        return options
    exif = exif_for_size(like.exif, size)
    if name == "JPEG" and len(exif.tobytes()) > _LARGEST_JPEG_EXIF:
        logger.warning("%s: EXIF dropped, it is larger than JPEG allows; write .png or .tif to keep it", target)
        return options
    if name == "TIFF" and has_directories(exif):
        # Pillow hands compressed TIFFs to libtiff, which cannot be given these directories; uncompressed it can.
        options["compression"] = None
    return options | {"exif": exif}


def _check_pixels(target: Path, pixels: npt.NDArray[Any], like: Photo | None) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ParameterError(f"{target}: cannot write an array of shape {pixels.shape}; give (height, width, 3)")
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ParameterError(f"{target}: cannot write {pixels.dtype} pixels; give floats in [0, 1]")
    if like is not None and like.alpha is not None and like.alpha.shape != pixels.shape[:2]:
        raise ParameterError(
            f"{target}: pixels {pixels.shape[:2]} and alpha {like.alpha.shape} differ in size; "
            "give alpha the size of the pixels"
        )
    bad = pixels.size - int(np.count_nonzero(np.isfinite(pixels)))
    if bad:
        raise NumericalError(f"{target}: not written, {bad} of {pixels.size} values are NaN or infinite; check inputs")


def _to_bytes(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    scaled = np.clip(values, 0, 1) * 255
    return np.asarray(np.rint(scaled, out=scaled), dtype=np.uint8)


def _resample(plane: FloatArray, size: tuple[int, int]) -> FloatArray:
    resized = Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.LANCZOS)
    return np.clip(np.asarray(resized, dtype=np.float32), 0, 1)  # Lanczos overshoots at edges
