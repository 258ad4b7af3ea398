"""``photostyle style make | show | mix``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photostyle.cli import console
from photostyle.cli.parameters import (
    DEFAULTS,
    FIT_SIZE,
    SEGMENT,
    Device,
    DeviceOption,
    Finish,
    FitSize,
    MaskRefine,
    Matching,
    MatchingName,
    Memory,
    ModelName,
    Overwrite,
    Quiet,
    RenderMode,
    Stages,
    Strength,
    Switch,
    parse_rendering,
    parse_strength,
    parse_weighted,
)
from photostyle.errors import ParameterError
from photostyle.options import FitOptions

if TYPE_CHECKING:
    from photostyle.jobs.style import Swatch

app = typer.Typer(no_args_is_help=True, help="Styles in files: make them from photos, look at them, mix them.")

StyleOut = Annotated[Path, typer.Option("-o", "--out", metavar="FILE.style", help="File to write.", show_default=False)]
ModelPath = Annotated[
    str | None, typer.Option("--model", metavar="PATH", help="The model's file, if it is not small or vgg19.",
                             show_default=False),
]  # fmt: skip


@app.command()
def make(
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO[:WEIGHT]", help="Style photos; their weights are 1 if not given.", show_default=False
        ),
    ],
    out: StyleOut,
    content: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PHOTO",
            help="Fit to this photo, or to several together, once and for all; without it the style is fitted to each "
            "photo that it is applied to.",
            show_default=False,
        ),
    ] = None,
    strength: Strength = str(DEFAULTS.strength),
    at: Stages = ",".join(DEFAULTS.at),
    matching: Matching = MatchingName(DEFAULTS.matching),  # type: ignore[valid-type]
    finish: Finish = Switch("on" if DEFAULTS.finish else "off"),  # type: ignore[valid-type]
    segment: Annotated[
        str | None,
        typer.Option(
            metavar="off|auto|ade20k|PATH",
            help="Keep what regions of the style photos look like as well.",
            show_default=f"{SEGMENT}; off with --content",
        ),
    ] = None,
    style_mask: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MASK",
            help="Label map (PNG) of a style photo instead; one for each, in their order.",
            show_default=False,
        ),
    ] = None,
    mask_refine: MaskRefine = Switch("on"),  # type: ignore[valid-type]
    model: ModelName = "small",
    device: DeviceOption = Device("auto"),
    memory: Memory = None,
    fit_size: FitSize = FIT_SIZE,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Make a style from one or several photos."""
    console.listen(quiet)
    styles = parse_weighted(photos, "PHOTO[:WEIGHT]")
    if style_mask and segment not in (None, "off"):
        raise ParameterError("regions come from --style-mask or from --segment, not from both")
    stages: Any = tuple(stage.strip() for stage in at.split(","))  # FitOptions checks the names
    common, own = parse_strength(strength, DEFAULTS.strength)
    options = FitOptions(stages, matching.value, DEFAULTS.strength if common is None else common,
                         strengths=own, finish=finish.value == "on")  # fmt: skip
    rendering = parse_rendering(RenderMode("auto"), memory, fit_size)

    from photostyle.device import resolve
    from photostyle.io import check_output
    from photostyle.jobs.regions import RegionSettings
    from photostyle.jobs.segment import find_segmentation
    from photostyle.jobs.style import make_style
    from photostyle.transfer.presets import SUFFIX, save_style
    from photostyle.weights import load_model

    check_output(out, overwrite=overwrite, extensions=(SUFFIX,))
    where = resolve(device.value)
    network = load_model(model, device=where)
    found = find_segmentation(segment or ("off" if content or style_mask else SEGMENT), network, where)
    made = make_style(
        network, styles, options, rendering, contents=content or [], masks=style_mask or [],
        regions=RegionSettings(found, mask_refine.value == "on"),
    )  # fmt: skip
    save_style(made, out, overwrite=overwrite)
    if not quiet:
        fitted = f"fitted to {_count(len(content), 'photo')}" if content else "fitted to each photo"
        console.say(f"{out} written: {_count(len(styles), 'style photo')}, {fitted}")


