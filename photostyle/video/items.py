"""Frames of a clip's segments on their way in and out, and what each segment takes from the frames around it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from photostyle.errors import VideoReadError
from photostyle.video.info import Planes
from photostyle.video.plan import Plan, Segment
from photostyle.video.reading import Frame, VideoReader


@dataclass(frozen=True, eq=False)
class Item:
    """A decoded frame of a segment, or one before it.

    Attributes:
        segment: whose it is.
        index: its number among the frames worked on.
        planes: its own.
    """

    segment: Segment
    index: int
    planes: Planes

    @property
    def leads(self) -> bool:
        """It lies before its segment, and is only followed, not written."""
        return self.index < self.segment.first

    @property
    def ends(self) -> bool:
        """It is its segment's last."""
        return self.index == self.segment.first + self.segment.count - 1


@dataclass(frozen=True, eq=False)
class Done:
    """A graded frame: the planes of its encoding, whose it is, and whether it is that segment's last."""

    segment: Segment
    planes: Planes
    ends: bool


def whole_items(reader: VideoReader, plan: Plan, todo: Sequence[Segment], lead: int) -> Generator[Item, None, None]:
    """Frames of the segments in order, each segment's behind the `lead` frames of its shot before it."""
    frames: Generator[Frame, None, None] | None = None
    recent: deque[Planes] = deque(maxlen=lead)
    position = -1  # number of the next frame that `frames` gives
    for segment in todo:
        wanted = min(lead, segment.lead)
        if frames is None or position != segment.first:
            recent.clear()
            position = segment.first - wanted
            frames = decoded(reader, plan, position)
            while position < segment.first:
                recent.append(next(frames).planes())
                position += 1
        for i, planes in enumerate(list(recent)[len(recent) - wanted :] if wanted else []):
            yield Item(segment, segment.first - wanted + i, planes)
        for _ in range(segment.count):
            planes = next(frames).planes()
            recent.append(planes)
            yield Item(segment, position, planes)
            position += 1


def decoded(reader: VideoReader, plan: Plan, first: int) -> Generator[Frame, None, None]:
    """The plan's frames from number `first` on, without end; by seeking if that gives the very same frames."""
    index, seek = first, not plan.damaged
    while True:
        for frame in reader.frames(plan.pts[index], plan.pts[-1] + 1, seek=seek):
            if index == len(plan.pts) or frame.pts != plan.pts[index]:
                break
            yield frame
            index += 1
        if not seek or index == len(plan.pts):
            raise VideoReadError(
                f"{reader.path}: no longer gives the frames that it gave on the first pass; has the file changed?"
            )
        seek = False
