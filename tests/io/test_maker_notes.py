"""Maker notes hold offsets into the file around them: they must stay where they were, whatever is written."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from photostyle.io import Photo, encoders, read_photo, write_photo
from tests.util.exiftool import needs_exiftool, tags

BASE, IFD = ExifTags.Base, ExifTags.IFD
NOISE = np.random.default_rng(3).integers(0, 256, (30, 50, 3), dtype=np.uint8)
TEXT = "A value outside of its entry"
# Maker, what the note begins with, a tag of text in it, ExifTool's name for that tag: all with offsets from the header.
MAKERS = {
    "Panasonic": (b"Panasonic\0\0\0", 0x0051, "Panasonic:LensType"),
    "OLYMPUS OPTICAL CO.,LTD": (b"OLYMP\0\1\0", 0x0404, "Olympus:SerialNumber"),
    "NIKON": (b"Nikon\0\1\0", 0x0003, "Nikon:Quality"),
    "CASIO COMPUTER CO.,LTD": (b"QVC\0\0\0", 0x2001, "Casio:FirmwareDate"),
}
OUTPUTS = ("out.jpg", "out.png", "out.tif", "out.webp")


def block(maker: str, *, orientation: int = 6, thumbnail: bytes = b"") -> bytes:
    """EXIF of a camera whose maker note has a text at an offset from the block's start."""
    start, tag, _ = MAKERS[maker]

    def note(place: int) -> bytes:
        directory = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
        directory.tagtype[tag] = 2
        directory[tag] = TEXT
        return start + directory.tobytes(place + len(start))

    def laid(content: bytes) -> bytes:
        exif = Image.Exif()
        exif.endian = "<"
        exif[BASE.Make], exif[BASE.Orientation] = maker, orientation
        exif[BASE.Artist], exif[BASE.Software] = "Ada", "A rather long name of a program"
        exif.get_ifd(IFD.Exif).update(
            {BASE.ExifImageWidth: 50, BASE.ExifImageHeight: 30, BASE.MakerNote: content, IFD.Interop: {1: "R98"}}
        )
        exif.get_ifd(IFD.GPSInfo).update({1: "N"})
        return exif.tobytes()

    empty = b"\xa5" * len(note(0))
    place = laid(empty).index(empty) - 6
    whole = laid(note(place))
    return whole if not thumbnail else with_thumbnail(whole, thumbnail)


def with_thumbnail(whole: bytes, thumbnail: bytes) -> bytes:
    data = bytearray(whole[6:])
    (number,) = struct.unpack_from("<H", data, 8)
    struct.pack_into("<I", data, 10 + 12 * number, len(data))
    data += struct.pack("<HHHIIHHIII", 2, 513, 4, 1, len(data) + 30, 514, 4, 1, len(thumbnail), 0) + thumbnail
    return b"Exif\0\0" + bytes(data)


def source(path: Path, exif: bytes) -> Photo:
    Image.fromarray(NOISE).save(path, exif=exif)
    return read_photo(path)


@needs_exiftool
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", OUTPUTS)
def test_maker_notes_are_read_as_before(tmp_path, maker, name):
    photo = source(tmp_path / "in.jpg", block(maker))
    tag = MAKERS[maker][2]
    before = tags(tmp_path / "in.jpg")[tag]
    assert str(before).startswith("A value")
    write_photo(tmp_path / name, photo.pixels, like=photo)
    found = tags(tmp_path / name)
    assert found[tag] == before
    assert not [key for key in found if key.endswith("Warning")]
    assert found["IFD0:Artist"] == "Ada"
    assert found["IFD0:Orientation"] == 1
    assert (found["ExifIFD:ExifImageWidth"], found["ExifIFD:ExifImageHeight"]) == (30, 50)
    assert found["InteropIFD:InteropIndex"] == "R98"
    assert found["GPS:GPSLatitudeRef"] == "N"


@needs_exiftool
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("between", ["between.tif", "between.png", "between.webp"])
def test_they_survive_several_files(tmp_path, between, bits):
    photo = source(tmp_path / "in.jpg", block("Panasonic"))
    write_photo(tmp_path / between, photo.pixels, like=photo, bits=None if between.endswith("webp") else bits)
    again = read_photo(tmp_path / between)
    for name in OUTPUTS:
        write_photo(tmp_path / name, again.pixels, like=again)
        assert tags(tmp_path / name)["Panasonic:LensType"] == TEXT


