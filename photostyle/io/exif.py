"""EXIF blocks: kept byte for byte, so that the offsets in maker notes hold, but for what is no longer true.

Changed in their place are the orientation, the sizes, and the link to the thumbnail, whose bytes are cleared. Where the
main directory needs more tags, a new one is put behind the block. EXIF that is spread over a file (TIFF, camera raw) is
gathered in a block that has the maker note at the offset where it was.
"""

from __future__ import annotations

import dataclasses
import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from PIL import TiffTags

from photostyle.io import directories
from photostyle.io.directories import Entry, Layout, read_directory, read_header, write_directory

PREFIX = b"Exif\0\0"
ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296
EXIF, GPS, INTEROPERABILITY, MAKER_NOTE = 34665, 34853, 40965, 37500
_SIZES = {256: 1, 257: 0, 40962: 1, 40963: 0, 4097: 1, 4098: 0}  # tags of widths and heights, as indices of (H, W)
_THUMBNAILS = ((513, 514), (273, 279))  # where thumbnails lie and how long they are: JPEG, and strips
_FARTHEST_NOTE = 1 << 20  # bytes to which a block may be drawn out to keep its maker note where it was

# What tells how a TIFF stores its pixels, and what it holds beside them that goes elsewhere or does not last.
LAYOUT_TAGS = frozenset((
    *range(254, 267), 273, *range(277, 282), 284, *range(288, 294), 297, 301, 317, *range(320, 329), *range(330, 348),
    *range(351, 355), *range(400, 436), *range(512, 522), *range(529, 533), 559, 700, *range(32995, 33000), 33421,
    33422, 33723, 34377, 34675, 37398, 37724, 50706, 50707, *range(50710, 50735), *range(50737, 50840),
    *range(50879, 51200), *range(52525, 52560),
))  # fmt: skip


def settled(block: bytes) -> tuple[int, bytes | None, bool]:
    """Return the orientation (1 to 8, 0 for none) that an EXIF block tells and the block as it fits an upright result.

    Orientation becomes 1, and the thumbnail goes; everything else stays where it is. Where there are entries that
    cannot be read, and False is returned with it, the block is laid out anew without them; None if nothing is left.

    Raises:
        ValueError, struct.error: the block is damaged.
    """
    data = bytearray(block.removeprefix(PREFIX))
    stream = io.BytesIO(bytes(data))
    layout, first = read_header(stream)
    if layout.big:
        raise ValueError("no EXIF block")
    entries, thumbnail = read_directory(stream, first, layout)
    if not all(map(is_sound, entries)) or any(
        len(read_directory(stream, place, layout)[0]) < _number(data, place, layout)
        for place in _directories(stream, first, layout)
    ):
        orientation, laid, _ = gathered(stream, [first])
        return orientation, laid, False
    orientation = _orientation(entries, layout)
    for entry in entries:
        if entry.tag == ORIENTATION and entry.count == 1 and entry.kind in (directories.SHORT, directories.LONG):
            struct.pack_into(layout.order + ("H" if entry.kind == directories.SHORT else "I"), data, entry.place, 1)
    kept = [*_extents(stream, first, layout)]
    if thumbnail:
        struct.pack_into(layout.word, data, first + 2 + 12 * _number(data, first, layout), 0)
        _clear(data, stream, thumbnail, kept, layout)
    return orientation, PREFIX + bytes(data), True


def orientation_of(block: bytes) -> int:
    """Return what an EXIF block, however damaged the rest, tells of the orientation: 1 to 8, 0 where it does not."""
    stream = io.BytesIO(block.removeprefix(PREFIX))
    try:
        layout, first = read_header(stream)
        return _orientation(read_directory(stream, first, layout)[0], layout)
    except (ValueError, struct.error):
        return 0


def gathered(stream: IO[bytes], places: Sequence[int]) -> tuple[int, bytes | None, bool]:
    """Return orientation (0 for none), EXIF block or None, and whether the maker note moved, of a TIFF's directories.

    Args:
        stream: the file.
        places: of its main directories; what the first has goes before what later ones have.

    Raises:
        ValueError, struct.error: damaged.
    """
    layout, _ = read_header(stream)
    block = Layout(layout.order)
    main: dict[int, Entry] = {}
    for place in places:
        for entry in read_directory(stream, place, layout, LAYOUT_TAGS)[0]:
            if is_sound(entry):
                main.setdefault(entry.tag, entry)
    orientation = _orientation(main.values(), layout)
    if ORIENTATION in main:
        main[ORIENTATION] = directories.number(ORIENTATION, 1, block)
    nested = {}
    for tag in (EXIF, GPS):
        if place := _place(main.pop(tag, None), layout):
            nested[tag] = read_directory(stream, place, layout)[0]
    return orientation, *_laid_out(stream, list(main.values()), nested, layout, block)


