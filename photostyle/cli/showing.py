"""Results shown: in the terminal, in the viewer of the system, and as a file with before and after."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from photostyle.cli import console
from photostyle.cli.groups import ShownOutput
from photostyle.cli.naming import STANDARD
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from PIL import Image

_CELLS = 80  # columns of a preview at most


def check_shown(output: ShownOutput, contents: Sequence[Path]) -> None:
    """Raise what could not be shown or written, before any work.

    Raises:
        ParameterError: it belongs to one photo, or to a file.
        OutputError: the file of before and after cannot be written.
    """
    if not output.any:
        return
    if output.out == STANDARD or STANDARD in contents:
        raise ParameterError("--compare, --preview and --open are for files, not for standard input and output")
    if output.compare is None:
        return
    if len(contents) > 1:
        raise ParameterError("--compare belongs to one photo: give one CONTENT")

    from photostyle.io import check_apart, check_output

    check_output(output.compare, overwrite=output.overwrite)
    check_apart([output.compare, *([output.out] if output.out else [])], contents)


def show_all(output: ShownOutput, contents: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Write, draw and open what was asked for. Raises PhotostyleError."""
    if not output.any:
        return

    from photostyle.jobs.before_after import before_after, compare_file

    if output.compare is not None:
        compare_file(contents[0], outputs[0], output.compare, raw_brightness=output.raw_brightness,
                     overwrite=output.overwrite)  # fmt: skip
        if not output.quiet:
            console.say(f"{output.compare} written: before and after")
    for content, result in zip(contents, outputs, strict=True):
        if output.preview and result.is_file():
            draw(before_after(content, result, output.raw_brightness, side=1024))
        if output.open:
            open_file(result)


def open_file(path: Path) -> None:
    """Show a file with whatever the system shows its kind with; says where it is if there is nothing."""
    if typer.launch(str(path)) != 0:
        console.say(f"warning: there is no program to open {path} with")


def draw(picture: Image.Image) -> None:
    """Draw a picture on standard output: by kitty's or the sixel protocol, or in half blocks; in a pipe nothing.

    Which of them the terminal knows is found out by ``textual-image``, which asks the terminal.
    """
    if not sys.stdout.isatty():
        console.say("warning: --preview draws on terminals; standard output is none")
        return
    from rich.console import Console

    from photostyle.cli.terminal import renderable

    Console().print(renderable(picture, _CELLS))