@needs_exiftool
def test_a_bigtiff_has_them_too(tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "LARGEST_TIFF", 1000)
    photo = source(tmp_path / "in.jpg", block("NIKON"))
    write_photo(tmp_path / "out.tif", photo.pixels, like=photo)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.is_bigtiff
        np.testing.assert_array_equal(file.asarray(), np.rint(photo.pixels * 255).astype(np.uint8))
    found = tags(tmp_path / "out.tif")
    assert found["Nikon:Quality"] == TEXT
    assert found["ExifOffset:ExifImageWidth"] == 30  # ExifTool has other names for the directories of a BigTIFF
    assert found["InteropOffset:InteropIndex"] == "R98"
    again = read_photo(tmp_path / "out.tif")
    np.testing.assert_array_equal(again.pixels, photo.pixels)


def test_the_block_stays_byte_for_byte(tmp_path):
    exif = block("Panasonic", orientation=1)
    photo = source(tmp_path / "in.jpg", exif)
    assert photo.exif == exif
    write_photo(tmp_path / "out.jpg", photo.pixels, like=photo)
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info["exif"] == exif


def test_the_thumbnail_goes_and_nothing_else_moves(tmp_path):
    small = io.BytesIO()
    Image.fromarray(NOISE[:16, :16]).save(small, "JPEG")
    exif = block("Panasonic", orientation=1, thumbnail=small.getvalue())
    photo = source(tmp_path / "in.jpg", exif)
    assert photo.exif is not None
    assert small.getvalue()[:40] not in photo.exif
    parsed = Image.Exif()
    parsed.load(photo.exif)
    assert parsed.get_ifd(IFD.IFD1) == {}
    assert parsed.get_ifd(IFD.Exif)[BASE.MakerNote] in exif
    assert len(photo.exif) < len(exif) - len(small.getvalue()) + 20


@needs_exiftool
def test_notes_far_back_in_a_tiff_stay_at_their_place(tmp_path):
    photo = source(tmp_path / "in.jpg", block("Panasonic"))
    write_photo(tmp_path / "in.tif", photo.pixels, like=photo)
    again = read_photo(tmp_path / "in.tif")
    note = (photo.exif or b"").index(b"Panasonic\0\0\0")
    assert (again.exif or b"").index(b"Panasonic\0\0\0") == note
    write_photo(tmp_path / "out.jpg", again.pixels, like=again)
    assert tags(tmp_path / "out.jpg")["Panasonic:LensType"] == TEXT


def test_a_note_that_has_to_move_is_told_of(tmp_path, caplog):
    exif = Image.Exif()
    exif.endian = "<"
    exif[BASE.Artist] = "Ada"  # Pillow writes no EXIF that has directories alone
    exif.get_ifd(IFD.Exif).update({BASE.MakerNote: b"note" * 20})
    values = np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "in.jpg", exif=exif)
    photo = read_photo(tmp_path / "in.jpg")
    write_photo(tmp_path / "in.tif", photo.pixels, like=photo)
    data = (tmp_path / "in.tif").read_bytes()
    entry = data.index(struct.pack("<HHII", 37500, 1, 80, data.index(b"note" * 20)))
    # The directories of many programs lie behind the pixels.
    moved = data[: entry + 8] + struct.pack("<I", len(data)) + data[entry + 12 :] + b"note" * 20
    (tmp_path / "in.tif").write_bytes(moved)
    photo = read_photo(tmp_path / "in.tif")
    assert "maker notes cannot stay at their place" in caplog.text
    parsed = Image.Exif()
    parsed.load(photo.exif or b"")
    assert parsed.get_ifd(IFD.Exif)[BASE.MakerNote] == b"note" * 20


@pytest.mark.parametrize("cut", range(20, 260, 7))
def test_a_cut_block_never_stops_a_photo(tmp_path, cut):
    photo = source(tmp_path / "in.png", block("Panasonic", orientation=1)[:cut])
    for name in OUTPUTS:
        write_photo(tmp_path / name, photo.pixels, like=photo)
        assert read_photo(tmp_path / name).size == photo.size
