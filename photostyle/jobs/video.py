"""A clip from file to file: find its shots, fit a style to each, apply it to every frame, join, copy the sound.

The first pass decodes the clip once for cuts, timestamps and key frames, and fits; the second grades it segment by
segment (`photostyle.jobs.video_segments`). What both leave in ``OUT.parts`` lets a killed run go on.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from photostyle.errors import MaskError, NumericalError, ParameterError, VideoReadError
from photostyle.io import read_mask
from photostyle.io.files import check_output
from photostyle.io.opening import describe
from photostyle.io.video import Frame, VideoReader
from photostyle.io.video_codecs import VIDEO_EXTENSIONS, Encoding, encoding_for
from photostyle.io.video_info import VideoInfo, check_sdr
from photostyle.io.video_join import join
from photostyle.jobs.loading import load, memory_explained
from photostyle.jobs.regions import masked
from photostyle.jobs.video_grade import Grader
from photostyle.jobs.video_look_files import save_look
from photostyle.jobs.video_looks import (
    Fitted,
    Given,
    Key,
    LookMaker,
    StyleSide,
    key_size,
    reduced,
    reduced_regions,
)
from photostyle.jobs.video_options import PREVIEW_SIDE, VideoOptions
from photostyle.jobs.video_pipeline import ahead
from photostyle.jobs.video_plan import Parts, Plan, Shot
from photostyle.jobs.video_regions import Adapted, RegionSource
from photostyle.jobs.video_segments import Progress, grade_segments
from photostyle.jobs.video_shots import THUMBNAIL, Thumbnail, with_cuts
from photostyle.networks import WCT2
from photostyle.options import FitOptions
from photostyle.transfer import Transfer


@dataclass(frozen=True)
class Report:
    """What became of a clip.

    Attributes:
        frames: how many were written.
        shots: how many were found.
        damaged: something could not be decoded (the log says what and where).
        codec: what it was written with.
    """

    frames: int
    shots: int
    damaged: bool
    codec: str


def load_style(path: Path, model: WCT2, *, mask: Path | None = None, segment: RegionSource | None = None) -> StyleSide:
    """Read the reference photo for clips, reduced to what statistics need, and its regions.

    Raises:
        ImageReadError, ImageSizeError, MaskError: the photo or mask cannot be used.
    """
    loaded = load(path)
    size = key_size(loaded.image.shape[-2], loaded.image.shape[-1])
    image = reduced(loaded.image, size).clamp(0, 1).to(next(model.parameters()).device)
    if mask:
        regions = masked(loaded, mask, read_mask(mask, size=loaded.full_size), refined=True)
        return StyleSide(image, reduced_regions(regions, size))
    return StyleSide(image, segment.single(image, 0) if segment else None)


def stylize_clip(
    model: WCT2,
    clip: Path,
    style: StyleSide,
    output: Path,
    how: FitOptions,
    options: VideoOptions | None = None,
    *,
    regions: RegionSource | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Fit a style to every shot of a clip and write the result.

    Args:
        model: the network.
        clip: the clip.
        style: the reference (`load_style`), with regions if `regions` are given.
        output: where to write; its extension decides the container.
        how: how to fit.
        options: how to treat the clip.
        regions: where the frames' regions come from.
        resume: go on with an interrupted run; without one, begin.
        overwrite: replace an existing output, or an interrupted run.
        progress: is told how far things are.

    Raises:
        PhotostyleError: anything wrong with the files, options or memory. Segments that were finished stay, and the
            same call with `resume` goes on from there; under `output` stands nothing or what stood there before.
    """
    options = options or VideoOptions()
    identity = {
        "style": style.digest,
        "style mask": {name: _tensor_hash(weight) for name, weight in style.regions.weights.items()}
        if style.regions
        else None,
        "fit options": asdict(how),
    }
    run = _Run(model, clip, output, options, identity, style, how, None, regions, resume, overwrite, progress)
    preset = Given(None)
    return run.go(preset if options.fit == "frame" else Fitted(model, style, how, options, run.info.time_base))


