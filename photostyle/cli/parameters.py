"""Options that several commands take, declared once."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from photostyle.options import MATCHINGS, FitOptions

DEFAULTS = FitOptions()

Device = Enum("Device", {name: name for name in ("auto", "cpu", "cuda")}, type=str)  # type: ignore[misc]
MatchingName = Enum("MatchingName", {name: name for name in MATCHINGS}, type=str)  # type: ignore[misc]
UnpoolName = Enum("UnpoolName", {name: name for name in ("sum", "cat5")}, type=str)  # type: ignore[misc]

Contents = Annotated[list[Path], typer.Argument(metavar="CONTENT", help="Photos to retouch.", show_default=False)]
Out = Annotated[
    Path,
    typer.Option("-o", "--out", metavar="OUT_OR_DIR", help="File to write, or folder for several.", show_default=False),
]
Strength = Annotated[float, typer.Option(help="0 keeps the photo, 1 is the full style.")]
ModelName = Annotated[str, typer.Option("--model", metavar="small|vgg19|PATH", help="Which network.")]
DeviceOption = Annotated[Device, typer.Option(help="Where the network runs.")]  # type: ignore[valid-type]
Size = Annotated[
    int | None, typer.Option(metavar="N", help="Preview: reduce the long side to N pixels.", show_default=False)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
ContentMask = Annotated[
    Path | None,
    typer.Option(metavar="MASK", help="Label map (PNG) of the photo: one colour a region.", show_default=False),
]
