"""How long grading takes here, tried on a few frames, and how much of it is done at a time.

A run that is cut off loses the segment that it was at, so a segment holds no more than some seconds' work. How many
frames that is follows from the size of a frame alone, so that every run cuts a clip at the same frames and gives the
same bits; only where a trial shows that this machine is slower are segments halved, and what was chosen stands in the
plan, to which a continued run keeps.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from photostyle.video.plan import Plan, Segment

GRID_PIXELS = 125_000_000
"""Of a segment's frames together, where the network sees reduced frames: 60 frames of 1080 lines."""
WHOLE_PIXELS = 25_000_000
"""The same where it sees every pixel."""
SECONDS = 20.0
"""That a segment may take."""
_LEAST = 4  # frames of a segment
_TRIED_GRID, _TRIED_WHOLE = 11, 3  # frames of a trial
_WORTH = 10  # trials that a clip must be long for one to be made


@dataclass(frozen=True)
class Pace:
    """How fast frames are graded and encoded.

    Attributes:
        seconds: a frame.
    """

    seconds: float

    def shortened(self, frames: int) -> int:
        """So many frames, or half, a quarter … of them, that take no longer than `SECONDS`."""
        while frames > _LEAST and frames * self.seconds > SECONDS:
            frames = max(_LEAST, frames // 2)
        return frames


def length(pixels: int, longest: int, *, smooth: bool, by_region: bool) -> int:
    """Frames of a segment on any machine.

    Args:
        pixels: of a frame.
        longest: frames that a segment may hold at most.
        smooth: the network sees reduced frames.
        by_region: regions must be found as well.
    """
    held = (GRID_PIXELS if smooth else WHOLE_PIXELS) // (pixels * (2 if by_region else 1))
    return max(1, min(longest, max(_LEAST, held)))


def tried(
    plan: Plan,
    folder: Path,
    todo: Sequence[Segment],
    grade: Callable[[Sequence[tuple[Segment, Path]], Callable[[int], None]], None],
    *,
    smooth: bool,
) -> Pace | None:
    """Grade a few frames and see how long it takes; None for a clip too short for that to be worth while.

    Args:
        plan: of the clip.
        folder: for a file that is removed again.
        todo: what is still to be done.
        grade: makes segments, and tells how many frames more are done.
        smooth: the network sees reduced frames.
    """
    count = _TRIED_GRID if smooth else _TRIED_WHOLE
    if sum(segment.count for segment in todo) < _WORTH * count:
        return None
    shot = max(range(len(plan.shots)), key=lambda number: plan.shots[number].count)
    first, held = plan.shots[shot].first, min(count, plan.shots[shot].count)
    if held < 2:
        return None
    path = folder / f".{uuid.uuid4().hex}.segment"
    times: list[float] = []
    try:
        grade([(Segment(0, shot, first, held, 0), path)], lambda count: times.append(time.perf_counter()))
        return Pace((time.perf_counter() - times[0]) / (held - 1))
    finally:
        path.unlink(missing_ok=True)
