"""``photostyle try``: several references on one photo, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from photostyle.cli import console
from photostyle.cli.grouping import grouped, without
from photostyle.cli.groups import Look, Network, Regions, Running, look_option, out_option
from photostyle.cli.groups.output import Shown
from photostyle.errors import ParameterError
from photostyle.looks import LOOKS, look_file


@grouped
def try_(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="Photo to try them on.", show_default=False)],
    running: Annotated[Running, without("preset", "verbose")],
    look: Look,
    regions: Annotated[Regions, without("content_mask", "style_mask", "mask_refine", "mapping")],
    shown: Annotated[Shown, without("compare")],
    network: Annotated[Network, without("unpool")],
    references: Annotated[
        list[Path] | None,
        typer.Argument(metavar="REFERENCE", help="Photos whose light and colour to try.", show_default=False),
    ] = None,
    names: Annotated[list[str] | None, look_option()] = None,
    out: Annotated[Path | None, out_option("SHEET", "Contact sheet to write: sheet.png.")] = None,
) -> None:
    """Try several references on one photo: a contact sheet, to choose from before anything is made at full size."""
    running.listen()
    if not references and not names:
        raise ParameterError("there is nothing to try: give reference photos, or --look all")
    if out is None and not shown.preview:
        raise ParameterError("give -o sheet.png, or --preview to see it in the terminal")
    if out is None and shown.open:
        raise ParameterError("--open needs a sheet to be written: add -o sheet.png")
    chosen = [*LOOKS] if names and "all" in names else list(names or ())
    for name in chosen:
        look_file(name)
    sheet(photo, references or [], chosen, out, running, look, regions, shown, network)


def sheet(
    photo: Path,
    references: Sequence[Path],
    names: Sequence[str],
    out: Path | None,
    running: Running,
    look: Look | None = None,
    regions: Regions | None = None,
    shown: Shown | None = None,
    network: Network | None = None,
) -> None:
    """Make the sheet of a photo with references and looks, and write or show it. Raises PhotostyleError."""
    look, regions, shown = look or Look(), regions or Regions(), shown or Shown()
    network, options = network or Network(), look.fit_options()

    from tempfile import TemporaryDirectory

    from photostyle.io import check_apart, check_output
    from photostyle.jobs.loading import load
    from photostyle.jobs.looks import chosen_look
    from photostyle.jobs.trying import SIDE, tried, try_sheet

    if out:
        check_output(out, overwrite=running.overwrite)
        check_apart([out], [photo, *references])
    content, where = load(photo, SIDE), network.where()
    model = network.load(where)
    settings = regions.settings(model, where)
    looks = [(name, LOOKS[name], chosen_look([(name, 1.0)], model, options)) for name in names]
    results, total = [], len(references) + len(looks)
    with console.progress("references", total, running.quiet) as update:
        for result in tried(model, content, [*references, *looks], settings, options):
            results.append(result)
            update(len(results), result.title)
            if result.error:
                console.say(f"warning: {result.error}")
    if not any(result.image is not None for result in results):
        console.fail("none of them could be tried")
    with TemporaryDirectory(prefix="photostyle-") as folder:
        path = out or Path(folder) / "sheet.png"
        try_sheet(path, photo.name, content, results, overwrite=running.overwrite)
        if out and not running.quiet:
            console.say(f"{out} written: {len(results)} tried on {photo.name}")
        if shown.preview:
            from PIL import Image

            from photostyle.cli.showing import draw

            with Image.open(path) as picture:
                draw(picture)
    if shown.open and out:
        from photostyle.cli.showing import open_file

        open_file(out)
