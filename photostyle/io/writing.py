"""Photos out: floats to 8 or 16 bits in the photo's own colour profile, with its metadata, complete or not at all."""

from __future__ import annotations

import io
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from photostyle.errors import NumericalError, OutputError, ParameterError
from photostyle.io import attaching, encoders
from photostyle.io.files import StrPath, atomic_write, check_output
from photostyle.io.images import Photo
from photostyle.io.opening import DAMAGE, describe
from photostyle.io.profiles import bands, from_working, is_srgb
from photostyle.threads import available

logger = logging.getLogger(__name__)

Integers = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
_DEEP_FORMATS = ("PNG", "TIFF")
_LARGE_PNG = 16_000_000  # pixels from which zlib's usual effort takes longer than the network


def check_encodable(path: StrPath, size: tuple[int, int], bits: int | None = None) -> None:
    """Raise unless the format that `path` names can hold an image of `size` (H, W) pixels and `bits` a sample.

    Raises:
        ParameterError: `bits` is neither None, 8 nor 16.
        OutputError: a side is longer than the format allows, or 16 bits are more.
    """
    if bits not in (None, 8, 16):
        raise ParameterError(f"bits is {bits}; it must be 8 or 16")
    name = _FORMATS.get(Path(path).suffix.lower(), "")
    longest = _LONGEST_SIDE.get(name)
    if longest is not None and max(size) > longest:
        raise OutputError(
            f"{path}: {size[1]}x{size[0]} pixels is more than {name} can hold ({longest} a side); write .png or .tif"
        )
    if bits == 16 and name not in _DEEP_FORMATS:
        raise OutputError(f"{path}: {name} holds 8 bits a sample, not 16; write .png or .tif")


def write_photo(
    path: StrPath,
    pixels: npt.NDArray[np.floating[Any]],
    *,
    like: Photo | None = None,
    bits: int | None = None,
    dither: bool = False,
    overwrite: bool = False,
    quality: int = 95,
) -> None:
    """Write working RGB (H, W, 3), floats in [0, 1] or a little outside, as a photo.

    The extension chooses the format: JPEG (4:4:4) and WebP take `quality` (1 to 100), PNG and TIFF are lossless.
    Colours are converted to the profile of `like`, then clipped. Profile, alpha and metadata come from `like`; what
    the format has no place for is logged. The file appears complete or not at all; a TIFF of more than 4 GiB is a
    BigTIFF.

    Args:
        path: the file.
        pixels: what to write.
        like: the photo that it was made from.
        bits: 8 or 16 a sample; None takes those of `like` where the format has them, else 8.
        dither: spread the rounding to 8 bits by noise of one level, so that no gradient shows bands; values that are
            8-bit values already stay. Without, values are rounded.
        overwrite: replace an existing file.
        quality: of lossy formats.

    Raises:
        ParameterError: `pixels` is no (H, W, 3) float array, `quality` or `bits` is out of range, or the alpha of
            `like` has another size.
        NumericalError: NaN or infinity among the pixels.
        OutputError: as `check_output`, `check_encodable` and `atomic_write` raise it, or the encoder fails.
    """
    target = Path(path)
    check_output(target, overwrite=overwrite)
    _check_pixels(target, pixels, like)
    if not 1 <= quality <= 100:
        raise ParameterError(f"quality {quality} is out of range; use 1 to 100")
    name = _FORMATS[target.suffix.lower()]
    check_encodable(target, (pixels.shape[0], pixels.shape[1]), bits)
    if bits is None:
        bits = like.bits if like is not None and name in _DEEP_FORMATS else 8
    alpha = None if like is None else like.alpha
    if alpha is not None and name == "JPEG":
        if alpha.min() < 1:
            logger.warning("%s: transparency dropped, JPEG has none; write .png, .tif or .webp to keep it", target)
        alpha = None
    if like is not None:
        attaching.say_what_is_lost(target, like)
    # Lossy formats blend what is under alpha 0 into what is seen beside it, so it stays with the others only.
    hidden = like.hidden if like is not None and name in _DEEP_FORMATS else None
    values = _integers(target, pixels, alpha, hidden, like.icc if like else None, bits, dither=dither)
    with atomic_write(target, overwrite=overwrite) as temporary:
        try:
            if name == "TIFF":
                encoders.write_tiff(temporary, values, like, target)
            else:
                # Encoded in memory: Pillow's encoders overlook a disk that fills up while they write.
                temporary.write_bytes(_encoded(target, name, values, like, quality))
        except OSError as error:
            if error.errno is not None:  # the disk's; Pillow's encoders raise it without a number
                raise
            raise _not_encodable(target, name, error) from error
        except (imagecodecs.PngError, *DAMAGE) as error:
            raise _not_encodable(target, name, error) from error


