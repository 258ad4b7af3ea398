"""AVIF and JPEG 2000 of more than 8 bits, sample by sample."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, features

from photostyle.errors import ImageReadError
from photostyle.io import boxes, read_photo, write_photo

RAMP = np.linspace(0, 1, 40 * 60).reshape(40, 60)
RGB = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], -1)
avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")


def samples(values: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(values * (2**bits - 1)).astype(np.uint16)


@avif
@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("alpha", [False, True])
def test_avif_keeps_its_bits(tmp_path, bits, alpha):
    values = samples(np.dstack([RGB, RAMP]) if alpha else RGB, bits)
    path = tmp_path / "a.avif"
    path.write_bytes(imagecodecs.avif_encode(values, level=100, bitspersample=bits, pixelformat="yuv444"))
    assert boxes.avif(path.read_bytes()).bits == bits
    photo = read_photo(path)
    assert photo.bits == 16
    np.testing.assert_allclose(photo.pixels, RGB, atol=2.1 / 2**bits)
    assert len(np.unique(np.rint(photo.pixels * (2**bits - 1)))) > 600
    assert (photo.alpha is not None) == alpha
    if photo.alpha is not None:
        np.testing.assert_allclose(photo.alpha, RAMP, atol=2.1 / 2**bits)
    write_photo(tmp_path / "a.png", photo.pixels, like=photo)
    assert imagecodecs.png_decode((tmp_path / "a.png").read_bytes()).dtype == np.uint16


@avif
def test_avif_of_eight_bits_stays_so(tmp_path):
    path = tmp_path / "a.avif"
    Image.fromarray(np.rint(RGB * 255).astype(np.uint8)).save(path, quality=100, subsampling="4:4:4")
    assert boxes.avif(path.read_bytes()).bits == 8
    assert read_photo(path).bits == 8


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("codec", ["jp2", "j2k"])
def test_jpeg_2000_keeps_its_bits(tmp_path, caplog, bits, channels, codec):
    values = samples({1: RAMP, 3: RGB, 4: np.dstack([RGB, RAMP])}[channels], bits)
    path = tmp_path / f"a.{codec}"
    path.write_bytes(imagecodecs.jpeg2k_encode(values, level=0, reversible=True, bitspersample=bits, codecformat=codec))
    assert boxes.jpeg2000(path.read_bytes()).bits == bits
    photo = read_photo(path)
    assert photo.bits == 16
    wanted = values[..., :3] if channels > 1 else values[..., None].repeat(3, -1)
    np.testing.assert_array_equal(np.rint(photo.pixels * (2**bits - 1)), wanted)
    assert not caplog.records
    if channels == 4:
        np.testing.assert_array_equal(np.rint(photo.alpha * (2**bits - 1)), values[..., 3])


def test_jpeg_2000_of_eight_bits_stays_so(tmp_path):
    Image.fromarray(np.rint(RGB * 255).astype(np.uint8)).save(tmp_path / "a.jp2")
    assert read_photo(tmp_path / "a.jp2").bits == 8


@pytest.mark.parametrize("name", [pytest.param("a.avif", marks=avif), "a.jp2"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_cut_off_files_are_said_to_be_damaged(tmp_path, name, share):
    values = np.random.default_rng(0).integers(0, 1024, (40, 60, 3), dtype=np.uint16)
    encode = imagecodecs.avif_encode if name == "a.avif" else imagecodecs.jpeg2k_encode
    data = encode(values, bitspersample=10)
    path: Path = tmp_path / name
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageReadError, match="damaged"):
        read_photo(path)


@pytest.mark.parametrize("data", [b"", b"\0" * 40, b"\0\0\0\x20ftypavif" + b"\xff" * 40, bytes(range(256)) * 4])
def test_nonsense_says_nothing(data):
    assert boxes.avif(data).bits == 0
    assert boxes.jpeg2000(data).bits == 0
