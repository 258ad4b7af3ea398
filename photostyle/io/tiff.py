"""TIFF of every depth, layout and compression that tifffile and imagecodecs decode: the page with the full picture.

Pillow's own TIFF reader is not used: it takes the first page, reads planar and inverted deep samples wrongly, and its
libtiff writes to the terminal.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from photostyle.errors import ImageReadError
from photostyle.io import containers
from photostyle.io.channels import in_range
from photostyle.io.deep import Raster
from photostyle.io.directories import read_directory, read_header
from photostyle.io.metadata import Extras, Metadata, exif_resolution, gathered, settled
from photostyle.io.opening import DAMAGE, TIFF_MAGIC, check_pixels, describe, logged_warnings
from photostyle.threads import available

logger = logging.getLogger(__name__)
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # its words on damaged tags went to stderr, unasked

_INK, _MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _YCBCR = 5, 0, 1, 2, 3, 6  # PhotometricInterpretation
_LABS = (8, 9)  # the same: CIE L*a*b*, with signed and (as ICC has it) with unsigned a* and b*
_ASSOCIATED, _UNASSOCIATED = 1, 2  # ExtraSamples
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_OLD_REDUCED = 2  # SubfileType, which it replaced
_JPEG = (6, 7, 99, 33007, 34892)  # compressions that convert colours themselves
_XMP, _IPTC, _RESOURCES, _PROFILE, _LAYERS = 700, 33723, 34377, 34675, 37724
_BESIDE = (_XMP, _IPTC, _RESOURCES, _PROFILE)
_MOST_SAMPLES = 16  # a pixel: more are instruments' data, and what a few bytes can declare must not fill the memory
_MOST_PAGES = 1000
_BAD_DEPTH = "samples have no defined white; save it with 8 or 16 bits"


def is_tiff(path: Path) -> bool:
    """Whether a file begins like a TIFF or BigTIFF."""
    with path.open("rb") as stream:
        return stream.read(4) in TIFF_MAGIC


def read_tiff(path: Path, max_pixels: int, *, labels: bool = False) -> Raster:
    """Return the full picture of a TIFF, with what its page and the first page carry.

    The picture is the first page that is no thumbnail (NewSubfileType), or what lies below it as a sub-directory in
    full resolution. Further pages and channels without a meaning are logged. With `labels`, grey integers of 32 bits,
    which have no white, are given as they are.

    Raises:
        ImageReadError: damaged, too large, a compression that is not supported, or neither grey, RGB, palette, YCbCr
            nor CMYK.
    """
    try:
        with logged_warnings(path), tifffile.TiffFile(path) as file:
            page, first = _full_page(file, path)
            check_pixels(page.imagewidth, page.imagelength, path, max_pixels)
            values, alpha = _samples(page, path, labels)
            gone = ("layers",) if _LAYERS in page.tags or _LAYERS in first.tags else ()
            places = [page.offset] if page is first else [page.offset, first.offset]
        with path.open("rb") as stream, logged_warnings(path):
            tags = _beside(stream, places)
            metadata = _metadata(stream, places, tags, gone, path)
            parsed = _parsed(stream, places[0])
    except (imagecodecs.DelayedImportError, *DAMAGE) as error:
        raise ImageReadError(
            f"{path}: damaged or truncated image ({describe(error)}); get an intact copy of the file"
        ) from error
    return Raster(values, alpha, parsed, tags.get(_PROFILE) or None, tags.get(_XMP) or None, metadata=metadata)


def read_picture(path: Path, max_pixels: int) -> Image.Image:
    """Return the full picture of a TIFF with Pillow's modes, colours with 8 bits; errors as `read_tiff` raises them."""
    raster = read_tiff(path, max_pixels, labels=True)
    values, alpha = raster.values, raster.alpha
    if values.shape[2] == 1 and values.dtype != np.uint8 and alpha is None:
        return _named(Image.fromarray(values[..., 0]))
    if values.dtype != np.uint8:
        if values.shape[2] > 1:
            logger.warning("%s: more than 8 bits per colour channel; read with 8", path)
        values, alpha = _eight(values), None if alpha is None else _eight(alpha)
    if alpha is not None and values.shape[2] in (1, 3):
        values = np.dstack([values, alpha])
    mode = {1: "L", 2: "LA", 3: "RGB"}.get(values.shape[2], "RGBA" if alpha is not None else "CMYK")
    size = (values.shape[1], values.shape[0])
    return _named(Image.frombytes(mode, size, np.ascontiguousarray(values).tobytes()))


