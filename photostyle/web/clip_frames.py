"""A clip before it is rendered: its first, middle and cut frames in the look, and how long the whole of it would take.

Times are measured, not guessed: reading on the frames that are looked through for cuts, grading and encoding on a few
frames from the middle of the clip, by the very run that would do all of it, at each size that is offered.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from photostyle.web.errands import ClipLook, Errand, check_clip_size, check_clips

MOST_CUTS = 4
_LOOKED = 12.0  # seconds for finding cuts
_SHOWN = 640  # pixels of the long side
_FRAMES = 8  # that are graded to see how fast it goes …
_TRIED = 10.0  # … for so many seconds


@dataclass(frozen=True, eq=False)
class Still:
    """A frame.

    Attributes:
        what: it is: ``first``, ``middle`` or ``cut``.
        second: of the clip.
        before, after: (3, h, w) in [0, 1], upright.
    """

    what: str
    second: float
    before: Tensor
    after: Tensor


@dataclass(frozen=True)
class Choice:
    """A way of doing the whole clip.

    Attributes:
        name: for the eye.
        seconds: that it takes.
    """

    name: str
    seconds: float


@dataclass(frozen=True, eq=False)
class Glance:
    """What is known of a clip before it is rendered.

    Attributes:
        stills: its frames.
        frames: how many it has.
        searched: seconds of it that were looked through for cuts; None if all of it was.
        choices: ways of doing it, as asked first.
    """

    stills: Sequence[Still]
    frames: int
    searched: float | None
    choices: Sequence[Choice]


def glance(errand: Errand, path: Path, pixels: int, *, by_region: bool = False) -> Glance:
    """Grade a few frames of a clip. Raises PhotostyleError, Stopped."""
    check_clips()
    from photostyle.video.reading import VideoReader

    reader = VideoReader(path)
    check_clip_size(reader.info, pixels)
    errand.step("Looking for cuts", 0, 0)
    found, seen, seconds, complete = _found(errand, reader)
    look = errand.clip_look(by_region)
    stills = []
    for number, (what, frame) in enumerate(found):
        errand.step("Grading frames", number, len(found))
        stills.append(_graded(errand, look, reader.info, what, frame))
    frames = seen if complete else max(reader.info.frames, seen)
    reading = seconds / max(1, seen)
    middle = next((still.second for still in stills if still.what == "middle"), stills[0].second)
    ways = [("As it is", look, False), ("A small copy", look, True)]
    if by_region:
        ways.append(("As it is, without regions", errand.clip_look(False), False))
    choices = [
        Choice(name, frames * (reading + _pace(errand, path, way, middle, float(reader.info.rate), small=small)))
        for name, way, small in ways
    ]
    return Glance(stills, frames, None if complete else _second(reader.info, found[-1][1].pts), choices)


def _pace(errand: Errand, path: Path, look: ClipLook, start: float, rate: float, *, small: bool) -> float:
    """Seconds a frame, tried on a few."""
    from photostyle.video.options import VideoOptions

    output = errand.folder / f"pace-{'small' if small else 'whole'}-{look.regions is not None}.mp4"
    times: list[tuple[float, int]] = []
    begun = time.monotonic()

    def told(what: str, done: int, _total: int) -> None:
        errand.step("Trying how fast it goes", 0, 0)
        if what == "grading":
            times.append((time.monotonic(), done))
            if len(times) > 2 and times[-1][0] - begun > _TRIED:
                raise _EnoughError

    options = VideoOptions(start=max(0.0, start - 0.5 / rate), end=start + _FRAMES / rate, preview=small)
    try:
        errand.graded(path, output, look, options, told)
    except _EnoughError:
        pass
    finally:
        output.unlink(missing_ok=True)
    (first, none), (last, done) = times[0], times[-1]
    return (last - first) / (done - none) if done > none else (time.monotonic() - begun) / max(1, done)


class _EnoughError(Exception):
    """What was tried says enough."""


def _found(errand: Errand, reader: Any) -> tuple[list[tuple[str, Any]], int, float, bool]:
    """Frames by what they are, in order of time; frames that were read, in which time, and whether these were all."""
    from photostyle.video.shots import THUMBNAIL, with_cuts

    begun, seen, complete = time.monotonic(), 0, True
    found: list[tuple[str, Any]] = []
    for each in with_cuts((frame, frame.thumbnail(*THUMBNAIL)) for frame in reader.frames(None, None)):
        seen += 1
        if each.cut and len(found) <= MOST_CUTS:
            found.append(("cut" if found else "first", each.frame))
        if seen % 25 == 0:
            errand.step("Looking for cuts", seen, max(reader.info.frames, 0))
        if time.monotonic() - begun > _LOOKED:
            complete = False
            break
    seconds = time.monotonic() - begun
    info = reader.info
    total = seen if complete else max(info.frames, seen)
    if total > 2 and found:
        middle = found[0][1].pts + int(total / 2 / (info.rate * info.time_base))
        frame = next(iter(reader.frames(middle, None)), None)
        if frame is not None and all(frame.pts != other.pts for _, other in found):
            found.append(("middle", frame))
    return sorted(found, key=lambda one: one[1].pts), seen, seconds, complete


@torch.no_grad()
def _graded(errand: Errand, look: ClipLook, info: Any, what: str, frame: Any) -> Still:
    """A frame in the look."""
    from photostyle.video.grade import Grader, chosen_encoding
    from photostyle.video.looks import key_size, reduced, reduced_regions
    from photostyle.video.options import VideoOptions
    from photostyle.video.regions import upright

    encoding = chosen_encoding(info, Path("x.mp4"), VideoOptions())
    model = errand.engine.model
    grader = Grader(model, info, encoding, look.side, look.how, look.how.strength, look.regions)
    grader.restart()
    whole = grader.images([frame.planes()])[0]
    regions = grader.single_regions(whole, frame.index)
    size = key_size(whole.shape[-2], whole.shape[-1])
    image, known = reduced(whole, size), reduced_regions(regions, size) if regions else None
    transfer = look.transfer
    if transfer is None:
        transfer = look.side.fit(model, [image], [known] if known else None, look.how)
    result = transfer.apply(image[None], known, look.how.strength)[0]
    turn = upright(info.rotation)[0]
    before, after = (turn(reduced(each, _size(each))).clamp(0, 1).cpu() for each in (image, result))
    return Still(what, _second(info, frame.pts), before, after)


def _second(info: Any, pts: int) -> float:
    return float(pts * info.time_base - info.begins)


def _size(image: Tensor) -> tuple[int, int]:
    height, width = image.shape[-2:]
    scale = min(1.0, _SHOWN / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
