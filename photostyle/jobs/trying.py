"""Several styles tried on one photo: it is read and its regions are found once, then it is fitted to each style."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from photostyle.errors import PhotostyleError
from photostyle.io import check_output
from photostyle.io.sheets import Cell, write_sheet
from photostyle.jobs.applying import Application, applied
from photostyle.jobs.fitting import measure_target
from photostyle.jobs.loading import Loaded, check_visible, explained, load, pixels_of, weighed
from photostyle.jobs.regions import Reference, RegionSettings, prepare, segmented
from photostyle.jobs.rendering import Rendering
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.labels import sizeable
from photostyle.transfer.targets import Target

SIDE = 512
"""Long side of the photo and of style photos while they are tried."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A style on the photo.

    Attributes:
        title: of the style.
        line: said below it.
        image: the result (3, H, W) in [0, 1]; None where it failed.
        error: why it did.
    """

    title: str
    line: str
    image: Tensor | None
    error: str = ""


def tried(
    model: WCT2,
    content: Loaded,
    styles: Sequence[Path | tuple[str, str, Target]],
    settings: RegionSettings,
    options: FitOptions,
) -> Iterator[Tried]:
    """Each style on a photo, one after the other; what is wrong with one of them leaves the others.

    Args:
        model: the network.
        content: the photo, small; it stays as it is.
        styles: style photos, or (title, line, target) of styles that are measured already.
        settings: how regions are found; those of the photo once.
        options: how style photos are fitted.

    Raises:
        PhotostyleError: the photo's own regions cannot be found.
    """
    segment = settings.segment if settings.segment and not settings.segment.joint else None
    how = Application(regions=replace(settings, known=segmented(content, segment) if segment else None))
    for style in styles:
        title, line = (style.name, "") if isinstance(style, Path) else style[:2]
        try:
            target = measured(model, style, settings, options) if isinstance(style, Path) else style[2]
            copy = replace(content, image=content.image.clone())
            yield Tried(title, line, applied(target, copy, Rendering(), how)[1].clamp(0, 1))
        except PhotostyleError as error:
            yield Tried(title, line, None, str(error))


def measured(model: WCT2, path: Path, settings: RegionSettings, options: FitOptions) -> Target:
    """A style photo as a target. Raises PhotostyleError where it cannot be read or has nothing to see."""
    rendering = Rendering()
    loaded = load(path, SIDE)
    check_visible(loaded.photo)
    regions = None
    if settings.segment and not settings.segment.joint:
        found = prepare([Reference(loaded)], settings)[0].regions
        regions = [found.select(sorted(sizeable(found)))] if found else None
    with explained(loaded.photo):
        return measure_target(
            model, [loaded.image], rendering, style_regions=weighed([loaded], regions), names=[path.name],
            options=options,
        )  # fmt: skip


def try_sheet(path: Path, title: str, content: Loaded, results: Sequence[Tried], *, overwrite: bool = False) -> None:
    """Write a contact sheet: the photo first, then each result with the name of its style. Raises OutputError."""
    check_output(path, overwrite=overwrite)
    cells = [Cell("before", (content.photo.path.name,), pixels_of(content.image))]
    cells += [
        Cell(each.title, (each.line,) if each.line else (), None if each.image is None else pixels_of(each.image),
             note=each.error)
        for each in results
    ]  # fmt: skip
    columns = 2 if len(cells) <= 4 else 3 if len(cells) <= 9 else 4
    write_sheet(path, title, (), cells, columns, overwrite=overwrite)
