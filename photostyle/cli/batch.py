"""``photostyle batch``."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from photostyle.cli import console
from photostyle.cli.batch_running import Told, check_address, check_alike, find_engine, found_anywhere
from photostyle.cli.job_presets import JobPreset
from photostyle.cli.parameters import (
    DEFAULTS,
    FIT_SIZE,
    SEGMENT,
    Address,
    Bits,
    BrightnessName,
    Device,
    DeviceOption,
    EngineChoice,
    EngineName,
    Finish,
    FitSize,
    Keep,
    Matching,
    MatchingName,
    Memory,
    Quiet,
    RawBrightness,
    Render,
    RenderMode,
    Segment,
    Size,
    Stages,
    StyleFile,
    Styles,
    Switch,
    Unpool,
    Verbose,
    check_regions,
    parse_mapping,
    parse_names,
    parse_rendering,
    parse_strength,
    parse_styles,
)
from photostyle.errors import ParameterError
from photostyle.options import FitOptions

FormatName = Enum("FormatName", {n: n for n in ("same", "jpg", "png", "tiff", "webp")}, type=str)  # type: ignore[misc]


def batch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photos, also in subfolders.", show_default=False)],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the results.", show_default=False)
    ],
    style: Styles = None,
    style_file: StyleFile = None,
    shared_fit: Annotated[
        bool, typer.Option("--shared-fit", help="One look for all, fitted once to all photos together.")
    ] = False,
    form: Annotated[  # type: ignore[valid-type]
        FormatName, typer.Option("--format", help="What results are written as; same: as the photo, else PNG.")
    ] = FormatName("same"),
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Photos at a time.", show_default="1; with Ray one a machine"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be done, and do nothing.")] = False,
    engine: EngineChoice = EngineName("local"),
    address: Address = None,
    strength: Annotated[
        str | None,
        typer.Option(
            metavar="S,REGION=S,…",
            help="0 keeps the photo, 1 is the full style; also by region.",
            show_default="1; that of a saved style",
        ),
    ] = None,
    at: Stages = ",".join(DEFAULTS.at),
    matching: Matching = MatchingName(DEFAULTS.matching),  # type: ignore[valid-type]
    segment: Segment = SEGMENT,
    finish: Finish = Switch("on" if DEFAULTS.finish else "off"),  # type: ignore[valid-type]
    mapping: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="REGION=REGION,…",
            help="Which style region serves which of the photos'.",
            show_default=False,
        ),
    ] = None,
    keep: Keep = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="small|vgg19|PATH", help="Which network.", show_default="small; that of a saved style"),
    ] = None,
    unpool: Unpool = None,
    device: DeviceOption = Device("auto"),
    size: Size = None,
    render: Render = RenderMode("auto"),
    memory: Memory = None,
    fit_size: FitSize = FIT_SIZE,
    bits: Bits = None,
    raw_brightness: RawBrightness = BrightnessName("shot"),  # type: ignore[valid-type]
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Write what became of each photo.", show_default=False),
    ] = None,
    preset: JobPreset = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do finished photos again.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Give a folder of photos the light and colour of a reference photo; a run that was stopped goes on."""
    console.listen(quiet, verbose)
    common, own = parse_strength(strength) if strength is not None else (None, {})
    styles, pairs, kept = parse_styles(style or ()), parse_mapping(mapping), parse_names(keep)
    if bool(styles) == bool(style_file):
        raise ParameterError("give either --style PHOTO or --style-file FILE.style")
    by_region = bool(pairs or kept or own or any(region for region, _ in styles))
    check_regions(None, None, segment, by_region=by_region and bool(styles))
    if style_file and (shared_fit or pairs or kept):
        raise ParameterError("--shared-fit, --map and --keep are for style photos; a saved style has its own")
    check_address(engine.value, address)
    stages: Any = tuple(stage.strip() for stage in at.split(","))  # FitOptions checks the names
    fit = FitOptions(
        stages, matching.value, DEFAULTS.strength if common is None else common, strengths=own,
        finish=finish.value == "on",
    )  # fmt: skip
    rendering = parse_rendering(render, memory, fit_size)
    if engine.value == "ray":  # workers are elsewhere
        folder, out = folder.absolute(), out.absolute()
        styles = [(region, path.absolute()) for region, path in styles]
        style_file = style_file and style_file.absolute()
        model, segment = model and found_anywhere(model), found_anywhere(segment)

    from photostyle.batch.plan import survey
    from photostyle.batch.run import check_report, settings, write_report
    from photostyle.batch.state import read_state
    from photostyle.batch.work import BatchOptions

    options = BatchOptions(
        tuple(styles), style_file, fit if styles else DEFAULTS, common if style_file else None,
        own if style_file else {}, segment, pairs, tuple(kept), model or (None if style_file else "small"),
        unpool.value if unpool else None, device.value, size, rendering, int(bits.value) if bits else None, shared_fit,
        raw_brightness.value,
    )  # fmt: skip
    made, state = settings(options), read_state(out)
    used = [path for _, path in styles] + ([style_file] if style_file else [])
    plan = survey(folder, out, form.value, since=None if overwrite else state.since, keep=used)
    check_alike(plan, state, state.differences(made))
    if report:
        check_report(report, overwrite=overwrite)
    if not dry_run and plan.waiting:
        state = state.renewed(made, overwrite=overwrite)
    started, told = time.monotonic(), Told(plan, quiet)
    try:
        if dry_run:
            told.list()
        else:
            where = find_engine(engine.value, address, jobs, device.value)
            told.run(options, state, where, jobs or 1 if engine.value == "local" else 1, verbose)
    except KeyboardInterrupt:
        console.say(f"{told.counted()}; the same command{' without --overwrite' if overwrite else ''} goes on")
        raise
    finally:
        if report:
            write_report(report, told.results, plan, time.monotonic() - started)
    told.end(time.monotonic() - started)
