"""Every way an input file can be bad ends in one line that names it."""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, TiffImagePlugin

from photostyle.errors import ImageReadError
from photostyle.io.opening import logged_warnings, open_image

NOISE = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)


def saved(path: Path, array: np.ndarray = NOISE, **options: object) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


def refusal(path: Path, **options: int) -> str:
    """The message of the error, which must be one line that names the file."""
    with pytest.raises(ImageReadError) as caught, open_image(path, **options):
        pass
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, data: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def test_a_good_file_is_decoded(tmp_path):
    with open_image(saved(tmp_path / "a.png")) as image:
        np.testing.assert_array_equal(np.asarray(image), NOISE)


def test_missing(tmp_path):
    assert "no such file" in refusal(tmp_path / "nothing.jpg")


def test_parent_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    refusal(tmp_path / "file" / "photo.jpg")


def test_folder(tmp_path):
    assert "is a folder" in refusal(tmp_path)


def test_zero_bytes(tmp_path):
    path = tmp_path / "empty.jpg"
    path.touch()
    assert "empty (0 bytes)" in refusal(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a Unix thing")
def test_a_pipe_does_not_hang(tmp_path):
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    assert "not a regular file" in refusal(path)


@pytest.mark.parametrize(
    "content", [b"hello, world\n" * 50, b"\x00", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00"]
)
def test_not_an_image(tmp_path, content):
    path = tmp_path / "text.jpg"
    path.write_bytes(content)
    refusal(path)


def test_formats_that_start_other_programs_are_refused(tmp_path):
    path = tmp_path / "drawing.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n")
    assert "not an image that can be read" in refusal(path)


FORMATS = {
    "plain.jpg": {},
    "progressive.jpg": {"progressive": True},
    "a.png": {},
    "a.webp": {},
    "raw.tif": {},
    "deflate.tif": {"compression": "tiff_adobe_deflate"},
    "a.gif": {},
    "a.bmp": {},
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_truncated(tmp_path, name, part):
    path = saved(tmp_path / name, **FORMATS[name])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    refusal(path)


@pytest.mark.parametrize("name", FORMATS)
def test_changed_bytes_either_read_or_are_refused(tmp_path, name):
    content = saved(tmp_path / name, **FORMATS[name]).read_bytes()
    path = tmp_path / "changed"

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, min(len(content), 400) - 1), st.integers(0, 255)), min_size=1, max_size=8))
    def check(changes):
        changed = bytearray(content)
        for position, value in changes:
            changed[position] = value
        path.write_bytes(changed)
        with contextlib.suppress(ImageReadError), open_image(path) as image:
            assert len(image.tobytes()) > 0

    check()


def test_declared_size_is_checked_before_decoding(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(png(20_000, 4_000, b"no pixels at all"))
    assert "20000x4000 is more than the limit of 50000000 pixels" in refusal(path, max_pixels=50_000_000)


def test_pillows_limit_holds_and_stays_as_it_was(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(30_000, 30_000, b"no pixels at all"))
    before = Image.MAX_IMAGE_PIXELS
    assert "dangerously large" in refusal(path, max_pixels=10**10)
    assert before == Image.MAX_IMAGE_PIXELS


def test_large_but_allowed_photos_are_read_without_a_warning(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", NOISE.shape[0] * NOISE.shape[1] - 1)
    with open_image(saved(tmp_path / "a.png")) as image:
        assert image.size == (52, 40)
    assert not caplog.records


def test_pillows_warnings_are_logged(tmp_path, caplog, monkeypatch):
    path = saved(tmp_path / "a.png")

    def load(image):
        warnings.warn("odd, but\nreadable", UserWarning, stacklevel=2)

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)  # which files Pillow warns of changes
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_image(path) as image:
            assert image.size == (52, 40)
    assert f"{path}: odd, but readable" in caplog.text


def test_only_the_first_frame_is_used(tmp_path, caplog):
    path = tmp_path / "two.gif"
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with open_image(path) as image:
        assert image.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert "2 frames" in caplog.text


@pytest.mark.parametrize(("name", "mode"), [("a.tif", "RGB"), ("a.webp", "RGB"), ("a.png", "RGB")])
def test_first_of_several_pages_is_whole(tmp_path, name, mode):
    pages = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:], lossless=True)
    with open_image(tmp_path / name) as image:
        np.testing.assert_array_equal(np.asarray(image.convert(mode)), NOISE)


def test_cameras_previews_are_no_frames(tmp_path, caplog):
    path = tmp_path / "camera.jpg"
    first, second = Image.fromarray(NOISE), Image.new("RGB", (16, 16))
    first.save(path, format="MPO", save_all=True, append_images=[second])
    with open_image(path) as image:
        assert image.format == "MPO"
        assert image.size == (52, 40)
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rgb.png", png(20, 20, (b"\0" + bytes(20 * 6)) * 20, depth=16)),
        ("grey_alpha.png", png(20, 20, (b"\0" + bytes(20 * 4)) * 20, depth=16, colour=4)),
        ("rgb.ppm", b"P6\n20 20\n65535\n" + bytes(20 * 20 * 6)),
    ],
)
def test_lost_colour_depth_is_logged(tmp_path, caplog, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with open_image(path):
        pass
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "more than 8 bits" in caplog.text


def test_lost_colour_depth_of_a_tiff_is_logged(tmp_path, caplog):
    path = tmp_path / "deep.tif"
    layout = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    for tag, value in {256: 20, 257: 20, 258: (16, 16, 16), 259: 1, 262: 2, 273: 0, 277: 3, 278: 20, 279: 2400}.items():
        layout[tag] = value
    with path.open("wb") as stream:
        layout.save(stream)
        stream.write(np.full(1200, 51 * 257, "<u2").tobytes())
    with open_image(path) as image:
        assert image.getpixel((3, 3)) == (51, 51, 51)
    assert "more than 8 bits" in caplog.text


def test_sixteen_bits_a_pixel_are_not_deep(tmp_path, caplog):
    path = tmp_path / "small.bmp"
    path.write_bytes(
        struct.pack("<2sIII", b"BM", 54 + 800, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 20, 20, 1, 16, 0, 800, *[0] * 4)
        + struct.pack("<H", 0x7C00) * 400
    )  # fmt: skip
    with open_image(path) as image:
        assert image.getpixel((3, 3)) == (255, 0, 0)
    assert not caplog.records


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_deep_grey_loses_nothing_and_logs_nothing(tmp_path, caplog, name):
    deep = NOISE[..., 0].astype(np.uint16) * 257
    with open_image(saved(tmp_path / name, deep)) as image:
        np.testing.assert_array_equal(np.asarray(image), deep)
    assert not caplog.records


def test_only_what_is_said_of_the_photo_is_logged(tmp_path, caplog):
    with logged_warnings(tmp_path / "a.png"):
        warnings.warn("a library's own affair", DeprecationWarning, stacklevel=1)
        warnings.warn("of another thread", ResourceWarning, stacklevel=1)
        warnings.warn("truncated here", UserWarning, stacklevel=1)
    assert [record.getMessage() for record in caplog.records] == [f"{tmp_path / 'a.png'}: truncated here"]
