"""The style photos, and how much of them is taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from photostyle.cli.grouping import FIRST, Group
from photostyle.cli.parameters import DEFAULTS, FinishName, parse_strength, parse_styles
from photostyle.errors import ParameterError
from photostyle.options import FitOptions, Matching


def style_option(**more: Any) -> Any:
    """``--style`` with style photos, also by region."""
    return typer.Option(
        metavar="PHOTO",
        help="Photo whose light and colour to take; REGION=PHOTO for one region.",
        show_default=False,
        rich_help_panel=FIRST,
        **more,
    )


@dataclass(frozen=True, kw_only=True)
class StylePhotos(Group):
    """The photos whose light and colour to take."""

    style: Annotated[list[str] | None, style_option()] = None

    def photos(self) -> list[tuple[str | None, Path]]:
        """Each as (the region it is for or None, path)."""
        return parse_styles(self.style or ())

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

    def check(self) -> None:
        """Raise ParameterError unless it is one of the two."""
        if bool(self.style) == bool(self.style_file):
            raise ParameterError("give either --style PHOTO or --style-file FILE.style")

    def paths(self) -> list[Path]:
        """Every file of theirs."""
        return [*super().paths(), *([self.style_file] if self.style_file else [])]


def strength_option(default: str | bool) -> Any:
    """``--strength``, shown with this default."""
    return typer.Option(
        metavar="S,REGION=S,…",
        help="0 changes nothing, 1 is the full style; also by region.",
        show_default=default,
    )


@dataclass(frozen=True, kw_only=True)
class Look(Group, panel="Look"):
    """How much of the style, and how it is fitted."""

    strength: Annotated[str | None, strength_option(True)] = str(DEFAULTS.strength)
    finish: Annotated[
        FinishName,
        typer.Option(
            help="Of what the network made keep what is smooth over place and colour (on, too), or in small windows."
        ),
    ] = DEFAULTS.finish  # type: ignore[assignment]
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
            stages, self.matching, amount, strengths=own, finish="smooth" if self.finish == "on" else self.finish
        )


@dataclass(frozen=True, kw_only=True)
class SavedLook(Look):
    """The same where a saved style may have brought a strength along."""

    strength: Annotated[str | None, strength_option("1; that of a saved style")] = None
