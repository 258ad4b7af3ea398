"""``photostyle lut``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photostyle.cli import console
from photostyle.cli.grouping import Group, grouped, without
from photostyle.cli.groups import (
    OUTPUT,
    Kept,
    Regions,
    Running,
    SavedLook,
    SavedNetwork,
    StyleOrFile,
    out_option,
    segment_option,
)
from photostyle.cli.parameters import SEGMENT
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from torch import Tensor

    from photostyle.jobs.loading import Loaded
    from photostyle.jobs.lut import Explained

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
    look: Annotated[SavedLook, without("finish", "gradient", "protect", "matching", "at")],
    regions: Annotated[TableRegions, without("keep", "mapping", "mask_refine")],
    kept: Kept,
    table: Table,
    running: Annotated[Running, without("preset")],
    network: Annotated[SavedNetwork, without("unpool")],
) -> None:
    """Write the part of a look that is a matter of colour alone as a look-up table for other programs."""
    running.listen()
    styles.check()
    saved_style = styles.saved()
    if regions.style_mask and (saved_style or len(styles.style or ()) > 1):
        raise ParameterError("--style-mask belongs to one --style PHOTO")
    common, own = look.strengths()
    parts = kept.parts()
    photos = styles.photos()
    if photos:
        regions.check(look, styles)

    from photostyle.io import check_apart
    from photostyle.io.luts import too_large_for
    from photostyle.jobs.applying import Application, applied
    from photostyle.jobs.blending import Shares, blended_
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
    graded: Callable[[Loaded, Regions], Tensor]
    # What `photostyle photo` gives without more being said is what a table is to be held against.
    usual = regions if any(regions.masks) or regions.segment != "off" else replace(regions, segment=SEGMENT)
    if saved_style:
        saved = load_style(saved_style, model_for(saved_style, network.model, where))
        strengths = {**saved.options.strengths, **own} if own else None
        name = styles.look or saved_style.name

        def graded(photo: Loaded, found: Regions) -> Tensor:
            settings = found.settings(None, where)
            how = Application(found.content_mask, settings, strength=common, strengths=strengths)
            return applied(saved, photo, Rendering(), how)[1]

    else:
        model = network.load(where)
        references = [
            Reference(load(path).reduced(FIT_PIXELS), region, weight=weight)
            for (region, path), weight in zip(photos, styles.weights(), strict=True)
        ]
        options = look.fit_options()
        name = " and ".join(path.name for _, path in photos)

        def graded(photo: Loaded, found: Regions) -> Tensor:
            settings = found.settings(model, where)
            return stylized(model, photo, references, options, Rendering(), masks=found.masks, regions=settings)[1]

    shares = Shares(*parts)

    def blended(photo: Loaded, found: Regions) -> Tensor:
        before = None if shares.all else photo.image.clone()  # a fit may write over the photo's pixels
        result = graded(photo, found)
        return result if before is None else blended_(before, result, shares)

    title = f"{name} on {content.name}"
    found = lut_file(
        content, out, lambda photo: blended(photo, regions), table.colours, title=title, preview=table.preview,
        overwrite=overwrite, usual=None if usual is regions else lambda photo: blended(photo, usual),
    )  # fmt: skip
    if not running.quiet:
        console.say(f"{out} written: {_figures(found)}")
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


def _figures(found: Explained) -> str:
    """How much of the look the table is, first against what a person would see without it."""
    plain = f"{found.table:.1f} dB from the full result"
    untouched = f"the photo itself is {found.untouched:.1f} dB from it"
    if found.usual is None:
        return f"{plain}; {untouched}"
    return (
        f"{found.usual:.1f} dB from what photostyle photo makes of it (by region), {found.table:.1f} dB from the "
        f"result without regions that it was made of; {untouched}"
    )
