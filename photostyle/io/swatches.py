"""Pictures of colours before and after, with their names."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from photostyle.io.files import atomic_write, check_output

Colour = tuple[int, int, int]

EXTENSIONS: tuple[str, ...] = (".png",)
_ACROSS, _WIDTH, _HEIGHT, _GAP, _MARGIN = 6, 152, 84, 18, 28
_INK, _FAINT, _PAPER = (32, 32, 32), (110, 110, 110), (250, 250, 250)


def write_swatches(
    path: Path,
    title: str,
    lines: Sequence[str],
    swatches: Sequence[tuple[str, Colour, Colour]],
    *,
    overwrite: bool = False,
) -> None:
    """Write a PNG of swatches, six a row: the colour before on the left, after on the right, its name below.

    Args:
        path: ends in .png.
        title: a line in larger letters.
        lines: further lines under it; long ones are cut.
        swatches: names and 8-bit sRGB colours before and after.
        overwrite: replace an existing file.

    Raises:
        OutputError: as `check_output` and `atomic_write`.
    """
    check_output(path, overwrite=overwrite, extensions=EXTENSIONS)
    large, small = ImageFont.load_default(22), ImageFont.load_default(14)
    top = _MARGIN + 34 + 20 * len(lines) + _GAP
    rows = -(-len(swatches) // _ACROSS)
    width = 2 * _MARGIN + _ACROSS * (_WIDTH + _GAP) - _GAP
    image = Image.new("RGB", (width, top + rows * (_HEIGHT + 40 + _GAP) + _MARGIN - _GAP), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_MARGIN, _MARGIN), fitting(title, large, width - 2 * _MARGIN), _INK, large)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, _MARGIN + 34 + 20 * number), fitting(line, small, width - 2 * _MARGIN), _FAINT, small)
    for number, (name, before, after) in enumerate(swatches):
        left = _MARGIN + number % _ACROSS * (_WIDTH + _GAP)
        upper = top + number // _ACROSS * (_HEIGHT + 40 + _GAP)
        middle, lower = left + _WIDTH // 2, upper + _HEIGHT
        draw.rectangle((left, upper, middle - 1, lower - 1), before)
        draw.rectangle((middle, upper, left + _WIDTH - 1, lower - 1), after)
        draw.text((left, lower + 4), fitting(name, small, _WIDTH), _INK, small)
        draw.text((left, lower + 21), f"{hexadecimal(before)} > {hexadecimal(after)}", _FAINT, small)
    with atomic_write(path, overwrite=overwrite) as partial:
        image.save(partial, "PNG")


def hexadecimal(colour: Colour) -> str:
    """``#ff8000``."""
    return "#" + "".join(f"{value:02x}" for value in colour)


def fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, cut to a width in pixels, without what Pillow's own font cannot show."""
    letters = unicodedata.normalize("NFKD", text)
    text = "".join(letter for letter in letters if not unicodedata.combining(letter))
    text = text.encode("ascii", "replace").decode("ascii")
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
