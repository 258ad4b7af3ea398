"""What travels with the pixels: EXIF, XMP, IPTC, resolution and texts, without the parts that no longer hold."""

from __future__ import annotations

import logging
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from photostyle.io import containers, exif, gain_maps, parts, xmp
from photostyle.io.opening import DAMAGE, describe, logged_warnings

logger = logging.getLogger(__name__)

_RAW_PROFILE = "Raw profile type "  # texts of a PNG in which older programs keep what has chunks of its own today
INCH, CENTIMETRE, RATIO = 2, 3, 1  # units of resolution, as TIFF numbers them


@dataclass(frozen=True, eq=False)
class Extras:
    """What a file holds beside pixels, profile, EXIF and XMP.

    Attributes:
        resolution: pixels along x and y per unit, and the unit: `INCH`, `CENTIMETRE`, or `RATIO` where only their
            ratio means something; None where the file says nothing or has it in EXIF only.
        iptc: IPTC-IIM, or None.
        resources: Photoshop's image resources but for IPTC and what no longer holds.
        segments: further segments of a JPEG: marker and contents.
        chunks: further chunks of a PNG: name and contents, texts among them.
        texts: the texts of a PNG: keyword and text.
        gone: names of what the photo's file holds and a result cannot keep.
        gain_map: an HDR gain map that goes with a result in JPEG.
    """

    resolution: tuple[float, float, int] | None = None
    iptc: bytes | None = None
    resources: bytes = b""
    segments: tuple[tuple[int, bytes], ...] = ()
    chunks: tuple[containers.Chunk, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    gone: tuple[str, ...] = ()
    gain_map: gain_maps.GainMap | None = None


@dataclass(frozen=True, eq=False)
class Metadata:
    """Orientation (1 to 8) as the file tells it; EXIF, XMP and the rest as they fit an upright result."""

    orientation: int = 1
    exif: bytes | None = None
    xmp: bytes | None = None
    extras: Extras = field(default_factory=Extras)


def read_metadata(image: Image.Image, path: Path) -> Metadata:
    """Return what an image opened and decoded by Pillow carries. Damaged parts are dropped with a logged warning."""
    try:
        with logged_warnings(path):
            block, packet, extensions, extras = _found(image, path)
    except DAMAGE as error:
        logger.warning("%s: unreadable metadata dropped (%s)", path, describe(error))
        return Metadata()
    return settled(path, block, packet, extras, extensions)


def settled(
    path: Path, block: object, packet: object, extras: Extras | None = None, extensions: Sequence[bytes] = ()
) -> Metadata:
    """Return metadata as it fits an upright result without what its file held beside the picture.

    Args:
        path: for messages.
        block: of EXIF, or None.
        packet: of XMP, or None.
        extras: what else was found.
        extensions: further parts of the packet, as `xmp.whole` takes them.
    """
    extras = extras or Extras()
    orientation, kept = _exif(block, path)
    whole, turned, gone = _xmp(packet, list(extensions), path)
    turn, names = orientation or turned, dict.fromkeys((*extras.gone, *gone))
    if extras.gain_map is not None and turn == 1:  # its samples lie as the file's do, which come to lie upright
        names.pop(parts.GAIN_MAP, None)
    else:
        extras = replace(extras, gain_map=None)
    return Metadata(turn, kept, whole, replace(extras, gone=tuple(names)))


def gathered(stream: Any, places: Sequence[int], path: Path) -> tuple[int, bytes | None]:
    """Return orientation (0 for none) and EXIF of a file that is a TIFF inside, of its directories at `places`."""
    try:
        orientation, block, moved = exif.gathered(stream, places)
    except DAMAGE as error:
        logger.warning("%s: unreadable EXIF dropped (%s)", path, describe(error))
        return 0, None
    if moved:
        logger.warning("%s: its maker notes cannot stay at their place; some programs will not read them", path)
    return orientation, block


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


def _exif(block: object, path: Path) -> tuple[int, bytes | None]:
    if not isinstance(block, bytes) or not block.removeprefix(exif.PREFIX):
        return 0, None
    try:
        orientation, kept, sound = exif.settled(block)
        if not sound:
            logger.warning("%s: damaged entries of its EXIF dropped", path)
        return orientation, kept
    except DAMAGE as error:
        logger.warning("%s: unreadable EXIF dropped (%s)", path, describe(error))
        return exif.orientation_of(block), None


def _xmp(packet: object, extensions: list[bytes], path: Path) -> tuple[bytes | None, int, list[str]]:
    """The packet as it stays, the orientation that it tells (1 where it tells none), and what it declared that goes."""
    try:
        whole, complete = xmp.whole(packet, extensions)
        if not complete:
            logger.warning("%s: a part of its XMP is missing or damaged, the rest is kept", path)
        if whole is None:
            return None, 1, []
        kept, gone = xmp.alone(xmp.upright(whole))
        return kept, xmp.orientation(whole), gone
    except DAMAGE as error:
        logger.warning("%s: unreadable XMP dropped (%s)", path, describe(error))
        return None, 1, []


def _found(image: Image.Image, path: Path) -> tuple[object, object, list[bytes], Extras]:
    info = image.info
    block, packet = info.get("exif"), info.get("xmp")
    if image.format in ("JPEG", "MPO"):
        listed: list[tuple[str, bytes]] = getattr(image, "applist", [])
        application = b"".join(s.removeprefix(containers.IRB) for _, s in listed if s.startswith(containers.IRB))
        iptc, resources = containers.lasting_resources(application)
        extensions = [s.removeprefix(xmp.EXTENSION) for _, s in listed if s.startswith(xmp.EXTENSION)]
        misnamed = () if packet else (part for part in listed if part[0] == "APP1" and containers.misnamed(part[1]))
        for part in misnamed:
            packet = containers.misnamed(part[1])
            listed = [other for other in listed if other is not part]
            break
        kept, data = tuple(containers.other_segments(listed)), path.read_bytes()
        gain_map, gone = gain_maps.of_jpeg(data, listed), parts.of_jpeg(data, listed)
        extras = Extras(_jfif_resolution(info), iptc, resources, kept, gain_map=gain_map, gone=gone)
        return block, packet, extensions, extras
    if image.format == "PNG":
        return _of_png(image, path)
    if image.format == "JPEG2000":
        with path.open("rb") as stream:
            boxes, others = containers.read_boxes(stream)
        gone = (f"{others} boxes of other data",) if others else ()
        return boxes.get("exif"), boxes.get("xmp"), [], Extras(_resolution(info), boxes.get("iptc"), gone=gone)
    if image.format == "GIF":
        packet = containers.gif_packet(path.read_bytes())
    comment = info.get("comment")
    segments = ((containers.COMMENT, comment),) if isinstance(comment, bytes) and comment else ()
    gone = parts.of_boxes(path) if image.format == "AVIF" else ()
    return block, packet, [], Extras(_resolution(info), segments=segments, gone=gone)


def _of_png(image: Image.Image, path: Path) -> tuple[object, object, list[bytes], Extras]:
    info = image.info
    profiles = {
        key.removeprefix(_RAW_PROFILE): _unpacked(text)
        for key, text in info.items()
        if isinstance(key, str) and key.startswith(_RAW_PROFILE) and isinstance(text, str)
    }
    one = profiles.get("APP1", b"")
    old = profiles.get("exif") or (one if one.startswith(exif.PREFIX) else None)
    packet = (
        info.get("xmp") or profiles.get("xmp") or (one.removeprefix(xmp.NAME) if one.startswith(xmp.NAME) else None)
    )
    iptc, resources = containers.lasting_resources(profiles.get("8bim") or profiles.get("iptc") or b"")
    if iptc is None and not resources and profiles.get("iptc", b"").startswith(b"\x1c"):
        iptc = profiles["iptc"]
    with path.open("rb") as stream:
        chunks, left = containers.read_chunks(stream)
    texts = tuple(
        (str(key), str(text))
        for key, text in getattr(image, "text", {}).items()
        if not key.startswith((_RAW_PROFILE, "XML:com.adobe.xmp"))
    )
    resolution = next((_phys(data) for name, data in chunks if name == b"pHYs"), None)
    signed = any(c[0] == b"caBX" for c in getattr(image, "private_chunks", []))
    gone = (("content credentials",) if signed else ()) + left
    return info.get("exif") or old, packet, [], Extras(resolution, iptc, resources, (), chunks, texts, gone)


def _unpacked(text: str) -> bytes:
    """The bytes of a profile that a PNG holds as text: a line with its name, one with its length, and hexadecimals."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


def _phys(data: bytes) -> tuple[float, float, int] | None:
    if len(data) != 9:
        return None
    x, y, unit = struct.unpack(">IIB", data)
    return (x / 100, y / 100, CENTIMETRE) if unit == 1 else (float(x), float(y), RATIO)


def _jfif_resolution(info: dict[Any, Any]) -> tuple[float, float, int] | None:
    unit, density = info.get("jfif_unit"), info.get("jfif_density")
    if unit not in (0, 1, 2) or not density or min(density) <= 0 or (unit == 0 and density[0] == density[1]):
        return None
    return float(density[0]), float(density[1]), unit + 1


def _resolution(info: dict[Any, Any]) -> tuple[float, float, int] | None:
    dpi = info.get("dpi")
    if not isinstance(dpi, tuple) or len(dpi) != 2 or not min(dpi) > 0:
        return None
    return float(dpi[0]), float(dpi[1]), INCH


def exif_resolution(block: bytes | None) -> tuple[float, float, int] | None:
    """Return the resolution that EXIF tells, as in `Extras`."""
    if block is None:
        return None
    layout, tags = exif.main_directory(block)
    values = []
    for tag in (exif.X_RESOLUTION, exif.Y_RESOLUTION):
        entry = tags.get(tag)
        if entry is None or entry.kind != 5 or entry.count != 1:
            return None
        above, below = struct.unpack(layout.order + "II", entry.data)
        values.append(above / below if below else 0.0)
    unit = tags.get(exif.RESOLUTION_UNIT)
    kind = unit.numbers(layout.order)[:1] if unit is not None else (INCH,)
    return (values[0], values[1], kind[0]) if min(values) > 0 and kind in ((2,), (3,)) else None
