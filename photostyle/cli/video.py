"""``photostyle video``, and ``photostyle apply`` for clips."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photostyle.cli import console
from photostyle.cli.batch_running import check_address, find_engine, found_anywhere
from photostyle.cli.job_presets import JobPreset
from photostyle.cli.parameters import (
    DEFAULTS,
    SEGMENT,
    Address,
    Device,
    DeviceOption,
    EngineChoice,
    EngineName,
    Matching,
    MatchingName,
    ModelName,
    Overwrite,
    Quiet,
    parse_strength,
)
from photostyle.cli.video_running import Progress, check_installed, run_clip
from photostyle.errors import ParameterError
from photostyle.options import FitOptions
from photostyle.video.options import FIT_MODES, VideoOptions

if TYPE_CHECKING:
    from photostyle.transfer.targets import Target
    from photostyle.transfer.transfer import Transfer
    from photostyle.video.stylize import Report

CLIPS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp", ".wmv")
_CONTAINERS = (".mp4", ".mov", ".mkv", ".webm")
_CODECS = ("h264", "hevc", "prores", "ffv1", "vp9")
_USUAL = VideoOptions()
FitName = Enum("FitName", {name: name for name in FIT_MODES}, type=str)  # type: ignore[misc]
CodecName = Enum("CodecName", {name: name for name in _CODECS}, type=str)  # type: ignore[misc]


def video(
    clip: Annotated[Path, typer.Argument(metavar="IN", help="Clip to grade.", show_default=False)],
    style: Annotated[
        Path, typer.Option(metavar="PHOTO", help="Photo whose light and colour to take.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="OUT", help="Clip to write: mp4, mov, mkv or webm.", show_default=False),
    ],
    strength: Annotated[
        str, typer.Option(metavar="S,REGION=S,…", help="0 keeps the clip, 1 is the full style; also by region.")
    ] = str(DEFAULTS.strength),
    fit: Annotated[  # type: ignore[valid-type]
        FitName,
        typer.Option(
            help="shot: one fit a shot, steady; drift: slowly changing, for long takes whose light changes; frame: "
            "every frame by itself, for comparison."
        ),
    ] = FitName(_USUAL.fit),
    keyframes: Annotated[
        int, typer.Option(metavar="N", help="Frames that a shot, or a window of drift, is fitted to.")
    ] = _USUAL.keyframes,
    window: Annotated[float, typer.Option(metavar="S", help="Seconds between the fits of drift.")] = _USUAL.window,
    segment: Annotated[
        str,
        typer.Option(metavar="off|auto|ade20k|PATH", help="Find regions in every frame; steadied along the motion."),
    ] = "off",
    content_mask: Annotated[
        Path | None,
        typer.Option(
            metavar="CLIP_OR_DIR", help="Label maps of the frames: a painted clip, or a PNG each.", show_default=False
        ),
    ] = None,
    style_mask: Annotated[
        Path | None, typer.Option(metavar="MASK", help="Label map of the style photo.", show_default=False)
    ] = None,
    matching: Matching = MatchingName(DEFAULTS.matching),  # type: ignore[valid-type]
    model: ModelName = "small",
    device: DeviceOption = Device("auto"),
    start: Annotated[float | None, typer.Option(metavar="S", help="Second to begin at.", show_default=False)] = None,
    end: Annotated[float | None, typer.Option(metavar="S", help="Second to end at.", show_default=False)] = None,
    codec: Annotated[  # type: ignore[valid-type]
        CodecName | None, typer.Option(help="Without it, h264, or vp9 in webm.", show_default=False)
    ] = None,
    crf: Annotated[
        int | None, typer.Option(metavar="N", help="Constant rate factor: less is better.", show_default=False)
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Small, and quickly encoded.")] = False,
    allow_hdr: Annotated[bool, typer.Option("--allow-hdr", help="Go on with PQ and HLG clips.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Segments at a time.", show_default="1; with Ray one a machine"),
    ] = None,
    engine: EngineChoice = EngineName("local"),
    address: Address = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    preset: JobPreset = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Give a clip the light and colour of a reference photo, steady from frame to frame, with its sound."""
    console.listen(quiet)
    common, own = parse_strength(strength, DEFAULTS.strength)
    amount = DEFAULTS.strength if common is None else common
    how = FitOptions(matching=matching.value, strength=amount, strengths=own)
    options = VideoOptions(
        fit=fit.value, keyframes=keyframes, window=window, start=start, end=end,
        codec=codec.value if codec else None, crf=crf, preview=preview, allow_hdr=allow_hdr,
    )  # fmt: skip
    if (content_mask is None) != (style_mask is None) and segment == "off":
        given, missing = ("--content-mask", "--style-mask")[:: 1 if content_mask else -1]
        raise ParameterError(f"{given} needs {missing} beside it, or --segment auto for the other side")
    if own and segment == "off" and content_mask is None:
        raise ParameterError("a strength by region needs regions: give masks, or --segment auto")
    check_address(engine.value, address)
    shared = engine.value == "ray" or (jobs or 1) > 1
    if shared and options.fit == "frame":
        raise ParameterError("--fit frame goes without --jobs and --engine")
    check_installed()

    from photostyle.device import resolve
    from photostyle.video.regions import masks_of, segmented
    from photostyle.video.stylize import load_style, stylize_clip
    from photostyle.weights import load_model

    where = resolve(device.value)
    network = load_model(model, device=where)
    found = None
    if segment != "off" and not (content_mask and style_mask):
        from photostyle.segmentation import load_segmenter

        found = segmented(load_segmenter(segment, where))
    regions = masks_of(content_mask, clip) if content_mask else found
    reference = load_style(style, network, mask=style_mask, segment=found)
    workers = None
    if shared:
        from photostyle.video.workers import Recipe, Workers

        recipe = Recipe(
            found_anywhere(model), device.value, content_mask and content_mask.absolute(), found_anywhere(segment),
            jobs or 1 if engine.value == "local" else 1,
        )  # fmt: skip
        workers = Workers(find_engine(engine.value, address, jobs, device.value), recipe)
        if engine.value == "ray":  # workers are elsewhere
            clip, out = clip.absolute(), out.absolute()

    def work(progress: Progress) -> Report:
        return stylize_clip(
            network, clip, reference, out, how, options, regions=regions, resume=resume, overwrite=overwrite,
            progress=progress, workers=workers,
        )  # fmt: skip

    run_clip(clip, out, work, quiet, keep=[style, content_mask, style_mask])