def apply_clip(
    transfer: Transfer,
    clip: Path,
    output: Path,
    options: VideoOptions | None = None,
    *,
    strength: float | None = None,
    regions: RegionSource | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Apply a fitted style to a whole clip; arguments and errors as `stylize_clip`."""
    options = options or VideoOptions()
    digest = hashlib.sha256()
    for site, maps in transfer.maps.items():
        for region, found in maps.items():
            digest.update(f"{site}/{region}".encode() + found.affine.matrix.cpu().numpy().tobytes())
    identity = {"style": digest.hexdigest(), "strength": strength, "strengths": dict(transfer.options.strengths)}
    if regions is not None:
        regions = Adapted(regions, transfer)
    run = _Run(
        transfer.model, clip, output, options, identity, None, transfer.options, strength, regions, resume, overwrite,
        progress,
    )  # fmt: skip
    return run.go(Given(transfer))


class _Run:
    def __init__(
        self,
        model: WCT2,
        clip: Path,
        output: Path,
        options: VideoOptions,
        identity: dict[str, Any],
        style: StyleSide | None,
        how: FitOptions,
        strength: float | None,
        regions: RegionSource | None,
        resume: bool,
        overwrite: bool,
        progress: Progress | None,
    ) -> None:
        check_output(output, overwrite=overwrite, extensions=VIDEO_EXTENSIONS)
        self.reader = VideoReader(clip)
        self.info = self.reader.info
        check_sdr(self.info, allow_hdr=options.allow_hdr)
        self.model, self.clip, self.output, self.options = model, clip, output, options
        self.overwrite, self.progress = overwrite, progress or (lambda stage, done, total: None)
        self.encoding = _encoding(self.info, output, options)
        self.grader = Grader(model, self.info, self.encoding, style, how, strength, regions)
        status = os.stat(clip)
        asked = {
            **identity,
            "clip": [clip.name, status.st_size, status.st_mtime_ns],
            "model": model.fingerprint(),
            "output": output.suffix.lower(),
            "regions": regions.name if regions else None,
            **{name: value for name, value in asdict(options).items() if name != "batch"},
        }
        self.parts = Parts(output, asked, resume=resume, overwrite=overwrite)

    def go(self, maker: LookMaker) -> Report:
        with _explained(self.clip, self.info):
            plan = self.parts.plan()
            if plan is None:
                plan = self._analyse(maker)
                if plan.damaged:
                    self.reader.careful = True
                    plan = self._analyse(maker)
                self.parts.keep(plan)
            self.reader.careful = plan.damaged
            segments = grade_segments(
                self.reader, plan, self.parts, self.grader, self.encoding, self.model, self.options, self.progress
            )
        span = None
        if self.options.start is not None or self.options.end is not None:
            span = (plan.pts[0], _tick(self.info, self.options.end))
        join(segments, self.encoding, self.info, self.output, span=span, overwrite=self.overwrite)
        self.parts.remove()
        return Report(len(plan.pts), len(plan.shots), plan.damaged, self.encoding.codec)

    def _analyse(self, maker: LookMaker) -> Plan:
        start, end = _tick(self.info, self.options.start), _tick(self.info, self.options.end)
        size = key_size(self.encoding.height, self.encoding.width)
        pts: list[int] = []
        shots: list[Shot] = []
        first = 0

        def finish() -> None:
            if len(pts) > first:
                look = maker.finish()
                save_look(look, self.parts.folder, len(shots))
                shots.append(Shot(first, len(pts) - first, len(look.windows)))

        with ahead(_thumbnails(self.reader, start, end), depth=8) as frames:
            for seen in with_cuts(frames):
                if seen.cut:
                    finish()
                    first = len(pts)
                frame = seen.frame
                maker.offer(frame.pts, lambda: self._key(frame, size))  # noqa: B023 - called at once
                pts.append(frame.pts)
                self.progress("reading", len(pts), self.info.frames if start is end is None else 0)
        finish()
        if not pts and (self.options.start or self.options.end is not None):
            raise ParameterError(f"{self.clip}: no frame lies between --start and --end; choose times inside the clip")
        if not pts:
            raise VideoReadError(f"{self.clip}: no frame could be decoded; is the clip empty or cut off?")
        return Plan(pts, shots, bool(self.reader.damaged))

    def _key(self, frame: Frame, size: tuple[int, int]) -> Key:
        image = self.grader.images([frame.planes()])[0]
        regions = self.grader.single_regions(image, frame.index)
        return Key(reduced(image, size).half(), reduced_regions(regions, size) if regions else None)


def _thumbnails(
    reader: VideoReader, start: int | None, end: int | None
) -> Generator[tuple[Frame, Thumbnail], None, None]:
    for frame in reader.frames(start, end):
        yield frame, frame.thumbnail(*THUMBNAIL)


def _encoding(info: VideoInfo, output: Path, options: VideoOptions) -> Encoding:
    size = None
    scale = PREVIEW_SIDE / max(info.width, info.height)
    if options.preview and scale < 1:
        height, width = (max(16, 2 * round(side * scale / 2)) for side in (info.height, info.width))
        size = (height, width)
    return encoding_for(info, output.suffix, options.codec, options.crf, size=size, preview=options.preview)


def _tick(info: VideoInfo, seconds: float | None) -> int | None:
    """The first tick at or after a time of the clip."""
    return None if seconds is None else math.ceil((info.begins + seconds) / info.time_base - 1e-6)


def _tensor_hash(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.detach().float().cpu().contiguous().numpy().tobytes()).hexdigest()


@contextmanager
def _explained(clip: Path, info: VideoInfo) -> Iterator[None]:
    """Errors of the core, which knows no files, with the clip's name; running out of memory, whoever reports it."""
    with memory_explained(f"{clip}: not enough memory for {info.width}x{info.height} pixels; try --preview"):
        try:
            yield
        except NumericalError as error:
            raise NumericalError(f"{clip}: {error}") from error
        except MaskError as error:
            raise MaskError(str(error) if ": " in str(error) else f"{clip}: {error}") from error
        except OSError as error:
            raise VideoReadError(f"{clip}: cannot be read ({describe(error)})") from error
