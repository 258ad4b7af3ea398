"""HDR gain maps go along with a JPEG: their bytes, and where they lie, as other programs read it."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photostyle.io import read_photo, write_photo
from photostyle.io.gain_maps import ISO
from tests.io.test_kept import NOISE, jpeg, mpo
from tests.io.test_xmp import GAIN, directory, packet, values
from tests.util.exiftool import needs_exiftool, tags

BOX = "http://ns.google.com/photos/1.0/container/item/"
TOLD = b"<x:xmpmeta xmlns:x='adobe:ns:meta/' xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:GainMapMax='2'/>"


def gain_map(*, adobe: bool = True, iso: bool = False) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(15 * 25, dtype=np.uint8).reshape(15, 25)).save(file, "JPEG", xmp=TOLD if adobe else b"")
    data = file.getvalue()
    segment = ISO + bytes(40)
    return data[:20] + struct.pack(">BBH", 255, 0xE2, len(segment) + 2) + segment + data[20:] if iso else data


def ultra_hdr(path: Path, *, adobe: bool = True, iso: bool = False, more: str = "", **options: object) -> bytes:
    """An Ultra HDR photo; what is returned is its gain map."""
    second = gain_map(adobe=adobe, iso=iso)
    mpo(path, second, 0)
    told = packet(more + directory("GainMap"), 'g:Version="1.0"')
    segments = [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + told)] if adobe else []
    segments += [(0xE2, ISO + bytes(4))] if iso else []
    made = b"".join(struct.pack(">BBH", 255, marker, len(data) + 2) + data for marker, data in segments)
    exif = Image.Exif()
    exif[274] = options.get("orientation", 1)
    block = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    made += struct.pack(">BBH", 255, 0xE1, len(block) + 2) + block
    data = path.read_bytes()
    place = data.index(b"MPF\0") - 4  # what comes before the index moves nothing that it counts from itself
    path.write_bytes(data[:place] + made + data[place:])
    return second


def second_picture(path: Path) -> bytes:
    """By Pillow's reading of the index."""
    with Image.open(path) as image:
        first, entry = image._getmp()[0xB002]
    start = path.read_bytes().index(b"MPF\0") + 4 + entry["DataOffset"]
    assert first["Size"] == start
    return path.read_bytes()[start : start + entry["Size"]]


@pytest.mark.parametrize(("adobe", "iso"), [(True, False), (True, True), (False, True)])
def test_it_is_kept_byte_for_byte(tmp_path, caplog, adobe, iso):
    second = ultra_hdr(tmp_path / "in.jpg", adobe=adobe, iso=iso, more="<dc:source>Ada</dc:source>")
    source = tmp_path / "in.jpg"
    for name in ("one.jpg", "two.jpg"):  # and of a result a result
        photo = read_photo(source)
        write_photo(tmp_path / name, 1 - photo.pixels, like=photo)
        source = tmp_path / name
        data = source.read_bytes()
        assert second_picture(source) == second
        assert data.endswith(second)
        assert (ISO + bytes(4) in data[: -len(second)]) == iso
        with Image.open(source) as image:
            told = image.info.get("xmp", b"")
        if adobe:
            assert values(told, f"{{{GAIN}}}Version") == ["1.0"]
            assert values(told, f"{{{BOX}}}Semantic") == ["Primary", "GainMap"]
            assert values(told, f"{{{BOX}}}Length") == [str(len(second))]
            assert values(told, "{http://purl.org/dc/elements/1.1/}source") == ["Ada"]
        else:
            assert GAIN.encode() not in told
    assert not caplog.records


@needs_exiftool
def test_exiftool_finds_it(tmp_path):
    second = ultra_hdr(tmp_path / "in.jpg", iso=True)
    photo = read_photo(tmp_path / "in.jpg")
    write_photo(tmp_path / "out.jpg", photo.pixels, like=photo)
    done = subprocess.run(["exiftool", "-b", "-MPImage2", tmp_path / "out.jpg"], capture_output=True, check=True)
    assert done.stdout == second
    found = tags(tmp_path / "out.jpg")
    assert found["XMP-Container:DirectoryItemLength"] in (len(second), str(len(second)))
    assert not [key for key in found if key.endswith("Warning")]


@pytest.mark.parametrize("name", ["out.png", "out.tif", "out.webp"])
def test_elsewhere_its_loss_is_said(tmp_path, caplog, name):
    ultra_hdr(tmp_path / "in.jpg")
    photo = read_photo(tmp_path / "in.jpg")
    write_photo(tmp_path / name, photo.pixels, like=photo)
    assert [r.getMessage() for r in caplog.records] == [
        f"{tmp_path / name}: without what in.jpg holds besides: HDR gain map"
    ]
    assert b"hdr-gain-map" not in (tmp_path / name).read_bytes()


def test_of_a_photo_that_is_turned_too(tmp_path, caplog):
    ultra_hdr(tmp_path / "in.jpg", orientation=6)
    photo = read_photo(tmp_path / "in.jpg")
    write_photo(tmp_path / "out.jpg", photo.pixels, like=photo)
    assert "besides: HDR gain map" in caplog.text
    data = (tmp_path / "out.jpg").read_bytes()
    assert b"MPF\0" not in data
    assert b"hdr-gain-map" not in data


def test_a_motion_clip_behind_it_goes_and_it_stays(tmp_path, caplog):
    second = ultra_hdr(tmp_path / "in.jpg")
    with (tmp_path / "in.jpg").open("ab") as stream:
        stream.write(b"\0\0\0\x18ftypmp42" + bytes(12) + b"film" * 99)
    photo = read_photo(tmp_path / "in.jpg")
    write_photo(tmp_path / "out.jpg", photo.pixels, like=photo)
    assert [r.getMessage().partition("besides: ")[2] for r in caplog.records] == ["motion clip"]
    assert second_picture(tmp_path / "out.jpg") == second
    assert b"ftyp" not in (tmp_path / "out.jpg").read_bytes()


def test_a_damaged_one_is_said(tmp_path, caplog):
    second = ultra_hdr(tmp_path / "in.jpg")
    data = (tmp_path / "in.jpg").read_bytes()
    (tmp_path / "in.jpg").write_bytes(data[: -len(second) // 2])
    photo = read_photo(tmp_path / "in.jpg")
    write_photo(tmp_path / "out.jpg", photo.pixels, like=photo)
    assert "besides: HDR gain map" in caplog.text
    assert b"MPF\0" not in (tmp_path / "out.jpg").read_bytes()


def test_one_that_the_photo_does_not_announce_is_none(tmp_path):
    jpeg(tmp_path / "plain.jpg")
    assert read_photo(tmp_path / "plain.jpg").extras.gain_map is None
    mpo(tmp_path / "a.jpg", gain_map(), 0)
    assert read_photo(tmp_path / "a.jpg").extras.gain_map is None
    assert read_photo(tmp_path / "a.jpg").size == NOISE.shape[:2]