def is_clip(path: Path) -> bool:
    """Whether a path is named like a clip."""
    return path.suffix.lower() in CLIPS


def apply_to_clips(
    style: Transfer | Target,
    clips: Sequence[Path],
    out: Path,
    *,
    strength: float | None,
    strengths: Mapping[str, float],
    mask: Path | None,
    segment: str,
    size: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """What ``photostyle apply`` does with clips; an interrupted run is continued. Arguments are its options.

    A style that is not fitted yet is fitted to every shot.
    """
    if not all(map(is_clip, clips)):
        raise ParameterError("photos and clips do not go together: apply the style to each kind by itself")
    if size is not None:
        raise ParameterError("--size is for photos; for a small copy of a clip use photostyle video --preview")
    if len(clips) > 1 and out.suffix:
        raise ParameterError(f"{out}: {len(clips)} clips need a folder to be written to")
    check_installed()

    from photostyle.io import CLASS_COLOURS, ensure_folder
    from photostyle.regions.regions import WHOLE
    from photostyle.transfer.targets import Target
    from photostyle.video.looks import StyleSide
    from photostyle.video.regions import masks_of, segmented
    from photostyle.video.stylize import apply_clip, stylize_clip

    if strengths:
        style = replace(style, options=replace(style.options, strengths={**style.options.strengths, **strengths}))
    found, by_region = None, {*style.regions, *style.options.strengths} - {WHOLE}
    if mask and not by_region:
        raise ParameterError(f"{mask}: the style was made without regions, so these masks would do nothing")
    # As for photos: the embedded network knows the classes alone.
    useful = bool(by_region & set(CLASS_COLOURS)) or segment != SEGMENT
    if by_region and useful and mask is None and segment not in ("off", "cluster"):
        from photostyle.segmentation import load_segmenter

        found = segmented(load_segmenter(segment, next(style.model.parameters()).device))
    if not out.suffix:
        ensure_folder(out)
    done: list[Path] = []
    for clip in clips:
        suffix = clip.suffix.lower() if clip.suffix.lower() in _CONTAINERS else ".mp4"
        output = out / clip.with_suffix(suffix).name if os.path.isdir(out) else out
        if output in done:
            raise ParameterError(f"{output}: two clips would be written here; rename one of them")
        done.append(output)

        def work(progress: Progress, clip: Path = clip, output: Path = output) -> Report:
            regions = masks_of(mask, clip) if mask else found
            common: Any = {"resume": not overwrite, "overwrite": overwrite, "progress": progress}
            if isinstance(style, Target):
                how = style.options if strength is None else replace(style.options, strength=strength)
                return stylize_clip(style.model, clip, StyleSide(style), output, how, regions=regions, **common)
            return apply_clip(style, clip, output, strength=strength, regions=regions, **common)

        run_clip(clip, output, work, quiet, keep=[*clips, mask])
