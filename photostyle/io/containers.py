"""What JPEG, PNG and JPEG 2000 files carry beside their pixels, taken out and put in byte for byte.

Segments of a JPEG (ITU-T T.81, B.1.1; names in CIPA DC-008 and the makers' own), chunks of a PNG (third edition, 5),
boxes of a JP2 (ITU-T T.800, I), and Photoshop's image resources, which hold IPTC-IIM in JPEG and TIFF.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from photostyle.io import xmp

Chunk = tuple[bytes, bytes]
"""The name of a PNG chunk and its data."""

APP0, COMMENT = 0xE0, 0xFE  # JPEG markers, without their 0xFF
IRB = b"Photoshop 3.0\0"
LARGEST_SEGMENT = 65_533  # bytes, less the length field
IPTC_RESOURCE = 0x0404
PNG_START = 33  # bytes of a PNG's signature and IHDR, after which other chunks may come
# Segments that tell how a JPEG is coded, or describe a second part of the file; and those that are kept otherwise.
_OF_THE_FILE = (
    b"JFIF\0", b"JFXX\0", b"AVI1", b"Exif\0\0", xmp.NAME, xmp.EXTENSION, b"ICC_PROFILE\0", b"MPF\0",
    b"urn:iso:std:iso:ts:21496", b"JP", b"HDR_RI", b"Adobe", b"SPIFF\0", IRB,
)  # fmt: skip
# Resources: thumbnails, ICC profile, EXIF, XMP. They are kept otherwise, or no longer show the photo.
_LEFT_RESOURCES = frozenset((0x0409, 0x040C, 0x040F, 0x0422, 0x0423, 0x0424))
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_COPIED_CHUNKS = frozenset((b"pHYs", b"tIME", b"oFFs", b"sCAL", b"sTER", *_TEXTS))
_LEFT_CHUNKS = frozenset((b"sPLT", b"eXIf", b"fdAT", b"iCCP", b"cICP"))
# Chunks about old samples that a result tells otherwise, or has no use for, and that nobody misses.
_TOLD_OTHERWISE = frozenset(
    (b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT", b"hIST", b"tRNS", b"eXIf", b"acTL",
     b"fcTL", b"fdAT", b"caBX", b"iDOT")
)  # fmt: skip
_CHUNK_MEANINGS = {b"sPLT": "suggested palette", b"pCAL": "calibration of its values", b"bKGD": "background colour"}
_IN_TEXT = (b"XML:com.adobe.xmp", b"Raw profile type ")
_PACKET_START = re.compile(rb"<\?xpacket begin|<x:x[am]pmeta|<rdf:RDF")
_LONGEST_NAME = 64  # bytes before a packet
_BOXES = {
    b"JpgTiffExif->JP2": "exif",
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc",
}
_MOST_CHUNKS = 100_000


def other_segments(listed: Iterable[tuple[str, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Of a JPEG's segments, as Pillow lists them, those that go along as they are: marker and contents."""
    for name, content in listed:
        marker = COMMENT if name == "COM" else APP0 + int(name.removeprefix("APP"))
        if marker == COMMENT or not content.startswith(_OF_THE_FILE):
            yield marker, content


def misnamed(content: bytes) -> bytes | None:
    """Return the XMP in a JPEG's segment whose name is not quite that of XMP, as some programs wrote it, or None."""
    found = _PACKET_START.search(content, 0, _LONGEST_NAME)
    if content.startswith(_OF_THE_FILE) or found is None:
        return None
    return content[found.start() :].rstrip(b"\0")


def segment(marker: int, content: bytes) -> bytes:
    """Return a whole segment; `content` has at most `LARGEST_SEGMENT` bytes."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def end_of_jpeg(data: bytes) -> int:
    """Return where the first picture of a JPEG file ends; the file's size where it has no end."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        if data[place + 1] == 0xFF:
            place += 1
            continue
        if data[place + 1] == 0xD9:
            return place + 2
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if not (place < len(data) and data[place] == 0xFF and data[place + 1 : place + 2] not in (b"\0", b"")):
            found = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]").search(data, place)  # behind the coded samples
            if found is None:
                return len(data)
            place = found.start()
    return len(data)