@app.command()
def show(
    style: Annotated[Path, typer.Argument(metavar="STYLE_FILE", help="What to look at.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE.png", help="Draw the colours as swatches.", show_default=False),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    content: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTO",
            help="Fit a style that is fitted to each photo to this one, in place of a chart of colours.",
            show_default=False,
        ),
    ] = None,
    model: ModelPath = None,
    device: DeviceOption = Device("auto"),
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Say what a style is, and what it makes of some well-known colours."""
    console.listen(quiet)

    from photostyle.device import resolve
    from photostyle.io import check_apart, check_output
    from photostyle.io.swatches import EXTENSIONS, write_swatches
    from photostyle.jobs.style import described, model_for, swatches
    from photostyle.transfer.presets import load_style

    if out:
        check_output(out, overwrite=overwrite, extensions=EXTENSIONS)
        check_apart([out], [content] if content else [])
    loaded = load_style(style, model_for(style, model, resolve(device.value)))
    facts, colours = described(style, loaded), swatches(loaded, content)
    lines = _lines(facts)
    if out:
        told = [(swatch.name, swatch.before, swatch.after) for swatch in colours]
        write_swatches(out, style.name, [f"{name}: {text}" for name, text in lines], told, overwrite=overwrite)
    if json_:
        facts["swatches"] = [
            {"name": swatch.name, "before": swatch.before, "after": swatch.after} for swatch in colours
        ]
        typer.echo(json.dumps(facts, indent=1))
    elif not quiet:
        _print(lines, colours)


@app.command()
def mix(
    styles: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE_FILE[:WEIGHT]", help="Styles of one model; weights are 1 if not given.", show_default=False
        ),
    ],
    out: StyleOut,
    model: ModelPath = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Mix styles into one."""
    console.listen(quiet)
    weighted = parse_weighted(styles, "STYLE_FILE[:WEIGHT]")

    from photostyle.device import resolve
    from photostyle.io import check_apart, check_output
    from photostyle.jobs.style import mix_files, model_for
    from photostyle.transfer.presets import SUFFIX, save_style

    check_output(out, overwrite=overwrite, extensions=(SUFFIX,))
    check_apart([out], [path for path, _ in weighted])
    paths, weights = [path for path, _ in weighted], [weight for _, weight in weighted]
    mixed = mix_files(paths, weights, model_for(paths[0], model, resolve("cpu")))
    save_style(mixed, out, overwrite=overwrite)
    if not quiet:
        console.say(f"{out} written: a mix of {_count(len(paths), 'style')}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    options = facts["options"]
    strengths = [f"{options['strength']:g}", *(f"{name}={value:g}" for name, value in options["strengths"].items())]
    styles = ", ".join(f"{style['name']} ({style['share']:.0%})" for style in facts["styles"])
    return [
        ("kind", facts["kind"] + (f", from {styles}" if styles else "")),
        ("strength", ",".join(strengths)),
        ("regions", ", ".join(facts["regions"]) or "none"),
        ("fitting", f"{options['matching']}, finish {options['finish']}"),
        ("sites", ", ".join(facts["sites"])),
        ("model", f"{facts['model']} ({facts['unpool']}), fingerprint {facts['fingerprint'][:16]}"),
    ]


def _print(lines: Sequence[tuple[str, str]], colours: Sequence[Swatch]) -> None:
    from rich.table import Table
    from rich.text import Text

    from photostyle.io.swatches import hexadecimal

    for name, text in lines:
        console.stdout.print(f"{name:<9} {console.printable(text)}")
    table = Table(box=None, pad_edge=False)
    for title in ("colour", "before", "after", ""):
        table.add_column(title)
    for swatch in colours:
        before, after = hexadecimal(swatch.before), hexadecimal(swatch.after)
        patch = Text.assemble(("    ", f"on {before}"), ("    ", f"on {after}"))
        table.add_row(swatch.name, before, after, patch)
    console.stdout.print(table)
