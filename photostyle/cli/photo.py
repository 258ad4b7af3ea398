"""``photostyle photo``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photostyle.cli import console, methods
from photostyle.cli.job_presets import JobPreset
from photostyle.cli.parameters import (
    DEFAULTS,
    FIT_SIZE,
    SEGMENT,
    Bits,
    BrightnessName,
    ContentMask,
    Contents,
    Device,
    DeviceOption,
    Finish,
    FitSize,
    Keep,
    MaskRefine,
    Matching,
    MatchingName,
    Memory,
    ModelName,
    Out,
    Overwrite,
    Quiet,
    RawBrightness,
    Render,
    RenderMode,
    ReportFile,
    Segment,
    Size,
    Stages,
    Strength,
    StyleMask,
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
from photostyle.cli.running import Report, run_each
from photostyle.errors import ParameterError
from photostyle.options import FitOptions

if TYPE_CHECKING:
    from photostyle.regions.labels import Decision


def photo(
    context: typer.Context,
    contents: Contents,
    *,
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PHOTO",
            help="Photo whose light and colour to take; REGION=PHOTO for one region.",
            callback=methods.check_style,
            show_default=False,
        ),
    ] = None,
    out: Out,
    strength: Strength = str(DEFAULTS.strength),
    at: Stages = ",".join(DEFAULTS.at),
    matching: Matching = MatchingName(DEFAULTS.matching),  # type: ignore[valid-type]
    unpool: Unpool = None,
    content_mask: ContentMask = None,
    style_mask: StyleMask = None,
    segment: Segment = SEGMENT,
    mask_refine: MaskRefine = Switch("on"),  # type: ignore[valid-type]
    finish: Finish = Switch("on" if DEFAULTS.finish else "off"),  # type: ignore[valid-type]
    mapping: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="REGION=REGION,…",
            help="Which style region serves which of the photo's.",
            show_default=False,
        ),
    ] = None,
    keep: Keep = None,
    model: ModelName = "small",
    device: DeviceOption = Device("auto"),
    size: Size = None,
    render: Render = RenderMode("auto"),
    memory: Memory = None,
    fit_size: FitSize = FIT_SIZE,
    bits: Bits = None,
    raw_brightness: RawBrightness = BrightnessName("shot"),  # type: ignore[valid-type]
    save_style: Annotated[
        Path | None, typer.Option(metavar="FILE.style", help="Keep the fitted style.", show_default=False)
    ] = None,
    method: methods.MethodName = "wct2",
    steps: methods.Steps = None,
    features: methods.Features = "auto",
    content_weight: methods.ContentWeight = None,
    style_weight: methods.StyleWeight = None,
    optimizer: methods.Optimizer = None,
    init: methods.Init = None,
    style_loss: methods.StyleLoss = None,
    level: methods.Level = None,
    multilevel: methods.Multilevel = None,
    look: methods.Look = None,
    looks: methods.Looks = None,
    seed: methods.Seed = None,
    smooth: methods.Smooth = None,
    report: ReportFile = None,
    preset: JobPreset = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Give photos the light and colour of a reference photo."""
    console.listen(quiet, verbose)
    stages: Any = tuple(stage.strip() for stage in at.split(","))  # FitOptions checks the names
    common, own = parse_strength(strength, DEFAULTS.strength)
    options = FitOptions(stages, matching.value, DEFAULTS.strength if common is None else common,
                         strengths=own, finish=finish.value == "on")  # fmt: skip
    styles, pairs, kept = parse_styles(style or []), parse_mapping(mapping), parse_names(keep)
    by_region = bool(pairs or kept or own or any(region for region, _ in styles))
    check_regions(content_mask, style_mask, segment, by_region=by_region)
    if len(contents) > 1 and save_style:
        raise ParameterError("--save-style keeps the style fitted to one photo: give one CONTENT")
    if len(contents) > 1 and content_mask:
        raise ParameterError("--content-mask belongs to one photo: give one CONTENT")
    if len(styles) > 1 and style_mask:
        raise ParameterError("--style-mask belongs to one style photo: give one --style")
    rendering, depth = parse_rendering(render, memory, fit_size), int(bits.value) if bits else None
    other = methods.wanted(context, method, smooth)
    if other:
        return methods.run(
            other, options if method == "wct2" else methods.options_of(context, other, common), contents, styles, out,
            features=features, looks=looks, model=model, unpool=unpool.value if unpool else None, smooth=smooth,
            masks=(content_mask, style_mask), segment=methods.segmentation(context, other, segment),
            mask_refine=mask_refine.value == "on", mapping=pairs, device=device.value, size=size, bits=depth,
            raw_brightness=raw_brightness.value, report=report, overwrite=overwrite, quiet=quiet,
        )  # fmt: skip

    from photostyle.device import resolve
    from photostyle.io import check_output, output_paths
    from photostyle.jobs.loading import load
    from photostyle.jobs.photo import stylize_file
    from photostyle.jobs.regions import Reference, RegionSettings, prepare
    from photostyle.jobs.segment import find_segmentation
    from photostyle.transfer.presets import SUFFIX, save_transfer
    from photostyle.weights import load_model

    paths = [path for _, path in styles]
    outputs = output_paths(contents, out, keep=[path for path in (*paths, content_mask, style_mask) if path])
    if save_style:
        check_output(save_style, overwrite=overwrite, extensions=(SUFFIX,))
    if report:
        check_output(report, overwrite=overwrite, extensions=(".json",))
    where = resolve(device.value)
    network = load_model(model, unpool=unpool.value if unpool else None, device=where)
    # Of a style nothing but what is measured is needed.
    references = [
        Reference(load(path, size, raw_brightness.value).reduced(rendering.fit_pixels), region)
        for region, path in styles
    ]
    masked = content_mask is not None and style_mask is not None
    found = None if masked else find_segmentation(segment, network, where)
    settings = RegionSettings(found, mask_refine.value == "on", pairs, kept)
    if style_mask is None:
        references = prepare(references, settings)
    decisions: dict[Path, Sequence[Decision]] = {}

    def work(content: Path, output: Path) -> None:
        transfer = stylize_file(
            network, content, references, output, options, masks=(content_mask, style_mask), regions=settings,
            decided=lambda made: decisions.update({content: made}), side=size, rendering=rendering, bits=depth,
            raw_brightness=raw_brightness.value, overwrite=overwrite,
        )  # fmt: skip
        if save_style:
            save_transfer(transfer, save_style, overwrite=overwrite)

    run_each(contents, outputs, out, work, quiet, Report(report, decisions, overwrite))
