"""``photostyle weights list | import | fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photostyle.cli import console
from photostyle.cli.grouping import grouped, without
from photostyle.cli.groups import Running

app = typer.Typer(no_args_is_help=True, help="Networks on this machine: list, import, fetch.")


@app.command("list")
def list_() -> None:
    """Show embedded, imported and fetchable weights."""
    from rich.table import Table

    from photostyle.weights import list_models

    table = Table(box=None, pad_edge=False)
    for title in ("name", "where", "unpool", "widths", "size", "licence", "note"):
        table.add_column(title, overflow="fold")
    for info in list_models():
        widths = ",".join(map(str, info.widths)) if info.widths else ""
        size = f"{info.size / 2**20:.1f} MiB"
        table.add_row(info.name, info.where, info.unpool or "", widths, size, info.licence or "", info.note)
    console.stdout.print(table)


@app.command("import")
@grouped
def import_(
    encoder: Annotated[Path, typer.Option(help="wave_encoder_….pth of the public WCT2.", show_default=False)],
    decoder: Annotated[Path, typer.Option(help="wave_decoder_….pth of the public WCT2.", show_default=False)],
    running: Annotated[Running, without("preset", "verbose")],
    name: Annotated[str, typer.Option(help="What to call the model.")] = "vgg19",
) -> None:
    """Convert official WCT2 checkpoints to this program's format, in the cache."""
    running.listen()
    from photostyle.weights import import_checkpoints

    path = import_checkpoints(encoder, decoder, name=name, overwrite=running.overwrite)
    if not running.quiet:
        console.say(f"{path} written; use it with --model {name}")


@app.command()
@grouped
def fetch(
    name: Annotated[str, typer.Argument(help="A name that `weights list` shows as available.", show_default=False)],
    running: Annotated[Running, without("preset", "verbose")],
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="A mirror's folder.", show_default=False)] = None,
) -> None:
    """Download registered weights to the cache, checked by size and hash; a cut download is resumed."""
    running.listen()
    from photostyle.weights import REGISTRY
    from photostyle.weights import fetch as fetch_

    total = next((entry.size for entry in REGISTRY if entry.name == name), 0)
    with console.progress(name, total, running.quiet, bytes_=True) as update:
        path = fetch_(name, progress=lambda done, _: update(done, ""), base_url=base_url, overwrite=running.overwrite)
    if not running.quiet:
        console.say(f"{path} is complete")
