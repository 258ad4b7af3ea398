"""Second parts of photo files: gain maps, motion clips, further views. A result has none; here they are found."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from photostyle.io.containers import end_of_jpeg
from photostyle.io.directories import read_directory, read_header
from photostyle.io.opening import DAMAGE

GAIN_MAP, CLIP, VIEW, DEPTH = "HDR gain map", "motion clip", "second view", "depth map"
_ENTRIES = 0xB002  # tag of the index of a Multi-Picture file (CIPA DC-007, 5.2.3)
_KINDS = {0x20001: "panorama's further pictures", 0x20002: VIEW, 0x20003: VIEW}
_PREVIEWS = (0x10001, 0x10002, 0x10003)
_GAIN_MAPS = (b"hdr-gain-map", b"HDRGainMap", b"hdrgainmap", b"iso:ts:21496")
_PADDING = 64  # bytes behind a picture that are not worth a word


def of_jpeg(data: bytes, segments: Iterable[tuple[str, bytes]]) -> tuple[str, ...]:
    """Return what a JPEG file holds beside its first picture, but for previews of it."""
    found = []
    listed = list(segments)
    if any(content.startswith(b"urn:iso:std:iso:ts:21496") or content.startswith(b"HDR_RI") for _, content in listed):
        found.append(GAIN_MAP)
    if any(name == "APP11" and b"jumb" in content for name, content in listed):
        found.append("content credentials")
    index = any(content.startswith(b"MPF\0") for _, content in listed)
    end = end_of_jpeg(data)
    behind = data[end:]
    for name, content in listed:
        if name == "APP2" and content.startswith(b"MPF\0"):
            found.extend(_pictures(data, content[4:]))
    if b"ftyp" in behind or b"MotionPhoto_Data" in behind:
        found.append(CLIP)
    elif any(name in behind for name in _GAIN_MAPS):
        found.append(GAIN_MAP)
    elif not index and not found and len(behind.strip(b"\0")) > _PADDING:
        found.append(f"data behind the picture ({len(behind)} bytes)")
    return tuple(dict.fromkeys(found))


def of_boxes(path: Path) -> tuple[str, ...]:
    """Return what an AVIF or HEIF file says of a gain map: its brand is "tmap" (ISO 23008-12, amendment 1)."""
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(4), "big")
        brands = stream.read(min(size, 256))
    return (GAIN_MAP,) if b"tmap" in brands else ()


def of_heif(path: Path, info: dict[str, object]) -> tuple[str, ...]:
    """Return what a HEIF file holds beside its picture, as pillow-heif tells it."""
    found = list(of_boxes(path))
    kinds = info.get("aux")
    for kind in kinds if isinstance(kinds, dict) else ():
        if "gainmap" in str(kind).lower():
            found.append(GAIN_MAP)
        elif "depth" in str(kind).lower() or "disparity" in str(kind).lower():
            found.append(DEPTH)
        elif "matte" in str(kind).lower():
            found.append("mattes")
    if info.get("depth_images"):
        found.append(DEPTH)
    return tuple(dict.fromkeys(found))


def pictures(data: bytes, index: bytes) -> list[tuple[int, bytes]]:
    """Return the further pictures of a Multi-Picture file by its index: the kind of each, and its bytes."""
    try:
        stream = io.BytesIO(index)
        layout, first = read_header(stream)
        base = data.index(index)
        table = next(entry.data for entry in read_directory(stream, first, layout)[0] if entry.tag == _ENTRIES)
        found = list(struct.iter_unpack(layout.order + "III4x", table[: len(table) // 16 * 16]))
    except (StopIteration, *DAMAGE):
        return []
    return [(kind & 0xFFFFFF, data[base + place : base + place + size]) for kind, size, place in found[1:]]


def _pictures(data: bytes, index: bytes) -> Iterator[str]:
    """What the further pictures of a Multi-Picture file are."""
    for kind, picture in pictures(data, index):
        if kind in _PREVIEWS:
            continue
        if kind in _KINDS:
            yield _KINDS[kind]
        elif any(name in picture or name in data[: data.index(index)] for name in _GAIN_MAPS):
            yield GAIN_MAP
        elif _size(picture) == _size(data):
            yield VIEW


def _size(data: bytes) -> tuple[int, int] | None:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return image.size
    except DAMAGE:
        return None
