"""``photostyle looks``: which looks come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photostyle.cli import console
from photostyle.cli.grouping import grouped, without
from photostyle.cli.groups import Running, out_option
from photostyle.errors import ParameterError
from photostyle.looks import LOOKS, look_file


@grouped
def looks(
    running: Annotated[Running, without("preset", "verbose")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Looks; all without.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        out_option("SHEET.png|FILE.style", "Write a sheet of what they make of a photo; or one look as a style file."),
    ] = None,
    photo: Annotated[
        Path | None,
        typer.Option(metavar="PHOTO", help="Photo to try them on.", show_default="the sample photo"),
    ] = None,
) -> None:
    """List the embedded looks, for photo --look NAME; with -o, show them on a photo."""
    running.listen()
    chosen = list(dict.fromkeys(names or LOOKS))
    for name in chosen:
        look_file(name)
    if out is None:
        if photo:
            raise ParameterError("--photo needs a sheet to be written: add -o sheet.png")
        wide = max(map(len, chosen))
        for name in chosen:
            console.stdout.print(f"{name:<{wide}}  {LOOKS[name]}")
        return
    if out.suffix.lower() == ".style":
        return _as_file(chosen, out, running)

    from photostyle.cli.trying import sheet
    from photostyle.web.samples import sample

    sheet(photo or sample("day.jpg"), [], chosen, out, running)


def _as_file(chosen: list[str], out: Path, running: Running) -> None:
    """A look as a file for apply, style show and style mix."""
    if len(chosen) > 1:
        raise ParameterError(f"{out}: a style file holds one look: name it")

    from photostyle.io import atomic_write, check_output

    check_output(out, overwrite=running.overwrite, extensions=(".style",))
    with atomic_write(out, overwrite=running.overwrite) as partial:
        partial.write_bytes(look_file(chosen[0]).read_bytes())
    if not running.quiet:
        console.say(f"{out} written: the look {chosen[0]}")
