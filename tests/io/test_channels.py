"""Image modes and colour profiles, each read from a real file."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from photostyle.errors import ImageReadError
from photostyle.io import Photo, read_photo
from photostyle.io.channels import to_floats

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
NOISE = np.random.default_rng(1).integers(0, 256, (24, 20, 3), dtype=np.uint8)
GREY = NOISE[..., 0]


def profile(space: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 ICC profile with the given tags."""
    offset = 128 + 4 + 12 * len(tags)
    table = struct.pack(">I", len(tags))
    body = b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, offset + len(body), len(data))
        body += data
    connection = b"Lab " if space == b"CMYK" else b"XYZ "
    date = struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
    illuminant = struct.pack(">3i", 63190, 65536, 54061)
    head = (
        struct.pack(">I4sI4s4s4s", offset + len(body), bytes(4), 0x02400000, kind, space, connection) + date + b"acsp"
    )
    head = (head + bytes(68 - len(head)) + illuminant).ljust(128, b"\0")
    return head + table + body


def description(text: bytes) -> bytes:
    return b"desc" + struct.pack(">II", 0, len(text) + 1) + text + b"\0" + bytes(78)


def grey_profile(gamma: float) -> bytes:
    white = b"XYZ " + struct.pack(">I3i", 0, 63190, 65536, 54061)
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))
    return profile(b"GRAY", b"mntr", {b"desc": description(b"grey"), b"wtpt": white, b"kTRC": curve})


def cmyk_profile() -> bytes:
    """CMYK in which black ink alone decides, from white to a black that is Lab lightness 0."""
    ramp = bytes(range(256))
    corners = b"".join(bytes([0 if index & 1 else 255, 128, 128]) for index in range(16))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + struct.pack(">I4B", 0, 4, 3, 2, 0) + identity + ramp * 4 + corners + ramp * 3
    white = b"XYZ " + struct.pack(">I3i", 0, 63190, 65536, 54061)
    return profile(b"CMYK", b"prtr", {b"desc": description(b"ink"), b"wtpt": white, b"A2B0": table, b"A2B1": table})


def stored(path: Path, image: Image.Image, **options: object) -> Photo:
    image.save(path, **options)
    photo = read_photo(path)
    assert photo.pixels.dtype == np.float32
    assert photo.pixels.shape == (image.height, image.width, 3)
    assert photo.pixels.min() >= 0
    assert photo.pixels.max() <= 1
    return photo


def test_rgb(tmp_path, caplog):
    photo = stored(tmp_path / "a.png", Image.fromarray(NOISE), icc_profile=SRGB)
    np.testing.assert_array_equal(photo.pixels, NOISE.astype(np.float32) / np.float32(255))
    assert photo.alpha is None
    assert photo.icc == SRGB
    assert not caplog.records


def test_grey_becomes_three_equal_channels(tmp_path):
    photo = stored(tmp_path / "a.png", Image.fromarray(GREY))
    for channel in range(3):
        np.testing.assert_allclose(photo.pixels[..., channel], GREY / 255, atol=1e-6)


def test_one_bit(tmp_path):
    photo = stored(tmp_path / "a.png", Image.fromarray(GREY).convert("1"))
    assert set(np.unique(photo.pixels)) == {0.0, 1.0}


def test_palette(tmp_path):
    paletted = Image.fromarray(NOISE).quantize(16)
    photo = stored(tmp_path / "a.png", paletted)
    np.testing.assert_allclose(photo.pixels, np.asarray(paletted.convert("RGB")) / 255, atol=1e-6)
    assert photo.alpha is None


@pytest.mark.parametrize("transparency", [0, bytes([0, 128])])
def test_palette_with_transparency_keeps_alpha(tmp_path, transparency):
    paletted = Image.new("P", (20, 24), 1)
    paletted.putpalette([255, 0, 0, 0, 0, 255])
    paletted.paste(0, (0, 0, 10, 24))
    photo = stored(tmp_path / "a.png", paletted, transparency=transparency)
    assert photo.alpha is not None
    assert (photo.alpha[:, :10] == 0).all()
    assert photo.alpha[0, 15] == pytest.approx(1 if transparency == 0 else 128 / 255)
    np.testing.assert_array_equal(photo.pixels[0, 0], [1, 0, 0])
    np.testing.assert_array_equal(photo.pixels[0, 15], [0, 0, 1])


@pytest.mark.parametrize(("mode", "name"), [("LA", "a.png"), ("RGBA", "a.png"), ("RGBA", "a.tif"), ("LA", "a.tif")])
def test_alpha_is_separate_and_colours_under_it_stay(tmp_path, mode, name):
    image = Image.fromarray(NOISE if mode == "RGBA" else GREY)
    image.putalpha(Image.fromarray(NOISE[..., 1]))
    photo = stored(tmp_path / name, image)
    np.testing.assert_allclose(photo.alpha, NOISE[..., 1] / 255, atol=1e-6)
    expected = NOISE if mode == "RGBA" else np.repeat(GREY[..., None], 3, axis=2)
    np.testing.assert_allclose(photo.pixels, expected / 255, atol=1e-6)


def test_transparent_colour_keys(tmp_path):
    photo = stored(tmp_path / "rgb.png", Image.new("RGB", (20, 20), (1, 2, 3)), transparency=(1, 2, 3))
    assert (photo.alpha == 0).all()
    deep = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20))
    photo = stored(tmp_path / "deep.png", deep, transparency=7)
    assert np.argwhere(photo.alpha == 0).tolist() == [[0, 7]]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.ppm"])
