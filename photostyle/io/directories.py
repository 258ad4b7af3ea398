"""Directories of TIFF and EXIF (TIFF 6.0, section 2; BigTIFF) as tables of entries, moved without being understood.

Maker notes hold offsets into the file around them, so a block of EXIF must stay where and as it is. Libraries parse and
write it anew, which moves everything; here entries are listed, changed in their place, or copied as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import IO

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
SHORT, LONG, BYTE, ASCII, RATIONAL, UNDEFINED = 3, 4, 1, 2, 5, 7  # types of values
_MOST_ENTRIES = 4096  # in a directory; what a few bytes can declare must not fill the memory


@dataclass(frozen=True)
class Entry:
    """One entry: what it is called, the type and number of its values, where they start in the file, their bytes."""

    tag: int
    kind: int
    count: int
    place: int
    data: bytes

    def numbers(self, order: str) -> tuple[int, ...]:
        """The values of an entry of unsigned integers; empty for other types."""
        code = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}.get(self.kind)
        return struct.unpack(f"{order}{self.count}{code}", self.data) if code else ()


@dataclass(frozen=True)
class Layout:
    """How a file writes numbers: its byte order ("<" or ">") and whether it is a BigTIFF."""

    order: str
    big: bool = False

    @property
    def word(self) -> str:
        """The struct format of an offset."""
        return self.order + ("Q" if self.big else "I")

    @property
    def width(self) -> int:
        """Bytes of an offset, which are those of a value that needs none."""
        return 8 if self.big else 4

    @property
    def count(self) -> str:
        """The struct format of a directory's number of entries."""
        return self.order + ("Q" if self.big else "H")


def read_header(stream: IO[bytes]) -> tuple[Layout, int]:
    """Return the layout of a TIFF (or EXIF block) and the place of its first directory.

    Raises:
        ValueError: this is none.
    """
    stream.seek(0)
    start = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 8:
        raise ValueError("no TIFF header")
    (version,) = struct.unpack_from(order + "H", start, 2)
    if version == 43 and len(start) == 16:
        return Layout(order, True), struct.unpack_from(order + "Q", start, 8)[0]
    if version != 42:
        raise ValueError("no TIFF header")
    return Layout(order), struct.unpack_from(order + "I", start, 4)[0]


def header(layout: Layout, first: int) -> bytes:
    """Return the header of a file whose first directory lies at `first`."""
    mark = b"II" if layout.order == "<" else b"MM"
    if layout.big:
        return mark + struct.pack(layout.order + "HHHQ", 43, 8, 0, first)
    return mark + struct.pack(layout.order + "HI", 42, first)


def read_directory(
    stream: IO[bytes], place: int, layout: Layout, without: Container[int] = ()
) -> tuple[list[Entry], int]:
    """Return the entries of the directory at `place`, and the place of the next one (0 for none).

    Entries whose values lie outside the file, those of unknown types, and tags in `without` are left out.

    Raises:
        ValueError: there is no whole directory.
    """
    stream.seek(0, 2)
    end = stream.tell()
    width = struct.calcsize(layout.count)
    size = 20 if layout.big else 12
    if not 8 <= place <= end - width:
        raise ValueError(f"no directory at byte {place}")
    stream.seek(place)
    (number,) = struct.unpack(layout.count, stream.read(width))
    table = stream.read(number * size) if number <= _MOST_ENTRIES else b""
    if len(table) < number * size or number > _MOST_ENTRIES:
        raise ValueError(f"no whole directory at byte {place}")
    following = stream.read(layout.width)
    found = []
    for index in range(number):
        tag, kind, count = struct.unpack_from(layout.order + ("HHQ" if layout.big else "HHI"), table, index * size)
        bytes_ = _SIZES.get(kind, 0) * count
        at = place + width + index * size + size - layout.width
        if bytes_ > layout.width:
            (at,) = struct.unpack_from(layout.word, table, index * size + size - layout.width)
        if kind not in _SIZES or at + bytes_ > end or tag in without:
            continue
        stream.seek(at)
        found.append(Entry(tag, kind, count, at, stream.read(bytes_)))
    return found, struct.unpack(layout.word, following)[0] if len(following) == layout.width else 0


def write_directory(entries: Iterable[Entry], place: int, layout: Layout) -> bytes:
    """Return a directory to lie at `place`, with values behind it; those of entries whose place is not 0 stay there."""
    ordered = sorted(entries, key=lambda entry: entry.tag)
    width = layout.width
    values = b""
    table = struct.pack(layout.count, len(ordered))
    behind = place + len(table) + len(ordered) * (12 + (8 if layout.big else 0)) + width
    for entry in ordered:
        table += struct.pack(layout.order + ("HHQ" if layout.big else "HHI"), entry.tag, entry.kind, entry.count)
        if len(entry.data) <= width:
            table += entry.data.ljust(width, b"\0")
        elif entry.place:
            table += struct.pack(layout.word, entry.place)
        else:
            table += struct.pack(layout.word, behind + len(values))
            values += entry.data + b"\0" * (len(entry.data) % 2)
    return table + bytes(width) + values


def text(tag: int, value: str) -> Entry:
    """An entry of text, in UTF-8 as the Metadata Working Group has it (guidelines 2.0, section 3.3)."""
    data = value.encode("utf-8", "replace").replace(b"\0", b" ") + b"\0"
    return Entry(tag, ASCII, len(data), 0, data)


def number(tag: int, value: int, layout: Layout) -> Entry:
    """An entry of one number: LONG, or SHORT where that suffices."""
    kind = SHORT if value < 65536 else LONG
    return Entry(tag, kind, 1, 0, struct.pack(layout.order + ("H" if kind == SHORT else "I"), value))


def pointer(tag: int, place: int, layout: Layout) -> Entry:
    """An entry that says where another directory lies."""
    kind = 18 if layout.big else LONG
    return Entry(tag, kind, 1, 0, struct.pack(layout.word, place))


def rational(tag: int, numerator: int, denominator: int, layout: Layout) -> Entry:
    """An entry of one fraction."""
    return Entry(tag, RATIONAL, 1, 0, struct.pack(layout.order + "II", numerator, denominator))
