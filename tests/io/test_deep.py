"""Sixteen bits in and out, and the formats that Pillow does not read: every sample counted."""

from __future__ import annotations

import builtins
import contextlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms

from photostyle.errors import ImageReadError, OutputError, ParameterError
from photostyle.io import Photo, check_encodable, encoders, read_photo, write_photo

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6">Abend</rdf></x:xmpmeta>'
UPRIGHT = XMP.replace(b'Orientation="6"', b'Orientation="1"')
RAMP = np.linspace(0, 65535, 40 * 60).round().astype(np.uint16).reshape(40, 60)
DEEP = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], -1)
BASE, IFD = ExifTags.Base, ExifTags.IFD


def png16(path: Path, values: np.ndarray) -> Path:
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(values)))
    return path


def tiff(path: Path, values: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, values, **{"photometric": "rgb", "metadata": None, **options})
    return path


def described() -> Photo:
    """A 16-bit photo with everything that can travel with one."""
    exif = Image.Exif()
    exif[BASE.Artist] = "Ada"
    exif[BASE.XPTitle] = "Evening".encode("utf-16-le")
    for tag, directory in ((IFD.Exif, {BASE.ISOSpeedRatings: 200, BASE.ExifImageWidth: 1}), (IFD.GPSInfo, {1: "N"})):
        exif.get_ifd(tag).update(directory)
        exif[tag] = exif.get_ifd(tag)
    alpha = (RAMP / np.float32(65535)).astype(np.float32)
    return Photo(DEEP / np.float32(65535), alpha, SRGB, exif.tobytes(), Path("photo.tif"), UPRIGHT, 16)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_every_level_survives_the_round_trip(tmp_path, name):
    photo = read_photo(png16(tmp_path / "in.png", DEEP))
    assert photo.bits == 16
    assert photo.pixels.dtype == np.float32
    write_photo(tmp_path / name, photo.pixels, like=photo)
    again = read_photo(tmp_path / name)
    assert again.bits == 16
    np.testing.assert_array_equal(np.rint(again.pixels * 65535), DEEP)
    assert len(np.unique(again.pixels[..., 0])) == 2400


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        (DEEP, {"compression": "deflate", "predictor": True}, DEEP),
        (DEEP, {"compression": "lzw"}, DEEP),
        (DEEP, {"tile": (16, 16)}, DEEP),
        (DEEP, {"bigtiff": True}, DEEP),
        (DEEP, {"byteorder": ">"}, DEEP),
        (DEEP.transpose(2, 0, 1), {"planarconfig": "separate"}, DEEP),
        (65535 - RAMP, {"photometric": "miniswhite"}, np.repeat(RAMP[..., None], 3, 2)),
        ((DEEP / 65535).astype(np.float32), {}, DEEP),
        (DEEP[None].repeat(2, 0), {}, DEEP),
    ],
    ids=["deflate", "lzw", "tiles", "bigtiff", "big endian", "planar", "white is zero", "float", "pages"],
)
def test_tiffs_of_many_layouts(tmp_path, values, options, expected):
    photo = read_photo(tiff(tmp_path / "a.tif", values, **options))
    np.testing.assert_allclose(photo.pixels, expected / 65535, atol=2e-7)
    assert (photo.alpha, photo.bits) == (None, 16)


def test_alpha_of_deep_files(tmp_path):
    values = np.dstack([DEEP, RAMP])
    for path in (
        png16(tmp_path / "a.png", values),
        tiff(tmp_path / "a.tif", values, extrasamples=["unassalpha"]),
    ):
        photo = read_photo(path)
        np.testing.assert_allclose(photo.pixels, DEEP / 65535, atol=1e-7)
        np.testing.assert_allclose(photo.alpha, RAMP / 65535, atol=1e-7)
    premultiplied = np.dstack([(DEEP * (RAMP / 65535)[..., None]).round().astype(np.uint16), RAMP])
    photo = read_photo(tiff(tmp_path / "b.tif", premultiplied, extrasamples=["assocalpha"]))
    seen = RAMP > 3000
    np.testing.assert_allclose(photo.pixels[seen], DEEP[seen] / 65535, atol=4e-4)
    photo = read_photo(tiff(tmp_path / "c.tif", values, extrasamples=["unspecified"]))
    assert photo.alpha is None


