"""Options that several commands take, declared once."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photostyle.errors import ParameterError
from photostyle.options import MATCHINGS, FitOptions, check_strength

if TYPE_CHECKING:
    from photostyle.jobs.rendering import Rendering

DEFAULTS = FitOptions()
SEGMENT = "auto"
FIT_SIZE = "2MP"
_LEAST_FIT, _MOST_FIT = 0.01, 1000

Device = Enum("Device", {name: name for name in ("auto", "cpu", "cuda")}, type=str)  # type: ignore[misc]
MatchingName = Enum("MatchingName", {name: name for name in MATCHINGS}, type=str)  # type: ignore[misc]
Switch = Enum("Switch", {name: name for name in ("on", "off")}, type=str)  # type: ignore[misc]
RenderMode = Enum("RenderMode", {name: name for name in ("auto", "full", "grid")}, type=str)  # type: ignore[misc]
BitDepth = Enum("BitDepth", {name: name for name in ("8", "16")}, type=str)  # type: ignore[misc]
BrightnessName = Enum("BrightnessName", {name: name for name in ("shot", "auto")}, type=str)  # type: ignore[misc]
EngineName = Enum("EngineName", {name: name for name in ("local", "ray")}, type=str)  # type: ignore[misc]
UnpoolName = Enum("UnpoolName", {name: name for name in ("sum", "cat5")}, type=str)  # type: ignore[misc]

Contents = Annotated[list[Path], typer.Argument(metavar="CONTENT", help="Photos to retouch.", show_default=False)]
Out = Annotated[
    Path,
    typer.Option("-o", "--out", metavar="OUT_OR_DIR", help="File to write, or folder for several.", show_default=False),
]
Strength = Annotated[
    str, typer.Option(metavar="S,REGION=S,…", help="0 keeps the photo, 1 is the full style; also by region.")
]
Stages = Annotated[
    str, typer.Option("--at", metavar="STAGE,…", help="Where features are mapped: any of encoder,decoder,skip.")
]
Matching = Annotated[MatchingName, typer.Option(help="How feature statistics are matched.")]  # type: ignore[valid-type]
Segment = Annotated[
    str,
    typer.Option(
        metavar="off|auto|ade20k|cluster|PATH", help="How regions are found where there is no mask; PATH: own network."
    ),
]
Finish = Annotated[  # type: ignore[valid-type]
    Switch, typer.Option(help="Take off what the photo's own colours do not explain: rims, blotches, noise.")
]
MaskRefine = Annotated[  # type: ignore[valid-type]
    Switch, typer.Option(help="Fit masks to the photo's edges.")
]
ReportFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE.json", help="Write what was decided on each region.", show_default=False),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what is decided on each region.")]
ModelName = Annotated[str, typer.Option("--model", metavar="small|vgg19|PATH", help="Which network.")]
DeviceOption = Annotated[Device, typer.Option(help="Where the network runs.")]  # type: ignore[valid-type]
Size = Annotated[
    int | None, typer.Option(metavar="N", help="Preview: reduce the long side to N pixels.", show_default=False)
]
Render = Annotated[  # type: ignore[valid-type]
    RenderMode,
    typer.Option(help="full: the network sees every pixel; grid: about a megapixel; auto: full up to 6 MP."),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE", help="For the network's work: 4GiB, 800MB.", show_default="a good half of what is free"
    ),
]
FitSize = Annotated[
    str, typer.Option(metavar="MP|full", help="Megapixels of each photo that are measured, or all: 4, 0.5MP, full.")
]
Bits = Annotated[  # type: ignore[valid-type]
    BitDepth | None,
    typer.Option(help="Bits a sample of results; 16 for PNG and TIFF.", show_default="those of the photo"),
]
RawBrightness = Annotated[  # type: ignore[valid-type]
    BrightnessName, typer.Option(help="Camera raw: exposed as it was shot, or each photo brightened by itself.")
]
EngineChoice = Annotated[EngineName, typer.Option(help="Processes of this machine, or a Ray cluster.")]  # type: ignore[valid-type]
Address = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT|auto", help="The Ray cluster.", show_default="one on this machine, for this run"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
ContentMask = Annotated[
    Path | None,
    typer.Option(metavar="MASK", help="Label map (PNG) of the photo: one colour a region.", show_default=False),
]
Keep = Annotated[
    str | None, typer.Option(metavar="REGION,…", help="Regions that stay as they are.", show_default=False)
]
Unpool = Annotated[  # type: ignore[valid-type]
    UnpoolName | None, typer.Option(help="Which vgg19: summing or concatenating.", show_default=False)
]
Styles = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PHOTO",
        help="Photo whose light and colour to take; REGION=PHOTO for one region.",
        show_default=False,
    ),
]
StyleFile = Annotated[
    Path | None, typer.Option(metavar="FILE.style", help="A saved style instead.", show_default=False)
]
StyleMask = Annotated[
    Path | None,
    typer.Option(metavar="MASK", help="Label map of the style photo, same colours.", show_default=False),
]


def check_regions(content_mask: Path | None, style_mask: Path | None, segment: str, *, by_region: bool) -> None:
    """Raise ParameterError where regions of one side are missing, or all where options name some."""
    if (content_mask is None) != (style_mask is None) and segment in ("off", "cluster"):
        given, missing = ("--content-mask", "--style-mask")[:: 1 if content_mask else -1]
        raise ParameterError(f"{given} needs {missing} beside it: regions are matched between the two photos")
    if segment == "off" and not content_mask and by_region:
        raise ParameterError("options by region need regions: give masks, or --segment auto")


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


def parse_rendering(render: RenderMode, memory: str | None, fit_size: str | None = None) -> Rendering:  # type: ignore[valid-type]
    """What ``--render``, ``--memory`` and ``--fit-size`` say together. Raises ParameterError or typer.BadParameter."""
    # Both are looked at before anything heavy is imported.
    pixels = None if fit_size is None else parse_fit_size(fit_size)

    from photostyle.jobs.rendering import FIT_PIXELS, Rendering
    from photostyle.memory import parse_memory

    budget = None if memory is None else parse_memory(memory)
    mode: Any = render.value  # type: ignore[attr-defined]
    return Rendering(mode, budget, FIT_PIXELS if pixels is None else pixels)


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
