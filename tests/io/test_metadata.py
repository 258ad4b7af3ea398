"""EXIF and ICC profiles through every format: what describes the photo stays, what describes the file goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from photostyle.io import Photo, read_photo, write_photo

BASE, IFD = ExifTags.Base, ExifTags.IFD
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
NOISE = np.random.default_rng(2).integers(0, 256, (30, 50, 3), dtype=np.uint8)
OUTPUTS = ("out.jpg", "out.png", "out.tif", "out.webp")


def camera_exif(orientation: int | None = None) -> Image.Exif:
    exif = Image.Exif()
    exif[BASE.Make] = "Camera & Söhne".encode()
    exif[BASE.Artist] = "Ada"
    exif[BASE.XResolution] = IFDRational(300, 1)
    exif[BASE.XPTitle] = "Evening".encode("utf-16-le")
    if orientation is not None:
        exif[BASE.Orientation] = orientation
    camera = {
        BASE.DateTimeOriginal: "2024:06:01 21:30:00",
        BASE.ExposureTime: IFDRational(1, 250),
        BASE.ISOSpeedRatings: 200,
        BASE.ExifImageWidth: 4000,
        BASE.ExifImageHeight: 3000,
        BASE.MakerNote: b"\1\2\3maker" * 20,
        IFD.Interop: {1: "R98", 2: b"0100"},
    }
    place = {0: b"\2\3\0\0", 1: "N", 2: (IFDRational(51, 1), IFDRational(30, 1), IFDRational(1234, 100))}
    for tag, directory in ((IFD.Exif, camera), (IFD.GPSInfo, place)):
        exif.get_ifd(tag).update(directory)
        exif[tag] = exif.get_ifd(tag)
    return exif


def source(path: Path, exif: Image.Exif | bytes | None, **options: object) -> Photo:
    if exif is not None:
        options["exif"] = exif
    Image.fromarray(NOISE).save(path, **options)
    return read_photo(path)


def written(path: Path, photo: Photo) -> Image.Image:
    write_photo(path, photo.pixels, like=photo)
    with path.open("rb") as stream:  # Pillow would close a file of its own before the nested directories are read
        image = Image.open(stream)
        image.load()
        image.getexif().get_ifd(IFD.GPSInfo)
        if IFD.Interop in image.getexif().get_ifd(IFD.Exif):
            image.getexif().get_ifd(IFD.Interop)
    return image


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("origin", ["in.jpg", "in.png", "in.tif", "in.webp"])
def test_exif_survives(tmp_path, origin, name):
    image = written(tmp_path / name, source(tmp_path / origin, camera_exif()))
    exif = image.getexif()
    assert exif[BASE.Make].encode("latin-1").decode() == "Camera & Söhne"
    assert exif[BASE.Artist] == "Ada"
    assert exif[BASE.XResolution] == 300
    assert exif[BASE.XPTitle].decode("utf-16-le") == "Evening"
    camera = exif.get_ifd(IFD.Exif)
    assert camera[BASE.DateTimeOriginal] == "2024:06:01 21:30:00"
    assert camera[BASE.ExposureTime] == IFDRational(1, 250)
    assert camera[BASE.ISOSpeedRatings] == 200
    assert camera[BASE.MakerNote] == b"\1\2\3maker" * 20
    assert (camera[BASE.ExifImageHeight], camera[BASE.ExifImageWidth]) == NOISE.shape[:2]
    assert exif.get_ifd(IFD.GPSInfo)[2] == (51, 30, IFDRational(1234, 100))
    assert image.size == (50, 30)


@pytest.mark.parametrize("name", ["out.jpg", "out.png", "out.webp"])
def test_interoperability_moves_along(tmp_path, name):
    exif = written(tmp_path / name, source(tmp_path / "in.jpg", camera_exif())).getexif()
    assert exif.get_ifd(IFD.Interop) == {1: "R98", 2: b"0100"}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("origin", ["in.jpg", "in.png", "in.tif", "in.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_honoured_exactly_once(tmp_path, origin, name, orientation):
    ramp = np.arange(8)[:, None] * 20 + np.arange(12)[None] * 6  # smooth, so that JPEG keeps it; no symmetry
    stored = Image.fromarray(np.repeat(ramp.astype(np.uint8)[..., None], 3, axis=2)).resize((96, 64))
    as_seen = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: np.rot90,
    }[orientation](np.asarray(stored) / 255)
    stored.save(tmp_path / origin, exif=camera_exif(orientation), quality=95)
    photo = read_photo(tmp_path / origin)
    assert photo.size == as_seen.shape[:2]
    np.testing.assert_allclose(photo.pixels, as_seen, atol=0.05)
    write_photo(tmp_path / name, photo.pixels, like=photo)
    again = read_photo(tmp_path / name)
    np.testing.assert_allclose(again.pixels, as_seen, atol=0.08)
    with Image.open(tmp_path / name) as image:
        assert image.getexif().get(BASE.Orientation, 1) == 1
        assert image.getexif()[BASE.Artist] == "Ada"


def test_orientation_turns_alpha_too(tmp_path):
    image = Image.fromarray(NOISE)
    image.putalpha(Image.fromarray(NOISE[..., 0]))
    image.save(tmp_path / "in.png", exif=camera_exif(6))
    photo = read_photo(tmp_path / "in.png")
    np.testing.assert_allclose(photo.alpha, np.rot90(NOISE[..., 0], -1) / 255, atol=1e-6)


def test_orientation_turns_palettes_with_transparency_too(tmp_path):
    paletted = Image.new("P", (50, 30), 1)
    paletted.putpalette([255, 0, 0, 0, 0, 255])
    paletted.paste(0, (0, 0, 50, 10))
    paletted.save(tmp_path / "in.png", transparency=0, exif=camera_exif(6))
    photo = read_photo(tmp_path / "in.png")
    assert photo.size == (50, 30)
    assert (photo.alpha[:, -10:] == 0).all()
    assert (photo.alpha[:, :-10] == 1).all()


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_nonsense_orientation_is_ignored(tmp_path, orientation):
    photo = source(tmp_path / "in.png", camera_exif(orientation))
    np.testing.assert_allclose(photo.pixels, NOISE / 255, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}], ids=str)
@pytest.mark.parametrize("name", OUTPUTS)
def test_layout_of_a_tiff_does_not_leak(tmp_path, name, options):
    plain = Image.Exif()
    plain[BASE.Software] = "Scanner 3"
    plain[BASE.XResolution] = 600
    Image.fromarray(NOISE).resize((333, 222)).save(tmp_path / "in.tif", exif=plain, **options)
    photo = read_photo(tmp_path / "in.tif")
    small = Photo(photo.pixels[:50, :40], None, photo.icc, photo.exif, photo.path)
    image = written(tmp_path / name, small)
    assert image.size == (40, 50)
    exif = image.getexif()
    assert exif[BASE.Software] == "Scanner 3"
    assert exif[BASE.XResolution] == 600
    if name != "out.tif":
        assert set(exif) <= {BASE.Software, BASE.XResolution, BASE.YResolution, BASE.ResolutionUnit}
    else:
        assert (exif[BASE.ImageWidth], exif[BASE.ImageLength]) == (40, 50)
        assert exif[BASE.Compression] == 8
        np.testing.assert_allclose(read_photo(tmp_path / name).pixels, small.pixels, atol=1 / 500)


def test_thumbnail_is_dropped(tmp_path):
    exif = camera_exif()
    block = bytearray(exif.tobytes())
    # Chain a second directory after the first: the place where cameras put the thumbnail.
    count = int.from_bytes(block[14:16], "big")
    link = 16 + 12 * count
    block[link : link + 4] = (len(block) - 6).to_bytes(4, "big")
    block += (1).to_bytes(2, "big") + b"\x01\x03\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00" + bytes(4)
    loaded = Image.Exif()
    loaded.load(bytes(block))
    assert loaded.get_ifd(IFD.IFD1) == {259: 6}
    photo = source(tmp_path / "in.jpg", bytes(block))
    image = written(tmp_path / "out.jpg", photo)
    assert image.getexif().get_ifd(IFD.IFD1) == {}
    assert image.getexif()[BASE.Artist] == "Ada"


@pytest.mark.parametrize("damage", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0"])
def test_damaged_exif_does_not_stop_the_photo(tmp_path, damage):
    photo = source(tmp_path / "in.png", damage)
    np.testing.assert_allclose(photo.pixels, NOISE / 255, atol=1e-6)
    assert photo.exif is None


def test_dropped_exif_is_logged(tmp_path, caplog):
    source(tmp_path / "in.png", b"Exif\0\0garbage")
    assert "unreadable EXIF dropped" in caplog.text


def test_orientation_stands_when_the_rest_is_damaged(tmp_path, caplog):
    block = camera_exif(6).tobytes()
    pointer = block.index(b"\x87\x69\x00\x04\x00\x00\x00\x01") + 8
    path = tmp_path / "in.png"
    photo = source(path, block[:pointer] + b"\x7f\xff\xff\xff" + block[pointer + 4 :])
    assert photo.size == (50, 30)
    assert str(path) in caplog.text


def test_no_exif_stays_none(tmp_path):
    for name in ("in.jpg", "in.png", "in.webp", "in.tif"):
        assert source(tmp_path / name, None).exif is None


def test_exif_of_a_page_of_many(tmp_path):
    pages = [Image.fromarray(NOISE), Image.fromarray(NOISE)]
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:], exif=camera_exif())
    loaded = Image.Exif()
    loaded.load(read_photo(tmp_path / "in.tif").exif or b"")
    assert loaded.get_ifd(IFD.Exif)[BASE.ISOSpeedRatings] == 200


def test_too_much_exif_for_a_jpeg(tmp_path, caplog):
    exif = camera_exif()
    exif.get_ifd(IFD.Exif)[BASE.MakerNote] = bytes(70_000)
    photo = source(tmp_path / "in.png", exif)
    kept = written(tmp_path / "out.jpg", photo).getexif()
    assert kept[BASE.Artist] == "Ada"
    assert kept.get_ifd(IFD.Exif)[BASE.ISOSpeedRatings] == 200
    assert BASE.MakerNote not in kept.get_ifd(IFD.Exif)
    assert "maker notes dropped, they are larger than JPEG allows" in caplog.text
    assert written(tmp_path / "out.tif", photo).getexif().get_ifd(IFD.Exif)[BASE.MakerNote] == bytes(70_000)


@pytest.mark.parametrize("name", OUTPUTS)
def test_profile_survives(tmp_path, name):
    image = written(tmp_path / name, source(tmp_path / "in.tif", None, icc_profile=SRGB))
    assert image.info["icc_profile"] == SRGB
    assert read_photo(tmp_path / name).icc == SRGB


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_profile_stays_none(tmp_path, name):
    assert "icc_profile" not in written(tmp_path / name, source(tmp_path / "in.png", None)).info