def for_size(block: bytes, size: tuple[int, int]) -> bytes:
    """Return an EXIF block whose sizes, where it tells any, are `size` (H, W)."""
    data = bytearray(block.removeprefix(PREFIX))
    stream = io.BytesIO(bytes(data))
    layout, first = read_header(stream)
    for place in _directories(stream, first, layout):
        for entry in read_directory(stream, place, layout)[0]:
            if entry.tag in _SIZES and entry.count == 1 and entry.kind in (directories.SHORT, directories.LONG):
                value = size[_SIZES[entry.tag]]
                if value > 65535 or entry.kind == directories.LONG:  # the field has room for both
                    struct.pack_into(layout.order + "H", data, entry.place - 6, directories.LONG)
                    struct.pack_into(layout.order + "I", data, entry.place, value)
                else:
                    struct.pack_into(layout.order + "HH", data, entry.place, value, 0)
    return PREFIX + bytes(data)


def with_entries(block: bytes | None, entries: Iterable[Entry], layout: Layout | None = None) -> bytes:
    """Return an EXIF block with these entries in its main directory too; a new block for None."""
    if block is None:
        layout = layout or Layout("<")
        return PREFIX + directories.header(layout, 8) + write_directory(entries, 8, layout)
    data = block.removeprefix(PREFIX)
    stream = io.BytesIO(data)
    layout, first = read_header(stream)
    main = {entry.tag: entry for entry in read_directory(stream, first, layout)[0]}
    main |= {entry.tag: entry for entry in entries}
    place = len(data) + len(data) % 2
    start = directories.header(layout, place)
    return (
        PREFIX
        + start
        + data[len(start) :].ljust(place - len(start), b"\0")
        + write_directory(main.values(), place, layout)
    )


def without_maker_note(block: bytes) -> bytes:
    """Return an EXIF block laid out anew, without maker note."""
    stream = io.BytesIO(block.removeprefix(PREFIX))
    layout, first = read_header(stream)
    main = [entry for entry in read_directory(stream, first, layout)[0]]
    nested = {}
    for entry in main:
        if entry.tag in (EXIF, GPS) and (place := _place(entry, layout)):
            nested[entry.tag] = [inner for inner in read_directory(stream, place, layout)[0] if inner.tag != MAKER_NOTE]
    main = [entry for entry in main if entry.tag not in nested]
    laid, _ = _laid_out(stream, main, nested, layout, layout)
    return laid or PREFIX


def main_directory(block: bytes) -> tuple[Layout, dict[int, Entry]]:
    """Return the byte order of an EXIF block and the entries of its main directory by tag."""
    stream = io.BytesIO(block.removeprefix(PREFIX))
    layout, first = read_header(stream)
    return layout, {entry.tag: entry for entry in read_directory(stream, first, layout)[0]}


def is_sound(entry: Entry) -> bool:
    """Whether a tag that has one number has one; readers warn of others."""
    texts = (directories.ASCII, directories.BYTE, directories.UNDEFINED)
    return entry.count == 1 or entry.kind in texts or TiffTags.lookup(entry.tag).length != 1


def as_big(block: bytes, entries: Iterable[Entry], place: int) -> tuple[list[Entry], bytes]:
    """Return main entries of a BigTIFF that begins with an EXIF block, and its nested directories, to lie at `place`.

    BigTIFF writes directories otherwise than EXIF; their values stay where they are.
    """
    stream = io.BytesIO(block.removeprefix(PREFIX))
    layout, _ = read_header(stream)
    big = Layout(layout.order, True)
    found, laid = [], b""
    for entry in entries:
        if entry.tag in (EXIF, GPS) and (source := _place(entry, layout)):
            inner = read_directory(stream, source, layout)[0]
            for index, deepest in enumerate(inner):
                if deepest.tag == INTEROPERABILITY and (source := _place(deepest, layout)):
                    inner[index] = directories.pointer(deepest.tag, place + len(laid), big)
                    laid += write_directory(read_directory(stream, source, layout)[0], place + len(laid), big)
            entry = directories.pointer(entry.tag, place + len(laid), big)
            laid += write_directory(inner, place + len(laid), big)
        found.append(entry)
    return found, laid