def test_deep_grey_is_scaled_by_its_own_white(tmp_path, name):
    values = np.array([0, 1, 257, 32768, 65535] * 100, dtype=np.uint16).reshape(20, 25)
    photo = stored(tmp_path / name, Image.fromarray(values))
    np.testing.assert_allclose(photo.pixels[..., 2], values / 65535, atol=1e-7)


def test_twelve_bit_white_is_white(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5\n20 20\n4095\n" + np.full(400, 4095, ">u2").tobytes())
    assert (read_photo(path).pixels == 1).all()


def test_whole_32_bit_numbers_are_refused(tmp_path):
    Image.fromarray(np.full((20, 20), 70000, dtype=np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(ImageReadError, match="no defined white"):
        read_photo(tmp_path / "a.tif")


def test_float_tiff(tmp_path, caplog):
    ramp = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    np.testing.assert_array_equal(stored(tmp_path / "a.tif", Image.fromarray(ramp)).pixels[..., 0], ramp)
    assert not caplog.records
    assert stored(tmp_path / "b.tif", Image.fromarray(ramp * 2)).pixels.max() == 1
    assert "clipped" in caplog.text


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_float_tiff_with_holes_is_refused(tmp_path, bad):
    values = np.full((20, 20), 0.5, dtype=np.float32)
    values[3, 4] = bad
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(ImageReadError, match=r"a\.tif.*NaN"):
        read_photo(tmp_path / "a.tif")


def test_lab(tmp_path):
    photo = stored(tmp_path / "a.tif", Image.new("LAB", (20, 20), (128, 128, 128)))
    np.testing.assert_allclose(photo.pixels, 119 / 255, atol=0.02)  # lightness 50, no hue


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_without_profile(tmp_path, caplog, name):
    photo = stored(tmp_path / name, Image.new("CMYK", (20, 20), (0, 255, 255, 0)))
    np.testing.assert_allclose(photo.pixels[5, 5], [1, 0, 0], atol=0.02)
    assert photo.icc is None
    assert "CMYK" in caplog.text


def test_cmyk_goes_through_its_profile(tmp_path, caplog):
    photo = stored(tmp_path / "a.tif", Image.new("CMYK", (20, 20), (0, 255, 255, 0)), icc_profile=cmyk_profile())
    # Only black ink counts in this profile, so what looks red without it is white.
    np.testing.assert_allclose(photo.pixels, 1, atol=0.02)
    half = stored(tmp_path / "b.tif", Image.new("CMYK", (20, 20), (0, 0, 0, 128)), icc_profile=cmyk_profile())
    np.testing.assert_allclose(half.pixels, 119 / 255, atol=0.03)  # Lab lightness 50 in sRGB
    assert photo.icc is None
    assert "through its colour profile" in caplog.text


def test_grey_profile_is_applied_not_attached(tmp_path, caplog):
    photo = stored(tmp_path / "a.png", Image.new("L", (20, 20), 128), icc_profile=grey_profile(1.0))
    linear = 128 / 255
    np.testing.assert_allclose(photo.pixels, 1.055 * linear ** (1 / 2.4) - 0.055, atol=0.01)
    assert photo.icc is None
    assert not caplog.records


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_with_alpha_and_profile(tmp_path, mode):
    image = Image.fromarray(GREY)
    image.putalpha(77)
    photo = stored(tmp_path / "a.png", image, icc_profile=grey_profile(2.2))
    np.testing.assert_allclose(photo.pixels[..., 0], GREY / 255, atol=0.05)
    np.testing.assert_allclose(photo.alpha, 77 / 255, atol=1e-6)
    assert photo.icc is None


def test_grey_profile_is_dropped_where_it_cannot_be_applied(tmp_path, caplog):
    photo = stored(tmp_path / "a.tif", Image.fromarray(NOISE), icc_profile=grey_profile(1.0))
    assert photo.icc is None
    assert "GRAY colour profile dropped" in caplog.text


def test_grey_profile_of_deep_grey_is_applied_with_all_bits(tmp_path):
    ramp = np.linspace(0, 65535, 4000).astype(np.uint16).reshape(40, 100)
    photo = stored(tmp_path / "a.tif", Image.fromarray(ramp), icc_profile=grey_profile(1.0))
    linear = ramp / 65535
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photo.pixels[..., 1], expected, atol=1e-3)
    assert len(np.unique(photo.pixels)) > 3900
    assert photo.bits == 16


def test_rgb_profile_of_a_grey_image_stays(tmp_path):
    assert stored(tmp_path / "a.png", Image.fromarray(GREY), icc_profile=SRGB).icc == SRGB


def test_damaged_profile_is_dropped(tmp_path, caplog):
    photo = stored(tmp_path / "a.png", Image.fromarray(NOISE), icc_profile=b"not a profile")
    assert photo.icc is None
    assert "unreadable colour profile" in caplog.text


def test_profiles_made_here_are_what_they_claim():
    for made, space in ((grey_profile(2.2), "GRAY"), (cmyk_profile(), "CMYK")):
        assert ImageCms.getOpenProfile(io.BytesIO(made)).profile.xcolor_space.strip() == space


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_integers_are_divided_by_white_exactly(kind):
    values = np.arange(np.iinfo(kind).max + 1, dtype=kind).reshape(-1, 16, 1)
    given = values.copy()
    floats = to_floats(values)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, (given / np.float64(np.iinfo(kind).max)).astype(np.float32))
    np.testing.assert_array_equal(values, given)
