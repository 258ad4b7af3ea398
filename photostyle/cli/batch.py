"""``photostyle batch``."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from photostyle.cli import console
from photostyle.cli.batch_running import Told, check_alike
from photostyle.cli.grouping import grouped, without
from photostyle.cli.groups import (
    Engine,
    Kept,
    Large,
    Look,
    Network,
    Output,
    Regions,
    SavedLook,
    SavedNetwork,
    StyleOrFile,
    StylePhotos,
    out_option,
)
from photostyle.cli.parameters import DEFAULTS, found_anywhere
from photostyle.errors import ParameterError

Format = Literal["same", "jpg", "png", "tiff", "webp"]


@dataclass(frozen=True, kw_only=True)
class ShootLook(SavedLook):
    """The look of a folder of photos."""

    shared_fit: Annotated[
        bool, typer.Option("--shared-fit", help="One look for all, fitted once to all photos together.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class ManyPhotos(Engine):
    """How many photos are done."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be done, and do nothing.")] = False


@dataclass(frozen=True, kw_only=True)
class FolderOutput(Output):
    """What a folder of photos is written to."""

    out: Annotated[Path, out_option("DIR", "Folder for the results.")] = field()  # no default, unlike that of photos
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write what became of each photo.", show_default=False)
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do finished photos again.")] = False
    form: Annotated[
        Format, typer.Option("--format", help="What results are written as; same: as the photo, else PNG.")
    ] = "same"


@grouped
def batch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photos, also in subfolders.", show_default=False)],
    styles: StyleOrFile,
    look: ShootLook,
    regions: Annotated[Regions, without("content_mask", "style_mask", "mask_refine")],
    kept: Kept,
    large: Large,
    many: ManyPhotos,
    output: Annotated[FolderOutput, without("save_style")],
    network: SavedNetwork,
) -> None:
    """Give a folder of photos the light and colour of a reference photo; a run that was stopped goes on."""
    output.listen()
    styles.check()
    _run(folder, styles, look, regions, kept, large, many, output, network)


def run_folder(
    folder: Path,
    styles: StylePhotos,
    look: Look,
    regions: Regions,
    kept: Kept,
    large: Large,
    output: Output,
    network: Network,
) -> None:
    """What ``photostyle photo FOLDER`` does: `batch` with the groups of `photo`."""
    named = getattr(styles, "look", None)
    chosen = StyleOrFile(style=styles.style, look=named[0] if named else None)
    chosen.check()
    values = {field.name: getattr(look, field.name) for field in fields(Look)}
    if named and values["strength"] == Look.strength:
        values["strength"] = None  # that of the look
    written = {field.name: getattr(output, field.name) for field in fields(Output) if field.name != "out"}
    out = output.out or folder.absolute().with_name(f"{folder.absolute().name}-styled")
    _run(
        folder, chosen, ShootLook(**values), regions, kept, large, ManyPhotos(), FolderOutput(out=out, **written),
        network,
    )  # fmt: skip


def _run(
    folder: Path,
    styles: StyleOrFile,
    look: ShootLook,
    regions: Regions,
    kept: Kept,
    large: Large,
    many: ManyPhotos,
    output: FolderOutput,
    network: Network,
) -> None:
    common, own = look.strengths()
    photos, pairs, staying = styles.photos(), regions.pairs(), regions.kept()
    if photos:
        regions.check(look, styles)
    saved = styles.saved()
    if styles.style_file and (look.shared_fit or pairs or staying):
        raise ParameterError("--shared-fit, --map and --keep are for style photos; a saved style has its own")
    if styles.look and look.shared_fit:
        raise ParameterError("--shared-fit is for style photos: an embedded look is fitted to each photo")
    many.check()
    fit, rendering = look.fit_options(), large.rendering()
    out, style_file, model = output.out, saved, network.model
    if many.elsewhere:
        folder, out = folder.absolute(), out.absolute()
        photos = [(region, path.absolute()) for region, path in photos]
        style_file = style_file and style_file.absolute()
        model = model and found_anywhere(model)
        regions = replace(regions, segment=found_anywhere(regions.segment))

    from photostyle.batch.plan import survey
    from photostyle.batch.run import check_report, settings, write_report
    from photostyle.batch.state import read_state
    from photostyle.batch.work import BatchOptions

    options = BatchOptions(
        tuple(photos), style_file, fit if photos else DEFAULTS, common if style_file else None,
        own if style_file else {}, regions.segment, pairs, tuple(staying), model or (None if style_file else "small"),
        network.unpool, network.device, large.size, rendering, output.depth, look.shared_fit,
        output.raw_brightness, tuple(styles.weights()), *kept.parts(),
    )  # fmt: skip
    made, state = settings(options), read_state(out)
    used = [path for _, path in photos] + ([style_file] if style_file else [])
    plan = survey(folder, out, output.form, since=None if output.overwrite else state.since, keep=used)
    check_alike(plan, state, state.differences(made))
    if output.report:
        check_report(output.report, overwrite=output.overwrite)
    if not many.dry_run and plan.waiting:
        state = state.renewed(made, overwrite=output.overwrite)
    started, told = time.monotonic(), Told(plan, output.quiet)
    try:
        if many.dry_run:
            told.list()
        else:
            told.run(options, state, many.find(network.device), many.sharing, output.verbose)
    except KeyboardInterrupt:
        console.say(f"{told.counted()}; the same command{' without --overwrite' if output.overwrite else ''} goes on")
        raise
    finally:
        if output.report:
            write_report(output.report, told.results, plan, time.monotonic() - started)
    told.end(time.monotonic() - started)
