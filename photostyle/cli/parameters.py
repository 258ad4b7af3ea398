"""What the words of options mean: their defaults, choices and values with a form of their own."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import typer

from photostyle.options import PROTECTED, FitOptions, check_strength

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
    """``0.8,sky=100%`` as (0.8, {"sky": 1.0}); `fallback` where there is no number without a region."""
    common, own = fallback, {}
    for part in _parts(text, "--strength"):
        region, separator, value = part.rpartition("=")
        number = _share(value)
        if number is None:
            raise _misused("--strength", f"{part!r} is neither a number nor REGION=number")
        check_strength(number)
        if separator:
            own[_region(region, "--strength", part)] = number
        else:
            common = number
    return common, own


def parse_protect(text: str) -> dict[str, float]:
    """``0.5,skin=1`` by kind of `PROTECTED`: those that are not named have the number, or 1; ``off`` is 0 for all."""
    common = 1.0
    own: dict[str, float] = {}
    for part in _parts(text, "--protect"):
        kind, separator, value = part.rpartition("=")
        number = 0.0 if not separator and value.strip() == "off" else _share(value)
        if number is None or not 0 <= number <= 1:
            raise _misused("--protect", f"{part!r} is neither off, a number from 0 to 1 nor KIND=number")
        if separator and kind.strip() not in PROTECTED:
            raise _misused("--protect", f"{kind!r} is none of {', '.join(PROTECTED)}")
        if separator:
            own[kind.strip()] = number
        else:
            common = number
    return {**dict.fromkeys(PROTECTED, common), **own}


def parse_share(text: str, option: str) -> float:
    """``0.8`` or ``80%``, in [0, 1]. Raises typer.BadParameter."""
    number = _share(text)
    if number is None or not 0 <= number <= 1:
        raise _misused(option, f"{text!r} is neither a number from 0 to 1 nor per cent, such as 50%")
    return number


def _share(text: str) -> float | None:
    """A number, or per cent of 1; None for what is neither."""
    plain = text.strip()
    try:
        return float(plain.removesuffix("%").strip()) / 100 if plain.endswith("%") else float(plain)
    except ValueError:
        return None


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


class Styled(NamedTuple):
    """A style photo: the region it is for or None, where it is, and its weight among those of the same pixels."""

    region: str | None
    path: Path
    weight: float


def parse_styles(texts: Sequence[str]) -> list[Styled]:
    """Each ``a.jpg``, ``sky=a.jpg`` or ``a.jpg:0.7``; a file whose name has a = or such an end is found as it is."""
    styles: list[Styled] = []
    for text in texts:
        region, separator, path = text.partition("=")
        plain = not separator or "/" in region or os.path.exists(text)
        file, weight = _weighted(text if plain else path, "--style")
        styles.append(Styled(None if plain else _region(region, "--style", text), Path(file), weight))
    groups = {region: [style.weight for style in styles if style.region == region] for region, _, _ in styles}
    if any(not any(weights) for weights in groups.values()):
        raise _misused("--style", "all weights are 0")
    return styles


def parse_weighted(texts: Sequence[str], what: str) -> list[tuple[Path, float]]:
    """Each ``a.jpg`` or ``a.jpg:0.7`` as (path, weight); a file whose name has such an end is found as it is."""
    found = [(Path(path), weight) for path, weight in (_weighted(text, what) for text in texts)]
    if not any(weight for _, weight in found):
        raise typer.BadParameter("all weights are 0", param_hint=what)
    return found


def parse_looks(texts: Sequence[str]) -> list[tuple[str, float]]:
    """Each ``golden-hour`` or ``golden-hour:0.7`` as (name, weight). Raises ParameterError, typer.BadParameter."""
    from photostyle.looks import look_file

    found = [_weighted(text, "--look") for text in texts]
    for name, _ in found:
        look_file(name)
    if found and not any(weight for _, weight in found):
        raise _misused("--look", "all weights are 0")
    return found


def _weighted(text: str, what: str) -> tuple[str, float]:
    name, separator, weight = text.rpartition(":")
    number = _share(weight) if separator and not os.path.exists(text) else None
    if number is not None and not 0 <= number < float("inf"):
        raise typer.BadParameter(f"{text!r}: a weight is 0 or more", param_hint=what)
    return (text, 1.0) if number is None else (name, number)


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
