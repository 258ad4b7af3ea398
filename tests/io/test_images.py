"""Photos read, checked, made small and written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from photostyle.errors import ImageReadError, ImageSizeError, NumericalError, OutputError, ParameterError
from photostyle.io import Photo, check_encodable, check_size, limit_size, read_photo, write_photo

EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
LOSSLESS = (".png", ".tif", ".tiff")


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    return np.stack([y + 0 * x, x + 0 * y, 1 - 0.5 * (x + y)], axis=-1).astype(np.float32)


def photo_of(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Photo:
    return Photo(pixels=pixels, alpha=alpha, icc=None, exif=None, path=Path("photo.png"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("extension", [*EXTENSIONS, ".JPG", ".WebP"])
def test_written_photos_read_back(tmp_path, extension):
    path = tmp_path / f"out{extension}"
    pixels = smooth(40, 56)
    write_photo(path, pixels)
    again = read_photo(path)
    assert again.size == (40, 56)
    assert again.pixels.dtype == np.float32
    assert again.path == path
    np.testing.assert_allclose(again.pixels, pixels, atol=0.5001 / 255 if extension in LOSSLESS else 0.04)
    assert names(tmp_path) == [path.name]


@settings(deadline=None, max_examples=30)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
        elements=st.floats(-1, 2, width=32),
    )
)
def test_values_are_clipped_and_rounded(tmp_path_factory, pixels):
    path = tmp_path_factory.mktemp("rounding") / "out.png"
    write_photo(path, pixels)
    expected = np.rint(np.clip(pixels, 0, 1) * np.float32(255)).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)


def test_eight_bit_photos_survive_unchanged(tmp_path):
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(np.stack([every, every.T, 255 - every], axis=-1)).save(tmp_path / "in.png")
    write_photo(tmp_path / "out.tif", read_photo(tmp_path / "in.png").pixels)
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "out.tif")), np.asarray(Image.open(tmp_path / "in.png"))
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_float_type_and_memory_order(tmp_path, dtype):
    pixels = np.asfortranarray(smooth(20, 30).astype(dtype))
    before = pixels.copy()
    write_photo(tmp_path / "out.png", pixels)
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_allclose(read_photo(tmp_path / "out.png").pixels, smooth(20, 30), atol=0.003)


def test_jpeg_keeps_full_colour_resolution(tmp_path):
    write_photo(tmp_path / "out.jpg", smooth(32, 32))
    with Image.open(tmp_path / "out.jpg") as image:
        assert {component[1:3] for component in image.layer} == {(1, 1)}


@pytest.mark.parametrize("extension", [".jpg", ".webp"])
def test_quality_counts(tmp_path, extension):
    noise = np.random.default_rng(0).random((64, 64, 3))
    write_photo(tmp_path / f"low{extension}", noise, quality=30)
    write_photo(tmp_path / f"high{extension}", noise)
    assert (tmp_path / f"low{extension}").stat().st_size * 1.5 < (tmp_path / f"high{extension}").stat().st_size


def test_tiff_is_compressed_without_loss(tmp_path):
    write_photo(tmp_path / "out.tif", np.full((100, 100, 3), 0.5))
    assert (tmp_path / "out.tif").stat().st_size < 2000
    assert (np.asarray(Image.open(tmp_path / "out.tif")) == 128).all()


@pytest.mark.parametrize("extension", [".png", ".tif", ".webp"])
def test_alpha_is_carried_through(tmp_path, extension):
    alpha = smooth(20, 24)[..., 0]
    path = tmp_path / f"out{extension}"
    write_photo(path, smooth(20, 24), like=photo_of(smooth(20, 24), alpha))
    np.testing.assert_allclose(read_photo(path).alpha, alpha, atol=0.5001 / 255)


def test_alpha_is_dropped_from_jpeg_and_said_so(tmp_path, caplog):
    write_photo(tmp_path / "a.jpg", smooth(20, 24), like=photo_of(smooth(20, 24), np.ones((20, 24), np.float32)))
    assert not caplog.records  # nothing is lost
    write_photo(tmp_path / "b.jpg", smooth(20, 24), like=photo_of(smooth(20, 24), np.zeros((20, 24), np.float32)))
    assert "transparency dropped" in caplog.text
    assert read_photo(tmp_path / "b.jpg").alpha is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_is_never_written(tmp_path, bad):
    pixels = smooth(20, 20)
    pixels[3, 4, 1] = bad
    with pytest.raises(NumericalError, match=r"out\.png.*1 of 1200 values"):
        write_photo(tmp_path / "out.png", pixels)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((20, 20)),
        np.zeros((20, 20, 4)),
        np.zeros((3, 20, 20)),
        np.zeros((0, 20, 3)),
        np.zeros((20, 20, 3), dtype=np.uint8),
    ],
    ids=lambda array: f"{array.shape}-{array.dtype}",
)
def test_other_arrays_are_refused(tmp_path, pixels):
    with pytest.raises(ParameterError, match=r"out\.png"):
        write_photo(tmp_path / "out.png", pixels)
    assert names(tmp_path) == []


def test_alpha_of_another_size_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="alpha"):
        write_photo(tmp_path / "out.png", smooth(20, 20), like=photo_of(smooth(9, 9), np.ones((9, 9), np.float32)))


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_quality_out_of_range(tmp_path, quality):
    with pytest.raises(ParameterError, match="quality"):
        write_photo(tmp_path / "out.jpg", smooth(20, 20), quality=quality)


def test_existing_files_are_kept_unless_asked(tmp_path):
    path = tmp_path / "out.png"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="pass --overwrite"):
        write_photo(path, smooth(20, 20))
    assert path.read_bytes() == b"mine"
    write_photo(path, smooth(20, 20), overwrite=True)
    assert read_photo(path).size == (20, 20)
    assert names(tmp_path) == ["out.png"]


def test_unknown_extension(tmp_path):
    with pytest.raises(OutputError, match=r"\.gif.*\.webp"):
        write_photo(tmp_path / "out.gif", smooth(20, 20))


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_full_disk_leaves_nothing(tmp_path, extension):
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).random((200, 200, 3))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
        with pytest.raises(OutputError, match=f"out{extension}"):
            write_photo(tmp_path / f"out{extension}", noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


def test_sides_a_format_cannot_hold(tmp_path):
    for name, size in (("a.webp", (16_384, 20)), ("a.jpg", (20, 65_501))):
        with pytest.raises(OutputError, match=f"{size[1]}x{size[0]} pixels"):
            check_encodable(tmp_path / name, size)
    check_encodable(tmp_path / "a.webp", (16_383, 16_383))
    check_encodable(tmp_path / "a.tif", (100_000, 20))
    with pytest.raises(OutputError, match="WEBP can hold"):
        write_photo(tmp_path / "a.webp", np.zeros((16_384, 1, 3), np.float32))
    assert names(tmp_path) == []


def test_limits_of_formats_are_the_encoders_own(tmp_path):
    write_photo(tmp_path / "a.webp", np.zeros((16_383, 1, 3), np.float32))
    write_photo(tmp_path / "a.jpg", np.zeros((1, 65_500, 3), np.float32))


def test_one_pixel_reads_but_is_too_small_for_the_networks(tmp_path):
    Image.new("RGB", (1, 1), (255, 0, 0)).save(tmp_path / "dot.png")
    photo = read_photo(tmp_path / "dot.png")
    np.testing.assert_array_equal(photo.pixels, [[[1, 0, 0]]])
    with pytest.raises(ImageSizeError, match=r"dot\.png: 1x1 pixels.*16x16"):
        check_size(photo)


def test_smallest_size():
    check_size(photo_of(smooth(16, 16)))
    for height, width in ((15, 200), (200, 15)):
        with pytest.raises(ImageSizeError, match=f"{width}x{height}"):
            check_size(photo_of(smooth(height, width)))


def test_pixel_limit(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png", max_pixels=600).size == (20, 30)
    with pytest.raises(ImageReadError, match="30x20 is more than the limit of 599"):
        read_photo(tmp_path / "a.png", max_pixels=599)


def test_paths_as_text(tmp_path):
    write_photo(str(tmp_path / "a.png"), smooth(20, 20))
    assert read_photo(str(tmp_path / "a.png")).path == tmp_path / "a.png"


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(16, 100))
def test_limit_size_keeps_the_shape(height, width, side):
    photo = photo_of(smooth(height, width), smooth(height, width)[..., 0])
    small = limit_size(photo, side)
    if max(height, width) <= side:
        assert small is photo
        return
    assert max(small.size) == side
    assert small.size[0] == pytest.approx(height * side / max(height, width), abs=0.51) or small.size[0] == 1
    assert small.size[1] == pytest.approx(width * side / max(height, width), abs=0.51) or small.size[1] == 1
    assert small.alpha is not None
    assert small.alpha.shape == small.size
    assert small.pixels.dtype == small.alpha.dtype == np.float32


def test_limit_size_keeps_the_picture():
    small = limit_size(photo_of(smooth(240, 320)), 64)
    assert small.size == (48, 64)
    np.testing.assert_allclose(small.pixels, smooth(48, 64), atol=0.02)


def test_limit_size_stays_in_range_at_hard_edges():
    checker = np.kron(np.indices((20, 20)).sum(axis=0) % 2, np.ones((7, 7)))
    small = limit_size(photo_of(np.repeat(checker[..., None], 3, axis=2).astype(np.float32)), 100)
    assert small.pixels.min() == 0
    assert small.pixels.max() == 1


def test_limit_size_keeps_the_rest():
    photo = dataclasses.replace(photo_of(smooth(50, 40)), icc=b"icc", exif=b"exif")
    small = limit_size(photo, 20)
    assert (small.icc, small.exif, small.path) == (b"icc", b"exif", photo.path)
    assert photo.size == (50, 40)


@pytest.mark.parametrize("side", [15, 0, -1])
def test_limit_size_too_small(side):
    with pytest.raises(ParameterError, match="at least 16"):
        limit_size(photo_of(smooth(40, 40)), side)
