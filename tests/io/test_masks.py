"""Masks as people save them: palettes, grey, colour, blurred, of the wrong size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photostyle.errors import ImageReadError, MaskError
from photostyle.io import DPST_COLOURS, read_label_pair, read_labels

SIZE = (36, 48)
BLACK, WHITE, GREEN, BLUE, RED, YELLOW, GREY, LIGHTBLUE, PURPLE = DPST_COLOURS
ORANGE = (250, 120, 10)


def stripes(*colours: tuple[int, int, int]) -> np.ndarray:
    """(H, W, 3) uint8 of vertical stripes."""
    columns = np.arange(SIZE[1]) * len(colours) // SIZE[1]
    return np.broadcast_to(np.array(colours, dtype=np.uint8)[columns], (*SIZE, 3)).copy()


def saved(path: Path, pixels: np.ndarray | Image.Image, **options: object) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def packed(colour: tuple[int, int, int]) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def test_nine_colours():
    assert len(set(DPST_COLOURS)) == 9
    assert DPST_COLOURS[6] == (128, 128, 128)


@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.bmp"])
def test_colours_are_labels(tmp_path, name):
    labels = read_labels(saved(tmp_path / name, stripes(RED, ORANGE, BLACK)), size=SIZE)
    assert labels.dtype == np.int64
    assert labels.shape == SIZE
    assert labels[0, 0] == packed(RED)
    assert labels[5, SIZE[1] // 2] == packed(ORANGE)
    assert labels[-1, -1] == 0


def test_palette_order_does_not_matter(tmp_path):
    columns = np.arange(SIZE[1]) < SIZE[1] // 2
    labels = []
    for number, (palette, red, green) in enumerate((([RED, GREEN], 0, 1), ([GREEN, BLUE, RED], 2, 0))):
        image = Image.fromarray(np.tile(np.where(columns, red, green).astype(np.uint8), (SIZE[0], 1)))
        image.putpalette([part for colour in palette for part in colour])
        path = saved(tmp_path / f"{number}.png", image)
        with Image.open(path) as stored:
            assert stored.mode == "P"
        labels.append(read_labels(path, size=SIZE))
    np.testing.assert_array_equal(*labels)
    assert labels[0][0, 0] == packed(RED)


@pytest.mark.parametrize("transparency", [0, bytes([0, 128])])
def test_alpha_does_not_count(tmp_path, transparency):
    image = Image.fromarray(stripes(RED, GREEN))
    plain = read_labels(saved(tmp_path / "rgb.png", image), size=SIZE)
    palette = image.quantize(2)
    image.putalpha(Image.fromarray(np.arange(SIZE[0] * SIZE[1], dtype=np.uint8).reshape(SIZE)))
    np.testing.assert_array_equal(read_labels(saved(tmp_path / "rgba.png", image), size=SIZE), plain)
    path = saved(tmp_path / "p.png", palette, transparency=transparency)
    np.testing.assert_array_equal(read_labels(path, size=SIZE), plain)


GREY_VALUES = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("m.png", (GREY_VALUES % 150).astype(np.uint8)),
        ("deep.png", (GREY_VALUES * 30).astype(np.uint16)),
        ("whole.tif", (GREY_VALUES * 1000).astype(np.int32)),
        ("bit.png", GREY_VALUES % 2 == 1),
    ],
)
def test_grey_values_are_labels(tmp_path, caplog, name, values):
    labels = read_labels(saved(tmp_path / name, values), size=SIZE)
    np.testing.assert_array_equal(labels, values)
    assert labels.dtype == np.int64
    assert not caplog.records


def test_grey_with_alpha(tmp_path):
    image = Image.fromarray((GREY_VALUES % 5).astype(np.uint8))
    image.putalpha(100)
    np.testing.assert_array_equal(read_labels(saved(tmp_path / "m.png", image), size=SIZE), GREY_VALUES % 5)


def test_jpeg_has_no_exact_labels_even_in_grey(tmp_path, caplog):
    half = np.broadcast_to(np.arange(SIZE[1]) < 19, SIZE)  # not at an edge of JPEG's blocks
    labels = read_labels(saved(tmp_path / "m.jpg", half.astype(np.uint8) * 255), size=SIZE)
    np.testing.assert_array_equal(labels, np.where(half, packed(WHITE), packed(BLACK)))
    assert "nearest of the nine" in caplog.text


@pytest.mark.parametrize(
    "values", [np.full(SIZE, -1, np.int32), np.full(SIZE, 2**24, np.int32), np.full(SIZE, 0.5, np.float32)]
)
def test_impossible_labels(tmp_path, values):
    with pytest.raises(MaskError, match=r"m\.tif"):
        read_labels(saved(tmp_path / "m.tif", values), size=SIZE)


def test_up_to_64_colours_are_exact(tmp_path, caplog):
    columns = np.arange(SIZE[1])
    pixels = np.zeros((*SIZE, 3), dtype=np.uint8)
    pixels[..., 1] = columns[None]
    pixels[0, :16, 0] = 1 + columns[:16]
    assert len(np.unique(read_labels(saved(tmp_path / "m.png", pixels), size=SIZE))) == 64
    assert not caplog.records
    pixels[1, 0, 2] = 9
    assert set(np.unique(read_labels(saved(tmp_path / "n.png", pixels), size=SIZE))) == {0}
    assert "65 colours" in caplog.text


@pytest.mark.parametrize("name", ["m.jpg", "m.webp"])
def test_compressed_masks_take_the_nearest_of_nine(tmp_path, caplog, name):
    pixels = np.kron(stripes(RED, LIGHTBLUE, GREY, BLACK), np.ones((8, 8, 1), np.uint8))
    exact = read_labels(saved(tmp_path / "m.png", pixels), size=pixels.shape[:2])
    assert not caplog.records
    blurred = read_labels(saved(tmp_path / name, pixels, quality=60), size=pixels.shape[:2])
    assert (blurred == exact).mean() > 0.97
    assert set(np.unique(blurred)) <= {packed(colour) for colour in DPST_COLOURS}
    assert "nearest of the nine" in caplog.text


def test_antialiased_edges_take_the_nearest_of_nine(tmp_path):
    y, x = np.indices((200, 200))
    disc = np.clip(80.5 - np.hypot(y - 99.3, x - 98.1), 0, 1)[..., None]
    pixels = np.rint(disc * np.array(RED) + (1 - disc) * np.array(BLUE)).astype(np.uint8)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 64
    labels = read_labels(saved(tmp_path / "m.png", pixels), size=(200, 200))
    sure = (disc[..., 0] == 0) | (disc[..., 0] == 1)
    np.testing.assert_array_equal(labels[sure], np.where(disc[..., 0] == 1, packed(RED), packed(BLUE))[sure])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_nearest_is_nearest(tmp_path_factory, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    labels = read_labels(saved(tmp_path_factory.mktemp("nearest") / "m.png", pixels), size=(20, 20))
    nine = np.array(DPST_COLOURS)
    distances = ((pixels[..., None, :].astype(int) - nine) ** 2).sum(axis=-1)
    chosen = np.stack([labels >> 16, labels >> 8 & 255, labels & 255], axis=-1)
    np.testing.assert_array_equal(((pixels - chosen) ** 2).sum(axis=-1), distances.min(axis=-1))


@pytest.mark.parametrize("size", [(36, 47), (48, 36)])
def test_size_must_match(tmp_path, size):
    with pytest.raises(
        MaskError, match=rf"m\.png: mask is 48x36 pixels but its photo is {size[1]}x{size[0]}.*same size"
    ):
        read_labels(saved(tmp_path / "m.png", stripes(RED)), size=size)


def test_exif_orientation_does_not_turn_a_mask(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_labels(saved(tmp_path / "m.png", stripes(RED, BLUE), exif=exif), size=SIZE)[0, 0] == packed(RED)


def test_not_an_image(tmp_path):
    path = tmp_path / "m.png"
    for content in (b"", b"text", saved(tmp_path / "whole.png", stripes(RED)).read_bytes()[:60]):
        path.write_bytes(content)
        with pytest.raises(ImageReadError, match=r"m\.png"):
            read_labels(path, size=SIZE)
    with pytest.raises(ImageReadError, match="no such file"):
        read_labels(tmp_path / "nothing.png", size=SIZE)


def pair(tmp_path: Path, content: object, style: object, extension: str = "png") -> tuple[np.ndarray, np.ndarray]:
    paths = [saved(tmp_path / f"{name}.{extension}", mask) for name, mask in (("content", content), ("style", style))]
    return read_label_pair(paths[0], SIZE, paths[1], SIZE)


def test_pair_keeps_each_colours_own_label(tmp_path):
    content, style = pair(tmp_path, stripes(RED, BLUE, ORANGE), stripes(WHITE, RED, BLUE))
    assert [content[0, x] for x in (0, 20, 40)] == [packed(c) for c in (RED, BLUE, ORANGE)]
    assert [style[0, x] for x in (0, 20, 40)] == [packed(c) for c in (WHITE, RED, BLUE)]
    assert content.dtype == style.dtype == np.int64


def test_pair_sizes_differ(tmp_path):
    first = saved(tmp_path / "a.png", stripes(RED, BLUE))
    second = saved(tmp_path / "b.png", Image.fromarray(stripes(RED, BLUE)).resize((20, 30), Image.Resampling.NEAREST))
    content, style = read_label_pair(first, SIZE, second, (30, 20))
    assert content.shape == SIZE
    assert style.shape == (30, 20)
    with pytest.raises(MaskError, match=r"b\.png"):
        read_label_pair(first, SIZE, second, SIZE)


def test_if_one_is_blurred_both_take_the_nearest(tmp_path, caplog):
    blurred = saved(tmp_path / "a.jpg", stripes(RED, BLUE), quality=70)
    exact = saved(tmp_path / "b.png", stripes((240, 10, 0), BLUE))
    content, style = read_label_pair(blurred, SIZE, exact, SIZE)
    assert content[5, 5] == style[5, 5] == packed(RED)
    assert content[5, -5] == style[5, -5] == packed(BLUE)
    assert str(blurred) in caplog.text
    assert str(exact) in caplog.text


def test_grey_pairs(tmp_path):
    content, style = pair(tmp_path, (GREY_VALUES % 100 + 50).astype(np.uint8), np.full(SIZE, 60, np.uint8))
    np.testing.assert_array_equal(content, GREY_VALUES % 100 + 50)
    assert (style == 60).all()


@pytest.mark.parametrize("bits", [8, 1])
def test_black_and_white_saved_as_grey_matches_colours(tmp_path, bits):
    half = np.arange(SIZE[1]) < SIZE[1] // 2
    grey = np.broadcast_to(half if bits == 1 else half.astype(np.uint8) * 255, SIZE).copy()
    content, style = pair(tmp_path, stripes(WHITE, BLACK), grey)
    np.testing.assert_array_equal(content, style)
    assert content[0, 0] == packed(WHITE)


def test_deep_grey_cannot_match_colours(tmp_path):
    with pytest.raises(MaskError, match=r"style\.png: 16-bit"):
        pair(tmp_path, stripes(BLACK), np.zeros(SIZE, np.uint16))


def test_nothing_in_common(tmp_path):
    with pytest.raises(MaskError) as caught:
        pair(tmp_path, stripes(RED, ORANGE), stripes(BLUE, WHITE))
    message = str(caught.value)
    assert "content has #fa780a, red #ff0000;" in message
    assert "style has blue #0000ff, white #ffffff)" in message
    assert "same colour in both masks" in message
    assert "\n" not in message


def test_nothing_in_common_of_many(tmp_path):
    with pytest.raises(MaskError, match=r"content has 0, 1, 2, 3, 4, 5 and 14 more; style has 99\)"):
        pair(tmp_path, (GREY_VALUES % 20).astype(np.uint8), np.full(SIZE, 99, np.uint8))
