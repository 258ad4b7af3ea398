"""What AVIF and JPEG 2000 files say of their samples: bits, code points and profile, which their decoders do not tell.

Both are made of boxes: a length, four letters, a content (ISO/IEC 14496-12, 4.2; ISO/IEC 15444-1, I.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_CODESTREAM = b"\xff\x4f\xff\x51"  # JPEG 2000: start of codestream, image and tile size
_COMPONENTS = 40  # where that says how many there are, each then with three bytes
_ENUMERATED = 1  # JPEG 2000: METH of a colour box with a number instead of a profile
_HIGH, _TWELVE = 0x40, 0x20  # av1C: high_bitdepth and twelve_bit


@dataclass(frozen=True)
class Coded:
    """What is known of a file's samples.

    Attributes:
        bits: of a sample; 0 where components differ or have a sign, or nothing is said.
        code_points: colour primaries and transfer characteristics (ITU-T H.273), or None.
        icc: profile, or None.
        enumerated: JPEG 2000's number of the colour space, or None.
    """

    bits: int = 0
    code_points: tuple[int, int] | None = None
    icc: bytes | None = None
    enumerated: int | None = None


def avif(data: bytes) -> Coded:
    """Return what is said of the primary image of an AVIF file (ISO/IEC 23008-12, AV1 Image File Format)."""
    meta = dict(_boxes(_found(_boxes(memoryview(data)), b"meta")[4:]))
    properties = dict(_boxes(meta.get(b"iprp", memoryview(b""))))
    known = list(_boxes(properties.get(b"ipco", memoryview(b""))))
    own = [known[i - 1] for i in _associated(meta, properties) if 0 < i <= len(known)]
    bits, points = 0, None
    for kind, content in own:
        if kind == b"pixi" and len(content) > 5:
            bits = max(content[5:])
        elif kind == b"colr" and bytes(content[:4]) == b"nclx" and len(content) >= 8:
            points = (_number(content[4:6]), _number(content[6:8]))
    # A grid of tiles has no coder's settings of its own, and files of early encoders no pixel information.
    for kind, content in (*own, *known) if not bits else ():
        if kind == b"av1C" and len(content) > 2:
            bits = (12 if content[2] & _TWELVE else 10) if content[2] & _HIGH else 8
            break
    return Coded(bits, points)


def jpeg2000(data: bytes) -> Coded:
    """Return what is said of a JPEG 2000 file or bare codestream."""
    view = memoryview(data)
    if data.startswith(_CODESTREAM):
        return Coded(_codestream_bits(view))
    outer = list(_boxes(view))
    icc, enumerated = None, None
    for kind, content in _boxes(_found(outer, b"jp2h")):
        if kind == b"colr" and len(content) > 6:
            if content[0] == _ENUMERATED:
                enumerated = _number(content[3:7])
            else:
                icc = bytes(content[3:])
            break  # further ones are for readers that do not understand the first
    return Coded(_codestream_bits(_found(outer, b"jp2c")), None, icc, enumerated)


def _codestream_bits(stream: memoryview) -> int:
    if bytes(stream[:4]) != _CODESTREAM or len(stream) < _COMPONENTS + 2:
        return 0
    count = _number(stream[_COMPONENTS : _COMPONENTS + 2])
    depths = set(stream[_COMPONENTS + 2 : _COMPONENTS + 2 + 3 * count : 3])
    return depths.pop() + 1 if len(depths) == 1 and max(depths) < 0x80 else 0


def _associated(meta: Mapping[bytes, memoryview], properties: Mapping[bytes, memoryview]) -> list[int]:
    """Numbers, from 1, of the primary image's properties; all of them there may be where nothing is said."""
    primary = meta.get(b"pitm", memoryview(b""))
    table = properties.get(b"ipma", memoryview(b""))
    if len(primary) < 6 or len(table) < 8:
        return []
    wanted = _number(primary[4:6] if primary[0] == 0 else primary[4:8])
    wide, long = 2 if table[0] == 0 else 4, 2 if table[3] & 1 else 1
    at = 8
    for _ in range(_number(table[4:8])):
        item, count = _number(table[at : at + wide]), _number(table[at + wide : at + wide + 1])
        start = at + wide + 1
        at = start + count * long
        if at > len(table):
            break
        if item == wanted:
            # The first bit says that a reader must understand the property.
            mask = 0x7FFF if long == 2 else 0x7F
            return [_number(table[i : i + long]) & mask for i in range(start, at, long)]
    return []


def _found(boxes: Iterator[tuple[bytes, memoryview]] | list[tuple[bytes, memoryview]], kind: bytes) -> memoryview:
    return next((content for name, content in boxes if name == kind), memoryview(b""))


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = 0
    while at + 8 <= len(data):
        size, head = _number(data[at : at + 4]), 8
        if size == 1:
            size, head = _number(data[at + 8 : at + 16]), 16
        elif size == 0:
            size = len(data) - at
        if size < head or at + size > len(data):
            return
        yield bytes(data[at + 4 : at + 8]), data[at + head : at + size]
        at += size


def _number(data: memoryview) -> int:
    return int.from_bytes(data, "big")
