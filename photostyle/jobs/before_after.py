"""Before and after beside each other, as a picture of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from photostyle.io import as_seen, check_output, limit_size, read_photo, write_photo
from photostyle.io.raw import RawBrightness

SIDE = 2048
"""Long side of each of the two at most."""
_GAP = 8


def before_after(
    content: Path, result: Path, raw_brightness: RawBrightness = "shot", *, side: int = SIDE
) -> Image.Image:
    """The photo and its result, at one size: beside each other, or above each other where they are wide.

    Args:
        content: the photo.
        result: what was made of it.
        raw_brightness: of a camera's raw photo (`photostyle.io.raw`).
        side: the long side of each at most.

    Raises:
        ImageReadError: one cannot be read.
    """
    after = _pixels(result, side, "shot")
    before = _pixels(content, side, raw_brightness).resize(after.size, Image.Resampling.LANCZOS)
    width, height = after.size
    stacked = width > 1.9 * height
    size = (width, 2 * height + _GAP) if stacked else (2 * width + _GAP, height)
    both = Image.new("RGB", size, (250, 250, 250))
    both.paste(before, (0, 0))
    both.paste(after, (0, height + _GAP) if stacked else (width + _GAP, 0))
    return both


def compare_file(
    content: Path, result: Path, path: Path, *, raw_brightness: RawBrightness = "shot", overwrite: bool = False
) -> None:
    """Write `before_after` as a photo in sRGB. Raises ImageReadError, OutputError."""
    check_output(path, overwrite=overwrite)
    both = before_after(content, result, raw_brightness)
    write_photo(path, np.asarray(both, np.float32) / 255, overwrite=overwrite)


def _pixels(path: Path, side: int, raw_brightness: RawBrightness) -> Image.Image:
    photo = limit_size(as_seen(read_photo(path, raw_brightness=raw_brightness)), side)
    return Image.fromarray((photo.pixels.clip(0, 1) * 255).round().astype(np.uint8))
