"""Pictures in terminals, by whichever protocol they know."""

from __future__ import annotations

from typing import Any

from PIL import Image

_ASPECT = 2  # a cell is about twice as high as wide


def renderable(picture: Image.Image, columns: int) -> Any:
    """What rich prints for a picture, `columns` wide at most.

    ``textual_image`` asks the terminal, when it is imported, whether it knows kitty's graphics or sixels (iTerm2,
    WezTerm, foot, xterm). Where it knows neither, each cell is a half block of two colours.
    """
    from rich.console import Console
    from textual_image import renderable as drawn

    width = min(columns, Console().width)
    if drawn.Image in (drawn.TGPImage, drawn.SixelImage):
        return drawn.Image(picture, width=width, height="auto")
    return half_blocks(picture, width)


def half_blocks(picture: Image.Image, columns: int) -> Any:
    """Two pixels to a cell: the upper half block in the colour of the upper one, on that of the lower one."""
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    rows = max(1, round(columns * picture.height / picture.width / _ASPECT))
    small = picture.convert("RGB").resize((columns, rows * 2), Image.Resampling.LANCZOS)
    values = small.tobytes()

    def colour(x: int, y: int) -> Color:
        at = 3 * (y * columns + x)
        return Color.from_rgb(*values[at : at + 3])

    lines = []
    for y in range(0, 2 * rows, 2):
        cells = [("▀", Style(color=colour(x, y), bgcolor=colour(x, y + 1))) for x in range(columns)]
        lines.append(Text.assemble(*cells, end=""))
    return Text("\n", end="\n").join(lines)
