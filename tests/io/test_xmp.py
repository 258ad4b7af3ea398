"""XMP: whole packets, in any form of writing, that say nothing of what is gone."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from photostyle.io import read_photo, write_photo
from photostyle.io.xmp import NAME, XMPError, alone, split, whole
from tests.io.test_kept import jpeg as with_segments
from tests.util.exiftool import needs_exiftool, tags

NOISE = np.random.default_rng(4).integers(0, 256, (30, 50, 3), dtype=np.uint8)
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
GAIN = "http://ns.adobe.com/hdr-gain-map/1.0/"
DC = "http://purl.org/dc/elements/1.1/"
BOX = "http://ns.google.com/photos/1.0/container/"
CAMERA = "http://ns.google.com/photos/1.0/camera/"


def packet(inner: str, attributes: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:g="{GAIN}" xmlns:Container="{BOX}" xmlns:Item="{BOX}item/" xmlns:GCamera="{CAMERA}" {attributes}>'
        f'<dc:format>image/jpeg</dc:format>{inner}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def directory(*meanings: str) -> str:
    items = "".join(
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="{m}" Item:Length="9"/></rdf:li>'
        for m in ("Primary", *meanings)
    )
    return f"<Container:Directory><rdf:Seq>{items}</rdf:Seq></Container:Directory>"


def jpeg(path: Path, main: bytes, rest: bytes | None = None, **damage: int) -> Path:
    """A JPEG with a packet and, in segments in a wrong order, its second part."""
    Image.fromarray(NOISE).save(path, xmp=main)
    if rest is not None:
        name = hashlib.md5(rest).hexdigest().upper().encode()
        parts = [rest[i : i + 60_000] for i in range(0, len(rest), 60_000)]
        made = []
        for number, part in enumerate(parts):
            content = b"http://ns.adobe.com/xmp/extension/\0" + name
            content += struct.pack(">II", len(rest), number * 60_000) + part
            made.append(b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content)
        data = path.read_bytes()
        path.write_bytes(data[:20] + b"".join(reversed(made[damage.get("missing", 0) :])) + data[20:])
    return path


def extended(text: str) -> tuple[bytes, bytes]:
    rest = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:p="http://ns.adobe.com/photoshop/1.0/"><r:RDF xmlns:r="{RDF}">'
        f'<r:Description r:about=""><p:History>{text}</p:History></r:Description></r:RDF></x:xmpmeta>'
    ).encode()
    name = hashlib.md5(rest).hexdigest().upper()
    return packet("", f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{name}"'), rest


def values(data: bytes | None, name: str) -> list[str]:
    """The texts of all elements and attributes of one name (``{namespace}name``)."""
    root = ElementTree.fromstring((data or b"").decode())
    found = [element.text or "" for element in root.iter(name)]
    return found + [element.attrib[name] for element in root.iter() if name in element.attrib]


@pytest.mark.parametrize("name", ["out.jpg", "out.png", "out.tif", "out.webp"])
@pytest.mark.parametrize("length", [100, 70_000, 200_000])
def test_a_packet_in_parts_is_kept_whole(tmp_path, caplog, name, length):
    photo = read_photo(jpeg(tmp_path / "in.jpg", *extended("y" * length)))
    write_photo(tmp_path / name, photo.pixels, like=photo)
    again = read_photo(tmp_path / name).xmp
    assert values(again, "{http://ns.adobe.com/photoshop/1.0/}History") == ["y" * length]
    assert values(again, "{http://purl.org/dc/elements/1.1/}format") == ["image/jpeg"]
    assert b"HasExtendedXMP" not in (again or b"")
    assert not caplog.records


@needs_exiftool
def test_exiftool_reads_the_second_part(tmp_path):
    photo = read_photo(jpeg(tmp_path / "in.jpg", *extended("y" * 150_000)))
    write_photo(tmp_path / "out.jpg", photo.pixels, like=photo)
    found = tags(tmp_path / "out.jpg")
    assert found["XMP-photoshop:History"] == "y" * 150_000
    assert found["XMP-dc:Format"] == "image/jpeg"
    assert not [key for key in found if key.endswith("Warning")]


def test_a_missing_part_is_said_and_the_note_of_it_goes(tmp_path, caplog):
    photo = read_photo(jpeg(tmp_path / "in.jpg", *extended("y" * 150_000), missing=1))
    assert "a part of its XMP is missing" in caplog.text
    assert values(photo.xmp, "{http://purl.org/dc/elements/1.1/}format") == ["image/jpeg"]
    assert b"HasExtendedXMP" not in (photo.xmp or b"")


@pytest.mark.parametrize(
    ("inner", "attributes", "gone"),
    [
        ("", 'g:Version="1.0"', ["HDR gain map"]),
        ("<g:Version>1.0</g:Version><g:GainMapMax><rdf:Seq><rdf:li>2</rdf:li></rdf:Seq></g:GainMapMax>", "",
         ["HDR gain map"]),
        (directory("GainMap"), "", ["HDR gain map"]),
        (directory("MotionPhoto"), 'GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"', ["motion clip"]),
        ("<GCamera:MicroVideo>1</GCamera:MicroVideo><GCamera:MicroVideoOffset>99</GCamera:MicroVideoOffset>", "",
         ["motion clip"]),
        (directory("GainMap", "MotionPhoto"), 'g:Version="1.0" GCamera:MotionPhoto="1"',
         ["HDR gain map", "motion clip"]),
        ("", 'GCamera:MotionPhoto="0"', []),
        ("<GCamera:MotionPhoto>0</GCamera:MotionPhoto>", "", []),
    ],
)  # fmt: skip
def test_what_is_gone_is_declared_no_longer(inner, attributes, gone):
    kept, parts = alone(packet(inner, f'{attributes} GCamera:BurstID="b"'))
    assert parts == gone
    for name in (GAIN.encode(), BOX.encode(), b"Motion", b"Micro"):
        assert name not in kept
    assert values(kept, "{http://purl.org/dc/elements/1.1/}format") == ["image/jpeg"]
    assert values(kept, f"{{{CAMERA}}}BurstID") == ["b"]
    assert kept.startswith(b"<?xpacket")


def test_other_packets_stay_byte_for_byte():
    whole_packet = '<?xpacket begin=""?>\n<x:xmpmeta  xmlns:x="adobe:ns:meta/">naïve</x:xmpmeta>\n\n  '.encode()
    assert alone(whole_packet) == (whole_packet, [])
    assert whole(whole_packet, []) == (whole_packet, True)
    assert split(whole_packet) == (whole_packet, [])


def test_second_views_in_the_packet_go():
    view = 'xmlns:GImage="http://ns.google.com/photos/1.0/image/" GImage:Mime="image/jpeg" GImage:Data="AAAA"'
    kept, gone = alone(packet("", view))
    assert gone == ["second view"]
    assert b"GImage" not in kept


def test_what_no_jpeg_can_hold_is_refused_not_cut():
    parts = "".join(f"<dc:p{number}>{'z' * 420}</dc:p{number}>" for number in range(300))
    main, rest = split(packet(parts))
    assert len(main) <= 65_502
    assert all(len(part) < 65_400 for part in rest)
    joined, complete = whole(main, rest)
    assert complete
    assert len(values(joined, "{http://purl.org/dc/elements/1.1/}p299")) == 1
    with pytest.raises(XMPError, match="no XML"):
        split(b"<x" * 40_000)


def test_entities_are_not_expanded():
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b; hdr-gain-map MotionPhoto</x>'
    with pytest.raises(XMPError, match="declares entities"):
        alone(bomb)


@pytest.mark.parametrize("name", [b"XMP\0://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xap/1.0/", b""])
@pytest.mark.parametrize("output", ["out.jpg", "out.png", "out.tif", "out.webp"])
def test_a_packet_under_a_name_that_is_not_quite_right_is_kept(tmp_path, caplog, name, output):
    source = with_segments(tmp_path / "in.jpg", (0xE1, name + packet("<dc:source>Ada</dc:source>") + b"\0"))
    photo = read_photo(source)
    write_photo(tmp_path / output, photo.pixels, like=photo)
    assert not caplog.records
    assert values(read_photo(tmp_path / output).xmp, f"{{{DC}}}source") == ["Ada"]


def test_beside_a_packet_of_the_right_name_another_stays_as_it_is(tmp_path):
    segments = (
        (0xE1, NAME + packet("<dc:source>Ada</dc:source>")),
        (0xE1, b"XMP\0" + packet("<dc:source>Eve</dc:source>")),
    )
    photo = read_photo(with_segments(tmp_path / "in.jpg", *segments))
    assert values(photo.xmp, f"{{{DC}}}source") == ["Ada"]
    assert photo.extras.segments == segments[1:]


def test_a_damaged_packet_is_dropped_with_a_word(tmp_path, caplog):
    photo = read_photo(jpeg(tmp_path / "in.jpg", b"<x:xmpmeta MotionPhoto <<<"))
    assert photo.xmp is None
    assert "unreadable XMP dropped" in caplog.text
