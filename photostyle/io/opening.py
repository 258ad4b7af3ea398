"""The one place where image files are opened: every way they can be bad becomes an ImageReadError."""

from __future__ import annotations

import logging
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from photostyle.errors import ImageReadError
from photostyle.io import boxes

logger = logging.getLogger(__name__)


MAX_PIXELS = 300_000_000
"""Default limit on the declared pixels of an input."""

# Formats whose decoders run inside Pillow; others (EPS, for one) would start outside programs on untrusted input.
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "GIF", "JPEG2000", "PPM")

# What Pillow's decoders are seen to raise on damaged bytes; they check little and let Python's own errors out.
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@contextmanager
def open_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Yield the first frame of an image file, fully decoded, with the file still open for its metadata.

    The size that the file declares is checked before pixels are decoded. Pillow's own limit
    (twice `PIL.Image.MAX_IMAGE_PIXELS`) holds as well. What Pillow warns about is logged instead.

    Raises:
        ImageReadError: missing file, folder or special file, unreadable, empty, not an image, damaged or
            truncated, or more than `max_pixels` pixels.
    """
    with _stream(path) as stream:
        if stream.read(4) in TIFF_MAGIC:
            from photostyle.io.tiff import read_picture  # which builds on this module

            yield read_picture(path, max_pixels)
            return
        stream.seek(0)
        image, deep = _decode(stream, path, max_pixels)
        if deep:
            logger.warning("%s: more than 8 bits per colour channel; read with 8", path)
        yield image


@contextmanager
def open_photo(path: Path, *, max_pixels: int = MAX_PIXELS) -> Iterator[tuple[Image.Image, bool]]:
    """`open_image` for who can decode more: yields the image and whether Pillow cuts its samples to 8 bits.

    TIFF is read by `photostyle.io.tiff`. AVIF or JPEG 2000 of more is not decoded here.

    Raises:
        ImageReadError: as `open_image`.
    """
    with _stream(path) as stream:
        yield _decode(stream, path, max_pixels, ("AVIF", "JPEG2000"))


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    check_file(path)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise ImageReadError(f"{path}: cannot be opened ({describe(error)}); check its permissions") from error
    with stream:
        yield stream


# Of any library in any thread: recording warnings is process-wide, and these say nothing of a photo.
_FOR_PROGRAMMERS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning)


@contextmanager
def logged_warnings(path: Path) -> Iterator[None]:
    """Log what Pillow warns about while it reads `path`; its warning of large images is the caller's to decide."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if not issubclass(warning.category, (Image.DecompressionBombWarning, *_FOR_PROGRAMMERS)):
            logger.warning("%s: %s", path, " ".join(str(warning.message).split()))


def pillow_extensions() -> frozenset[str]:
    """Extensions, in lower case, of the formats that Pillow reads here."""
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in _FORMATS)


def describe(error: BaseException) -> str:
    """Return what an error says, in one line; the operating system's part only, which does not repeat the path."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def check_file(path: Path) -> None:
    """Raise ImageReadError unless `path` is a regular file with something in it."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise ImageReadError(f"{path}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise ImageReadError(f"{path}: cannot be opened ({describe(error)}); check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise ImageReadError(f"{path}: is a folder; give the path of an image file")
    if not stat.S_ISREG(status.st_mode):
        raise ImageReadError(f"{path}: is not a regular file; give the path of an image file")
    if status.st_size == 0:
        raise ImageReadError(f"{path}: is empty (0 bytes); get an intact copy of the file")


def _decode(
    stream: IO[bytes], path: Path, max_pixels: int, left_if_deep: tuple[str, ...] = ()
) -> tuple[Image.Image, bool]:
    registered = set(Image.registered_extensions().values())
    known = [name for name in _FORMATS if name in registered]
    formats = [name for name in known if name != "TIFF"]
    with logged_warnings(path):
        try:
            image = Image.open(stream, formats=formats)
            check_pixels(*image.size, path, max_pixels)
            frames = getattr(image, "n_frames", 1)
            deep = _loses_depth(image, stream)
            if not (deep and image.format in left_if_deep):
                image.load()
        except UnidentifiedImageError as error:
            raise ImageReadError(
                f"{path}: not an image that can be read ({', '.join(known)}), or damaged; convert it to PNG or JPEG"
            ) from error
        except Image.DecompressionBombError as error:
            raise ImageReadError(f"{path}: refused as dangerously large ({describe(error)}); shrink it") from error
        except DAMAGE as error:
            raise ImageReadError(
                f"{path}: damaged or truncated image ({describe(error)}); get an intact copy of the file"
            ) from error
    if frames > 1 and image.format != "MPO":  # an MPO is a camera's JPEG with previews behind the photo
        logger.warning("%s: holds %d frames or pages; only the first is used", path, frames)
    return image, deep


def check_pixels(width: int, height: int, path: Path, max_pixels: int) -> None:
    """Raise ImageReadError for an image of no pixels or more than `max_pixels`."""
    if width * height > max_pixels:
        raise ImageReadError(
            f"{path}: {width}x{height} is more than the limit of {max_pixels} pixels; shrink it or raise the limit"
        )
    if width * height == 0:
        raise ImageReadError(f"{path}: {width}x{height} has no pixels; get an intact copy of the file")


def _loses_depth(image: Image.Image, stream: IO[bytes]) -> bool:
    """Whether colour samples of more than 8 bits are about to be cut; known only before decoding."""
    if image.format in ("AVIF", "JPEG2000"):
        place = stream.tell()
        stream.seek(0)
        coded = (boxes.avif if image.format == "AVIF" else boxes.jpeg2000)(stream.read())
        stream.seek(place)
        return coded.bits > 8
    if image.mode.startswith(("I", "F")):
        return False
    arguments = [argument for tile in getattr(image, "tile", []) for argument in _as_tuple(tile.args)]
    if image.format == "PNG":
        return any(isinstance(argument, str) and ";16" in argument for argument in arguments)
    return image.format == "PPM" and any(isinstance(argument, int) and argument > 255 for argument in arguments)


def _as_tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
