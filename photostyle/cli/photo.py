"""``photostyle photo`` and ``photostyle apply``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from photostyle.cli import console
from photostyle.cli.parameters import (
    DEFAULTS,
    ContentMask,
    Contents,
    Device,
    DeviceOption,
    MatchingName,
    ModelName,
    Out,
    Overwrite,
    Quiet,
    Size,
    Strength,
    UnpoolName,
)
from photostyle.errors import ParameterError, WeightsError
from photostyle.options import FitOptions, check_strength


def photo(
    contents: Contents,
    style: Annotated[Path, typer.Option(help="Photo whose light and colour to take.", show_default=False)],
    out: Out,
    strength: Strength = DEFAULTS.strength,
    at: Annotated[
        str, typer.Option(metavar="STAGE,…", help="Where features are mapped: any of encoder,decoder,skip.")
    ] = ",".join(DEFAULTS.at),
    matching: Annotated[  # type: ignore[valid-type]
        MatchingName, typer.Option(help="How feature statistics are matched.")
    ] = MatchingName(DEFAULTS.matching),
    unpool: Annotated[  # type: ignore[valid-type]
        UnpoolName | None, typer.Option(help="Which vgg19: summing or concatenating.", show_default=False)
    ] = None,
    content_mask: ContentMask = None,
    style_mask: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="Label map of the style photo, same colours.", show_default=False),
    ] = None,
    model: ModelName = "small",
    device: DeviceOption = Device("auto"),
    size: Size = None,
    save_style: Annotated[
        Path | None, typer.Option(metavar="FILE.style", help="Keep the fitted style.", show_default=False)
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Give photos the light and colour of a reference photo."""
    console.listen(quiet)
    stages: Any = tuple(stage.strip() for stage in at.split(","))  # FitOptions checks the names
    options = FitOptions(stages, matching.value, strength)
    if (content_mask is None) != (style_mask is None):
        given, missing = ("--content-mask", "--style-mask")[:: 1 if content_mask else -1]
        raise ParameterError(f"{given} needs {missing} beside it: regions are matched between the two photos")
    if len(contents) > 1 and save_style:
        raise ParameterError("--save-style keeps the style fitted to one photo: give one CONTENT")
    if len(contents) > 1 and content_mask:
        raise ParameterError("--content-mask belongs to one photo: give one CONTENT")

    from photostyle.device import resolve
    from photostyle.io import check_output, output_paths
    from photostyle.jobs.photo import load, stylize_file
    from photostyle.presets import SUFFIX, save_transfer
    from photostyle.weights import load_model

    keep = [path for path in (style, content_mask, style_mask) if path]
    outputs = output_paths(contents, out, keep=keep)
    if save_style:
        check_output(save_style, overwrite=overwrite, extensions=(SUFFIX,))
    network = load_model(model, unpool=unpool.value if unpool else None, device=resolve(device.value))
    reference = load(style, network, size)
    masks = (content_mask, style_mask) if content_mask and style_mask else None

    def work(content: Path, output: Path) -> None:
        transfer = stylize_file(
            network, content, reference, output, options, masks=masks, side=size, overwrite=overwrite
        )
        if save_style:
            save_transfer(transfer, save_style, overwrite=overwrite)

    _run_each(contents, outputs, out, work, quiet)


def apply(
    style_file: Annotated[Path, typer.Argument(metavar="STYLE_FILE", help="Made by --save-style.", show_default=False)],
    contents: Contents,
    out: Out,
    strength: Annotated[
        float | None, typer.Option(help="0 to 1; without it, the strength it was fitted with.", show_default=False)
    ] = None,
    content_mask: ContentMask = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="The model's file, if it is not small or vgg19.", show_default=False),
    ] = None,
    device: DeviceOption = Device("auto"),
    size: Size = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Apply a saved style to photos, without fitting again."""
    console.listen(quiet)
    if strength is not None:
        check_strength(strength)
    if len(contents) > 1 and content_mask:
        raise ParameterError("--content-mask belongs to one photo: give one CONTENT")

    from photostyle.device import resolve
    from photostyle.io import output_paths
    from photostyle.jobs.photo import apply_file
    from photostyle.presets import load_transfer, read_metadata
    from photostyle.weights import load_model

    where = resolve(device.value)
    metadata = read_metadata(style_file)
    unpool: Any = metadata.get("unpool") if model is None else None
    try:
        network = load_model(metadata.get("model", "") if model is None else model, unpool=unpool, device=where)
    except WeightsError as error:
        if model is not None:
            raise
        raise WeightsError(f"{style_file}: {error}; if it was fitted with a model of your own, give --model") from error
    transfer = load_transfer(style_file, network)
    outputs = output_paths(contents, out, keep=[content_mask] if content_mask else [])

    def work(content: Path, output: Path) -> None:
        apply_file(transfer, content, output, mask=content_mask, strength=strength, side=size, overwrite=overwrite)

    _run_each(contents, outputs, out, work, quiet)


def _run_each(
    contents: Sequence[Path], outputs: Sequence[Path], out: Path, work: Callable[[Path, Path], object], quiet: bool
) -> None:
    from photostyle.io import ensure_folder
    from photostyle.jobs.photo import each

    if outputs[0] != out:
        ensure_folder(out)
    failures, started = [], time.monotonic()
    with console.progress("photos", len(contents), quiet) as update:
        for done, (_, output, failure) in enumerate(each(contents, outputs, work), 1):
            if failure:
                failures.append(failure)
            elif not quiet:
                now = time.monotonic()
                console.say(f"{output} written in {now - started:.1f} s")
            started = time.monotonic()
            update(done, output.name)
    console.finish(failures, len(contents))
