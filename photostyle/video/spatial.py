"""Where a picture lies in space, as its file says it: both eyes in one frame, or a sphere round the viewer.

Matroska has a tag for the eyes. mp4 and mov have boxes in the track's description (Spherical Video V2 RFC, Google):
st3d and sv3d. libav reads them all, but PyAV cannot have them written, so they are put into the finished file here,
and with them the XMP of the whole film (ISO 16684-3, 3.2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from photostyle.io import xmp

_SIDE_BY_SIDE, _TOP_BOTTOM, _INVERTED = 1, 2, 1  # libav's numbers
_EQUIRECTANGULAR, _CUBE, _CUT_OUT = 0, 1, 2
_STEREO_MODES = {
    (_SIDE_BY_SIDE, 0): "left_right", (_SIDE_BY_SIDE, _INVERTED): "right_left",
    (_TOP_BOTTOM, 0): "top_bottom", (_TOP_BOTTOM, _INVERTED): "bottom_top",
}  # fmt: skip
_PLAIN = "mono"
_ST3D = {(0, 0): 0, (_TOP_BOTTOM, 0): 1, (_SIDE_BY_SIDE, 0): 2}
_PACKET = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_DOWN = (b"trak", b"mdia", b"minf", b"stbl", b"stsd")  # from moov to the description of the first track
_ENTRIES = 16  # bytes before the entries of stsd


@dataclass(frozen=True)
class Spatial:
    """What a file says of its picture's place in space.

    Attributes:
        stereo: how the eyes' pictures lie in a frame, by libav's number, and 1 if they have changed places.
        sphere: projection by libav's number; yaw, pitch and roll in 1/65536 of a degree; bounds at left, top, right
            and bottom in 2^-32 of the sphere; padding in pixels.
    """

    stereo: tuple[int, int] | None = None
    sphere: tuple[int, ...] | None = None

    def lost(self, after: Spatial) -> list[str]:
        """Names of what another does not say."""
        found = ["stereo layout"] if self.stereo not in (None, after.stereo) else []
        return found + (["spherical projection"] if self.sphere not in (None, after.sphere) else [])


def spatial_of(picture: av.VideoFrame) -> Spatial:
    """What the file of a picture says, from beside the picture."""
    stereo: Any = picture.side_data.get("STEREO3D")
    sphere: Any = picture.side_data.get("SPHERICAL")
    return Spatial(
        None if stereo is None else struct.unpack_from("=iI", bytes(stereo)),
        None if sphere is None else struct.unpack_from("=i3i5I", bytes(sphere)),
    )


def stereo_tags(spatial: Spatial, suffix: str, tags: dict[str, str]) -> dict[str, str]:
    """Tags of a stream with the one for both eyes, as it is in Matroska and WebM and nowhere else."""
    found = {key: value for key, value in tags.items() if key.lower() != "stereo_mode"}
    if suffix not in (".mkv", ".webm"):
        return found
    own = next((value for key, value in tags.items() if key.lower() == "stereo_mode"), None)
    mode = _STEREO_MODES.get(spatial.stereo) if spatial.stereo else None
    if mode or (own and (suffix == ".mkv" or own == _PLAIN)):  # WebM has only those that are listed here
        found["stereo_mode"] = mode or str(own)
    return found


def packet_of(path: Path) -> bytes | None:
    """The XMP of an mp4 or mov without thumbnails, or None."""
    with av.open(str(path), metadata_errors="replace", options={"export_xmp": "1"}) as source:
        found = source.metadata.get("xmp")
    return xmp.upright(str(found).encode()) if found else None


def put_into(path: Path, spatial: Spatial, packet: bytes | None) -> None:
    """Put into a finished mp4 or mov, whose first track is the picture, what libav has not written of it.

    Nothing happens to a file whose description of the tracks does not stand behind the samples, which would move.
    """
    boxes = _boxes(spatial)
    with path.open("r+b") as stream:
        if boxes:
            kind, place, size = list(_top(stream))[-1]
            if kind != b"moov":
                return
            stream.seek(place)
            movie = _with(bytearray(stream.read(size)), boxes)
            stream.seek(place)
            stream.write(movie)
        if packet:
            stream.seek(0, 2)
            stream.write(_box(b"uuid", _PACKET + packet))


def _boxes(spatial: Spatial) -> bytes:
    found = b""
    if spatial.stereo in _ST3D:
        found += _box(b"st3d", bytes(4) + bytes([_ST3D[spatial.stereo]]))
    if spatial.sphere is not None and spatial.sphere[0] in (_EQUIRECTANGULAR, _CUBE, _CUT_OUT):
        projection, yaw, pitch, roll, left, top, right, bottom, padding = spatial.sphere
        if projection == _CUBE:
            shape = _box(b"cbmp", struct.pack(">III", 0, 0, padding))
        else:
            shape = _box(b"equi", struct.pack(">IIIII", 0, top, bottom, left, right))
        pose = _box(b"prhd", struct.pack(">I3i", 0, yaw, pitch, roll))
        found += _box(b"sv3d", _box(b"svhd", bytes(4) + b"photostyle\0") + _box(b"proj", pose + shape))
    return found


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def _top(stream: Any) -> Iterator[tuple[bytes, int, int]]:
    """The outermost boxes: kind, place, size."""
    place = 0
    while True:
        stream.seek(place)
        start = stream.read(16)
        if len(start) < 8:
            return
        size, kind = int.from_bytes(start[:4], "big"), start[4:8]
        size = int.from_bytes(start[8:], "big") if size == 1 else size
        if size < 8:
            return
        yield kind, place, size
        place += size


def _with(movie: bytearray, boxes: bytes) -> bytearray:
    """A moov whose first track's first description ends with more boxes."""
    at, above = 0, [0]
    for wanted in _DOWN:
        at = _inside(movie, at + 8, at + _size(movie, at), wanted)
        above.append(at)
    entry = at + _ENTRIES
    above.append(entry)
    end = entry + _size(movie, entry)
    movie[end:end] = boxes
    for place in above:
        struct.pack_into(">I", movie, place, _size(movie, place) + len(boxes))
    return movie


def _inside(data: bytes | bytearray, place: int, end: int, wanted: bytes) -> int:
    while place + 8 <= end:
        if data[place + 4 : place + 8] == wanted:
            return place
        place += max(8, _size(data, place))
    raise ValueError(f"there is no box {wanted!r}")


def _size(data: bytes | bytearray, place: int) -> int:
    return int(struct.unpack_from(">I", data, place)[0])
