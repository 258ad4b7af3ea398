"""``photostyle style make | show | mix``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photostyle.cli import console
from photostyle.cli.grouping import Group, grouped, without
from photostyle.cli.groups import Large, Look, MaskRefine, Network, Regions, Running, StyleNetwork, out_option
from photostyle.cli.parameters import SEGMENT, parse_weighted
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from photostyle.jobs.style import Swatch

app = typer.Typer(no_args_is_help=True, help="Styles in files: make them from photos, look at them, mix them.")

StyleOut = Annotated[Path, out_option("FILE.style", "File to write.")]


@dataclass(frozen=True, kw_only=True)
class StyleRegions(Group, panel="Regions"):
    """Whether a style knows regions, and how those of its photos are found."""

    segment: Annotated[
        str | None,
        typer.Option(
            metavar="off|auto|ade20k|PATH",
            help="Keep what regions of the style photos look like as well.",
            show_default=f"{SEGMENT}; off with --content",
        ),
    ] = None
    style_mask: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MASK",
            help="Label map (PNG) of a style photo instead; one for each, in their order.",
            show_default=False,
        ),
    ] = None
    mask_refine: MaskRefine = "on"

    def found(self, *, fitted: bool) -> Regions:
        """How they are found in a style that is fitted at once, or is not."""
        usual = "off" if fitted or self.style_mask else SEGMENT
        return Regions(segment=self.segment or usual, mask_refine=self.mask_refine)


@app.command()
@grouped
def make(
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO[:WEIGHT]", help="Style photos; their weights are 1 if not given.", show_default=False
        ),
    ],
    out: StyleOut,
    look: Look,
    regions: StyleRegions,
    large: Annotated[Large, without("size", "render")],
    running: Annotated[Running, without("preset", "verbose")],
    network: Annotated[Network, without("unpool")],
    content: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PHOTO",
            help="Fit to this photo, or to several together, once and for all; without it the style is fitted to each "
            "photo that it is applied to.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a style from one or several photos."""
    running.listen()
    styles = parse_weighted(photos, "PHOTO[:WEIGHT]")
    masks = regions.style_mask or []
    if masks and regions.segment not in (None, "off"):
        raise ParameterError("regions come from --style-mask or from --segment, not from both")
    options, rendering = look.fit_options(), large.rendering()

    from photostyle.io import check_output
    from photostyle.jobs.style import make_style
    from photostyle.transfer.presets import SUFFIX, save_style

    check_output(out, overwrite=running.overwrite, extensions=(SUFFIX,))
    where = network.where()
    model = network.load(where)
    made = make_style(
        model, styles, options, rendering, contents=content or [], masks=masks,
        regions=regions.found(fitted=bool(content)).settings(model, where),
    )  # fmt: skip
    save_style(made, out, overwrite=running.overwrite)
    if not running.quiet:
        fitted = f"fitted to {_count(len(content), 'photo')}" if content else "fitted to each photo"
        console.say(f"{out} written: {_count(len(styles), 'style photo')}, {fitted}")


@app.command()
@grouped
def show(
    style: Annotated[Path, typer.Argument(metavar="STYLE_FILE", help="What to look at.", show_default=False)],
    running: Annotated[Running, without("preset", "verbose")],
    network: Annotated[StyleNetwork, without("unpool")],
    out: Annotated[Path | None, out_option("FILE.png", "Draw the colours as swatches.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    content: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTO",
            help="Fit a style that is fitted to each photo to this one, in place of a chart of colours.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say what a style is, and what it makes of some well-known colours."""
    running.listen()

    from photostyle.io import check_apart, check_output
    from photostyle.io.swatches import EXTENSIONS, write_swatches
    from photostyle.jobs.style import described, model_for, swatches
    from photostyle.transfer.presets import load_style

    if out:
        check_output(out, overwrite=running.overwrite, extensions=EXTENSIONS)
        check_apart([out], [content] if content else [])
    loaded = load_style(style, model_for(style, network.model, network.where()))
    facts, colours = described(style, loaded), swatches(loaded, content)
    lines = _lines(facts)
    if out:
        told = [(swatch.name, swatch.before, swatch.after) for swatch in colours]
        write_swatches(out, style.name, [f"{name}: {text}" for name, text in lines], told, overwrite=running.overwrite)
    if json_:
        facts["swatches"] = [
            {"name": swatch.name, "before": swatch.before, "after": swatch.after} for swatch in colours
        ]
        console.idle()
        typer.echo(json.dumps(facts, indent=1))
    elif not running.quiet:
        _print(lines, colours)


@app.command()
@grouped
def mix(
    styles: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE_FILE[:WEIGHT]", help="Styles of one model; weights are 1 if not given.", show_default=False
        ),
    ],
    out: StyleOut,
    running: Annotated[Running, without("preset", "verbose")],
    network: Annotated[StyleNetwork, without("unpool", "device")],
) -> None:
    """Mix styles into one."""
    running.listen()
    weighted = parse_weighted(styles, "STYLE_FILE[:WEIGHT]")

    from photostyle.device import resolve
    from photostyle.io import check_apart, check_output
    from photostyle.jobs.style import mix_files, model_for
    from photostyle.transfer.presets import SUFFIX, save_style

    check_output(out, overwrite=running.overwrite, extensions=(SUFFIX,))
    check_apart([out], [path for path, _ in weighted])
    paths, weights = [path for path, _ in weighted], [weight for _, weight in weighted]
    mixed = mix_files(paths, weights, model_for(paths[0], network.model, resolve("cpu")))
    save_style(mixed, out, overwrite=running.overwrite)
    if not running.quiet:
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
