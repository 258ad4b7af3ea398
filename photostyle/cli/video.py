"""``photostyle video``, and ``photostyle apply`` for clips."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from photostyle.cli.grouping import FIRST, Group, grouped, without
from photostyle.cli.groups import OUTPUT, Engine, Large, Look, Network, Output, Regions, Running, SavedLook, out_option
from photostyle.cli.parameters import SEGMENT, found_anywhere
from photostyle.cli.video_running import Progress, check_installed, run_clip
from photostyle.errors import ParameterError
from photostyle.video.options import FitMode, VideoOptions

if TYPE_CHECKING:
    from photostyle.transfer.targets import Target
    from photostyle.transfer.transfer import Transfer
    from photostyle.video.stylize import Report

CLIPS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp", ".wmv")
_CONTAINERS = (".mp4", ".mov", ".mkv", ".webm")
_USUAL = VideoOptions()
Codec = Literal["h264", "hevc", "prores", "ffv1", "vp9"]


@dataclass(frozen=True, kw_only=True)
class ClipLook(Look):
    """How much of the style, and how it is fitted to a clip."""

    fit: Annotated[
        FitMode,
        typer.Option(
            help="shot: one fit a shot, steady; drift: slowly changing, for long takes whose light changes; frame: "
            "every frame by itself, for comparison."
        ),
    ] = _USUAL.fit
    keyframes: Annotated[
        int, typer.Option(metavar="N", help="Frames that a shot, or a window of drift, is fitted to.")
    ] = _USUAL.keyframes
    window: Annotated[float, typer.Option(metavar="S", help="Seconds between the fits of drift.")] = _USUAL.window


@dataclass(frozen=True, kw_only=True)
class ClipRegions(Regions):
    """How regions of a clip are found."""

    segment: Annotated[
        str,
        typer.Option(metavar="off|auto|ade20k|PATH", help="Find regions in every frame; steadied along the motion."),
    ] = "off"
    content_mask: Annotated[
        Path | None,
        typer.Option(
            metavar="CLIP_OR_DIR", help="Label maps of the frames: a painted clip, or a PNG each.", show_default=False
        ),
    ] = None

    def check_sides(self, look: Look) -> None:
        """Raise ParameterError where regions of one side are missing, or all where strengths name some."""
        if (self.content_mask is None) != (self.style_mask is None) and self.segment == "off":
            given, missing = ("--content-mask", "--style-mask")[:: 1 if self.content_mask else -1]
            raise ParameterError(f"{given} needs {missing} beside it, or --segment auto for the other side")
        if look.strengths()[1] and self.segment == "off" and self.content_mask is None:
            raise ParameterError("a strength by region needs regions: give masks, or --segment auto")


@dataclass(frozen=True, kw_only=True)
class LongClip(Engine, panel="Long clips"):
    """Which part of a clip is done, and by whom."""

    start: Annotated[float | None, typer.Option(metavar="S", help="Second to begin at.", show_default=False)] = None
    end: Annotated[float | None, typer.Option(metavar="S", help="Second to end at.", show_default=False)] = None
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False


@dataclass(frozen=True, kw_only=True)
class ClipFile(Group, panel=OUTPUT):
    """The clip that is written."""

    out: Annotated[Path, out_option("OUT", "Clip to write: mp4, mov, mkv or webm.")]
    codec: Annotated[Codec | None, typer.Option(help="Without it, h264, or vp9 in webm.", show_default=False)] = None
    crf: Annotated[
        int | None, typer.Option(metavar="N", help="Constant rate factor: less is better.", show_default=False)
    ] = None
    preview: Annotated[bool, typer.Option("--preview", help="Small, and quickly encoded.")] = False
    allow_hdr: Annotated[bool, typer.Option("--allow-hdr", help="Go on with PQ and HLG clips.")] = False


@dataclass(frozen=True, kw_only=True)
class ClipOutput(Running, ClipFile):  # in help, what is of the last base comes first
    """What a clip is written to, and how."""


@grouped
def video(
    clip: Annotated[Path, typer.Argument(metavar="IN", help="Clip to grade.", show_default=False)],
    style: Annotated[
        Path,
        typer.Option(
            metavar="PHOTO", help="Photo whose light and colour to take.", show_default=False, rich_help_panel=FIRST
        ),
    ],
    look: Annotated[ClipLook, without("finish", "at")],
    regions: Annotated[ClipRegions, without("keep", "mapping", "mask_refine")],
    long: LongClip,
    output: Annotated[ClipOutput, without("verbose")],
    network: Annotated[Network, without("unpool")],
) -> None:
    """Give a clip the light and colour of a reference photo, steady from frame to frame, with its sound."""
    output.listen()
    how = look.fit_options()
    options = VideoOptions(
        fit=look.fit, keyframes=look.keyframes, window=look.window, start=long.start, end=long.end,
        codec=output.codec, crf=output.crf, preview=output.preview, allow_hdr=output.allow_hdr,
    )  # fmt: skip
    regions.check_sides(look)
    long.check()
    shared = long.elsewhere or (long.jobs or 1) > 1
    if shared and options.fit == "frame":
        raise ParameterError("--fit frame goes without --jobs and --engine")
    check_installed()

    from photostyle.video.regions import masks_of, segmented
    from photostyle.video.stylize import load_style, stylize_clip

    out, where = output.out, network.where()
    model = network.load(where)
    found = None
    if regions.segment != "off" and not all(regions.masks):
        from photostyle.segmentation import load_segmenter

        found = segmented(load_segmenter(regions.segment, where))
    places = masks_of(regions.content_mask, clip) if regions.content_mask else found
    reference = load_style(style, model, mask=regions.style_mask, segment=found)
    workers = None
    if shared:
        from photostyle.video.workers import Recipe, Workers

        recipe = Recipe(
            found_anywhere(network.name), network.device, regions.content_mask and regions.content_mask.absolute(),
            found_anywhere(regions.segment), long.sharing,
        )  # fmt: skip
        workers = Workers(long.find(network.device), recipe)
        if long.elsewhere:
            clip, out = clip.absolute(), out.absolute()

    def work(progress: Progress) -> Report:
        return stylize_clip(
            model, clip, reference, out, how, options, regions=places, resume=long.resume,
            overwrite=output.overwrite, progress=progress, workers=workers,
        )  # fmt: skip

    run_clip(clip, out, work, output.quiet, keep=[style, *regions.masks])


def is_clip(path: Path) -> bool:
    """Whether a path is named like a clip."""
    return path.suffix.lower() in CLIPS


def apply_to_clips(
    style: Transfer | Target,
    clips: Sequence[Path],
    look: SavedLook,
    regions: Regions,
    large: Large,
    output: Output,
) -> None:
    """What ``photostyle apply`` does with clips; an interrupted run is continued.

    A style that is not fitted yet is fitted to every shot.
    """
    if not all(map(is_clip, clips)):
        raise ParameterError("photos and clips do not go together: apply the style to each kind by itself")
    out, (strength, strengths), mask = output.out, look.strengths(), regions.content_mask
    if large.size is not None:
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
    useful = bool(by_region & set(CLASS_COLOURS)) or regions.segment != SEGMENT
    if by_region and useful and mask is None and regions.segment not in ("off", "cluster"):
        from photostyle.segmentation import load_segmenter

        found = segmented(load_segmenter(regions.segment, next(style.model.parameters()).device))
    if not out.suffix:
        ensure_folder(out)
    done: list[Path] = []
    for clip in clips:
        suffix = clip.suffix.lower() if clip.suffix.lower() in _CONTAINERS else ".mp4"
        target = out / clip.with_suffix(suffix).name if os.path.isdir(out) else out
        if target in done:
            raise ParameterError(f"{target}: two clips would be written here; rename one of them")
        done.append(target)

        def work(progress: Progress, clip: Path = clip, target: Path = target) -> Report:
            places = masks_of(mask, clip) if mask else found
            common: Any = {"resume": not output.overwrite, "overwrite": output.overwrite, "progress": progress}
            if isinstance(style, Target):
                how = style.options if strength is None else replace(style.options, strength=strength)
                return stylize_clip(style.model, clip, StyleSide(style), target, how, regions=places, **common)
            return apply_clip(style, clip, target, strength=strength, regions=places, **common)

        run_clip(clip, target, work, output.quiet, keep=[*clips, mask])
