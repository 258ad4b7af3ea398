"""IPTC, resolution, texts and comments through every format, and a word for what is gone; other programs read them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, IptcImagePlugin, PngImagePlugin

from photostyle.io import read_photo, write_photo
from tests.util.exiftool import needs_exiftool, tags

BASE = ExifTags.Base
NOISE = np.random.default_rng(5).integers(0, 256, (30, 50, 3), dtype=np.uint8)
OUTPUTS = ("out.jpg", "out.png", "out.tif", "out.webp")
CAPTION = {(2, 120): b"Pagoda at noon", (2, 80): b"A. Photographer", (2, 110): b"Agency", (2, 25): b"travel"}


def iim(values: dict[tuple[int, int], bytes] = CAPTION) -> bytes:
    return b"".join(struct.pack(">BBBH", 0x1C, *key, len(text)) + text for key, text in values.items())


def resource(number: int, data: bytes, name: bytes = b"") -> bytes:
    title = bytes([len(name)]) + name
    title += b"\0" * (len(title) % 2)
    return b"8BIM" + struct.pack(">H", number) + title + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)


def jpeg(path: Path, *segments: tuple[int, bytes], **options: object) -> Path:
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", **options)
    made = b"".join(struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments)
    path.write_bytes(file.getvalue()[:20] + made + file.getvalue()[20:])
    return path


def rewritten(source: Path, target: Path) -> Path:
    photo = read_photo(source)
    write_photo(target, photo.pixels, like=photo)
    return target


def captioned(path: Path) -> Path:
    block = resource(0x0404, iim()) + resource(0x0BB7, b"path", b"odd") + resource(0x040C, b"thumbnail" * 9)
    return jpeg(path, (0xED, b"Photoshop 3.0\0" + block), dpi=(300, 300))


@pytest.mark.parametrize("name", ["out.jpg", "out.tif"])
def test_iptc_is_read_by_pillow(tmp_path, name):
    with Image.open(rewritten(captioned(tmp_path / "in.jpg"), tmp_path / name)) as image:
        assert IptcImagePlugin.getiptcinfo(image) == CAPTION
        assert tuple(image.info["dpi"]) == (300, 300)


@needs_exiftool
@pytest.mark.parametrize("between", ["b.jpg", "b.tif", "b.png"])
@pytest.mark.parametrize("name", ["out.jpg", "out.png", "out.tif"])
def test_iptc_and_resolution_of_any_file_in_any(tmp_path, between, name, caplog):
    rewritten(captioned(tmp_path / "in.jpg"), tmp_path / between)
    found = tags(rewritten(tmp_path / between, tmp_path / name))
    assert found["IPTC:Caption-Abstract"] == "Pagoda at noon"
    assert found["IPTC:By-line"] == "A. Photographer"
    assert found["Photoshop:ClippingPathName"] == ""
    assert "Photoshop:PhotoshopThumbnail" not in found
    if name == "out.png":
        assert found["PNG-pHYs:PixelsPerUnitX"] == 11811
    else:
        assert found["JFIF:XResolution" if name == "out.jpg" else "IFD0:XResolution"] in (300, 118.11)
    assert not [key for key in found if key.endswith("Warning")]
    assert not caplog.records


def test_webp_has_no_place_for_iptc_and_says_so(tmp_path, caplog):
    rewritten(captioned(tmp_path / "in.jpg"), tmp_path / "out.webp")
    assert "out.webp: WebP has no place for: IPTC" in caplog.text
    with Image.open(tmp_path / "out.webp") as image:
        assert image.getexif()[BASE.XResolution] == 300
        assert image.getexif()[BASE.ResolutionUnit] == 2


def test_resources_longer_than_a_segment(tmp_path):
    photo = read_photo(captioned(tmp_path / "in.jpg"))
    long = resource(0x0404, iim()) + resource(0x07D0, bytes(range(256)) * 600)
    values = np.asarray(NOISE)
    tifffile.imwrite(
        tmp_path / "in.tif", values, photometric="rgb", metadata=None, extratags=[(34377, 7, len(long), long, True)]
    )
    rewritten(tmp_path / "in.tif", tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        parts = [content for name, content in image.applist if name == "APP13"]
    assert len(parts) == 3
    assert bytes(range(256)) * 200 in b"".join(part.removeprefix(b"Photoshop 3.0\0") for part in parts)
    again = read_photo(tmp_path / "out.jpg")
    assert again.extras.resources == resource(0x07D0, bytes(range(256)) * 600)
    assert again.extras.iptc == photo.extras.iptc == iim()


@pytest.mark.parametrize(("density", "unit"), [((300, 300), 1), ((118, 120), 2), ((1, 2), 0)])
def test_jfif_keeps_its_density_and_unit(tmp_path, density, unit):
    path = jpeg(tmp_path / "in.jpg")
    data = bytearray(path.read_bytes())
    struct.pack_into(">BHH", data, 13, unit, *density)
    path.write_bytes(data)
    for name in ("out.jpg", "out.png", "out.tif"):
        rewritten(path, tmp_path / name)
    with Image.open(tmp_path / "out.jpg") as image:
        assert (image.info["jfif_unit"], image.info["jfif_density"]) == (unit, density)
    with Image.open(tmp_path / "out.png") as image:
        if unit:
            inches = [value * (2.54 if unit == 2 else 1) for value in density]
            np.testing.assert_allclose(image.info["dpi"], inches, rtol=1e-3)
        else:
            assert image.info["aspect"] == density
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        found = file.pages.first.tags
        assert found.valueof("XResolution")[0] / found.valueof("XResolution")[1] == density[0]
        assert found.valueof("YResolution")[0] / found.valueof("YResolution")[1] == density[1]
        assert int(found.valueof("ResolutionUnit")) == unit + 1


def png(path: Path, depth: type[np.unsignedinteger] = np.uint8) -> Path:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "Pagoda")
    text.add_text("Author", "Ada")
    text.add_text("parameters", "x" * 3000, zip=True)
    text.add_itxt("Description", "Über", "de", "Beschreibung")
    text.add_text("Comment", "one")
    text.add_text("Comment", "two")
    text.add(b"prVt", b"copied by the letter")
    text.add(b"prVT", b"not safe to copy")
    Image.fromarray(NOISE).save(path, pnginfo=text, dpi=(300, 300))
    if depth is not np.uint8:
        import imagecodecs

        deep = bytes(imagecodecs.png_encode(NOISE.astype(np.uint16) * 257))
        eight = path.read_bytes()
        path.write_bytes(deep[:33] + eight[33 : eight.index(b"IDAT") - 4] + deep[33:])
    return path


def chunks(path: Path) -> list[tuple[bytes, bytes]]:
    data, place, found = path.read_bytes(), 8, []
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        name, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", data, place + 8 + size)[0] == zlib.crc32(name + content)
        found.append((name, content))
        place += 12 + size
    return found


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_chunks_of_a_png_are_copied(tmp_path, depth, caplog):
    source = png(tmp_path / "in.png", depth)
    rewritten(source, tmp_path / "out.png")
    kept = (b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"prVt")
    before = [part for part in chunks(source) if part[0] in kept]
    assert len(before) == 8
    assert [part for part in chunks(tmp_path / "out.png") if part[0] in kept] == before
    assert b"prVT" not in dict(chunks(tmp_path / "out.png"))
    assert "out.png: without what in.png holds besides: chunk prVT" in caplog.text
    with Image.open(tmp_path / "out.png") as image:
        assert image.text["Title"] == "Pagoda"  # type: ignore[attr-defined]


def test_chunks_about_old_samples_are_named_if_somebody_may_miss_them(tmp_path, caplog):
    text = PngImagePlugin.PngInfo()
    for name, content in ((b"sPLT", b"x\0\x08" + bytes(6)), (b"bKGD", bytes(6)), (b"iDOT", bytes(28))):
        text.add(name, content)
    text.add(b"abCD", b"another program's")
    Image.fromarray(NOISE).save(tmp_path / "in.png", pnginfo=text)
    rewritten(tmp_path / "in.png", tmp_path / "out.png")
    (record,) = caplog.records
    told = record.getMessage().partition("holds besides: ")[2].split(", ")
    assert sorted(told) == ["background colour", "chunk abCD", "suggested palette"]


def test_of_several_pictures_in_heic_the_primary_is_used(tmp_path, caplog):
    heif = pytest.importorskip("pillow_heif")
    file = heif.from_pillow(Image.new("RGB", (64, 48), (200, 40, 40)))
    file.add_from_pillow(Image.new("RGB", (64, 48), (40, 40, 200)))
    file.save(tmp_path / "one.heic", quality=90, primary_index=1)
    red, _, blue = read_photo(tmp_path / "one.heic").pixels.reshape(-1, 3).mean(0)
    assert blue > red + 0.3
    assert "one.heic: holds 2 pictures; only the primary one is used" in caplog.text


def test_texts_find_their_place_elsewhere_or_are_said(tmp_path, caplog):
    source = png(tmp_path / "in.png")
    with Image.open(rewritten(source, tmp_path / "out.jpg")) as image:
        exif, comments = image.getexif(), [content for name, content in image.applist if name == "COM"]
        assert exif[BASE.Artist] == "Ada"
        assert exif[BASE.DocumentName] == "Pagoda"
        assert exif[BASE.ImageDescription].encode("latin-1").decode() == "Über"
        assert image.info["jfif_density"] == (300, 300)
        assert b"parameters: " + b"x" * 3000 in comments
    assert [record.getMessage().partition("besides: ")[2] for record in caplog.records] == ["chunk prVT"]
    rewritten(source, tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.pages.first.tags.valueof("Artist") == "Ada"
    assert "TIFF has no place for: text 'parameters', text 'Comment'" in caplog.text


def test_texts_never_replace_what_exif_says(tmp_path):
    exif = Image.Exif()
    exif[BASE.Artist] = "Grace"
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Ada")
    Image.fromarray(NOISE).save(tmp_path / "in.png", pnginfo=text, exif=exif)
    with Image.open(rewritten(tmp_path / "in.png", tmp_path / "out.jpg")) as image:
        assert image.getexif()[BASE.Artist] == "Grace"
        assert b"Author: Ada" in image.info["comment"]


def test_comments_and_application_segments(tmp_path, caplog):
    own = (0xE5, b"RMETA\0its own data")
    source = jpeg(tmp_path / "in.jpg", (0xFE, b"first"), own, (0xFE, "zwölf".encode()))
    with Image.open(rewritten(source, tmp_path / "out.jpg")) as image:
        assert [content for name, content in image.applist if name == "COM"] == [b"first", "zwölf".encode()]
        assert ("APP5", own[1]) in image.applist
    assert not caplog.records
    with Image.open(rewritten(source, tmp_path / "out.png")) as image:
        image.load()
        assert "zwölf" in image.text.values()  # type: ignore[attr-defined]
    assert "PNG has no place for: application data (APP5)" in caplog.text
    caplog.clear()
    with Image.open(rewritten(source, tmp_path / "out.tif")) as image:
        assert image.getexif()[BASE.ImageDescription] == "first"
    assert "TIFF has no place for: comment, application data (APP5)" in caplog.text


def test_old_profiles_in_texts_of_a_png(tmp_path):
    exif = Image.Exif()
    exif[BASE.Artist], exif[BASE.Orientation] = "Ada", 6
    text = PngImagePlugin.PngInfo()
    for name, data in (("exif", exif.tobytes()), ("iptc", resource(0x0404, iim()))):
        text.add_text(f"Raw profile type {name}", f"\n{name}\n{len(data):8}\n{data.hex()}\n", zip=True)
    Image.fromarray(NOISE).save(tmp_path / "in.png", pnginfo=text)
    photo = read_photo(tmp_path / "in.png")
    assert photo.size == (50, 30)
    with Image.open(rewritten(tmp_path / "in.png", tmp_path / "out.jpg")) as image:
        assert image.getexif()[BASE.Artist] == "Ada"
        assert image.getexif()[BASE.Orientation] == 1
        assert IptcImagePlugin.getiptcinfo(image) == CAPTION


def small(size: tuple[int, int], **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).resize(size).save(file, "JPEG", **options)
    return file.getvalue()


def mpo(path: Path, second: bytes, kind: int) -> Path:
    """A Multi-Picture file (CIPA DC-007) of two pictures, the second of this kind."""
    first = jpeg(path).read_bytes()
    base = 20 + 4 + 4
    index = b"II*\0\x08\0\0\0" + struct.pack("<H", 3)
    index += struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 2)
    index += struct.pack("<HHII", 0xB002, 7, 32, 50) + struct.pack("<I", 0)
    whole = len(first) + 4 + 4 + len(index) + 32
    index += struct.pack("<IIIHH", 0x030000, whole, 0, 0, 0) + struct.pack(
        "<IIIHH", kind, len(second), whole - base, 0, 0
    )
    content = b"MPF\0" + index
    path.write_bytes(first[:20] + struct.pack(">BBH", 255, 0xE2, len(content) + 2) + content + first[20:] + second)
    return path


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize(
    ("second", "kind", "said"),
    [
        (small((50, 30)), 0x020002, "second view"),
        (small((50, 30)), 0, "second view"),
        (small((25, 15), xmp=b'<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>'), 0, "HDR gain map"),
        (small((25, 15), xmp=b"<x xmlns:HDRGainMap='http://ns.apple.com/HDRGainMap/1.0/'/>"), 0, "HDR gain map"),
        (small((25, 15)), 0x010001, None),
        (small((16, 16)), 0, None),
    ],
)
def test_second_pictures_are_said(tmp_path, caplog, name, second, kind, said):
    rewritten(mpo(tmp_path / "in.jpg", second, kind), tmp_path / name)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ([] if said is None else [f"{tmp_path / name}: without what in.jpg holds besides: {said}"])
    data = (tmp_path / name).read_bytes()
    assert b"MPF\0" not in data
    assert second[-40:] not in data


def test_clips_and_other_data_behind_the_picture_are_said(tmp_path, caplog):
    path = jpeg(tmp_path / "in.jpg")
    whole = path.read_bytes()
    for behind, said in (
        (b"\0\0\0\x18ftypmp42" + bytes(300), "motion clip"),
        (b"MotionPhoto_Data" + bytes(300), "motion clip"),
        (b"something else" * 20, "data behind the picture (280 bytes)"),
    ):
        path.write_bytes(whole + behind)
        (tmp_path / "out.png").unlink(missing_ok=True)
        caplog.clear()
        rewritten(path, tmp_path / "out.png")
        assert [record.getMessage().partition("besides: ")[2] for record in caplog.records] == [said]
    path.write_bytes(whole + bytes(5000))
    caplog.clear()
    rewritten(path, tmp_path / "padded.png")
    assert not caplog.records


def test_content_credentials_do_not_outlive_the_pixels(tmp_path, caplog):
    box = struct.pack(">HHI", 1, 1, 1) + struct.pack(">I4s", 60, b"jumb") + b"c2pa" * 13
    path = jpeg(tmp_path / "in.jpg", (0xEB, b"JP" + box))
    rewritten(path, tmp_path / "out.jpg")
    assert "besides: content credentials" in caplog.text
    assert b"c2pa" not in (tmp_path / "out.jpg").read_bytes()


def test_geographic_tags_of_a_tiff(tmp_path):
    scale = (33550, 12, 3, (0.5, 0.5, 0.0), True)
    key = (34735, 3, 4, (1, 1, 0, 0), True)
    tifffile.imwrite(tmp_path / "in.tif", NOISE, photometric="rgb", metadata=None, extratags=[scale, key])
    with tifffile.TiffFile(rewritten(tmp_path / "in.tif", tmp_path / "out.tif")) as file:
        assert file.pages.first.tags.valueof(33550) == (0.5, 0.5, 0.0)
        assert file.pages.first.tags.valueof(34735) == (1, 1, 0, 0)


def test_layers_are_said(tmp_path, caplog):
    layers = (37724, 7, 30, b"Adobe Photoshop Document Data\0", True)
    tifffile.imwrite(tmp_path / "in.tif", NOISE, photometric="rgb", metadata=None, extratags=[layers])
    with tifffile.TiffFile(rewritten(tmp_path / "in.tif", tmp_path / "out.tif")) as file:
        assert 37724 not in file.pages.first.tags
    assert "besides: layers" in caplog.text


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


@pytest.mark.skipif("JPEG2000" not in Image.SAVE, reason="Pillow has no JPEG 2000 here")
def test_boxes_of_a_jpeg_2000(tmp_path, caplog):
    exif = Image.Exif()
    exif[BASE.Artist] = "Ada"
    Image.fromarray(NOISE).save(tmp_path / "in.jp2")
    with (tmp_path / "in.jp2").open("ab") as file:
        file.write(box(b"uuid", b"JpgTiffExif->JP2" + exif.tobytes()[6:]))
        file.write(box(b"uuid", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + iim()))
        file.write(box(b"xml ", b"<a/>"))
    with Image.open(rewritten(tmp_path / "in.jp2", tmp_path / "out.jpg")) as image:
        assert image.getexif()[BASE.Artist] == "Ada"
        assert IptcImagePlugin.getiptcinfo(image) == CAPTION
    assert "besides: 1 boxes of other data" in caplog.text