def _laid_out(
    stream: IO[bytes], main: list[Entry], nested: dict[int, list[Entry]], source: Layout, layout: Layout
) -> tuple[bytes | None, bool]:
    if not main and not any(nested.values()):
        return None, False
    inner: list[Entry] = []
    for entry in nested.get(EXIF, []):
        if entry.tag == INTEROPERABILITY:
            try:
                inner = read_directory(stream, _place(entry, source), source)[0]
            except ValueError:
                inner = []
    nested = {tag: [e for e in found if e.tag != INTEROPERABILITY] for tag, found in nested.items()}
    note = next((entry for entry in nested.get(EXIF, []) if entry.tag == MAKER_NOTE), None)
    moved = note is not None and (note.place < 8 or note.place > _FARTHEST_NOTE or source.big)
    fixed = None if moved else note

    def lay(base: int) -> tuple[bytes, int]:
        body, pointers = b"", []
        parts = [(INTEROPERABILITY, inner), *nested.items()]
        for tag, found in parts:
            if not found:
                continue
            loose = [e if e is fixed else dataclasses.replace(e, place=0) for e in found if e.kind < 16]
            if tag == EXIF and inner:
                loose.append(directories.pointer(INTEROPERABILITY, base, layout))
            if tag != INTEROPERABILITY:
                pointers.append(directories.pointer(tag, base + len(body), layout))
            body += write_directory(loose, base + len(body), layout)
        place = base + len(body)
        loose = [dataclasses.replace(e, place=0) for e in main if e.kind < 16]
        return body + write_directory([*loose, *pointers], place, layout), place

    body, place = lay(8)
    if fixed is None or len(fixed.data) <= 4:
        return PREFIX + directories.header(layout, place) + body, moved
    if 8 + len(body) <= fixed.place:
        return PREFIX + directories.header(layout, place) + body.ljust(fixed.place - 8, b"\0") + fixed.data, moved
    behind = fixed.place + len(fixed.data) + len(fixed.data) % 2
    body, place = lay(behind)
    start = directories.header(layout, place).ljust(fixed.place, b"\0") + fixed.data
    return PREFIX + start.ljust(behind, b"\0") + body, moved


def _orientation(entries: Iterable[Entry], layout: Layout) -> int:
    for entry in entries:
        if entry.tag == ORIENTATION and entry.count == 1:
            values = entry.numbers(layout.order)
            if values and 1 <= values[0] <= 8:
                return values[0]
    return 0


def _place(entry: Entry | None, layout: Layout) -> int:
    values = () if entry is None or entry.count != 1 else entry.numbers(layout.order)
    return values[0] if values else 0


def _directories(stream: IO[bytes], first: int, layout: Layout) -> Iterator[int]:
    yield first
    for entry in read_directory(stream, first, layout)[0]:
        if entry.tag in (EXIF, GPS):
            place = _place(entry, layout)
            yield place
            for inner in read_directory(stream, place, layout)[0]:
                if inner.tag == INTEROPERABILITY and (deepest := _place(inner, layout)):
                    yield deepest


def _extents(stream: IO[bytes], first: int, layout: Layout) -> Iterator[tuple[int, int]]:
    """Where a block keeps what stays: begin and end of its directories and of their values."""
    yield 0, 8
    for place in _directories(stream, first, layout):
        entries, _ = read_directory(stream, place, layout)
        yield place, place + 6 + 12 * len(entries)
        for entry in entries:
            yield entry.place, entry.place + len(entry.data)


def _number(data: bytearray, place: int, layout: Layout) -> int:
    return int(struct.unpack_from(layout.count, data, place)[0])


def _clear(data: bytearray, stream: IO[bytes], place: int, kept: list[tuple[int, int]], layout: Layout) -> None:
    """Clear a thumbnail, where nothing that stays lies in the same bytes, and cut the block behind what stays."""
    try:
        entries = {entry.tag: entry.numbers(layout.order) for entry in read_directory(stream, place, layout)[0]}
    except (ValueError, struct.error):
        return
    for start, length in _THUMBNAILS:
        for begin, size in zip(entries.get(start, ()), entries.get(length, ()), strict=False):
            end = min(begin + size, len(data))
            if begin < end and all(end <= low or high <= begin for low, high in kept):
                data[begin:end] = bytes(end - begin)
                last = max(high for _, high in kept)
                if begin >= last and end == len(data):
                    del data[begin:]
