"""``photostyle compare``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photostyle.cli import console
from photostyle.cli.grouping import Group, grouped, without
from photostyle.cli.groups import OUTPUT, Network, Regions, Running, out_option
from photostyle.cli.methods import Features, Seed
from photostyle.cli.methods_running import stoppable
from photostyle.errors import ParameterError
from photostyle.methods import METHODS, MethodInfo, find

if TYPE_CHECKING:
    from photostyle.jobs.compare import Outcome

_SIZE = 512


@dataclass(frozen=True, kw_only=True)
class Compared(Group, panel="Methods"):
    """Which methods, and how they are run."""

    methods: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help=f"Any of {', '.join(info.name for info in METHODS)}.",
            show_default="all that can run here",
        ),
    ] = ""
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="N,NAME=N,…",
            help="Steps of methods that go on in steps; also by method.",
            show_default="each method's own",
        ),
    ] = None
    size: Annotated[int, typer.Option(metavar="N", help="Reduce the long sides to N pixels.")] = _SIZE
    features: Features = "auto"
    seed: Seed = None


@dataclass(frozen=True, kw_only=True)
class Sheet(Group, panel=OUTPUT):
    """What is written."""

    out: Annotated[Path, out_option("SHEET", "Contact sheet to write.")]
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE.json", help="Write times and measures too.", show_default=False),
    ] = None


@grouped
def compare(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="Photo to retouch.", show_default=False)],
    style: Annotated[
        Path, typer.Argument(metavar="STYLE", help="Photo whose light and colour to take.", show_default=False)
    ],
    compared: Compared,
    regions: Annotated[Regions, without("keep", "mapping")],
    sheet: Sheet,
    running: Annotated[Running, without("preset", "verbose")],
    network: Annotated[Network, without("unpool")],
) -> None:
    """Run several methods on one pair of photos and lay the results side by side, with times and measures."""
    running.listen()
    regions.check()
    asked = _chosen(compared.methods)
    common, own = parse_steps(compared.steps)

    import json

    from photostyle import __version__
    from photostyle.io import atomic_write, check_output, output_paths
    from photostyle.jobs.compare import Pair, described, options_of, report, runnable, sheet_file
    from photostyle.jobs.compare import compare as compare_
    from photostyle.jobs.loading import load
    from photostyle.jobs.methods import regions_of
    from photostyle.jobs.regions import Reference

    out, overwrite = sheet.out, running.overwrite
    output_paths([content], out, keep=[path for path in (style, *regions.masks) if path])
    check_output(out, overwrite=overwrite)
    if sheet.json_file:
        check_output(sheet.json_file, overwrite=overwrite, extensions=(".json",))
    where = network.where()
    infos = asked or runnable(where, compared.features, network.name)
    strangers = sorted(set(own) - {info.name for info in infos if info.iterative})
    if strangers:
        raise ParameterError(f"--steps names {strangers[0]}, which is not among the methods that go on in steps")
    chosen = [(info, options_of(info, own.get(info.name, common), compared.seed)) for info in infos]
    loaded = load(content, compared.size), load(style, compared.size)
    masks = regions.masks
    model = network.load(where) if regions.segment == "cluster" and not all(masks) else None
    ours, theirs = regions_of(
        loaded[0],
        Reference(loaded[1]),
        masks,
        regions.settings(model, where, find=not all(masks)),
    )
    pair = Pair(*loaded, (ours, theirs) if ours and theirs else None, any(masks))
    outcomes: list[Outcome] = []
    counts = [int(getattr(options, "steps", 1)) if info.iterative else 1 for info, options in chosen]
    with console.progress("methods", sum(counts), running.quiet) as update, stoppable() as stop:

        def told(info: MethodInfo, step: int, _total: int, loss: float) -> None:
            update(sum(counts[: len(outcomes)]) + step, f"{info.name}: loss {loss:.4g}")

        how: dict[str, Any] = {"features": compared.features, "model": network.name}
        for outcome in compare_(chosen, pair, where, **how, told=told, should_stop=stop):
            outcomes.append(outcome)
            update(sum(counts[: len(outcomes)]), outcome.info.name)
            if not running.quiet or outcome.error:
                console.say(f"{outcome.info.name}: " + (outcome.error or "; ".join(_close(described(outcome)))))
        stopped = stop()
    sheet_file(out, pair, outcomes, overwrite=overwrite)
    if sheet.json_file:
        told_of: dict[str, Any] = {"version": __version__, **report(pair, outcomes)}
        with atomic_write(sheet.json_file, overwrite=overwrite) as partial:
            partial.write_text(json.dumps(told_of, indent=1), encoding="utf-8")
    if not running.quiet:
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
