"""What travels with the pixels: EXIF and XMP without the parts that no longer hold."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from photostyle.io.opening import DAMAGE, describe, logged_warnings

logger = logging.getLogger(__name__)

_TEXT_TAGS = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Copyright,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
)
_NUMBER_TAGS = (
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Rating,
    ExifTags.Base.RatingPercent,
)


def read_exif(image: Image.Image | Image.Exif, path: Path) -> tuple[int, bytes | None]:
    """Return an opened image's (or parsed) EXIF orientation (1 to 8) and its lasting EXIF, or None where there is none.

    Lasting are the tags that describe the photo, camera, place and time. Orientation, the thumbnail and the
    layout of the source file (strips, sizes, compression) are left out, as they would be false of a result.
    Damaged EXIF is dropped with a logged warning.
    """
    orientation = 1
    try:
        with logged_warnings(path):
            source = image if isinstance(image, Image.Exif) else image.getexif()
            value = source.get(ExifTags.Base.Orientation)
            if isinstance(value, int) and value in range(1, 9):
                orientation = value
            kept = _lasting(source)
            return orientation, kept.tobytes() if len(kept) else None
    except DAMAGE as error:
        logger.warning("%s: unreadable EXIF dropped (%s)", path, describe(error))
        return orientation, None


def parsed_exif(image: Image.Image, path: Path) -> Image.Exif:
    """Return an opened image's EXIF; none, with a logged warning, where it cannot be read."""
    try:
        with logged_warnings(path):
            return image.getexif()
    except DAMAGE as error:
        logger.warning("%s: unreadable EXIF dropped (%s)", path, describe(error))
        return Image.Exif()


def exif_for_size(exif: bytes, size: tuple[int, int]) -> Image.Exif:
    """Return EXIF from `read_exif` ready to be saved with an image of `size` (H, W) pixels."""
    source = Image.Exif()
    source.load(exif)
    kept = _lasting(source)
    camera = kept.get(ExifTags.IFD.Exif, {})
    for tag, side in ((ExifTags.Base.ExifImageHeight, size[0]), (ExifTags.Base.ExifImageWidth, size[1])):
        if tag in camera:
            camera[tag] = side
    return kept


def has_directories(exif: Image.Exif) -> bool:
    """Whether camera or GPS tags, which TIFF and EXIF keep in directories of their own, are present."""
    return ExifTags.IFD.Exif in exif or ExifTags.IFD.GPSInfo in exif


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image as its EXIF orientation (1 to 8) means it to be seen."""
    if orientation == 1:
        return image
    # Pillow rewrites all metadata while turning and fails on what it cannot write, so give it the one tag only.
    bare = image.copy()
    bare.info = {key: value for key, value in image.info.items() if key == "transparency"}
    tag = Image.Exif()
    tag[ExifTags.Base.Orientation] = orientation
    bare.info["exif"] = tag.tobytes()
    return ImageOps.exif_transpose(bare)


def upright_array(values: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Return values (H, W, …) as their EXIF orientation (1 to 8) means them to be seen."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return values[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def read_xmp(packet: object) -> bytes | None:
    """Return an XMP packet without its thumbnails, its orientation set to upright; None for no packet."""
    data = packet.encode() if isinstance(packet, str) else packet
    if not isinstance(data, bytes) or not data.strip(b"\0 \r\n\t"):
        return None
    data = re.sub(rb"<(xmp|xap):Thumbnails>.*?</\1:Thumbnails>", b"", data, flags=re.DOTALL)
    data = re.sub(rb"(tiff:Orientation\s*=\s*[\"'])[1-8]", rb"\g<1>1", data)
    return re.sub(rb"(<tiff:Orientation>\s*)[1-8]", rb"\g<1>1", data)


def _lasting(source: Image.Exif) -> Image.Exif:
    kept = Image.Exif()
    # Maker notes are opaque and take their byte order from the file around them.
    kept.endian = source.endian
    for tag in _TEXT_TAGS:
        value = source.get(tag)
        if isinstance(value, str):
            # Pillow reads text as Latin-1 and writes ASCII with "?" for the rest; bytes keep it as it was.
            kept[tag] = value.encode("latin-1", "replace")
        elif isinstance(value, bytes):
            kept[tag] = value
    for tag in _NUMBER_TAGS:
        value = source.get(tag)
        if value is not None and not isinstance(value, str | bytes | tuple):
            kept[tag] = value
    _keep_directory(kept, ExifTags.IFD.Exif, _camera_tags(source))
    _keep_directory(kept, ExifTags.IFD.GPSInfo, dict(source.get_ifd(ExifTags.IFD.GPSInfo)))
    return kept


def _camera_tags(source: Image.Exif) -> dict[int, Any]:
    tags = dict(source.get_ifd(ExifTags.IFD.Exif))
    if ExifTags.IFD.Interop in tags:
        # The entry is an offset into the source file: the directory it points to must come along instead.
        interoperability = source.get_ifd(ExifTags.IFD.Interop)
        del tags[ExifTags.IFD.Interop]
        if interoperability:
            tags[ExifTags.IFD.Interop] = dict(interoperability)
    return tags


def _keep_directory(kept: Image.Exif, tag: int, directory: dict[int, Any]) -> None:
    if directory:
        # Pillow's TIFF writer looks in both places: it walks the entries, then asks get_ifd for this one.
        kept.get_ifd(tag).update(directory)
        kept[tag] = kept.get_ifd(tag)
