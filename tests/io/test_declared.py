"""Colours that files declare by code points, gamma and primaries, or EXIF: against matrices of their specifications."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin, features

from photostyle.errors import ImageReadError
from photostyle.io import boxes, declared, read_photo, write_photo
from photostyle.io.profiles import is_srgb

RANDOM = np.random.default_rng(11)
NOISE = RANDOM.integers(0, 256, (24, 20, 3), dtype=np.uint8)
D65 = (0.3127, 0.3290)
SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
BT2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
ADOBE = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
ADOBE_GAMMA = 2.19921875


def to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """Light of these primaries and D65 to XYZ (SMPTE RP 177)."""
    x, y = np.array(primaries[::2]), np.array(primaries[1::2])
    columns = np.stack([x / y, np.ones(3), (1 - x - y) / y])
    white = np.array([D65[0] / D65[1], 1, (1 - D65[0] - D65[1]) / D65[1]])
    return columns * np.linalg.solve(columns, white)


def srgb_light(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def expected(values: np.ndarray, primaries: tuple[float, ...], gamma: float | None = None) -> np.ndarray:
    """sRGB of values [0, 1] of other primaries, by gamma or the curve of sRGB."""
    light = srgb_light(values) if gamma is None else values**gamma
    linear = light @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T
    size = np.abs(linear)
    return np.copysign(np.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** (1 / 2.4) - 0.055), linear)


def png(path: Path, *chunks: tuple[bytes, bytes], values: np.ndarray = NOISE) -> Path:
    """A PNG with these chunks before its pixels."""
    data = bytes(imagecodecs.png_encode(np.ascontiguousarray(values)))
    file = io.BytesIO()
    file.write(data[:33])
    for name, content in chunks:
        PngImagePlugin.putchunk(file, name, content)
    file.write(data[33:])
    path.write_bytes(file.getvalue())
    return path


def gamma_and_primaries(gamma: float | None, primaries: tuple[float, ...] | None) -> list[tuple[bytes, bytes]]:
    chunks = [(b"gAMA", struct.pack(">I", round(gamma * 100000)))] if gamma else []
    points = [round(part * 100000) for part in (*D65, *primaries)] if primaries else []
    return chunks + ([(b"cHRM", struct.pack(">8I", *points))] if points else [])


def cicp(primaries: int, transfer: int, full: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, 0, full])


def close(path: Path, wanted: np.ndarray, atol: float = 1.5e-3) -> None:
    np.testing.assert_allclose(read_photo(path).pixels, wanted, atol=atol)


@pytest.mark.parametrize(("code", "primaries"), [(12, P3), (9, BT2020), (1, SRGB)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_code_points(tmp_path, code, primaries, dtype):
    values = NOISE if dtype == np.uint8 else NOISE.astype(np.uint16) * 257
    path = png(tmp_path / "a.png", cicp(code, 13), values=values)
    close(path, expected(NOISE / 255, primaries))
    photo = read_photo(path)
    for name in ("b.png", "b.tif", "b.webp", "b.jpg"):
        write_photo(tmp_path / name, photo.pixels, like=photo, quality=100)
        with Image.open(tmp_path / name) as image:
            assert image.info["icc_profile"] == photo.icc
    np.testing.assert_array_equal(imagecodecs.png_decode((tmp_path / "b.png").read_bytes()), values)


def test_narrow_range(tmp_path):
    narrow = np.rint(16 + NOISE * (219 / 255)).astype(np.uint8)
    close(png(tmp_path / "a.png", cicp(12, 13, full=0), values=narrow), expected((narrow - 16.0) / 219, P3))
    deep = narrow.astype(np.uint16) << 8
    close(png(tmp_path / "b.png", cicp(12, 13, full=0), values=deep), expected((narrow - 16.0) / 219, P3))


@pytest.mark.parametrize(
    ("gamma", "primaries", "power", "meant"),
    [
        (1 / 2.2, ADOBE, 2.2, ADOBE),
        (1.0, SRGB, 1.0, SRGB),
        (1 / 1.8, None, 1.8, SRGB),
        (None, P3, None, P3),
        (0.45455, SRGB, None, SRGB),  # what the specification has written beside an sRGB chunk
        (0.45455, None, None, SRGB),
    ],
)
def test_png_gamma_and_primaries(tmp_path, gamma, primaries, power, meant):
    path = png(tmp_path / "a.png", *gamma_and_primaries(gamma, primaries))
    # Four decimals of a gamma as a file has it.
    close(path, expected(NOISE / 255, meant, power), atol=2e-3)
    grey = png(tmp_path / "g.png", *gamma_and_primaries(gamma, primaries), values=NOISE[..., 0])
    close(grey, expected((NOISE[..., :1] / 255).repeat(3, -1), SRGB, power), atol=2e-3)


def test_what_goes_first_in_png(tmp_path):
    adobe = b"a\0\0" + zlib.compress(bytes(imagecodecs.cms_profile("adobergb")))
    srgb, wide = (b"sRGB", b"\0"), gamma_and_primaries(1 / 2.2, BT2020)
    close(png(tmp_path / "1.png", cicp(12, 13), (b"iCCP", adobe), srgb, *wide), expected(NOISE / 255, P3))
    close(png(tmp_path / "2.png", (b"iCCP", adobe), *wide), expected(NOISE / 255, ADOBE, ADOBE_GAMMA))
    close(png(tmp_path / "3.png", srgb, *wide), NOISE / 255, atol=1e-6)
    exif = (b"eXIf", adobe_exif().tobytes().removeprefix(b"Exif\0\0"))
    close(png(tmp_path / "4.png", srgb, exif), NOISE / 255, atol=1e-6)
    close(png(tmp_path / "5.png", exif), expected(NOISE / 255, ADOBE, ADOBE_GAMMA))
    assert is_srgb(read_photo(tmp_path / "4.png").icc or b"")  # whose result must say so, beside that EXIF


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_by_its_name(tmp_path, transfer, name):
    with pytest.raises(ImageReadError, match=rf"a\.png: is HDR \({name}\).*convert it to SDR first"):
        read_photo(png(tmp_path / "a.png", cicp(9, transfer)))
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(NOISE)).save(
        tmp_path / "a.heic", color_primaries=9, transfer_characteristics=transfer, save_nclx_profile=True
    )
    with pytest.raises(ImageReadError, match=rf"a\.heic: is HDR \({name}\)"):
        read_photo(tmp_path / "a.heic")
    (tmp_path / "a.avif").write_bytes(avif_bytes(9, transfer))
    if features.check("avif"):
        with pytest.raises(ImageReadError, match=rf"a\.avif: is HDR \({name}\)"):
            read_photo(tmp_path / "a.avif")


def test_a_profile_of_hdr_is_refused(tmp_path):
    profile = bytearray(imagecodecs.cms_profile("srgb"))
    place = declared._tags(bytes(profile))[b"chrm"]
    at = profile.index(b"chrm", 132)
    profile[at : at + 4] = b"cicp"
    profile[place.start : place.start + 12] = b"cicp\0\0\0\0" + bytes([9, 16, 0, 1])
    Image.fromarray(NOISE).save(tmp_path / "a.jpg", icc_profile=bytes(profile))
    with pytest.raises(ImageReadError, match="HDR"):
        read_photo(tmp_path / "a.jpg")


def avif_bytes(primaries: int, transfer: int, values: np.ndarray = NOISE) -> bytes:
    return bytes(
        imagecodecs.avif_encode(
            np.ascontiguousarray(values), level=100, pixelformat="yuv444", primaries=primaries, transfer=transfer
        )
    )


SMOOTH = np.rint(np.linspace(20, 230, 24 * 20 * 3).reshape(24, 20, 3)).astype(np.uint8)


@pytest.mark.parametrize(("code", "primaries"), [(12, P3), (9, BT2020)])
def test_heic_and_avif_code_points(tmp_path, code, primaries):
    wanted = expected(SMOOTH / 255, primaries)
    if features.check("avif"):
        (tmp_path / "a.avif").write_bytes(avif_bytes(code, 13, SMOOTH))
        assert boxes.avif((tmp_path / "a.avif").read_bytes()).code_points == (code, 13)
        close(tmp_path / "a.avif", wanted, atol=0.03)
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(SMOOTH)).save(
        tmp_path / "a.heic", quality=-1, chroma=444, color_primaries=code, transfer_characteristics=13
    )
    close(tmp_path / "a.heic", wanted, atol=0.03)


def test_unknown_code_points_are_said(tmp_path, caplog):
    close(png(tmp_path / "a.png", cicp(77, 13)), NOISE / 255, atol=1e-6)
    assert "a.png: colours of unknown code points 77 and 13 are taken for sRGB" in caplog.text


def adobe_exif(space: int | None = 65535, index: str = "R03") -> Image.Exif:
    exif, camera = Image.Exif(), {ExifTags.IFD.Interop: {1: index, 2: b"0100"}}
    if space is not None:
        camera[ExifTags.Base.ColorSpace] = space
    exif.get_ifd(ExifTags.IFD.Exif).update(camera)
    exif[ExifTags.IFD.Exif] = exif.get_ifd(ExifTags.IFD.Exif)
    return exif


def saved(path: Path, exif: Image.Exif, **options: object) -> Path:
    Image.fromarray(np.full((16, 16, 3), [200, 40, 90], np.uint8)).save(path, exif=exif, quality=100, **options)
    return path


FLAT = np.full((16, 16, 3), [200, 40, 90]) / 255


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.tif"])
@pytest.mark.parametrize(("space", "index"), [(65535, "R03"), (None, "R03"), (2, "R98")])
def test_adobe_rgb_by_exif(tmp_path, name, space, index):
    path = saved(tmp_path / name, adobe_exif(space, index), **({"lossless": True} if name == "a.webp" else {}))
    close(path, expected(FLAT, ADOBE, ADOBE_GAMMA), atol=0.02)
    photo = read_photo(path)
    write_photo(tmp_path / "o.jpg", photo.pixels, like=photo)
    with Image.open(tmp_path / "o.jpg") as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "Adobe RGB" in ImageCms.getProfileDescription(profile)
        np.testing.assert_allclose(np.asarray(image), FLAT * 255, atol=3)


def test_exif_that_means_srgb_or_says_too_little(tmp_path, caplog):
    close(saved(tmp_path / "a.jpg", adobe_exif(1, "R98")), FLAT, atol=0.02)
    close(saved(tmp_path / "b.jpg", adobe_exif(1, "R03")), FLAT, atol=0.02)
    assert not caplog.records
    close(saved(tmp_path / "c.jpg", adobe_exif(65535, "R98")), FLAT, atol=0.02)
    assert "c.jpg: EXIF says its colours are not sRGB, but not what they are; taken for sRGB" in caplog.text
    assert is_srgb(read_photo(tmp_path / "c.jpg").icc or b"")  # as the result's EXIF would say otherwise
    own = bytes(imagecodecs.cms_profile("srgb"))
    close(saved(tmp_path / "d.jpg", adobe_exif(), icc_profile=own), FLAT, atol=0.02)


def test_primaries_in_exif(tmp_path):
    exif = adobe_exif(65535, "R98")
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    camera[0xA500] = 2.2
    exif[ExifTags.IFD.Exif] = camera
    exif[0x013E], exif[0x013F] = D65, BT2020
    close(saved(tmp_path / "a.jpg", exif), expected(FLAT, BT2020, 2.2), atol=0.02)


def test_results_say_what_they_are_to_exiftool(tmp_path):
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not installed")
    photo = read_photo(png(tmp_path / "a.png", cicp(12, 13)))
    for name in ("o.png", "o.jpg", "o.tif", "o.webp"):
        write_photo(tmp_path / name, photo.pixels, like=photo)
    outputs = sorted(tmp_path.glob("o.*"))
    told = subprocess.run([exiftool, "-json", "-ICC_Profile:all", "-n", *outputs], capture_output=True, check=True)
    for found in json.loads(told.stdout):
        assert found["ProfileDescription"].strip() == "Display P3"
        red = [float(part) for part in found["RedMatrixColumn"].split()]
        np.testing.assert_allclose(red, [0.51512, 0.2412, -0.00105], atol=2e-4)  # P3 red, adapted to D50
