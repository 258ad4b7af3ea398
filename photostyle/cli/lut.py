"""``photostyle lut``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photostyle.cli import console
from photostyle.cli.grouping import Group, grouped, without
from photostyle.cli.groups import (
    OUTPUT,
    Regions,
    Running,
    SavedLook,
    SavedNetwork,
    StyleOrFile,
    out_option,
    segment_option,
)
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from torch import Tensor

    from photostyle.jobs.loading import Loaded

_SIZE, _HALD_SIZE = 33, 36


@dataclass(frozen=True, kw_only=True)
class TableRegions(Regions):
    """Regions of a look that is to be a table: off, as a table knows none."""

    segment: Annotated[str, segment_option()] = "off"


@dataclass(frozen=True, kw_only=True)
class Table(Group, panel=OUTPUT):
    """The table that is written."""

    out: Annotated[Path, out_option("FILE", "Table to write: .cube, or .png (Hald).")]
    size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Colours along each side of the cube, 2 to 129. Pillow reads up to 65, OpenColorIO 129, FFmpeg 256.",
            show_default=f"{_SIZE}; {_HALD_SIZE} in a .png",
        ),
    ] = None
    preview: Annotated[
        Path | None,
        typer.Option(metavar="PHOTO", help="Write what the table makes of CONTENT.", show_default=False),
    ] = None

    @property
    def colours(self) -> int:
        """Along each side of the cube."""
        usual = _HALD_SIZE if self.out.suffix.lower() == ".png" else _SIZE
        return usual if self.size is None else self.size


@grouped
def lut(
    content: Annotated[
        Path, typer.Argument(metavar="CONTENT", help="Photo that the look is fitted to.", show_default=False)
    ],
    styles: StyleOrFile,
    look: Annotated[SavedLook, without("finish", "matching", "at")],
    regions: Annotated[TableRegions, without("keep", "mapping", "mask_refine")],
    table: Table,
    running: Annotated[Running, without("preset")],
    network: Annotated[SavedNetwork, without("unpool")],
) -> None:
    """Write the part of a look that is a matter of colour alone as a look-up table for other programs."""
    running.listen()
    styles.check()
    if regions.style_mask and (styles.style_file or len(styles.style or ()) > 1):
        raise ParameterError("--style-mask belongs to one --style PHOTO")
    common, own = look.strengths()
    photos = styles.photos()
    if photos:
        regions.check(look, styles)

    from photostyle.io import check_apart
    from photostyle.io.luts import too_large_for
    from photostyle.jobs.applying import Application, applied
    from photostyle.jobs.loading import load
    from photostyle.jobs.lut import POOR, check, lut_file
    from photostyle.jobs.photo import stylized
    from photostyle.jobs.regions import Reference
    from photostyle.jobs.rendering import FIT_PIXELS, Rendering
    from photostyle.jobs.style import model_for
    from photostyle.transfer.presets import load_style

    out, overwrite = table.out, running.overwrite
    check(out, table.colours, table.preview, overwrite=overwrite)
    read = [content, *regions.masks, *styles.paths()]
    check_apart([out, table.preview] if table.preview else [out], [path for path in read if path])
    where = network.where()
    grade: Callable[[Loaded], Tensor]
    if styles.style_file:
        saved = load_style(styles.style_file, model_for(styles.style_file, network.model, where))
        settings = regions.settings(None, where)
        strengths = {**saved.options.strengths, **own} if own else None
        how = Application(regions.content_mask, settings, strength=common, strengths=strengths)
        name = styles.style_file.name

        def grade(photo: Loaded) -> Tensor:
            return applied(saved, photo, Rendering(), how)[1]

    else:
        model = network.load(where)
        references = [Reference(load(path).reduced(FIT_PIXELS), region) for region, path in photos]
        settings = regions.settings(model, where)
        options = look.fit_options()
        name = " and ".join(path.name for _, path in photos)

        def grade(photo: Loaded) -> Tensor:
            return stylized(model, photo, references, options, Rendering(), masks=regions.masks, regions=settings)[1]

    title = f"{name} on {content.name}"
    found = lut_file(content, out, grade, table.colours, title=title, preview=table.preview, overwrite=overwrite)
    if not running.quiet:
        console.say(
            f"{out} written: {found.table:.1f} dB from the full result; the photo itself is {found.untouched:.1f} dB "
            "from it"
        )
    unread = too_large_for(table.colours)
    if unread and not running.quiet:
        console.say(
            f"warning: a table of {table.colours} a side is too large for {', '.join(unread)} and others; "
            "65 or less fits"
        )
    if found.poor and not running.quiet:
        console.say(
            f"warning: a table cannot show this look well (below {POOR:g} dB), as it knows colours but not where they "
            "are: regions and local changes need photostyle photo or apply"
        )