def test_grey_with_alpha_and_sixteen_bits(tmp_path):
    photo = read_photo(png16(tmp_path / "a.png", np.dstack([RAMP, RAMP[::-1]])))
    np.testing.assert_allclose(photo.pixels[..., 2], RAMP / 65535, atol=1e-7)
    np.testing.assert_allclose(photo.alpha, RAMP[::-1] / 65535, atol=1e-7)


def test_deep_ink(tmp_path, caplog):
    ink = np.zeros((20, 20, 4), np.uint16)
    ink[..., 1:3] = 65535
    photo = read_photo(tiff(tmp_path / "a.tif", ink, photometric="separated"))
    np.testing.assert_allclose(photo.pixels[3, 3], [1, 0, 0], atol=1e-6)
    assert "CMYK" in caplog.text


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_deep_tiffs(tmp_path, orientation):
    Image.fromarray((RAMP // 257).astype(np.uint8)).save(tmp_path / "flat.tif", tiffinfo={274: orientation})
    path = tiff(tmp_path / "a.tif", DEEP, extratags=[(274, 3, 1, orientation, True)])
    flat, photo = read_photo(tmp_path / "flat.tif"), read_photo(path)
    assert photo.size == flat.size
    np.testing.assert_allclose(photo.pixels[..., 0], flat.pixels[..., 0], atol=1 / 200)
    write_photo(tmp_path / "out.tif", photo.pixels, like=photo)
    np.testing.assert_array_equal(read_photo(tmp_path / "out.tif").pixels, photo.pixels)


@pytest.mark.parametrize("name", ["out.png", "out.tif"])
def test_all_metadata_of_deep_outputs(tmp_path, name):
    photo = described()
    write_photo(tmp_path / name, photo.pixels, like=photo)
    with (tmp_path / name).open("rb") as stream:
        image = Image.open(stream)
        image.load()
        exif = image.getexif()
        assert exif[BASE.Artist] == "Ada"
        assert exif[BASE.XPTitle].decode("utf-16-le") == "Evening"
        assert exif.get_ifd(IFD.Exif) == {BASE.ISOSpeedRatings: 200, BASE.ExifImageWidth: 60}
        assert exif.get_ifd(IFD.GPSInfo) == {1: "N"}
        assert image.info["icc_profile"] == SRGB
    again = read_photo(tmp_path / name)
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    np.testing.assert_allclose(again.alpha, photo.alpha, atol=0.5001 / 65535)
    assert again.icc == SRGB
    assert b'tiff:Orientation="1"' in (again.xmp or b"")
    assert b"Abend" in (again.xmp or b"")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_xmp_is_kept_upright_and_without_thumbnails(tmp_path, name):
    packet = XMP.replace(b"Abend", b"<xmp:Thumbnails><rdf:Alt>\n/9j/</rdf:Alt></xmp:Thumbnails>Abend")
    Image.fromarray((DEEP // 257).astype(np.uint8)).save(tmp_path / "in.jpg", xmp=packet)
    photo = read_photo(tmp_path / "in.jpg")
    write_photo(tmp_path / name, photo.pixels, like=photo)
    assert read_photo(tmp_path / name).xmp == UPRIGHT
    assert photo.size == (60, 40)  # the packet's word counts where EXIF has none


def test_bits_follow_the_photo_and_the_format(tmp_path):
    photo = described()
    write_photo(tmp_path / "a.jpg", photo.pixels, like=Photo(photo.pixels, None, None, None, photo.path, None, 16))
    write_photo(tmp_path / "b.png", photo.pixels, like=photo, bits=8)
    write_photo(tmp_path / "c.png", photo.pixels)
    write_photo(tmp_path / "d.png", photo.pixels, bits=16)
    assert [read_photo(tmp_path / n).bits for n in ("a.jpg", "b.png", "c.png", "d.png")] == [8, 8, 8, 16]
    with pytest.raises(OutputError, match=r"JPEG holds 8 bits.*write \.png"):
        write_photo(tmp_path / "e.jpg", photo.pixels, bits=16)
    with pytest.raises(ParameterError, match="8 or 16"):
        check_encodable(tmp_path / "e.png", (20, 20), 12)


def test_dither_keeps_what_rounding_loses(tmp_path):
    faint = np.full((64, 400, 3), 100 / 255, np.float32) + np.linspace(0, 1 / 255, 400, dtype=np.float32)[:, None]
    write_photo(tmp_path / "flat.png", faint)
    write_photo(tmp_path / "fine.png", faint, dither=True)
    flat, fine = (np.asarray(Image.open(tmp_path / n)).astype(float) for n in ("flat.png", "fine.png"))
    steps = faint[0, :, 0].reshape(10, 40).mean(1) * 255
    assert np.abs(flat[..., 0].mean(0).reshape(10, 40).mean(1) - steps).max() > 0.4
    assert np.abs(fine[..., 0].mean(0).reshape(10, 40).mean(1) - steps).max() < 0.05
    assert np.abs(fine - faint * 255).max() < 1
    every = np.arange(256, dtype=np.float32).reshape(16, 16, 1).repeat(3, 2) / 255
    write_photo(tmp_path / "exact.png", every, dither=True)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "exact.png")), np.rint(every * 255))
    write_photo(tmp_path / "again.png", faint, dither=True)
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "fine.png").read_bytes()


