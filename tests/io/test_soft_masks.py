"""Which grey masks are soft and which are label maps, in the formats that people save them in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from photostyle.io import LabelMap, read_mask, read_mask_pair

SIZE = (160, 240)
Y, X = np.indices(SIZE)
RANDOM = np.random.default_rng(4)
CELLS = ((Y[..., None] - RANDOM.random(120) * 160) ** 2 + (X[..., None] - RANDOM.random(120) * 240) ** 2).argmin(-1)


def grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(np.broadcast_to(values, SIZE) * 255).astype(np.uint8))


def disc(radius: float) -> np.ndarray:
    return np.clip(radius + 0.5 - np.hypot(Y - 80.3, X - 119.6), 0, 1)


def feather(radius: float) -> Image.Image:
    return grey(disc(50) > 0.5).filter(ImageFilter.GaussianBlur(radius))


def strokes() -> Image.Image:
    image = Image.new("L", SIZE[::-1])
    ImageDraw.Draw(image).line([(20, 30), (100, 130), (220, 40)], fill=255, width=14)
    return image.filter(ImageFilter.GaussianBlur(4))


SOFT = {
    **{f"feather of {radius}": feather(radius) for radius in (1, 2, 4, 10, 30)},
    "antialiased": grey(disc(50)),
    "brush": grey(np.exp(-((X - 120) ** 2 + (Y - 50) ** 2) / 800)),
    "thin brush": grey(0.6 * np.exp(-((X - 120) ** 2 + (Y - 50) ** 2) / 800)),
    "gradient": grey(X / 239),
    "steep gradient": grey(np.clip((Y - 60) / 30, 0, 1)),
    "strokes": strokes(),
}
LABELS = {
    "two": grey(X > 100),
    "three": Image.fromarray((X // 80 * 127).astype(np.uint8)),
    "nine": Image.fromarray(np.minimum(X // 27 * 32, 255).astype(np.uint8)),
    "cells": Image.fromarray(CELLS.astype(np.uint8)),
    "rows of cells": Image.fromarray((Y // 20 * 16 + X // 20).astype(np.uint8)),
    "thin third": Image.fromarray(np.where((Y == 40) | (Y == 41), 128, np.where(X > 100, 255, 0)).astype(np.uint8)),
    "numbers of classes": Image.fromarray((CELLS % 20).astype(np.uint8)),
    "noise": Image.fromarray(RANDOM.integers(0, 256, SIZE, dtype=np.uint8)),
    "objects of 16 bits": Image.fromarray((CELLS * 400).astype(np.uint16)),
}


def read(path: Path, image: Image.Image, **options: object) -> LabelMap:
    image.save(path, **options)
    return read_mask(path, size=SIZE)


@pytest.mark.parametrize("name", SOFT)
def test_soft_masks_are_two_regions(tmp_path, caplog, name):
    mask = read(tmp_path / "m.png", SOFT[name])
    values = np.asarray(SOFT[name]) / 255
    np.testing.assert_allclose(mask.share, values, atol=1e-6)
    assert mask.names == {0: "0", 255: "255"}
    np.testing.assert_array_equal(mask.labels, np.where(mask.share >= 0.5, 255, 0))
    assert "m.png: soft grey, taken for two regions: 0 and 255, and between them shares" in caplog.text


@pytest.mark.parametrize("name", LABELS)
def test_label_maps_stay_label_maps(tmp_path, caplog, name):
    mask = read(tmp_path / "m.png", LABELS[name])
    assert mask.share is None
    np.testing.assert_array_equal(mask.labels, np.asarray(LABELS[name]))
    assert not caplog.records


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA", "P", "I;16"])
def test_in_other_modes(tmp_path, mode):
    image = SOFT["feather of 10"]
    deep = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    mask = read(tmp_path / "m.png", deep if mode == "I;16" else image.convert(mode))
    np.testing.assert_allclose(mask.share, np.asarray(image) / 255, atol=1e-4)
    assert list(mask.names.values()) == ["0", "255"]


@pytest.mark.parametrize(("name", "options"), [("m.jpg", {"quality": 75}), ("m.webp", {"quality": 80})])
def test_in_lossy_formats(tmp_path, name, options):
    for image in (SOFT["feather of 10"], SOFT["gradient"]):
        mask = read(tmp_path / name, image, **options)
        np.testing.assert_allclose(mask.share, np.asarray(image) / 255, atol=0.06)
    for label in ("two", "three", "nine"):
        assert read(tmp_path / name, LABELS[label], **options).share is None


def pair(tmp_path: Path, content: Image.Image, style: Image.Image) -> tuple[LabelMap, LabelMap]:
    content.save(tmp_path / "c.png")
    style.save(tmp_path / "s.png")
    return read_mask_pair(tmp_path / "c.png", SIZE, tmp_path / "s.png", SIZE)


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "RGB"])
def test_beside_a_mask_of_black_and_white(tmp_path, mode):
    hard = LABELS["two"]
    deep = Image.fromarray(np.asarray(hard).astype(np.uint16) * 257)
    soft, other = pair(tmp_path, SOFT["gradient"], deep if mode == "I;16" else hard.convert(mode))
    assert other.share is None
    assert soft.names == other.names
    assert list(soft.names.values()) == (["#000000", "#ffffff"] if mode == "RGB" else ["0", "255"])
    np.testing.assert_array_equal(other.labels > 0, X > 100)


def test_two_soft_masks(tmp_path):
    soft, other = pair(tmp_path, SOFT["brush"], SOFT["feather of 4"])
    assert soft.names == other.names
    assert soft.share is not None
    assert other.share is not None
