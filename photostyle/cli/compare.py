"""``photostyle compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photostyle.cli import console
from photostyle.cli.methods import Features, Seed, stoppable
from photostyle.cli.parameters import (
    SEGMENT,
    ContentMask,
    Device,
    DeviceOption,
    MaskRefine,
    ModelName,
    Overwrite,
    Quiet,
    Segment,
    StyleMask,
    Switch,
    check_regions,
)
from photostyle.errors import ParameterError
from photostyle.methods import METHODS, MethodInfo, find

if TYPE_CHECKING:
    from photostyle.jobs.compare import Outcome

_SIZE = 512


def compare(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="Photo to retouch.", show_default=False)],
    style: Annotated[
        Path, typer.Argument(metavar="STYLE", help="Photo whose light and colour to take.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="SHEET", help="Contact sheet to write.", show_default=False)
    ],
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help=f"Any of {', '.join(info.name for info in METHODS)}.",
            show_default="all that can run here",
        ),
    ] = "",
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="N,NAME=N,…",
            help="Steps of methods that go on in steps; also by method.",
            show_default="each method's own",
        ),
    ] = None,
    content_mask: ContentMask = None,
    style_mask: StyleMask = None,
    segment: Segment = SEGMENT,
    mask_refine: MaskRefine = Switch("on"),  # type: ignore[valid-type]
    size: Annotated[int, typer.Option(metavar="N", help="Reduce the long sides to N pixels.")] = _SIZE,
    features: Features = "auto",
    model: ModelName = "small",
    seed: Seed = None,
    device: DeviceOption = Device("auto"),
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE.json", help="Write times and measures too.", show_default=False),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Run several methods on one pair of photos and lay the results side by side, with times and measures."""
    console.listen(quiet)
    check_regions(content_mask, style_mask, segment, by_region=False)
    asked = _chosen(methods)
    common, own = parse_steps(steps)

    import json

    from photostyle import __version__
    from photostyle.device import resolve
    from photostyle.io import atomic_write, check_output, output_paths
    from photostyle.jobs.compare import Pair, described, options_of, report, runnable, sheet_file
    from photostyle.jobs.compare import compare as compare_
    from photostyle.jobs.loading import load
    from photostyle.jobs.methods import regions_of
    from photostyle.jobs.regions import Reference, RegionSettings
    from photostyle.jobs.segment import find_segmentation
    from photostyle.weights import load_model

    output_paths([content], out, keep=[path for path in (style, content_mask, style_mask) if path])
    check_output(out, overwrite=overwrite)
    if json_file:
        check_output(json_file, overwrite=overwrite, extensions=(".json",))
    where = resolve(device.value)
    infos = asked or runnable(where, features, model)
    strangers = sorted(set(own) - {info.name for info in infos if info.iterative})
    if strangers:
        raise ParameterError(f"--steps names {strangers[0]}, which is not among the methods that go on in steps")
    chosen = [(info, options_of(info, own.get(info.name, common), seed)) for info in infos]
    loaded = load(content, size), load(style, size)
    masks = (content_mask, style_mask)
    network = load_model(model, device=where) if segment == "cluster" and not all(masks) else None
    found = None if all(masks) else find_segmentation(segment, network, where)
    ours, theirs = regions_of(
        loaded[0],
        Reference(loaded[1]),
        masks,
        RegionSettings(found, mask_refine.value == "on"),  # type: ignore[attr-defined]
    )
    pair = Pair(*loaded, (ours, theirs) if ours and theirs else None, any(masks))
    outcomes: list[Outcome] = []
    counts = [int(getattr(options, "steps", 1)) if info.iterative else 1 for info, options in chosen]
    with console.progress("methods", sum(counts), quiet) as update, stoppable() as stop:

        def told(info: MethodInfo, step: int, _total: int, loss: float) -> None:
            update(sum(counts[: len(outcomes)]) + step, f"{info.name}: loss {loss:.4g}")

        for outcome in compare_(chosen, pair, where, features=features, model=model, told=told, should_stop=stop):
            outcomes.append(outcome)
            update(sum(counts[: len(outcomes)]), outcome.info.name)
            if not quiet or outcome.error:
                console.say(f"{outcome.info.name}: " + (outcome.error or "; ".join(_close(described(outcome)))))
        stopped = stop()
    sheet_file(out, pair, outcomes, overwrite=overwrite)
    if json_file:
        told_of: dict[str, Any] = {"version": __version__, **report(pair, outcomes)}
        with atomic_write(json_file, overwrite=overwrite) as partial:
            partial.write_text(json.dumps(told_of, indent=1), encoding="utf-8")
    if not quiet:
        console.say(f"{out} written")
    if stopped:
        raise KeyboardInterrupt
    if not any(outcome.image is not None for outcome in outcomes):
        console.fail("no method gave a result")


def parse_steps(text: str | None) -> tuple[int | None, dict[str, int]]:
    """``50,gatys=300`` as (50, {"gatys": 300}). Raises ParameterError for what is no number or no method."""
    common: int | None = None
    own: dict[str, int] = {}
    for part in text.split(",") if text else ():
        name, separator, value = part.strip().rpartition("=")
        if not value.isdecimal() or int(value) < 1:
            raise ParameterError(f"--steps has {part.strip()!r}; it takes N or NAME=N, each N from 1")
        if separator:
            own[find(name.strip()).name] = int(value)
        else:
            common = int(value)
    return common, own


def _chosen(text: str) -> list[MethodInfo]:
    names = [part.strip() for part in text.split(",")] if text else []
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ParameterError(f"--methods names {twice} twice")
    return [find(name) for name in names]


def _close(lines: list[str]) -> list[str]:
    return [", ".join(line.split("   ")) for line in lines]
