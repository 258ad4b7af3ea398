"""What the words of options mean: their defaults, choices and values with a form of their own."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from photostyle.options import FitOptions, check_strength

if TYPE_CHECKING:
    from photostyle.jobs.rendering import Rendering

DEFAULTS = FitOptions()
SEGMENT = "auto"
FIT_SIZE = "2MP"
_LEAST_FIT, _MOST_FIT = 0.01, 1000

Device = Literal["auto", "cpu", "cuda"]
Switch = Literal["on", "off"]
RenderMode = Literal["auto", "full", "grid"]
BitDepth = Literal["8", "16"]
RawBrightness = Literal["shot", "auto"]
FinishName = Literal["smooth", "windows", "off", "on"]
UnpoolName = Literal["sum", "cat5"]
EngineName = Literal["local", "ray"]


def found_anywhere(name: str) -> str:
    """A name that is a file's, such as that of a model, so that it means the same in any folder."""
    return os.path.abspath(name) if os.path.isfile(name) else name


def parse_strength(text: str, fallback: float | None = None) -> tuple[float | None, dict[str, float]]:
    """``0.8,sky=1`` as (0.8, {"sky": 1.0}); `fallback` where there is no number without a region."""
    common, own = fallback, {}
    for part in _parts(text, "--strength"):
        region, separator, value = part.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            raise _misused("--strength", f"{part!r} is neither a number nor REGION=number") from None
        check_strength(number)
        if separator:
            own[_region(region, "--strength", part)] = number
        else:
            common = number
    return common, own


def parse_rendering(render: RenderMode, memory: str | None, fit_size: str) -> Rendering:
    """What ``--render``, ``--memory`` and ``--fit-size`` say together. Raises ParameterError or typer.BadParameter."""
    # Both are looked at before anything heavy is imported.
    pixels = parse_fit_size(fit_size)

    from photostyle.jobs.rendering import Rendering
    from photostyle.memory import parse_memory

    budget = None if memory is None else parse_memory(memory)
    return Rendering(render, budget, pixels)


def parse_fit_size(text: str) -> int:
    """Pixels of ``2``, ``0.5MP`` or ``full`` (which is 0)."""
    if text.strip().lower() == "full":
        return 0
    try:
        megapixels = float(text.strip().lower().removesuffix("mp"))
    except ValueError:
        megapixels = math.nan
    if not _LEAST_FIT <= megapixels <= _MOST_FIT:
        raise _misused("--fit-size", f"{text!r} is neither full nor megapixels from {_LEAST_FIT} to {_MOST_FIT}")
    return round(megapixels * 1e6)


def parse_mapping(text: str | None) -> dict[str, str]:
    """``water=sky,object=building`` as a table."""
    mapping = {}
    for part in _parts(text, "--map") if text is not None else ():
        content, separator, style = part.partition("=")
        if not separator:
            raise _misused("--map", f"{part!r} is not REGION_OF_THE_PHOTO=REGION_OF_THE_STYLE")
        mapping[_region(content, "--map", part)] = _region(style, "--map", part)
    return mapping


def parse_names(text: str | None) -> list[str]:
    """``object,sky`` as a list."""
    return [_region(part, "--keep", part) for part in _parts(text, "--keep")] if text is not None else []


def parse_styles(texts: Sequence[str]) -> list[tuple[str | None, Path]]:
    """Each ``a.jpg`` or ``sky=a.jpg`` as (region or None, path); a file whose name has a = is found as it is."""
    styles: list[tuple[str | None, Path]] = []
    for text in texts:
        region, separator, path = text.partition("=")
        plain = not separator or "/" in region or os.path.exists(text)
        styles.append((None, Path(text)) if plain else (_region(region, "--style", text), Path(path)))
    return styles


def parse_weighted(texts: Sequence[str], what: str) -> list[tuple[Path, float]]:
    """Each ``a.jpg`` or ``a.jpg:0.7`` as (path, weight); a file whose name has such an end is found as it is."""
    found = []
    for text in texts:
        path, separator, weight = text.rpartition(":")
        try:
            number = float(weight) if separator and not os.path.exists(text) else None
        except ValueError:
            number = None
        if number is not None and not 0 <= number < float("inf"):
            raise typer.BadParameter(f"{text!r}: a weight is 0 or more", param_hint=what)
        found.append((Path(text), 1.0) if number is None else (Path(path), number))
    if not any(weight for _, weight in found):
        raise typer.BadParameter("all weights are 0", param_hint=what)
    return found


def _parts(text: str, option: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise _misused(option, f"{text!r} has an empty part; separate parts by single commas")
    return parts


def _region(name: str, option: str, part: str) -> str:
    from photostyle.io import canonical

    if not name.strip():
        raise _misused(option, f"{part!r} lacks the name of a region")
    return canonical(name.strip())


def _misused(option: str, message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint=option)
