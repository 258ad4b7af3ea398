"""Seeds of `scripts/check/fuzz.py` with what real photos carry: IPTC, XMP in parts, maker notes, second pictures."""

from __future__ import annotations

import hashlib
import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import ExifTags, Image, PngImagePlugin

_RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
_CAPTION = ((120, b"Pagoda"), (80, b"Ada"))


def described(rgb: npt.NDArray[np.uint8]) -> dict[str, bytes]:
    """Whole files by name; `rgb` is (H, W, 3)."""
    image = Image.fromarray(rgb)
    iptc = b"".join(
        struct.pack(">BBBH", 28, 2, tag, len(text)) + text for tag, text in ((120, b"Pagoda"), (80, b"Ada"))
    )
    resources = _resource(0x0404, iptc) + _resource(0x03ED, struct.pack(">IHHIHH", 300 << 16, 1, 1, 300 << 16, 1, 1))
    application = (0xED, b"Photoshop 3.0\0" + resources)
    made = {
        "iptc.jpg": _jpeg(image, application, (0xFE, b"a comment"), (0xE5, b"RMETA\0own"), dpi=(300, 300)),
        "parts.jpg": _jpeg(image, *_packet_in_parts()),
        "gain.jpg": _gain_map(image),
        "motion.jpg": _jpeg(image, (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet("c:MotionPhoto='1'")))
        + b"\0\0\0\x18ftypmp42" + bytes(40),
        "misnamed.jpg": _jpeg(image, (0xE1, b"XMP\0://ns.adobe.com/xap/1.0/\0" + packet(""))),
        "notes.jpg": _jpeg(image, exif=_camera()),
        "texts.png": _png(image, resources),
    }  # fmt: skip
    tags = [(33723, 7, len(iptc), iptc, True), (34377, 7, len(resources), resources, True), (274, 3, 1, 6, True)]
    made |= {
        "pages.tif": _tiff((rgb[::2, ::2], {"subfiletype": 1, "extratags": tags}), (rgb, {"resolution": (300, 300)})),
        "below.tif": _tiff((rgb[::2, ::2], {"subfiletype": 1, "subifds": 1}), (rgb.astype(np.uint16) * 257, {})),
        "extra.tif": _tiff((np.dstack([rgb, rgb[..., :2]]), {"extrasamples": ["unassalpha", "unspecified"]})),
    }
    for compression in ("webp", "zstd", "jpegxl", "packbits", "jpeg2000"):
        made[f"{compression}.tif"] = _tiff((rgb, {"compression": compression, "extratags": tags}))
    return made


def _resource(number: int, data: bytes) -> bytes:
    return struct.pack(">4sHHI", b"8BIM", number, 0, len(data)) + data + b"\0" * (len(data) % 2)


def _jpeg(image: Image.Image, *segments: tuple[int, bytes], **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    made = b"".join(struct.pack(">BBH", 255, marker, len(data) + 2) + data for marker, data in segments)
    return file.getvalue()[:20] + made + file.getvalue()[20:]


def packet(attributes: str) -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {_RDF}><rdf:Description rdf:about="" '
        f'xmlns:c="http://ns.google.com/photos/1.0/camera/" xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" '
        f'xmlns:n="http://ns.adobe.com/xmp/note/" xmlns:dc="http://purl.org/dc/elements/1.1/" {attributes}>'
        "<dc:format>image/jpeg</dc:format></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def _packet_in_parts() -> list[tuple[int, bytes]]:
    rest = packet("").replace(b"image/jpeg", b"y" * 300)
    name = hashlib.md5(rest, usedforsecurity=False).hexdigest().upper()
    parts = [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet(f'n:HasExtendedXMP="{name}"'))]
    for place in range(0, len(rest), 400):
        start = b"http://ns.adobe.com/xmp/extension/\0" + name.encode() + struct.pack(">II", len(rest), place)
        parts.append((0xE1, start + rest[place : place + 400]))
    return parts


def _gain_map(image: Image.Image) -> bytes:
    second = _jpeg(image.resize((16, 16)))
    told = (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet("h:Version='1.0'"))
    first = len(_jpeg(image, told))
    index = b"II*\0\x08\0\0\0" + struct.pack("<HHHI4s", 3, 0xB000, 7, 4, b"0100")
    index += struct.pack("<HHII", 0xB001, 4, 1, 2) + struct.pack("<HHIII", 0xB002, 7, 32, 50, 0)
    whole = first + 8 + len(index) + 32
    index += struct.pack("<IIIIIIII", 0x30000, whole, 0, 0, 0, len(second), whole - 28, 0)
    return _jpeg(image, (0xE2, b"MPF\0" + index), told) + second


def _camera() -> bytes:
    """EXIF of every directory there is, with a maker note and a thumbnail."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Panasonic", 6
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {37500: b"Panasonic\0\0\0" + bytes(30), 40962: 32, 40963: 24, 40965: {1: "R98"}}
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (51.0, 30.0, 0.0)})
    data = bytearray(exif.tobytes())
    order = "<" if data[6:8] == b"II" else ">"
    (number,) = struct.unpack_from(order + "H", data, 14)
    struct.pack_into(order + "I", data, 16 + 12 * number, len(data) - 6)
    data += struct.pack(order + "HHHIIHHIII", 2, 513, 4, 1, len(data) + 24, 514, 4, 1, 20, 0) + b"\xff\xd8" + bytes(18)
    return bytes(data)


def _png(image: Image.Image, resources: bytes) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "Pagoda")
    text.add_text("Comment", "x" * 200, zip=True)
    text.add_itxt("Author", "Ada", "en", "Author", zip=True)
    text.add_text("Raw profile type iptc", f"\niptc\n{len(resources):8}\n{resources.hex()}\n", zip=True)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=text, dpi=(300, 300), exif=_camera())
    return file.getvalue()


def _tiff(*pages: tuple[npt.NDArray[Any], dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for values, options in pages:
            writer.write(values, photometric="rgb", metadata=None, **options)
    return file.getvalue()
