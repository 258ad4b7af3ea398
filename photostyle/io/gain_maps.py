"""HDR gain maps of JPEGs (Ultra HDR, Adobe's hdrgm, ISO 21496-1), carried over to a result.

A gain map G tells of each pixel how many times as bright the HDR rendition is as the SDR picture, as a logarithm:

    HDR = (SDR + s) * 2^(w G) - h

in linear light, with small constants s and h, and w in [0, 1] as the display has room (ISO 21496-1; libultrahdr). A
look puts another picture in the place of SDR. G stays as it is, since it is a ratio: what was four times as bright as
white is four times as bright as it is now. So the map's file goes along byte for byte, behind the new picture, and what
points to it is made anew: the index of the Multi-Picture file (CIPA DC-007) and the XMP's directory of the container.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from photostyle.io import parts
from photostyle.io.opening import DAMAGE

ISO = b"urn:iso:std:iso:ts:21496:-1\0"
_ADOBE = b"http://ns.adobe.com/hdr-gain-map/1.0/"
_LARGEST = 1 << 30  # bytes of a file in which 32 bits are room for every offset


@dataclass(frozen=True, eq=False)
class GainMap:
    """A gain map that still fits once the picture is another.

    Attributes:
        picture: its JPEG, which tells its bounds and constants itself.
        adobe: it does so in XMP, so the first picture's XMP must announce it.
        iso: the segment of the first picture by which ISO 21496-1 announces it, or None.
    """

    picture: bytes
    adobe: bool
    iso: bytes | None


def of_jpeg(data: bytes, segments: Iterable[tuple[str, bytes]]) -> GainMap | None:
    """Return the gain map of a JPEG file; None where it has none, or one in another way than the index tells."""
    listed = list(segments)
    iso = next((content for name, content in listed if name == "APP2" and content.startswith(ISO)), None)
    announced = any(name == "APP1" and _ADOBE in content for name, content in listed)
    for name, content in listed:
        if name != "APP2" or not content.startswith(b"MPF\0"):
            continue
        for _, picture in parts.pictures(data, content[4:]):
            adobe = announced and _ADOBE in picture
            if (adobe or (iso is not None and ISO in picture)) and _is_whole(picture):
                return GainMap(picture, adobe, iso if ISO in picture else None)
    return None


def with_index(head: bytes, rest: bytes, gain_map: GainMap) -> bytes:
    """Return a JPEG, in two pieces between which the index of pictures goes, with a gain map behind it."""
    index = struct.pack(">2sHIH", b"MM", 42, 8, 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    index += struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(">HHIII", 0xB002, 7, 32, 50, 0)
    size = len(head) + 8 + len(index) + 32 + len(rest)
    index += struct.pack(">IIIHH", 0x030000, size, 0, 0, 0)  # the first: representative, at offset 0
    index += struct.pack(">IIIHH", 0, len(gain_map.picture), size - len(head) - 8, 0, 0)
    return head + struct.pack(">BBH4s", 0xFF, 0xE2, len(index) + 6, b"MPF\0") + index + rest + gain_map.picture


def _is_whole(picture: bytes) -> bool:
    if not picture.startswith(b"\xff\xd8") or len(picture) > _LARGEST:
        return False
    try:
        with Image.open(io.BytesIO(picture), formats=["JPEG"]) as image:
            image.load()
    except DAMAGE:
        return False
    return True
