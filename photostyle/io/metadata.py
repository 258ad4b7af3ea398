"""What travels with the pixels: EXIF without the parts that no longer hold, and ICC colour profiles."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageCms, ImageOps

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


def read_exif(image: Image.Image, path: Path) -> tuple[int, bytes | None]:
    """Return an opened image's EXIF orientation (1 to 8) and its lasting EXIF, or None where there is none.

    Lasting are the tags that describe the photo, camera, place and time. Orientation, the thumbnail and the
    layout of the source file (strips, sizes, compression) are left out, as they would be false of a result.
    Damaged EXIF is dropped with a logged warning.
    """
    orientation = 1
    try:
        with logged_warnings(path):
            source = image.getexif()
            value = source.get(ExifTags.Base.Orientation)
            if isinstance(value, int) and value in range(1, 9):
                orientation = value
            kept = _lasting(source)
            return orientation, kept.tobytes() if len(kept) else None
    except DAMAGE as error:
        logger.warning("%s: unreadable EXIF dropped (%s)", path, describe(error))
        return orientation, None


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


def profile_space(icc: bytes) -> str | None:
    """Return the colour space of an ICC profile ("RGB", "GRAY", "CMYK", ...) or None for a damaged one."""
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(icc))
        return profile.profile.xcolor_space.strip()
    except (ImageCms.PyCMSError, *DAMAGE):
        return None


def to_srgb(image: Image.Image, icc: bytes, path: Path) -> Image.Image:
    """Return an L, RGB or CMYK image in sRGB by way of its own profile, or by plain conversion if that fails."""
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.getOpenProfile(io.BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, *DAMAGE) as error:
        logger.warning("%s: colour profile not usable (%s); colours are approximate", path, describe(error))
        converted = None
    return image.convert("RGB") if converted is None else converted


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
