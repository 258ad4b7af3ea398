"""The commands put together, and what happens to errors that leave them."""

from __future__ import annotations

from typing import Annotated

import typer

from photostyle import __version__
from photostyle.cli import (
    apply,
    batch,
    compare,
    console,
    doctor,
    epilogues,
    looks,
    lut,
    photo,
    segment,
    style,
    trying,
    video,
    web,
    weights,
)
from photostyle.errors import PhotostyleError

app = typer.Typer(
    name="photostyle",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Photorealistic style transfer: your photo in the light and colour of a reference photo.",
    epilog=epilogues.ROOT,
)
app.command("photo", epilog=epilogues.PHOTO)(photo.photo)
app.command("try")(trying.try_)
app.command("looks")(looks.looks)
app.command("apply")(apply.apply)
app.command("batch")(batch.batch)
app.command("video")(video.video)
app.command("compare")(compare.compare)
app.command("segment")(segment.segment)
app.command("lut")(lut.lut)
app.command("web")(web.web)
app.command("doctor")(doctor.doctor)
app.add_typer(style.app, name="style")
app.add_typer(weights.app, name="weights")


def _version(value: bool) -> None:
    if value:
        console.stdout.print(f"photostyle {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line; every expected error becomes one line on stderr and exit code 1."""
    try:
        app()
    except PhotostyleError as error:
        console.fail(error)
    except SystemExit as end:
        if end.code == console.INTERRUPTED:  # typer's answer to Ctrl-C, without a word
            console.say("photostyle: interrupted")
        raise
    finally:
        console.idle()
