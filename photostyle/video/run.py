"""A clip's run: first pass, grading, joining, and what lets a killed one go on."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from photostyle.errors import MaskError, NumericalError, ParameterError, PhotostyleError, VideoReadError
from photostyle.io.files import check_output
from photostyle.io.opening import describe
from photostyle.jobs.blending import Shares
from photostyle.jobs.loading import memory_explained
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.video import exposure, pace
from photostyle.video.codecs import VIDEO_EXTENSIONS, lost_of_picture
from photostyle.video.grade import Grader, chosen_encoding
from photostyle.video.grid import NETWORK_PIXELS, ByGrid, size_of
from photostyle.video.info import VideoInfo, check_sdr
from photostyle.video.join import join
from photostyle.video.look_files import save_look
from photostyle.video.looks import Key, LookMaker, StyleSide, key_size, reduced
from photostyle.video.options import VideoOptions
from photostyle.video.pipeline import ahead
from photostyle.video.plan import Parts, Plan, Segment, Shot
from photostyle.video.planes import reduced_rgb
from photostyle.video.reading import Frame, VideoReader
from photostyle.video.regions import RegionSource
from photostyle.video.segments import Progress, grade, planned
from photostyle.video.shots import THUMBNAIL, Thumbnail, with_cuts
from photostyle.video.timing import rate_of
from photostyle.video.trial import unacceptable
from photostyle.video.workers import SegmentSetup, Workers, grade_elsewhere

logger = logging.getLogger(__name__)


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


class Run:
    """One clip to be written, from the checks of what was asked to the joined file; arguments as `stylize_clip`.

    Raises:
        PhotostyleError: the clip, the output or an earlier run do not allow it.
    """

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
        workers: Workers | None = None,
    ) -> None:
        check_output(output, overwrite=overwrite, extensions=VIDEO_EXTENSIONS)
        self.reader = VideoReader(clip)
        self.info = self.reader.info
        check_sdr(self.info, allow_hdr=options.allow_hdr)
        self.model, self.clip, self.output, self.options = model, clip, output, options
        self.overwrite, self.progress = overwrite, progress or (lambda stage, done, total: None)
        self.strength, self.workers = strength, workers
        self.smooth = how.finish == "smooth"
        self.encoding = chosen_encoding(self.info, output, options)
        shares = Shares(options.colour, options.brightness)
        self.grader = Grader(model, self.info, self.encoding, style, how, strength, regions, shares)
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
        """Do what is still to be done. Raises PhotostyleError; segments that were finished stay."""
        with _explained(self.clip, self.info):
            self.parts.tidy()
            plan = self.parts.plan()
            begun = plan is not None
            try:
                # What a timecode comes to depends on the cut, but not whether the container takes it.
                leave_out = unacceptable(self.encoding, self.info, self.output, self.parts.folder, None)
                plan = plan or self._planned(maker)
            except PhotostyleError:
                if not begun:
                    self.parts.remove()
                raise
            self._ready(plan)
            plan = self._paced(plan, new=not begun)
            if not begun:
                self.parts.keep(plan)
            segments = planned(plan, self.parts, self.encoding)
            self._grade(plan, self._left(plan))
        span = None
        if self.options.start is not None or self.options.end is not None:
            span = (plan.pts[0], _tick(self.info, self.options.end))
        files = [(path, plan.pts[segment.first : segment.first + segment.count]) for segment, path in segments]
        encoding = replace(self.encoding, rate=rate_of(plan.pts, self.info))
        join(
            files, encoding, self.info, self.output,
            span=span, last=plan.last, overwrite=self.overwrite, leave_out=leave_out,
        )  # fmt: skip
        self.parts.remove()
        return Report(len(plan.pts), len(plan.shots), plan.damaged, self.encoding.codec)

    def _planned(self, maker: LookMaker) -> Plan:
        """The first pass; once more where it turns out that the clip must be read in another way."""
        plan = self._analyse(maker)
        if plan.damaged or (self.reader.woven and not plan.deinterlaced):
            self.reader.careful = plan.damaged
            self.reader.deinterlace = plan.deinterlaced or self.reader.woven
            plan = self._analyse(maker)
        return plan

    def _left(self, plan: Plan) -> list[tuple[Segment, Path]]:
        return [(segment, path) for segment, path in planned(plan, self.parts, self.encoding) if not path.exists()]

    def _paced(self, plan: Plan, *, new: bool) -> Plan:
        """Try how long it takes, and say so; of a plan that is new, segments take no longer than they should."""
        if new:
            pixels = self.encoding.height * self.encoding.width
            longest = max(1, round(self.options.segment * self.info.rate))
            held = pace.length(pixels, longest, smooth=self.smooth, by_region=self.grader.by_region)
            plan = replace(plan, length=held)
        left = [segment for segment, _ in self._left(plan)]

        def attempt(todo: Sequence[tuple[Segment, Path]], told: Callable[[int], None]) -> None:
            grade(self.reader, plan, self.parts, self.grader, self.encoding, self.model, self.options, todo, told)

        found = pace.tried(plan, self.parts.folder, left, attempt, smooth=self.smooth)
        if found is None:
            return plan
        frames = sum(segment.count for segment in left)
        self.progress("expected", max(1, round(frames * found.seconds)), frames)
        return replace(plan, length=found.shortened(plan.length)) if new else plan

    def _ready(self, plan: Plan) -> None:
        """Read the clip as its plan says, and say what is done to it."""
        self.reader.careful, self.reader.deinterlace = plan.damaged, plan.deinterlaced
        lost = lost_of_picture(self.info, self.encoding)
        if lost:
            name = self.encoding.codec
            logger.warning("%s: %s in %s does not keep its %s", self.clip, name, self.output.suffix, ", ".join(lost))
        if plan.deinterlaced:
            logger.warning("%s: is interlaced; each frame's two fields become one whole picture (bwdif)", self.clip)

    def _grade(self, plan: Plan, todo: Sequence[tuple[Segment, Path]]) -> None:
        done = len(plan.pts) - sum(segment.count for segment, _ in todo)

        def progress(count: int) -> None:
            nonlocal done
            done += count
            self.progress("grading", done, len(plan.pts))

        if self.workers:
            setup = SegmentSetup(
                self.workers.recipe, self.clip, self.output, self.options, self.parts.asked, self.strength
            )
            grade_elsewhere(self.workers.engine, setup, [segment for segment, _ in todo], progress)
            return
        grade(self.reader, plan, self.parts, self.grader, self.encoding, self.model, self.options, todo, progress)

    def _analyse(self, maker: LookMaker) -> Plan:
        start, end = _tick(self.info, self.options.start), _tick(self.info, self.options.end)
        size = self._key_size()
        pts: list[int] = []
        shots: list[Shot] = []
        first, last = 0, 0

        def finish() -> None:
            if len(pts) > first:
                look, keys = maker.finish()
                if keys is not None and self.smooth:
                    look = replace(look, witness=ByGrid(self.grader).shot_witness(keys, look, pts[first]))
                save_look(look, self.parts.folder, len(shots))
                shots.append(Shot(first, len(pts) - first, len(look.windows)))

        steps: list[float] | None = [] if self.options.deflicker else None  # of exposure
        with ahead(_thumbnails(self.reader, start, end, steps), depth=8) as frames:
            for seen in with_cuts(frames):
                if seen.cut:
                    finish()
                    first = len(pts)
                frame = seen.frame
                maker.offer(frame.pts, lambda: self._key(frame, size))  # noqa: B023 - called at once
                pts.append(frame.pts)
                last = frame.duration
                self.progress("reading", len(pts), self.info.frames if start is end is None else 0)
        finish()
        if not pts and (self.options.start or self.options.end is not None):
            raise ParameterError(f"{self.clip}: no frame lies between --start and --end; choose times inside the clip")
        if not pts:
            raise VideoReadError(f"{self.clip}: no frame could be decoded; is the clip empty or cut off?")
        if end is None and self.info.ends is not None and self.info.ends > pts[-1]:
            last = self.info.ends - pts[-1]
        found: list[float] = []
        if steps is not None:
            rate = float(self.info.rate)
            found = [g for s in shots for g in exposure.gains(steps[s.first : s.first + s.count], rate)]
        return Plan(pts, shots, bool(self.reader.damaged), last, self.reader.deinterlace, gains=found)

    def _key_size(self) -> tuple[int, int]:
        """(h, w) of key frames: where the network sees reduced frames, it is fitted to such."""
        size = (self.encoding.height, self.encoding.width)
        return size_of(*size, NETWORK_PIXELS) if self.smooth else key_size(*size)

    def _key(self, frame: Frame, size: tuple[int, int]) -> Key:
        if self.smooth:
            image = self.grader.sent(reduced_rgb(frame.planes(), self.grader.input, size))
        else:
            image = reduced(self.grader.images([frame.planes()])[0], size)
        return Key(image.half(), self.grader.heard(image, frame.index))


def _thumbnails(
    reader: VideoReader, start: int | None, end: int | None, steps: list[float] | None
) -> Generator[tuple[Frame, Thumbnail], None, None]:
    """Frames and their thumbnails; the steps of exposure between them go to `steps`, where they are wanted."""
    before: Thumbnail | None = None
    for frame in reader.frames(start, end):
        here = frame.thumbnail(*THUMBNAIL)
        if steps is not None:
            steps.append(0.0 if before is None else exposure.step(before, here))
            before = here
        yield frame, here


def _tick(info: VideoInfo, seconds: float | None) -> int | None:
    """The first tick at or after a time of the clip."""
    return None if seconds is None else math.ceil((info.begins + seconds) / info.time_base - 1e-6)


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