def resources(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Photoshop's image resources: each one's number, its data, and all its bytes."""
    place = 0
    while (begin := place) + 12 <= len(block) and block[place : place + 4] in (b"8BIM", b"MeSa", b"PHUT", b"AgHg"):
        number = int.from_bytes(block[place + 4 : place + 6], "big")
        place += 6 + (block[place + 6] + 2) // 2 * 2
        size = int.from_bytes(block[place : place + 4], "big")
        place += 4 + size
        if place > len(block):
            return
        data = block[place - size : place]
        place += size % 2
        yield number, data, block[begin:place].ljust(place - begin, b"\0")


def lasting_resources(block: bytes) -> tuple[bytes | None, bytes]:
    """Return the IPTC-IIM of Photoshop's resources, or None, and the other resources that still hold."""
    iptc, rest = None, b""
    for number, data, whole in resources(block):
        if number == IPTC_RESOURCE:
            iptc = iptc or data
        elif number not in _LEFT_RESOURCES:
            rest += whole
    return iptc, rest


def with_iptc(iptc: bytes | None, rest: bytes) -> bytes:
    """Return Photoshop's resources with IPTC-IIM among them."""
    if not iptc:
        return rest
    return struct.pack(">4sHHI", b"8BIM", IPTC_RESOURCE, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2) + rest


def _heads(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Size and name of a PNG's chunks; the stream stands at the data of each, wherever it was left before."""
    place = 8
    for _ in range(_MOST_CHUNKS):
        stream.seek(place)
        start = stream.read(8)
        if len(start) < 8 or start[4:] == b"IEND":
            return
        size, name = int.from_bytes(start[:4], "big"), start[4:]
        if name.isalpha():
            yield size, name
        place += size + 12


def _goes_along(name: bytes) -> bool:
    return name in _COPIED_CHUNKS or bool(name[0] & 32 and name[3] & 32 and name not in _LEFT_CHUNKS)


def read_chunks(stream: IO[bytes]) -> tuple[tuple[Chunk, ...], tuple[str, ...]]:
    """Return the ancillary chunks of a PNG that go along, and what others are called that somebody may miss.

    What goes along is what the specification calls safe to copy, but for palettes.
    """
    kept: list[Chunk] = []
    missed: dict[bytes, str] = {}
    for size, name in _heads(stream):
        if _goes_along(name):
            data, checksum = stream.read(size), stream.read(4)
            whole = len(checksum) == 4 and zlib.crc32(name + data) == int.from_bytes(checksum, "big")
            if whole and not (name in _TEXTS and data.startswith(_IN_TEXT)):
                kept.append((name, data))
        elif name[0] & 32 and name not in _TOLD_OTHERWISE:
            missed[name] = _CHUNK_MEANINGS.get(name, f"chunk {name.decode('ascii')}")
    return tuple(kept), tuple(missed.values())


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a whole chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def read_boxes(stream: IO[bytes]) -> tuple[dict[str, bytes], int]:
    """Return what a JP2's boxes for other programs hold ("exif", "xmp", "iptc") and how many others there are."""
    stream.seek(0, 2)
    end, place, others = stream.tell(), 0, 0
    found: dict[str, bytes] = {}
    while place + 8 <= end:
        stream.seek(place)
        start = stream.read(16)
        size, kind, begin = int.from_bytes(start[:4], "big"), start[4:8], place + 8
        if size == 1:
            size, begin = int.from_bytes(start[8:], "big"), place + 16
        size = size or end - place
        if size < begin - place or place + size > end:
            break
        if kind == b"uuid":
            stream.seek(begin)
            name = _BOXES.get(stream.read(16))
            if name:
                found.setdefault(name, stream.read(place + size - begin - 16))
            else:
                others += 1
        others += kind == b"xml "
        place += size
    return found, others


def gif_packet(data: bytes) -> bytes | None:
    """Return the XMP of a GIF (ISO 16684-3, 1.1.2), or None."""
    start = data.find(b"\x21\xff\x0bXMP DataXMP")
    end = data.find(b"\x01\xff\xfe\xfd", start)
    return data[start + 14 : end] if 0 <= start < end else None
