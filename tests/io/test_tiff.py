"""Which page of a TIFF is the photo, what is said of the others, and every compression and layout, sample by sample."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from photostyle.errors import ImageReadError
from photostyle.io import read_mask, read_photo, write_photo
from photostyle.io.opening import open_image

Y, X = np.mgrid[:48, :64]
RGB = np.stack([X * 4, Y * 5, (X + Y) * 2], -1).astype(np.uint8)
DEEP = (np.stack([X * 1000, Y * 1300, (X + Y) * 500], -1) + 7).astype(np.uint16)
SMALL = 255 - RGB[::4, ::4]
COLOURS = {"photometric": "rgb"}
THUMBNAIL = {**COLOURS, "subfiletype": 1}


def tiff(path: Path, *pages: tuple[np.ndarray, dict[str, Any]], **options: Any) -> Path:
    with tifffile.TiffWriter(path, **options) as file:
        for values, page in pages:
            file.write(values, metadata=None, **page)
    return path


def values(path: Path) -> np.ndarray:
    photo = read_photo(path)
    return np.rint(photo.pixels * (255 if photo.bits == 8 else 65535)).astype(np.uint16)


@pytest.mark.parametrize("full", [RGB, DEEP], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize(
    "small",
    [THUMBNAIL, {**COLOURS, "extratags": [(255, 3, 1, 2, True)]}],
    ids=["NewSubfileType", "SubfileType"],
)
@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_thumbnail_is_not_the_photo(tmp_path, full, small, bigtiff, caplog):
    path = tiff(tmp_path / "a.tif", (SMALL, small), (full, COLOURS), bigtiff=bigtiff)
    np.testing.assert_array_equal(values(path), full)
    assert "frames or pages" not in caplog.text
    with open_image(path) as image:
        assert image.size == (64, 48)


@pytest.mark.parametrize("full", [RGB, DEEP], ids=["8 bits", "16 bits"])
def test_the_photo_may_lie_below_its_thumbnail(tmp_path, full, caplog):
    path = tiff(tmp_path / "a.tif", (SMALL, {**THUMBNAIL, "subifds": 1}), (full, COLOURS))
    np.testing.assert_array_equal(values(path), full)
    assert not caplog.records


def test_smaller_copies_of_the_photo_are_no_loss(tmp_path, caplog):
    path = tiff(tmp_path / "a.tif", (DEEP, {**COLOURS, "subifds": 1}), (DEEP[::2, ::2], THUMBNAIL), (SMALL, THUMBNAIL))
    np.testing.assert_array_equal(values(path), DEEP)
    assert not caplog.records


@pytest.mark.parametrize("full", [RGB, DEEP, (DEEP / 65535).astype(np.float32)], ids=["8", "16", "float"])
def test_further_pages_are_said_in_every_depth(tmp_path, full, caplog):
    tiff(tmp_path / "two.tif", (full, COLOURS), (full[::-1], COLOURS))
    read_photo(tmp_path / "two.tif")
    assert "holds 2 frames or pages; only the first is used" in caplog.text
    caplog.clear()
    tiff(tmp_path / "three.tif", (SMALL, THUMBNAIL), (full, COLOURS), (full[::-1], COLOURS))
    photo = read_photo(tmp_path / "three.tif")
    assert "holds 2 frames or pages; only the first full picture is used" in caplog.text
    np.testing.assert_allclose(photo.pixels[5, :, 0], read_photo(tmp_path / "two.tif").pixels[5, :, 0], atol=1e-6)


def test_a_transparency_mask_is_said(tmp_path, caplog):
    path = tiff(tmp_path / "a.tif", (RGB, COLOURS), (Y > 9, {"subfiletype": 4, "photometric": "minisblack"}))
    np.testing.assert_array_equal(values(path), RGB)
    assert "transparency mask" in caplog.text
    assert "frames or pages" not in caplog.text


def test_what_lies_only_at_the_first_page_comes_along(tmp_path):
    text = (270, 2, 6, "Pagoda", True)
    path = tiff(
        tmp_path / "a.tif", (SMALL, {**THUMBNAIL, "extratags": [text]}), (RGB, {**COLOURS, "resolution": (300, 300)})
    )
    photo = read_photo(path)
    write_photo(tmp_path / "b.tif", photo.pixels, like=photo)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert len(file.pages) == 1
        assert file.pages.first.tags.valueof("ImageDescription") == "Pagoda"
        assert file.pages.first.tags.valueof("XResolution") == (300, 1)
        assert int(file.pages.first.subfiletype) == 0


@pytest.mark.parametrize(
    "compression",
    ["packbits", "lzw", "deflate", "zstd", "lzma", "webp", "jpegxl", "png", "jpeg2000", "jpegxr", "lerc"],
)
@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"rowsperstrip": 7}], ids=["whole", "tiles", "strips"])
def test_compressions(tmp_path, compression, layout):
    lossless = {"webp": {"compressionargs": {"level": 100}}, "jpegxl": {"compressionargs": {"lossless": True}}}
    options = {**COLOURS, "compression": compression, **lossless.get(compression, {}), **layout}
    path = tiff(tmp_path / "a.tif", (RGB, options))
    assert np.abs(values(path).astype(int) - RGB).max() <= (3 if compression in ("webp", "jpeg2000") else 0)
    with open_image(path) as image:
        assert image.mode == "RGB"


def test_a_compression_that_nobody_has_is_named(tmp_path):
    path = tiff(tmp_path / "a.tif", (RGB, {**COLOURS, "compression": "lzw"}))
    data = bytearray(path.read_bytes())
    entry = data.index(struct.pack("<HHI", 259, 3, 1))
    for number, name in ((34661, "JBIG"), (32809, "THUNDERSCAN"), (61234, "number 61234")):
        data[entry + 8 : entry + 10] = struct.pack("<H", number)
        path.write_bytes(data)
        with pytest.raises(ImageReadError, match=f"TIFF compression {name} is not supported"):
            read_photo(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_planar_and_inverted_deep_samples(tmp_path, order, compression):
    """Pillow reads the uncompressed ones wrongly without a word."""
    planes = {**COLOURS, "planarconfig": "separate", "compression": compression}
    path = tiff(tmp_path / "planes.tif", (DEEP.transpose(2, 0, 1), planes), byteorder=order)
    np.testing.assert_array_equal(values(path), DEEP)
    inverted = {"photometric": "miniswhite", "compression": compression}
    path = tiff(tmp_path / "inverted.tif", (65535 - DEEP[..., 0], inverted), byteorder=order)
    np.testing.assert_array_equal(values(path)[..., 1], DEEP[..., 0])
    path = tiff(tmp_path / "eight.tif", (255 - RGB[..., 0], inverted), byteorder=order)
    np.testing.assert_array_equal(values(path)[..., 1], RGB[..., 0])


@pytest.mark.parametrize("full", [RGB, DEEP], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize(
    ("kinds", "alpha", "said"),
    [
        (["unspecified"], False, 1),
        (["unspecified", "unspecified"], False, 2),
        (["unassalpha"], True, 0),
        (["unassalpha", "unspecified"], True, 1),
        (["unspecified", "unassalpha"], True, 1),
    ],
)
def test_channels_without_a_meaning_are_said(tmp_path, full, kinds, alpha, said, caplog):
    extra = [full[..., :1] if kind == "unassalpha" else full[..., 1:2] for kind in kinds]
    path = tiff(tmp_path / "a.tif", (np.dstack([full, *extra]), {**COLOURS, "extrasamples": kinds}))
    photo = read_photo(path)
    assert (photo.alpha is not None) == alpha
    if photo.alpha is not None:
        np.testing.assert_allclose(photo.alpha, full[..., 0] / np.iinfo(full.dtype).max, atol=1e-6)
    assert (f"{said} further channel(s) without a stated meaning" in caplog.text) == bool(said)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "LA", "RGBA"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits"])
def test_what_pillow_writes_is_read_as_pillow_reads_it(tmp_path, mode, compression):
    image = Image.fromarray(np.dstack([RGB, RGB[..., :1]])) if mode.endswith("A") else Image.fromarray(RGB)
    image = image.quantize(40) if mode == "P" else image.convert(mode)
    image.save(tmp_path / "a.tif", compression=compression)
    with Image.open(tmp_path / "a.tif") as opened:
        np.testing.assert_array_equal(values(tmp_path / "a.tif"), np.asarray(opened.convert("RGB")))


@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits_of_grey(tmp_path, bits):
    levels = (X % 2**bits).astype(np.uint8)
    path = tiff(tmp_path / "a.tif", (levels, {"photometric": "minisblack", "bitspersample": bits}))
    np.testing.assert_array_equal(values(path)[..., 0], levels * (255 // (2**bits - 1)))


def test_fax(tmp_path):
    image = Image.fromarray(RGB).convert("1")
    for compression in ("group3", "group4", "tiff_ccitt"):
        image.save(tmp_path / "a.tif", compression=compression)
        np.testing.assert_array_equal(values(tmp_path / "a.tif")[..., 0], np.asarray(image) * 255)


def test_masks_are_read_from_the_full_page_too(tmp_path):
    labels = (X // 16).astype(np.uint8)
    small, full = {"photometric": "minisblack", "subfiletype": 1}, {"photometric": "minisblack", "compression": "zstd"}
    path = tiff(tmp_path / "a.tif", (labels[::4, ::4], small), (labels, full))
    np.testing.assert_array_equal(read_mask(path, size=(48, 64)).labels, labels)


@pytest.mark.parametrize("damage", ["cut", "changed"])
@pytest.mark.parametrize("compression", ["lzw", "deflate", "jpeg", "webp", "packbits", "zstd"])
def test_no_library_writes_to_the_terminal(tmp_path, damage, compression):
    path = tiff(tmp_path / "a.tif", (RGB, {**COLOURS, "compression": compression}))
    data = bytearray(path.read_bytes())
    middle = len(data) * 2 // 3
    data[middle:] = b"" if damage == "cut" else bytes(len(data) - middle)
    path.write_bytes(data)
    code = (
        "import sys; from photostyle.io import read_photo; from photostyle.errors import ImageReadError\n"
        "try: read_photo(sys.argv[1])\nexcept ImageReadError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stderr.count("\n") <= 1, done.stderr  # a warning of ours at most
    assert "TIFF" not in done.stderr.replace(str(path), "")
    assert done.stdout.count("\n") <= 1


def test_links_that_lead_nowhere_or_back(tmp_path):
    path = tiff(tmp_path / "a.tif", (DEEP, COLOURS))
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little")
    following = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    for place in (first, 4, len(data) + 5, len(data) - 3):
        data[following : following + 4] = place.to_bytes(4, "little")
        path.write_bytes(data)
        np.testing.assert_array_equal(values(path), DEEP)
