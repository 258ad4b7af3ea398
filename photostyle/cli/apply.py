"""``photostyle apply``, to photos and to clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photostyle.cli import console, video
from photostyle.cli.job_presets import JobPreset
from photostyle.cli.parameters import (
    SEGMENT,
    Bits,
    BrightnessName,
    ContentMask,
    Contents,
    Device,
    DeviceOption,
    MaskRefine,
    Memory,
    Out,
    Overwrite,
    Quiet,
    RawBrightness,
    Render,
    RenderMode,
    ReportFile,
    Segment,
    Size,
    Switch,
    Verbose,
    parse_rendering,
    parse_strength,
)
from photostyle.cli.running import Report, run_each
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from photostyle.regions.labels import Decision


def apply(
    style_file: Annotated[
        Path, typer.Argument(metavar="STYLE_FILE", help="Made by style make or --save-style.", show_default=False)
    ],
    contents: Contents,
    out: Out,
    strength: Annotated[
        str | None,
        typer.Option(
            metavar="S,REGION=S,…", help="0 to 1; without it, the strength it was made with.", show_default=False
        ),
    ] = None,
    content_mask: ContentMask = None,
    segment: Segment = SEGMENT,
    mask_refine: MaskRefine = Switch("on"),  # type: ignore[valid-type]
    model: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="The model's file, if it is not small or vgg19.", show_default=False),
    ] = None,
    device: DeviceOption = Device("auto"),
    size: Size = None,
    render: Render = RenderMode("auto"),
    memory: Memory = None,
    bits: Bits = None,
    raw_brightness: RawBrightness = BrightnessName("shot"),  # type: ignore[valid-type]
    report: ReportFile = None,
    preset: JobPreset = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Apply a saved style to photos or clips."""
    console.listen(quiet, verbose)
    common, own = parse_strength(strength) if strength is not None else (None, {})
    if len(contents) > 1 and content_mask:
        raise ParameterError("--content-mask belongs to one photo: give one CONTENT")
    rendering, depth = parse_rendering(render, memory), int(bits.value) if bits else None
    if any(map(video.is_clip, contents)) and (render != RenderMode("auto") or memory or bits):
        raise ParameterError("--render, --memory and --bits are for photos, not for clips")

    from photostyle.device import resolve
    from photostyle.io import CLASS_COLOURS, check_output, output_paths
    from photostyle.jobs.photo import apply_file
    from photostyle.jobs.regions import RegionSettings
    from photostyle.jobs.segment import find_segmentation
    from photostyle.jobs.style import model_for
    from photostyle.transfer.presets import load_style

    where = resolve(device.value)
    saved = load_style(style_file, model_for(style_file, model, where))
    if any(map(video.is_clip, contents)):
        return video.apply_to_clips(
            saved, contents, out, strength=common, strengths=own, mask=content_mask, segment=segment,
            size=size, overwrite=overwrite, quiet=quiet,
        )  # fmt: skip
    outputs = output_paths(contents, out, keep=[content_mask] if content_mask else [])
    if report:
        check_output(report, overwrite=overwrite, extensions=(".json",))
    regions = {*saved.regions, *saved.options.strengths, *own}
    # The embedded network knows the classes alone; whether one of the user's own fits is seen when it is loaded.
    useful = bool(regions & set(CLASS_COLOURS)) or segment != SEGMENT
    found = find_segmentation(segment, None, where) if useful and not content_mask and segment != "cluster" else None
    settings = RegionSettings(found, mask_refine.value == "on")
    strengths = {**saved.options.strengths, **own} if own else None
    decisions: dict[Path, Sequence[Decision]] = {}

    def work(content: Path, output: Path) -> None:
        apply_file(
            saved, content, output, mask=content_mask, regions=settings, strength=common, strengths=strengths,
            decided=lambda made: decisions.update({content: made}), side=size, rendering=rendering, bits=depth,
            raw_brightness=raw_brightness.value, overwrite=overwrite,
        )  # fmt: skip

    run_each(contents, outputs, out, work, quiet, Report(report, decisions, overwrite))
