"""``photostyle video``, and ``photostyle apply`` for clips."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from photostyle.cli import methods
from photostyle.cli.grouping import FIRST, Group, grouped, without
from photostyle.cli.groups import (
    OUTPUT,
    Engine,
    Kept,
    Large,
    Look,
    Network,
    Output,
    Regions,
    Running,
    SavedLook,
    look_option,
    out_option,
)
from photostyle.cli.naming import clip_beside
from photostyle.cli.parameters import SEGMENT, found_anywhere, parse_looks
from photostyle.cli.video_running import Progress, check_installed, run_clip
from photostyle.errors import ParameterError
from photostyle.video.options import FitMode, VideoOptions

if TYPE_CHECKING:
    from photostyle.network.wct2 import WCT2
    from photostyle.options import FitOptions
    from photostyle.transfer.targets import Target
    from photostyle.transfer.transfer import Transfer
    from photostyle.video.looks import StyleSide
    from photostyle.video.regions import RegionSource
    from photostyle.video.stylize import Report

CLIPS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp", ".wmv")
_CONTAINERS = (".mp4", ".mov", ".mkv", ".webm")
_USUAL = VideoOptions()
Codec = Literal["h264", "hevc", "prores", "ffv1", "vp9"]


@dataclass(frozen=True, kw_only=True)
class ClipStyle(Group):
    """The style photo of a clip, or embedded looks; several looks, each NAME or NAME:WEIGHT, are mixed."""

    style: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTO", help="Photo whose light and colour to take.", show_default=False, rich_help_panel=FIRST
        ),
    ] = None
    look: Annotated[list[str] | None, look_option()] = None

    def check(self, regions: ClipRegions) -> None:
        """Raise ParameterError, or typer.BadParameter, unless it is one of both; a look knows its own regions."""
        methods.check_styles(None, [str(self.style)] if self.style else None, self.look)
        if self.look and regions.style_mask:
            raise ParameterError("--style-mask belongs to a style photo: an embedded look knows its own regions")

    def loaded(self, model: WCT2, mask: Path | None, found: RegionSource | None, how: FitOptions) -> StyleSide:
        """What is fitted to the clip. Raises PhotostyleError."""
        from photostyle.video.looks import StyleSide
        from photostyle.video.stylize import load_style

        if self.style is not None:
            return load_style(self.style, model, mask=mask, segment=found)

        from photostyle.jobs.looks import chosen_look

        return StyleSide(chosen_look(parse_looks(self.look or ()), model, how))


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
    deflicker: Annotated[
        bool, typer.Option("--deflicker", help="Take out wavering of the clip's own exposure, which is kept otherwise.")
    ] = False


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

    def check_sides(self, look: Look, style: ClipStyle) -> None:
        """Raise ParameterError where regions of one side are missing, or all where strengths name some."""
        style.check(self)
        if style.style and (self.content_mask is None) != (self.style_mask is None) and self.segment == "off":
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

    out: Annotated[
        Path | None,
        out_option("OUT", "Clip to write: mp4, mov, mkv or webm.", default="NAME-styled beside the clip"),
    ] = None
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
    styles: ClipStyle,
    look: Annotated[ClipLook, without("gradient", "protect", "at")],
    regions: Annotated[ClipRegions, without("keep", "mapping", "mask_refine")],
    kept: Kept,
    long: LongClip,
    output: Annotated[ClipOutput, without("verbose")],
    network: Annotated[Network, without("unpool")],
) -> None:
    """Give a clip the light and colour of a reference photo, or of an embedded look, steady, with its sound."""
    output.listen()
    how, (colour, brightness) = look.fit_options(), kept.parts()
    options = VideoOptions(
        fit=look.fit, keyframes=look.keyframes, window=look.window, start=long.start, end=long.end,
        codec=output.codec, crf=output.crf, preview=output.preview, allow_hdr=output.allow_hdr,
        colour=colour, brightness=brightness, deflicker=look.deflicker,
    )  # fmt: skip
    regions.check_sides(look, styles)
    long.check()
    shared = long.elsewhere or (long.jobs or 1) > 1
    if shared and options.fit == "frame":
        raise ParameterError("--fit frame goes without --jobs and --engine")
    check_installed()

    from photostyle.video.regions import masks_of, segmented
    from photostyle.video.stylize import stylize_clip

    out = output.out or clip_beside(clip, output.codec, overwrite=output.overwrite, resume=long.resume)
    where = network.where()
    model = network.load(where)
    found = None
    if regions.segment != "off" and not all(regions.masks):
        from photostyle.segmentation import load_segmenter

        found = segmented(load_segmenter(regions.segment, where))
    places = masks_of(regions.content_mask, clip) if regions.content_mask else found
    reference = styles.loaded(model, regions.style_mask, found, how)
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

    run_clip(clip, out, work, output.quiet, keep=[styles.style, *regions.masks])


def is_clip(path: Path) -> bool:
    """Whether a path is named like a clip."""
    return path.suffix.lower() in CLIPS


def apply_to_clips(
    style: Transfer | Target,
    clips: Sequence[Path],
    look: SavedLook,
    regions: Regions,
    kept: Kept,
    large: Large,
    output: Output,
) -> None:
    """What ``photostyle apply`` does with clips; an interrupted run is continued.

    A style that is not fitted yet is fitted to every shot.
    """
    if not all(map(is_clip, clips)):
        raise ParameterError("photos and clips do not go together: apply the style to each kind by itself")
    out, (strength, strengths), mask = output.out, look.strengths(), regions.content_mask
    colour, brightness = kept.parts()
    options = VideoOptions(colour=colour, brightness=brightness)
    if large.size is not None:
        raise ParameterError("--size is for photos; for a small copy of a clip use photostyle video --preview")
    if out is not None and str(out) == "-":
        raise ParameterError("'-', standard output, is for photos: name a file for the clip")
    if out is not None and len(clips) > 1 and out.suffix:
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
    if out is not None and not out.suffix:
        ensure_folder(out)
    done: list[Path] = []
    for clip in clips:
        suffix = clip.suffix.lower() if clip.suffix.lower() in _CONTAINERS else ".mp4"
        if out is None:
            target = clip.with_name(f"{clip.stem}-styled{suffix}")
        else:
            target = out / clip.with_suffix(suffix).name if os.path.isdir(out) else out
        if target in done:
            raise ParameterError(f"{target}: two clips would be written here; rename one of them")
        done.append(target)

        def work(progress: Progress, clip: Path = clip, target: Path = target) -> Report:
            places = masks_of(mask, clip) if mask else found
            common: Any = {"resume": not output.overwrite, "overwrite": output.overwrite, "progress": progress}
            if isinstance(style, Target):
                how = style.options if strength is None else replace(style.options, strength=strength)
                return stylize_clip(style.model, clip, StyleSide(style), target, how, options, regions=places, **common)
            return apply_clip(style, clip, target, options, strength=strength, regions=places, **common)

        run_clip(clip, target, work, output.quiet, keep=[*clips, mask], again="run the same to go on")