def _named(image: Image.Image) -> Image.Image:
    image.format = "TIFF"  # which says that its colours are exact
    return image


def _eight(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    scale = 255.0 if values.dtype == np.float32 else 255 / np.iinfo(values.dtype).max
    return np.asarray(np.rint(values * np.float32(scale)), np.uint8)


def _full_page(file: tifffile.TiffFile, path: Path) -> tuple[Any, Any]:
    chain = list(_chain(file.pages))
    if not chain:
        raise ValueError("no page")
    whole = [page for page in chain if not _is_reduced(page)]
    below = [page for parent in chain[:_MOST_SAMPLES] for page in _below(parent) if not _is_reduced(page)]
    found = whole[0] if whole else None
    largest = max(below, key=lambda page: page.imagewidth * page.imagelength, default=None)
    if largest is not None and (found is None or _pixels(largest) > _pixels(found)):
        found = largest
    if found is None:
        found = max(chain, key=_pixels)
    others = sum(page is not found for page in whole)
    if others and found is chain[0]:
        logger.warning("%s: holds %d frames or pages; only the first is used", path, others + 1)
    elif others:
        logger.warning("%s: holds %d frames or pages; only the first full picture is used", path, len(whole))
    if any(int(page.subfiletype) & _MASK for page in chain):
        logger.warning("%s: its transparency mask, a page of its own, is not used", path)
    return found, chain[0]


def _pixels(page: Any) -> int:
    return int(page.imagewidth * page.imagelength)


def _chain(pages: Any) -> Iterator[Any]:
    for index in range(_MOST_PAGES):
        try:
            page = pages[index]
        except DAMAGE:  # the end, or a link that leads nowhere: what lies before is whole
            return
        yield page


def _below(page: Any) -> Iterator[Any]:
    try:
        nested = page.pages if page.subifds else None
    except DAMAGE:
        return
    if nested is not None:
        yield from _chain(nested)


def _is_reduced(page: Any) -> bool:
    return bool(int(page.subfiletype) & (_REDUCED | _MASK)) or page.tags.valueof(255) == _OLD_REDUCED


def _samples(page: Any, path: Path, labels: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    photometric, compression = int(page.photometric), int(page.compression)
    if photometric in _LABS and (page.bitspersample != 8 or page.samplesperpixel != 3):
        photometric = -1
    counts = {8: 3, 9: 3, _INK: 4, _RGB: 3, _YCBCR: 3, _MIN_IS_BLACK: 1, _MIN_IS_WHITE: 1, _PALETTE: 1}
    count = counts.get(photometric)
    if count is None or page.samplesperpixel < count or page.imagedepth > 1:
        name = getattr(page.photometric, "name", page.photometric)
        raise ImageReadError(f"{path}: TIFF of {name} colours cannot be read; save it as RGB")
    if page.samplesperpixel > _MOST_SAMPLES:
        raise ImageReadError(f"{path}: TIFF of {page.samplesperpixel} samples a pixel cannot be read; save it as RGB")
    _check_compression(page, path)
    if photometric == _YCBCR and compression not in _JPEG and tuple(page.subsampling or (1, 1)) != (1, 1):
        return _by_pillow(page, path), None
    values = page.asarray(maxworkers=available()).reshape(page.keyframe.shape)
    values = values[..., None] if values.ndim == 2 else values
    if int(page.planarconfig) == 2 and page.samplesperpixel > 1:
        values = np.moveaxis(values, 0, -1)
    if photometric == _PALETTE:
        return _painted(values[..., 0], page), None
    if photometric in _LABS:
        lab = np.ascontiguousarray(values.view(np.uint8))
        lab[..., 1:] ^= np.uint8(0 if photometric == _LABS[0] else 128)
        return np.asarray(Image.frombytes("LAB", lab.shape[1::-1], lab, "raw", "LAB").convert("RGB")), None
    if labels and count == 1 and values.dtype in (np.int32, np.uint32, np.int16):
        return values.astype(np.int32)[..., :1], None
    values = _with_white(values, page, path)
    if photometric == _MIN_IS_WHITE:
        values = (1 if values.dtype == np.float32 else np.iinfo(values.dtype).max) - values
    if photometric == _YCBCR and compression not in _JPEG:
        if values.dtype != np.uint8:
            raise ImageReadError(f"{path}: TIFF of deep YCBCR colours cannot be read; save it as RGB")
        values = np.asarray(Image.fromarray(np.ascontiguousarray(values[..., :3]), "YCbCr").convert("RGB"))
    return _with_alpha(values, count, page, path)


def _check_compression(page: Any, path: Path) -> None:
    name = getattr(page.compression, "name", f"number {int(page.compression)}")
    try:
        tifffile.TIFF.DECOMPRESSORS[int(page.compression)]
    except (KeyError, imagecodecs.DelayedImportError):
        raise ImageReadError(
            f"{path}: TIFF compression {name} is not supported; save it uncompressed or with deflate or LZW"
        ) from None


def _with_white(values: npt.NDArray[Any], page: Any, path: Path) -> npt.NDArray[Any]:
    """Samples whose greatest value is white: uint8, uint16, or float32 in [0, 1]."""
    bits = page.bitspersample
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(values.dtype, np.floating):
        return in_range(values, path)
    if values.dtype not in (np.uint8, np.uint16):
        raise ImageReadError(f"{path}: {values.dtype} {_BAD_DEPTH}")
    if bits in (1, 2, 4):
        return values * np.uint8(255 // (2**bits - 1))
    if bits not in (8, 16):
        scaled: npt.NDArray[Any] = np.divide(values, np.float32(2**bits - 1), dtype=np.float32)
        return scaled
    return values


def _painted(indices: npt.NDArray[Any], page: Any) -> npt.NDArray[Any]:
    colours = np.moveaxis(np.asarray(page.colormap), 0, -1)
    chosen: npt.NDArray[Any] = colours[np.minimum(indices, len(colours) - 1).astype(np.intp)]
    return np.asarray(chosen >> 8 if colours.max() > 255 else chosen, np.uint8)  # some programs write 8 bits


def _with_alpha(
    values: npt.NDArray[Any], count: int, page: Any, path: Path
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    kinds = [int(kind) for kind in page.extrasamples]
    first = next((i for i, kind in enumerate(kinds) if kind in (_ASSOCIATED, _UNASSOCIATED)), None)
    further = values.shape[2] - count - (first is not None)
    if further > 0:
        logger.warning("%s: %d further channel(s) without a stated meaning; not used and not kept", path, further)
    if first is None or count + first >= values.shape[2]:
        return values[..., :count], None
    alpha, values = values[..., count + first], values[..., :count]
    return (_unmultiplied(values, alpha) if kinds[first] == _ASSOCIATED else values), alpha


def _unmultiplied(values: npt.NDArray[Any], alpha: npt.NDArray[Any]) -> npt.NDArray[Any]:
    full = np.float32(1 if values.dtype == np.float32 else np.iinfo(values.dtype).max)
    straight = values / np.maximum(alpha, np.float32(1e-4))[..., None].astype(np.float32)
    straight = np.clip(np.where(alpha[..., None] > 0, straight, values / full), 0, 1).astype(np.float32)
    return np.rint(straight * 255).astype(np.uint8) if values.dtype == np.uint8 else straight


def _by_pillow(page: Any, path: Path) -> npt.NDArray[Any]:
    """YCbCr with fewer colours than lights and without JPEG, which only libtiff reads here."""
    with Image.open(path, formats=["TIFF"]) as image:
        image.seek(page.index)
        return np.asarray(image.convert("RGB"))


def _beside(stream: Any, places: list[int]) -> dict[int, bytes]:
    """Profile, XMP and IPTC: what the picture's own page has goes before what the first page has."""
    layout, _ = read_header(stream)
    found: dict[int, bytes] = {}
    for place in places:
        entries, _ = read_directory(stream, place, layout, (_LAYERS,))
        for entry in entries:
            if entry.tag in _BESIDE:
                found.setdefault(entry.tag, entry.data)
    return found


def _metadata(stream: Any, places: list[int], tags: dict[int, bytes], gone: tuple[str, ...], path: Path) -> Metadata:
    orientation, block = gathered(stream, places, path)
    iptc, resources = containers.lasting_resources(tags.get(_RESOURCES, b""))
    extras = Extras(exif_resolution(block), tags.get(_IPTC, b"").rstrip(b"\0") or iptc, resources, gone=gone)
    found = settled(path, None, tags.get(_XMP), extras)
    return Metadata(orientation or found.orientation, block, found.xmp, found.extras)


def _parsed(stream: Any, place: int) -> Image.Exif:
    """The page's tags as Pillow parses them; none where it cannot."""
    exif = Image.Exif()
    layout, _ = read_header(stream)
    exif.endian, exif.bigtiff = layout.order, layout.big
    try:
        exif.load_from_fp(stream, place)
        for tag in (0x8825, 0x8769, 0xA005):
            if tag in exif or tag in exif.get_ifd(0x8769):
                exif.get_ifd(tag)  # read while the file is open
    except DAMAGE:
        return Image.Exif()
    return exif