def test_large_tiffs_become_bigtiffs(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(encoders, "LARGEST_TIFF", 1000)
    photo = described()
    write_photo(tmp_path / "a.tif", photo.pixels, like=photo)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff
        assert file.pages.first.tags.valueof("Artist") == "Ada"
    again = read_photo(tmp_path / "a.tif")
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    assert again.icc == SRGB
    assert not caplog.records


@pytest.mark.parametrize("name", ["a.png", "plain.tif", "deflate.tif"])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
def test_truncated_deep_files(tmp_path, name, part):
    path = tmp_path / name
    if name == "a.png":
        png16(path, DEEP)
    else:
        tiff(path, DEEP, compression="deflate" if name == "deflate.tif" else None)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(ImageReadError, match=name) as caught:
        read_photo(path)
    assert "\n" not in str(caught.value)


def test_what_a_tiff_cannot_be(tmp_path):
    for values, options, reason in (
        (np.zeros((20, 20, 3), np.uint32), {}, "no defined white"),
        (np.full((20, 20, 3), np.nan, np.float32), {}, "NaN"),
        (np.zeros((20, 20, 3), np.uint16), {"photometric": "cielab"}, "CIELAB"),
    ):
        with pytest.raises(ImageReadError, match=reason):
            read_photo(tiff(tmp_path / "a.tif", values, **options))
    with pytest.raises(ImageReadError, match="limit of 100 pixels"):
        read_photo(tiff(tmp_path / "a.tif", DEEP), max_pixels=100)
    with pytest.raises(ImageReadError, match="limit of 100 pixels"):
        read_photo(tiff(tmp_path / "a.tif", DEEP.astype(np.float32) / 65535), max_pixels=100)


def test_heic_keeps_ten_bits_metadata_and_orientation(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[BASE.Artist], exif[BASE.Orientation] = "Ada", 6
    smooth = np.ascontiguousarray(np.linspace(0, 65535, 96, dtype=np.uint16)[None, :, None].repeat(64, 0).repeat(3, 2))
    image = heif.from_bytes("RGB;16", (96, 64), smooth.tobytes())
    image.info["exif"] = exif.tobytes()
    image.save(tmp_path / "a.heic", quality=-1, chroma=444)
    photo = read_photo(tmp_path / "a.heic")
    assert photo.size == (96, 64)  # turned once
    assert photo.bits == 16
    np.testing.assert_allclose(photo.pixels[:, 5, 1], smooth[0, :, 0] / 65535, atol=0.02)
    write_photo(tmp_path / "a.png", photo.pixels, like=photo)
    with Image.open(tmp_path / "a.png") as written:
        assert written.getexif()[BASE.Artist] == "Ada"
        assert written.getexif()[BASE.Orientation] == 1
    with pytest.raises(ImageReadError, match="limit of 100 pixels"):
        read_photo(tmp_path / "a.heic", max_pixels=100)
    (tmp_path / "b.heic").write_bytes((tmp_path / "a.heic").read_bytes()[:300])
    with pytest.raises(ImageReadError, match=r"b\.heic: damaged"):
        read_photo(tmp_path / "b.heic")


def camera_raw(path: Path) -> Path:
    """A DNG of a Bayer sensor (RGGB, 12 bits) that saw a grey card in light whose white is (0.5, 1, 0.8)."""
    mosaic = np.full((128, 128), 2000, np.uint16)
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = 1000, 1600
    rationals = lambda values: [part for v in values for part in (round(v * 10000), 10000)]  # noqa: E731
    tags = [
        (50706, 1, 4, (1, 4, 0, 0), True), (50708, 2, 0, "Test Camera", True), (271, 2, 0, "Test", True),
        (272, 2, 0, "Camera", True), (33421, 3, 2, (2, 2), True), (33422, 1, 4, (0, 1, 1, 2), True),
        (50717, 4, 1, 4095, True), (50714, 4, 1, 0, True), (50728, 5, 3, rationals([0.5, 1, 0.8]), True),
        (50721, 10, 9, rationals([3.2405, -1.5371, -0.4985, -0.9693, 1.876, 0.0416, 0.0556, -0.204, 1.0572]), True),
        (50778, 3, 1, 21, True),
    ]  # fmt: skip
    tifffile.imwrite(path, mosaic, photometric=32803, extratags=tags, metadata=None, subfiletype=0)
    return path


def test_camera_raw_is_developed_with_the_cameras_white(tmp_path):
    pytest.importorskip("rawpy")
    photo = read_photo(camera_raw(tmp_path / "a.dng"))
    assert photo.bits == 16
    assert min(photo.size) > 100
    centre = photo.pixels[40:80, 40:80].reshape(-1, 3).mean(0)
    assert centre.max() - centre.min() < 0.03  # the grey card is grey
    assert 0.1 < centre.mean() <= 1
    write_photo(tmp_path / "a.tif", photo.pixels, like=photo)
    assert read_photo(tmp_path / "a.tif").bits == 16
    (tmp_path / "b.dng").write_bytes(b"II*\0 no raw photo at all")
    with pytest.raises(ImageReadError, match=r"b\.dng: damaged"):
        read_photo(tmp_path / "b.dng")
    with pytest.raises(ImageReadError, match="limit of 100 pixels"):
        read_photo(tmp_path / "a.dng", max_pixels=100)


@pytest.mark.parametrize(("name", "extra"), [("a.heic", "heic"), ("a.NEF", "raw")])
def test_missing_libraries_are_named(tmp_path, monkeypatch, name, extra):
    real = builtins.__import__

    def without(module, *rest):
        if module in ("pillow_heif", "rawpy"):
            raise ImportError(module)
        return real(module, *rest)

    (tmp_path / name).write_bytes(b"something")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImageReadError, match=rf"pip install 'photostyle\[{extra}\]'"):
        read_photo(tmp_path / name)


def test_missing_deep_files(tmp_path):
    for name in ("a.heic", "a.dng"):
        with pytest.raises(ImageReadError, match="no such file"):
            read_photo(tmp_path / name)


def test_what_tifffile_says_of_damaged_tags_is_not_printed(tmp_path, capfd):
    path = tiff(tmp_path / "a.tif", DEEP)
    data = bytearray(path.read_bytes())
    data[data.index(b"\x16\x01")] ^= 0xFF  # rows a strip under a number that no tag has
    data[data.index(b"\x1a\x01") + 2] = 99  # a resolution of a type that there is not
    path.write_bytes(data)
    with contextlib.suppress(ImageReadError):
        read_photo(path)
    assert capfd.readouterr().err == ""
