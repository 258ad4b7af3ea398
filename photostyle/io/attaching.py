"""Metadata put into finished files, converted where a format has another place for it; what it has none for is said.

Pillow, tifffile and imagecodecs encode pixels and profile. EXIF blocks, segments and chunks are put in byte for byte.
"""

from __future__ import annotations

import logging
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from photostyle.io import containers, directories, exif, gain_maps, parts, xmp
from photostyle.io.directories import Entry, Layout
from photostyle.io.images import Photo
from photostyle.io.metadata import CENTIMETRE, INCH, RATIO, exif_resolution

logger = logging.getLogger(__name__)

_IPTC, _RESOURCES, _XMP, _DESCRIPTION, _BYTE, _UNIT = 33723, 34377, 700, 270, 1, exif.RESOLUTION_UNIT
# Keywords of PNG texts that EXIF and TIFF have a tag for.
_TEXT_TAGS = {"title": 269, "description": _DESCRIPTION, "software": 305, "author": 315, "copyright": 33432}
_JFIF_END = 20  # bytes of a JPEG's start and the JFIF segment that every encoder here begins with


@dataclass(frozen=True)
class TiffParts:
    """What goes into a TIFF: an EXIF block (may be empty) that it begins with, without prefix, and main entries."""

    block: bytes
    layout: Layout
    entries: tuple[Entry, ...]


def say_what_is_lost(target: Path, like: Photo) -> None:
    """Log what the photo's file holds that no result can keep."""
    gone = like.extras.gone
    if like.extras.gain_map is not None and target.suffix.lower() not in (".jpg", ".jpeg"):
        gone = (*gone, parts.GAIN_MAP)
    if gone:
        logger.warning("%s: without what %s holds besides: %s", target, like.path.name, ", ".join(gone))


def into_jpeg(encoded: bytes, like: Photo, size: tuple[int, int], target: Path) -> bytes:
    """Return a JPEG, which begins with JFIF, with the metadata of `like`; `size` is (H, W)."""
    extras = like.extras
    texts, rest = _texts(like)
    found = []
    block = _block(like, size, texts)
    if block is not None and len(block) > containers.LARGEST_SEGMENT:
        block = exif.without_maker_note(block)
        if len(block) > containers.LARGEST_SEGMENT:
            logger.warning("%s: EXIF dropped, it is larger than JPEG allows; write .png or .tif to keep it", target)
            block = None
        else:
            logger.warning(
                "%s: maker notes dropped, they are larger than JPEG allows; write .png or .tif to keep them", target
            )
    if block is not None:
        found.append((0xE1, block))
    found.extend(_packet_segments(like, target))
    resources = containers.with_iptc(extras.iptc, extras.resources)
    step = containers.LARGEST_SEGMENT - len(containers.IRB)
    found.extend((0xED, containers.IRB + resources[i : i + step]) for i in range(0, len(resources), step))
    found.extend(extras.segments)
    found.extend((containers.COMMENT, f"{key}: {text}".encode()) for key, text in rest)
    data = bytearray(encoded)
    if data[2:4] == b"\xff\xe0" and extras.resolution is not None:
        x, y, unit = extras.resolution
        if unit == CENTIMETRE and not (x.is_integer() and y.is_integer()):
            x, y, unit = x * 2.54, y * 2.54, INCH  # JFIF has whole numbers only
        struct.pack_into(">BHH", data, 13, unit - 1, *(max(1, min(round(value), 65535)) for value in (x, y)))
    if extras.gain_map is not None and extras.gain_map.iso is not None:
        found.append((0xE2, extras.gain_map.iso))
    made = [containers.segment(marker, content[: containers.LARGEST_SEGMENT]) for marker, content in found]
    head, coded = bytes(data[:_JFIF_END]) + b"".join(made), bytes(data[_JFIF_END:])
    return head + coded if extras.gain_map is None else gain_maps.with_index(head, coded, extras.gain_map)


def png_chunks(like: Photo, size: tuple[int, int]) -> bytes:
    """Return the chunks of a PNG that hold the metadata of `like`, to stand before its pixels; `size` is (H, W)."""
    extras = like.extras
    found = list(extras.chunks)
    names = {name for name, _ in found}
    resolution = extras.resolution or exif_resolution(like.exif)
    if resolution is not None and b"pHYs" not in names:
        x, y, unit = resolution
        scale = {INCH: 100 / 2.54, CENTIMETRE: 100, RATIO: 1}[unit]
        sides = (max(1, min(round(value * scale), 2**31 - 1)) for value in (x, y))
        found.append((b"pHYs", struct.pack(">IIB", *sides, 0 if unit == RATIO else 1)))
    if like.exif is not None:
        found.append((b"eXIf", exif.for_size(like.exif, size).removeprefix(exif.PREFIX)))
    if like.xmp is not None:
        found.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + like.xmp))
    for comment in _comments(like):
        found.append((b"iTXt", b"Comment\0\0\0\0\0" + comment.encode("utf-8", "replace")))
    resources = containers.with_iptc(extras.iptc, extras.resources)
    if resources:
        # PNG has no chunk for IPTC; this is where ImageMagick, Exiv2 and ExifTool keep and look for it.
        digits = resources.hex()
        lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
        text = f"\niptc\n{len(resources):8}\n{lines}\n".encode()
        found.append((b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text)))
    return b"".join(containers.chunk(name, data) for name, data in found)


def into_png(encoded: bytes | memoryview, like: Photo, size: tuple[int, int], target: Path) -> bytes:
    """Return a PNG with the metadata of `like`; `size` is (H, W)."""
    _say_segments(like, target, "PNG")
    start = containers.PNG_START
    return bytes(encoded[:start]) + png_chunks(like, size) + bytes(encoded[start:])


