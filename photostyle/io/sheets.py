"""Contact sheets: pictures side by side, each with a zoomed crop and lines of text below it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from photostyle.io.files import check_output
from photostyle.io.swatches import fitting
from photostyle.io.writing import write_photo

Pixels = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom in shares of a picture's sides, 0 to 1."""

HEIGHT = 256  # of pictures, and the side of crops
_WIDEST = 2.0  # in heights: a wider picture is fitted into that
_NARROWEST = 0.75
_GAP, _BETWEEN, _MARGIN, _TITLE, _LINE = 6, 22, 24, 22, 18
_INK, _FAINT, _PAPER, _EMPTY = (32, 32, 32), (110, 110, 110), (250, 250, 250), (228, 228, 228)


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture of a sheet.

    Attributes:
        title: in larger letters below it.
        lines: below the title.
        picture: (H, W, 3) in [0, 1]; None leaves its place empty.
        crop: which part of it is shown enlarged beside it; None shows none.
        framed: draw where the crop lies.
        note: text in an empty place.
    """

    title: str
    lines: Sequence[str] = ()
    picture: Pixels | None = None
    crop: Box | None = None
    framed: bool = False
    note: str = ""


def write_sheet(
    path: Path, title: str, lines: Sequence[str], cells: Sequence[Cell], columns: int, *, overwrite: bool = False
) -> None:
    """Write a contact sheet.

    Args:
        path: where to; the format follows the extension.
        title: in large letters at the top.
        lines: below it; long ones are cut, as everywhere.
        cells: row by row; the first picture's shape decides how wide all cells are.
        columns: cells a row.
        overwrite: replace an existing file.

    Raises:
        OutputError: as `check_output` and `write_photo`.
    """
    check_output(path, overwrite=overwrite)
    large, middle, small = (ImageFont.load_default(size) for size in (22, 17, 14))
    wide = _width(cells)
    cropped = any(cell.crop or cell.picture is None for cell in cells)
    cell_width = wide + (_GAP + HEIGHT if cropped else 0)
    cell_height = HEIGHT + _TITLE + _LINE * max((len(cell.lines) for cell in cells), default=0) + _BETWEEN
    rows = -(-len(cells) // columns)
    top = _MARGIN + 34 + _LINE * len(lines) + _GAP
    width = 2 * _MARGIN + columns * (cell_width + _BETWEEN) - _BETWEEN
    sheet = Image.new("RGB", (width, top + rows * cell_height + _MARGIN - _BETWEEN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), fitting(title, large, width - 2 * _MARGIN), _INK, large)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, _MARGIN + 34 + _LINE * number), fitting(line, small, width - 2 * _MARGIN), _FAINT, small)
    for number, cell in enumerate(cells):
        left = _MARGIN + number % columns * (cell_width + _BETWEEN)
        upper = top + number // columns * cell_height
        _draw(sheet, cell, (left, upper), wide, small)
        below = upper + HEIGHT + 4
        draw.text((left, below), fitting(cell.title, middle, cell_width), _INK, middle)
        for row, line in enumerate(cell.lines):
            draw.text((left, below + _TITLE + _LINE * row), fitting(line, small, cell_width), _FAINT, small)
    write_photo(path, np.asarray(sheet, np.float32) / 255, overwrite=overwrite)


def _width(cells: Sequence[Cell]) -> int:
    shapes = [cell.picture.shape for cell in cells if cell.picture is not None]
    shape = shapes[0][1] / shapes[0][0] if shapes else 1.0
    return round(HEIGHT * min(_WIDEST, max(_NARROWEST, shape)))


def _draw(
    sheet: Image.Image,
    cell: Cell,
    corner: tuple[int, int],
    wide: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    left, upper = corner
    draw = ImageDraw.Draw(sheet)
    if cell.picture is None:
        draw.rectangle((left, upper, left + wide + _GAP + HEIGHT - 1, upper + HEIGHT - 1), _EMPTY)
        room = max(20, (wide + HEIGHT - 2 * _GAP) // 8)
        draw.multiline_text((left + 2 * _GAP, upper + 2 * _GAP), textwrap.fill(cell.note, room), _FAINT, font)
        return
    picture = Image.fromarray((cell.picture.clip(0, 1) * 255).round().astype(np.uint8))
    scale = min(wide / picture.width, HEIGHT / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    sheet.paste(picture.resize(size, Image.Resampling.LANCZOS), corner)
    if cell.crop is None:
        return
    shares = np.multiply(cell.crop, (picture.width, picture.height) * 2)
    part = picture.resize((HEIGHT, HEIGHT), Image.Resampling.LANCZOS, box=tuple(shares.tolist()))
    sheet.paste(part, (left + wide + _GAP, upper))
    if cell.framed:
        x0, y0, x1, y1 = np.multiply(cell.crop, size * 2).round().astype(int).tolist()
        draw.rectangle((left + x0, upper + y0, left + x1 - 1, upper + y1 - 1), outline=(255, 255, 255), width=2)
