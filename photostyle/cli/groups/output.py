"""The photos that come in, and what is written, replaced and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from photostyle.cli import console
from photostyle.cli.grouping import FIRST, Group
from photostyle.cli.job_presets import JobPreset
from photostyle.cli.parameters import BitDepth, RawBrightness

OUTPUT = "Output"

Contents = Annotated[list[Path], typer.Argument(metavar="CONTENT", help="Photos to retouch.", show_default=False)]


def out_option(metavar: str, text: str, *, stdout: bool = False, default: str = "") -> Any:
    """``--out``, which each command has its own kind of; ``-`` only where `stdout` says so."""
    return typer.Option(
        "-o", "--out", metavar=metavar, help=text, show_default=default or False, rich_help_panel=FIRST,
        callback=None if stdout else _no_stdout,
    )  # fmt: skip


def _no_stdout(path: Path | None) -> Path | None:
    if path is not None and str(path) == "-":
        raise typer.BadParameter("'-', standard output, is for photo and apply: name a file", param_hint="--out")
    return path


@dataclass(frozen=True, kw_only=True)
class Running(Group, panel=OUTPUT):
    """How a command goes about it, and what it says."""

    preset: JobPreset = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is decided on each region.")] = False

    def listen(self) -> None:
        """Show the library's messages as asked."""
        console.listen(self.quiet, self.verbose)


@dataclass(frozen=True, kw_only=True)
class Results(Group, panel=OUTPUT):
    """What is written."""

    out: Annotated[
        Path | None,
        out_option(
            "OUT_OR_DIR", "File to write, folder for several, - for standard output.", stdout=True,
            default="NAME-styled beside the photo",
        ),
    ] = None  # fmt: skip
    save_style: Annotated[
        Path | None, typer.Option(metavar="FILE.style", help="Keep the fitted style.", show_default=False)
    ] = None
    bits: Annotated[
        BitDepth | None,
        typer.Option(help="Bits a sample of results; 16 for PNG and TIFF.", show_default="those of the photo"),
    ] = None
    raw_brightness: Annotated[
        RawBrightness,
        typer.Option(help="Camera raw: exposed as it was shot, or each photo brightened by itself."),
    ] = "shot"
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Write what was decided on each region.", show_default=False),
    ] = None

    @property
    def depth(self) -> int | None:
        """Bits a sample; None as the photo."""
        return int(self.bits) if self.bits else None


@dataclass(frozen=True, kw_only=True)
class Output(Running, Results):  # in help, what is of the last base comes first
    """What photos are written to, and how."""

    def of(self, contents: Sequence[Path], keep: Sequence[Path | None]) -> list[Path]:
        """The output of each photo; checks all that will be written. `keep`: other files that none may replace.

        Raises:
            OutputError: something cannot be written, or would replace what it must not.
        """
        from photostyle.cli.naming import beside
        from photostyle.io import check_output, output_paths
        from photostyle.transfer.presets import SUFFIX

        others = [path for path in keep if path]
        if self.out is None:
            outputs = beside(contents, others, overwrite=self.overwrite)
        else:
            outputs = output_paths(contents, self.out, keep=others)
        if self.save_style:
            check_output(self.save_style, overwrite=self.overwrite, extensions=(SUFFIX,))
        if self.report:
            check_output(self.report, overwrite=self.overwrite, extensions=(".json",))
        return outputs


@dataclass(frozen=True, kw_only=True)
class Shown(Group, panel=OUTPUT):
    """What is shown of a result, beside its file."""

    compare: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write before and after beside each other.", show_default=False),
    ] = None
    preview: Annotated[bool, typer.Option("--preview", help="Show before and after in the terminal.")] = False
    open: Annotated[bool, typer.Option("--open", help="Open the result in the system's viewer.")] = False

    @property
    def any(self) -> bool:
        """Something is asked for."""
        return self.compare is not None or self.preview or self.open


@dataclass(frozen=True, kw_only=True)
class ShownOutput(Shown, Output):  # in help, what is of the last base comes first
    """What photos are written to, how, and what is shown of them."""