def for_webp(like: Photo, size: tuple[int, int], target: Path) -> tuple[bytes | None, bytes | None]:
    """Return EXIF and XMP for a WebP, which holds nothing else; `size` is (H, W)."""
    texts, rest = _texts(like)
    extras = like.extras
    lost = [f"text {key!r}" for key, _ in rest]
    if extras.iptc or extras.resources:
        lost.append("IPTC and Photoshop's data" if extras.resources else "IPTC")
    texts, lost = _with_comment(like, texts, lost)
    if extras.resolution is not None and exif_resolution(like.exif) is None:
        texts += _resolution_entries(extras.resolution, _layout(like))
    _say(lost, like, target, "WebP")
    return _block(like, size, texts), like.xmp


def for_tiff(like: Photo, size: tuple[int, int], target: Path) -> TiffParts:
    """Return what a TIFF needs besides pixels and profile; `size` is (H, W)."""
    layout, extras = _layout(like), like.extras
    texts, rest = _texts(like)
    texts, lost = _with_comment(like, texts, [f"text {key!r}" for key, _ in rest])
    _say(lost, like, target, "TIFF")
    block, entries = b"", {entry.tag: entry for entry in texts}
    if extras.resolution is not None:
        entries |= {entry.tag: entry for entry in _resolution_entries(extras.resolution, layout)}
    if like.exif is not None:
        block = exif.for_size(like.exif, size).removeprefix(exif.PREFIX)
        main = exif.main_directory(block)[1]
        if extras.resolution is not None and exif_resolution(like.exif) is None:
            main = {tag: entry for tag, entry in main.items() if tag not in _RESOLUTION}
        entries |= {tag: entry for tag, entry in main.items() if tag not in exif.LAYOUT_TAGS and exif.is_sound(entry)}
    for tag, data in ((_IPTC, extras.iptc), (_RESOURCES, extras.resources), (_XMP, like.xmp)):
        if data:
            entries[tag] = Entry(tag, _BYTE, len(data), 0, data)
    return TiffParts(block, layout, tuple(entries.values()))


_RESOLUTION = (exif.X_RESOLUTION, exif.Y_RESOLUTION, _UNIT)


def _layout(like: Photo) -> Layout:
    return Layout("<") if like.exif is None else exif.main_directory(like.exif)[0]


def _block(like: Photo, size: tuple[int, int], added: list[Entry]) -> bytes | None:
    block = None if like.exif is None else exif.for_size(like.exif, size)
    return exif.with_entries(block, added) if added else block


def _texts(like: Photo) -> tuple[list[Entry], list[tuple[str, str]]]:
    """The texts of a PNG as EXIF entries, where EXIF has a tag that is still free, and the rest."""
    taken = set() if like.exif is None else set(exif.main_directory(like.exif)[1])
    entries, rest = [], []
    for key, value in like.extras.texts:
        tag = _TEXT_TAGS.get(key.lower())
        if tag is None or tag in taken:
            rest.append((key, value))
        else:
            taken.add(tag)
            entries.append(directories.text(tag, value))
    return entries, rest


def _comments(like: Photo) -> Iterator[str]:
    for marker, content in like.extras.segments:
        if marker == containers.COMMENT:
            yield content.rstrip(b"\0").decode("utf-8", "replace")


def _with_comment(like: Photo, texts: list[Entry], lost: list[str]) -> tuple[list[Entry], list[str]]:
    """A JPEG's comment as the description, where there is none."""
    taken = {entry.tag for entry in texts}
    taken |= set() if like.exif is None else set(exif.main_directory(like.exif)[1])
    for comment in _comments(like):
        if _DESCRIPTION in taken:
            lost = [*lost, "comment"]
        else:
            texts = [*texts, directories.text(_DESCRIPTION, comment)]
            taken.add(_DESCRIPTION)
    return texts, lost


def _resolution_entries(resolution: tuple[float, float, int], layout: Layout) -> list[Entry]:
    x, y, unit = resolution
    found = [
        directories.rational(tag, *_fraction(value), layout)
        for tag, value in ((exif.X_RESOLUTION, x), (exif.Y_RESOLUTION, y))
    ]
    return [*found, directories.number(_UNIT, unit, layout)]


def _fraction(value: float) -> tuple[int, int]:
    scale = next((s for s in (1, 10, 100) if math.isclose(value * s, round(value * s), rel_tol=1e-9)), 10_000)
    return min(round(value * scale), 2**32 - 1), scale


def _packet_segments(like: Photo, target: Path) -> list[tuple[int, bytes]]:
    gain_map = like.extras.gain_map
    announced = gain_map is not None and gain_map.adobe
    if like.xmp is None and not announced:
        return []
    try:
        packet = like.xmp
        if gain_map is not None and announced:
            packet = xmp.with_gain_map(packet, len(gain_map.picture))
        main, rest = xmp.split(packet or b"")
    except xmp.XMPError:
        logger.warning("%s: XMP dropped, it is larger than JPEG allows; write .png or .tif to keep it", target)
        return []
    return [(0xE1, xmp.NAME + main), *((0xE1, xmp.EXTENSION + part) for part in rest)]


def _say_segments(like: Photo, target: Path, form: str) -> None:
    _say([], like, target, form)


def _say(lost: list[str], like: Photo, target: Path, form: str) -> None:
    """Log what `form` has no place for."""
    names = {f"APP{marker - 0xE0}" for marker, _ in like.extras.segments if marker != containers.COMMENT}
    lost = [*lost, *(f"application data ({name})" for name in sorted(names))]
    if lost:
        logger.warning("%s: %s has no place for: %s", target, form, ", ".join(dict.fromkeys(lost)))
