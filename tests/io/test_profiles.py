"""Colour profiles: to the working space and back, against profiles with known mathematics."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from photostyle.io import Photo, read_photo, write_photo
from photostyle.io.profiles import from_working, goes_both_ways, is_srgb, to_working
from tests.io.test_channels import cmyk_profile

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def rgb_profile(primaries: list[float], gamma: float, white: tuple[float, float] = (0.3127, 0.3290)) -> bytes:
    stacked = [number for x, y in zip(primaries[::2], primaries[1::2], strict=True) for number in (x, y, 1.0)]
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=[*white, 1.0], primaries=stacked, gamma=gamma))


PROFILES = {
    "display p3": rgb_profile([0.680, 0.320, 0.265, 0.690, 0.150, 0.060], 2.2),
    "adobe rgb": rgb_profile([0.640, 0.330, 0.210, 0.710, 0.150, 0.060], 2.19921875),
    "prophoto": rgb_profile([0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001], 1.8, (0.3457, 0.3585)),
}
SHADES = np.random.default_rng(3).random((30, 40, 3), np.float32)


def test_only_srgb_is_srgb():
    assert is_srgb(SRGB)
    assert not any(is_srgb(icc) for icc in PROFILES.values())
    assert not is_srgb(b"no profile")
    assert all(goes_both_ways(icc) for icc in (SRGB, *PROFILES.values()))
    assert not goes_both_ways(b"no profile")


@pytest.mark.parametrize("name", PROFILES)
def test_there_and_back_loses_nothing_not_even_wide_colours(name):
    working = to_working(SHADES, PROFILES[name], "RGB")
    assert working.min() < -0.02  # wider than sRGB
    np.testing.assert_allclose(from_working(working, PROFILES[name]), SHADES, atol=1.5e-3)


def test_display_p3_against_its_definition():
    # Linear Display P3 to linear sRGB, from the primaries' chromaticities (both D65).
    matrix = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
    linear = SHADES.astype(np.float64) ** 2.2 @ matrix.T
    size = np.abs(linear)
    expected = np.sign(linear) * np.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(to_working(SHADES, PROFILES["display p3"], "RGB"), expected, atol=4e-3)


def test_greys_stay_grey_in_every_profile():
    greys = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None].repeat(3, 2)
    for icc in PROFILES.values():
        working = to_working(greys, icc, "RGB")
        assert np.ptp(working, axis=2).max() < 3e-3


def test_integers_mean_the_same_as_floats():
    icc = PROFILES["adobe rgb"]
    deep = np.rint(SHADES * 65535).astype(np.uint16)
    np.testing.assert_allclose(to_working(deep, icc, "RGB"), to_working(SHADES, icc, "RGB"), atol=2e-3)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", PROFILES)
def test_photos_come_back_in_their_own_profile(tmp_path, name, bits):
    icc = PROFILES[name]
    write_photo(tmp_path / "in.png", SHADES, bits=bits, like=Photo(SHADES, None, None, None, Path("x")))
    stored = read_photo(tmp_path / "in.png").pixels
    as_read = Photo(stored, None, icc, None, Path("x"), None, bits)
    write_photo(tmp_path / "own.tif", to_working(stored, icc, "RGB"), like=as_read)
    photo = read_photo(tmp_path / "own.tif")
    assert photo.icc == icc
    assert photo.bits == bits
    np.testing.assert_allclose(photo.pixels, to_working(stored, icc, "RGB"), atol=6e-3)
    write_photo(tmp_path / "out.tif", photo.pixels, like=photo)
    again = read_photo(tmp_path / "out.tif")
    tolerance = 0.6 / 255 if bits == 8 else 1.5e-3
    np.testing.assert_allclose(from_working(again.pixels, icc), from_working(photo.pixels, icc), atol=tolerance)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_a_viewer_sees_the_right_colour(tmp_path, name):
    """What is written in Display P3 shows, through another library's 8-bit conversion, the colour that was meant."""
    icc = PROFILES["display p3"]
    orange = np.full((40, 40, 3), (0.8, 0.45, 0.2), np.float32)
    write_photo(tmp_path / name, orange, like=Photo(orange, None, icc, None, Path("x")))
    with Image.open(tmp_path / name) as image:
        assert image.info["icc_profile"] == icc
        shown = ImageCms.profileToProfile(
            image.convert("RGB"), ImageCms.ImageCmsProfile(tmp_icc(tmp_path, icc)), ImageCms.createProfile("sRGB")
        )
    np.testing.assert_allclose(np.asarray(shown)[20, 20] / 255, orange[0, 0], atol=0.02)


def tmp_icc(folder: Path, icc: bytes) -> str:
    path = folder / "profile.icc"
    path.write_bytes(icc)
    return str(path)


def test_a_gradient_keeps_its_levels_through_a_profile(tmp_path):
    ramp = np.linspace(0.2, 0.8, 5000, dtype=np.float32).reshape(50, 100, 1).repeat(3, 2)
    photo = Photo(ramp, None, PROFILES["prophoto"], None, Path("x"), None, 16)
    write_photo(tmp_path / "a.tif", ramp, like=photo)
    assert len(np.unique(read_photo(tmp_path / "a.tif").pixels[..., 1])) > 4500


def test_one_way_profiles_end_in_srgb(tmp_path, caplog):
    from photostyle.io import channels

    icc = PROFILES["adobe rgb"]
    Image.fromarray((SHADES * 255).astype(np.uint8)).save(tmp_path / "a.png", icc_profile=icc)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "goes_both_ways", lambda icc: False)
        photo = read_photo(tmp_path / "a.png")
    assert photo.icc is None
    assert photo.pixels.min() >= 0
    assert "the result will be sRGB" in caplog.text


def test_ink_has_sixteen_bits_too():
    ink = np.zeros((1, 2000, 4), np.uint16)
    ink[0, :, 3] = np.linspace(0, 65535, 2000)
    assert len(np.unique(to_working(ink, cmyk_profile(), "CMYK")[..., 0])) > 1500