def copy_photo(source: StrPath, path: StrPath, *, overwrite: bool = False) -> bool:
    """Write a photo's own file to `path` if it has the format of that extension; False, and nothing written, if not.

    A photo that nothing was done to stays the same to the bit in lossy formats only in its own bytes.

    Raises:
        OutputError: as `write_photo`.
    """
    target = Path(path)
    try:
        with Image.open(source, formats=[_FORMATS[target.suffix.lower()]]):
            pass
    except (KeyError, *DAMAGE):
        return False
    with atomic_write(target, overwrite=overwrite) as temporary:
        shutil.copyfile(source, temporary)
    return True


def _not_encodable(target: Path, name: str, error: BaseException) -> OutputError:
    return OutputError(f"{target}: cannot be encoded as {name} ({describe(error)}); write .png instead")


def _encoded(target: Path, name: str, values: Integers, like: Photo | None, quality: int) -> memoryview:
    size = (values.shape[0], values.shape[1])
    if values.dtype == np.uint16:
        return encoders.encode_png(values, like, target)
    options: dict[str, Any] = {"compress_level": 6 if size[0] * size[1] < _LARGE_PNG else 1}
    if name == "JPEG":
        options = {"quality": quality, "subsampling": "4:4:4"}
    elif name == "WEBP":
        options = {"quality": quality, "method": 4}
    if like is not None and like.icc:
        options["icc_profile"] = like.icc
    if like is not None and name == "WEBP":
        block, packet = attaching.for_webp(like, size, target)
        options |= {key: value for key, value in (("exif", block), ("xmp", packet)) if value is not None}
    encoded = io.BytesIO()
    Image.fromarray(values).save(encoded, format=name, **options)
    if like is None or name == "WEBP":
        return encoded.getbuffer()
    attach = attaching.into_jpeg if name == "JPEG" else attaching.into_png
    return memoryview(attach(encoded.getvalue(), like, size, target))


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


def _integers(
    target: Path,
    pixels: npt.NDArray[np.floating[Any]],
    alpha: npt.NDArray[np.float32] | None,
    hidden: npt.NDArray[np.float32] | None,
    icc: bytes | None,
    bits: int,
    *,
    dither: bool,
) -> Integers:
    """Return the samples to store, (H, W, 3) or with alpha (H, W, 4), made band by band to need little memory."""
    height, width = pixels.shape[:2]
    result: Any = np.empty((height, width, 3 if alpha is None else 4), np.uint8 if bits == 8 else np.uint16)
    profile = icc if icc is not None and not is_srgb(icc) else None
    before = None  # pixels under alpha 0 in the rows above each row
    if alpha is not None and hidden is not None:
        before = np.append(0, np.cumsum(np.count_nonzero(alpha == 0, axis=1)))
        if before[-1] != len(hidden):
            raise ParameterError(f"{target}: {before[-1]} pixels have alpha 0, but {len(hidden)} are kept from there")

    def convert(rows: slice) -> int:
        part = np.array(pixels[rows], np.float32)
        bad = part.size - int(np.count_nonzero(np.isfinite(part)))
        if bad:
            return bad
        if alpha is not None and hidden is not None and before is not None:
            part[alpha[rows] == 0] = hidden[before[rows.start] : before[rows.stop]]
        if profile is not None:
            part = from_working(part, profile)
        noise = np.random.default_rng(rows.start) if dither and bits == 8 else None
        result[rows, :, :3] = _rounded(part, bits, noise)
        if alpha is not None:
            result[rows, :, 3] = _rounded(alpha[rows].copy(), bits, None)
        return 0

    with ThreadPoolExecutor(available()) as pool:
        bad = sum(pool.map(convert, bands(height, width)))
    if bad:
        raise NumericalError(f"{target}: not written, {bad} of {pixels.size} values are NaN or infinite; check inputs")
    return result  # type: ignore[no-any-return]


def _rounded(values: npt.NDArray[np.float32], bits: int, noise: np.random.Generator | None) -> npt.NDArray[np.float32]:
    values = np.clip(values, 0, 1, out=values)
    values *= np.float32(2**bits - 1)
    if noise is not None:
        values += noise.random(values.shape, np.float32) - np.float32(0.5)
        np.clip(values, 0, 2**bits - 1, out=values)
    return np.rint(values, out=values)
