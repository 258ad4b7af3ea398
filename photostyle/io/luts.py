"""Look-up tables on disk, for Lightroom, Resolve, ffmpeg and others: .cube text and Hald PNG.

No light library writes .cube: pillow-lut reads only, colour-science brings a colour laboratory along. The format is a
header of a few words and rows of numbers (Adobe, Cube LUT Specification 1.0), which NumPy prints. The specification
lets the words come in any order; FFmpeg's lut3d takes no notice of a domain before the size.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from photostyle.errors import ParameterError
from photostyle.io.files import StrPath, atomic_write, check_output

EXTENSIONS: tuple[str, ...] = (".cube", ".png")
"""What `write_lut` can write: a .cube file, or a Hald image."""

HALD_LEVELS: tuple[int, ...] = (4, 5, 6, 7, 8, 9, 10, 11)

READERS: tuple[tuple[str, int], ...] = (("Pillow", 65), ("OpenColorIO", 129), ("FFmpeg", 256))
"""The largest cubes that programs read; most that grade or retouch stop at 65 as well."""


def hald_level(size: int) -> int:
    """Return the level L of a Hald image of a cube of `size` = L².

    Raises:
        ParameterError: there is none of that size.
    """
    for level in HALD_LEVELS:
        if level * level == size:
            return level
    sizes = ", ".join(str(level * level) for level in HALD_LEVELS)
    raise ParameterError(f"a Hald image holds a cube of {sizes} a side, not {size}; give one of these as size")


def check_lut(path: StrPath, size: int, *, overwrite: bool) -> None:
    """Raise unless a cube of `size` could be written to `path` right now; errors as `write_lut`."""
    check_output(path, overwrite=overwrite, extensions=EXTENSIONS)
    if Path(path).suffix.lower() == ".png":
        hald_level(size)


def too_large_for(size: int) -> list[str]:
    """Names of the programs of `READERS` that read no cube of this size, with the most that they do."""
    return [f"{name} (up to {most})" for name, most in READERS if size > most]


def write_lut(path: StrPath, table: npt.NDArray[np.floating[Any]], *, title: str = "", overwrite: bool = False) -> None:
    """Write a cube (N, N, N, 3), ``table[r, g, b]`` in [0, 1], as the extension says.

    A .cube holds decimals of six places, red fastest. A Hald PNG of level L, where N = L², is L³ pixels square with 16
    bits, red fastest along its rows.

    Raises:
        ParameterError: no cube, or a size that a Hald image cannot have.
        OutputError: as `check_output` and `atomic_write`.
    """
    target = Path(path)
    size = table.shape[0]
    check_lut(target, size, overwrite=overwrite)
    if table.shape != (size, size, size, 3):
        raise ParameterError(f"{target}: cannot write an array of shape {table.shape} as a LUT; give (N, N, N, 3)")
    rows = np.clip(table, 0, 1).transpose(2, 1, 0, 3).reshape(-1, 3)
    if target.suffix.lower() == ".cube":
        text = io.BytesIO()
        words = " ".join(title.replace('"', "'").split()).encode("ascii", "replace").decode()
        header = f'TITLE "{words}"\nLUT_3D_SIZE {size}\nDOMAIN_MIN 0.0 0.0 0.0\nDOMAIN_MAX 1.0 1.0 1.0'
        np.savetxt(text, rows, "%.6f", header=header, comments="")
        data = text.getvalue()
    else:
        side = hald_level(size) ** 3
        data = bytes(imagecodecs.png_encode(np.rint(rows * 65535).astype(np.uint16).reshape(side, side, 3)))
    with atomic_write(target, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)
