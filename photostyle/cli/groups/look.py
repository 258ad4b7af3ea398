"""The style photos, and how much of them is taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from photostyle.cli.grouping import FIRST, Group
from photostyle.cli.parameters import (
    DEFAULTS,
    FinishName,
    parse_protect,
    parse_share,
    parse_strength,
    parse_styles,
)
from photostyle.errors import ParameterError
from photostyle.looks import LOOKS, look_file
from photostyle.options import FitOptions, Matching

Switch = Literal["on", "off"]


def style_option(**more: Any) -> Any:
    """``--style`` with style photos, also by region."""
    return typer.Option(
        metavar="PHOTO",
        help="Photo whose light and colour to take; also REGION=PHOTO and PHOTO:WEIGHT.",
        show_default=False,
        rich_help_panel=FIRST,
        **more,
    )


def look_option() -> Any:
    """``--look`` with names of embedded looks."""
    return typer.Option(
        "--look",
        metavar="NAME",
        help="Embedded look in place of a style photo (photostyle looks).",
        show_default=False,
        rich_help_panel=FIRST,
        autocompletion=lambda: [*LOOKS],
    )


@dataclass(frozen=True, kw_only=True)
class StylePhotos(Group):
    """The photos whose light and colour to take."""

    style: Annotated[list[str] | None, style_option()] = None

    def photos(self) -> list[tuple[str | None, Path]]:
        """Each as (the region it is for or None, path)."""
        return [(style.region, style.path) for style in parse_styles(self.style or ())]

    def weights(self) -> list[float]:
        """Each one's share where several serve the same pixels."""
        return [style.weight for style in parse_styles(self.style or ())]

    def paths(self) -> list[Path]:
        """Every file of theirs."""
        return [path for _, path in self.photos()]


@dataclass(frozen=True, kw_only=True)
class StyleOrFile(StylePhotos):
    """Style photos, or a saved style."""

    style_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE.style", help="A saved style instead.", show_default=False, rich_help_panel=FIRST),
    ] = None

    look: Annotated[str | None, look_option()] = None

    def check(self) -> None:
        """Raise ParameterError unless it is one of the three, and there is such a look."""
        if sum(map(bool, (self.style, self.style_file, self.look))) != 1:
            raise ParameterError("give one of --style PHOTO, --look NAME and --style-file FILE.style")
        self.saved()

    def saved(self) -> Path | None:
        """The file of a saved style or of an embedded look. Raises ParameterError."""
        return look_file(self.look) if self.look else self.style_file

    def paths(self) -> list[Path]:
        """Every file of theirs."""
        saved = self.saved()
        return [*super().paths(), *([saved] if saved else [])]


def strength_option(default: str | bool) -> Any:
    """``--strength``, shown with this default."""
    return typer.Option(
        metavar="S,REGION=S,…",
        help="From 0, nothing, to 1 or 100%.",
        show_default=default,
    )


def part_option(what: str) -> Any:
    """``--colour`` and ``--brightness``."""
    return typer.Option(metavar="S", help=f"How much of the change in {what} alone is kept, 0 to 1 or per cent.")


@dataclass(frozen=True, kw_only=True)
class Look(Group, panel="Look"):
    """How much of the style, and how it is fitted."""

    strength: Annotated[str | None, strength_option(True)] = str(DEFAULTS.strength)
    finish: Annotated[
        FinishName,
        typer.Option(help="How the result is smoothed."),
    ] = DEFAULTS.finish  # type: ignore[assignment]
    gradient: Annotated[Switch, typer.Option(help="Sky by height, as in the style.", show_default=False)] = "on"
    protect: Annotated[
        str,
        typer.Option(
            metavar="S,KIND=S,…",
            help="Keep hues: skin, leaves, white.",
            show_default=False,
        ),
    ] = "1"
    matching: Annotated[Matching, typer.Option(help="How feature statistics are matched.")] = DEFAULTS.matching
    at: Annotated[
        str, typer.Option("--at", metavar="STAGE,…", help="Where features are mapped: any of encoder,decoder,skip.")
    ] = ",".join(DEFAULTS.at)

    def strengths(self) -> tuple[float | None, dict[str, float]]:
        """That of the whole photo, None if it is not given, and those of regions."""
        return (None, {}) if self.strength is None else parse_strength(self.strength)

    def fit_options(self) -> FitOptions:
        """All of them for the fit. Raises ParameterError."""
        stages: Any = tuple(stage.strip() for stage in self.at.split(","))  # FitOptions checks the names
        common, own = self.strengths()
        amount = DEFAULTS.strength if common is None else common
        return FitOptions(
            stages,
            self.matching,
            amount,
            strengths=own,
            finish="smooth" if self.finish == "on" else self.finish,
            gradient=self.gradient == "on",
            protect=parse_protect(self.protect),
        )


@dataclass(frozen=True, kw_only=True)
class SavedLook(Look):
    """The same where a saved style may have brought a strength along."""

    strength: Annotated[str | None, strength_option("1; that of a saved style")] = None


@dataclass(frozen=True, kw_only=True)
class Kept(Group, panel="Colour and light"):
    """How much of the change is kept, in colour and in brightness apart."""

    colour: Annotated[str, part_option("colour")] = "1"
    brightness: Annotated[str, part_option("brightness")] = "1"

    def parts(self) -> tuple[float, float]:
        """Of colour and of brightness, 0 to 1. Raises typer.BadParameter."""
        return parse_share(self.colour, "--colour"), parse_share(self.brightness, "--brightness")
