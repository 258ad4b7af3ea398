"""A look as a look-up table: fitted to a photo and its result, and measured against that result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from photostyle.colour.lut import Lut, check_size, fit_lut, psnr
from photostyle.io import check_output, write_photo
from photostyle.io.luts import check_lut, write_lut
from photostyle.jobs.loading import Loaded, explained, load, pixels_of
from photostyle.jobs.rendering import FIT_PIXELS

POOR = 30.0
"""Decibels below which a table shows another picture than the full result."""
_SAMPLES = 1 << 18  # colours that a table is fitted to: more change nothing that could be seen


@dataclass(frozen=True, eq=False)
class Explained:
    """A table, and how much of the look it is.

    Attributes:
        lut: the table.
        table: dB (peak signal to noise) between what the table makes of the photo and the full result.
        untouched: dB between the photo and the full result, for scale.
        usual: dB between what the table makes of the photo and the result that is usual, by region; None if that is
            the full result, or was not asked for.
    """

    lut: Lut
    table: float
    untouched: float
    usual: float | None = None

    @property
    def poor(self) -> bool:
        """The table does not show the look."""
        return min(self.table, self.table if self.usual is None else self.usual) < POOR


def check(output: Path, size: int, preview: Path | None, *, overwrite: bool) -> None:
    """Raise what `lut_file` would raise of its outputs and size."""
    check_size(size)
    check_lut(output, size, overwrite=overwrite)
    if preview:
        check_output(preview, overwrite=overwrite)


def lut_file(
    content: Path,
    output: Path,
    grade: Callable[[Loaded], Tensor],
    size: int,
    *,
    title: str = "",
    preview: Path | None = None,
    overwrite: bool = False,
    usual: Callable[[Loaded], Tensor] | None = None,
) -> Explained:
    """Write the part of a look that is a function of colour alone as a 3D look-up table from sRGB to sRGB.

    Args:
        content: the photo that the look is fitted to; it is reduced to what is measured of a photo.
        output: .cube, or .png for a Hald image.
        grade: gives the full result (3, H, W) of a photo, whose pixels it may overwrite.
        size: N of N³ colours; for a Hald image a square number.
        title: kept in a .cube.
        preview: where to write what the table makes of the photo, at its full size.
        overwrite: replace existing files.
        usual: gives the result that a person would otherwise have, as `grade`, to be measured against as well.

    Raises:
        PhotostyleError: anything wrong with the files, the size or memory, or raised by `grade`; nothing is left
            half-written.
    """
    check(output, size, preview, overwrite=overwrite)
    whole = load(content)
    seen = whole.reduced(FIT_PIXELS)
    before = np.array(seen.photo.pixels)
    after = pixels_of(grade(seen)).copy()
    # `grade` may have overwritten the pixels.
    other = pixels_of(usual(load(content).reduced(FIT_PIXELS))) if usual else None
    if seen.photo.alpha is not None and seen.photo.alpha.any():  # a table is of what can be seen
        shown = seen.photo.alpha > 0
        before, after = before[shown][None], after[shown][None]
        other = None if other is None else other[shown][None]
    found = explain(before, after, size)
    if other is not None:
        found = replace(found, usual=psnr(found.lut(before), other))
    write_lut(output, found.lut.table, title=title, overwrite=overwrite)
    if preview:
        # `grade` may have overwritten the pixels of a photo that was small enough.
        photo = whole.photo if seen is not whole else load(content).photo
        with explained(photo):
            write_photo(preview, found.lut(photo.pixels), like=photo, dither=photo.bits > 8, overwrite=overwrite)
    return found


def explain(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], size: int) -> Explained:
    """The table that best takes a photo (H, W, 3) to its result, fitted to a sample of its pixels."""
    x, y = before.reshape(-1, 3), after.reshape(-1, 3)
    if len(x) > _SAMPLES:
        chosen = np.random.default_rng(0).choice(len(x), _SAMPLES, replace=False)
        x, y = x[chosen], y[chosen]
    lut = fit_lut(x, np.clip(y, 0, 1), size)
    return Explained(lut, psnr(lut(before), after), psnr(before, after))
