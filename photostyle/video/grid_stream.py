"""A clip's segments by way of reduced frames, each stage on a thread of its own with few frames in flight.

Decoding and reducing, the network with what is made of its answers, changing frames at full size, and the encoder
behind it (`photostyle.video.segments`) run side by side. A segment's frames come out the same whatever was done before
it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from photostyle.transfer.lasting import ColourMaps, Witness
from photostyle.video.anchors import Anchors, Between, interval
from photostyle.video.exposure import exposed
from photostyle.video.grade import Grader
from photostyle.video.grid import ByGrid
from photostyle.video.info import Planes
from photostyle.video.items import Done, decoded
from photostyle.video.looks import Look
from photostyle.video.motion import Floats
from photostyle.video.pipeline import ahead
from photostyle.video.plan import Plan, Segment
from photostyle.video.reading import Frame, VideoReader

_DECODED, _MAPPED = 2, 1  # frames that wait for the network, and for their change at full size
_REMEMBERED = 8  # anchors whose answers are kept for the next segment


@dataclass(frozen=True, eq=False)
class Item:
    """A frame of a segment, or an anchor beside it.

    Attributes:
        segment: whose it is.
        index: its number among the frames worked on.
        place: its number within its shot.
        anchor: the anchor that it is.
        planes: its own, if it is written.
        small: the same, reduced.
        seen: as the network sees it, if it is an anchor.
    """

    segment: Segment
    index: int
    place: int
    anchor: int | None
    planes: Planes | None
    small: Floats | None
    seen: Floats | None

    @property
    def written(self) -> bool:
        """It is one of the segment's own."""
        return self.planes is not None


@dataclass(frozen=True)
class _Stretch:
    """What a segment takes of its shot: frames `start` to `stop`, for anchors of which `first` is the first in use."""

    segment: Segment
    anchors: Anchors
    begin: int  # of the shot
    start: int
    stop: int
    first: int


def streamed(
    reader: VideoReader, plan: Plan, grader: Grader, look: Callable[[int], Look], todo: Sequence[Segment]
) -> Generator[Done, None, None]:
    """Frames of the segments `todo`, in order.

    Args:
        reader: of the clip.
        plan: of the clip.
        grader: what knows the network and the regions.
        look: the look of a shot, by its number.
        todo: what is wanted.
    """
    grid = ByGrid(grader)
    stretches = [_stretch(plan, grader, look(segment.shot), segment) for segment in todo]
    with (
        ahead(_items(reader, plan, grid, stretches), _DECODED) as items,
        ahead(_mapped(items, plan, grid, grader, look, stretches), _MAPPED) as ready,
    ):
        for item, maps, kept in ready:
            assert item.planes is not None
            assert item.small is not None
            planes = grid.graded(item.planes, item.small, maps, kept, plan.gain(item.index))
            ends = item.index == item.segment.first + item.segment.count - 1
            yield Done(item.segment, planes + grader.alpha(item.planes), ends)


def _stretch(plan: Plan, grader: Grader, look: Look, segment: Segment) -> _Stretch:
    shot = plan.shots[segment.shot]
    strength, strengths = grader.strengths(look)
    # Where a region is left as it is, its own border counts in every frame.
    every = 1 if grader.by_region and 0 in (strength, *strengths.values()) else interval(grader.rate)
    anchors = Anchors(shot.count, every) if look.windows else Anchors(shot.count, 1, (1.0,))
    place = segment.first - shot.first
    low, high = anchors.needed(place, segment.count, grader.lead)
    stop = max(place + segment.count - 1, anchors.frame(high))
    return _Stretch(segment, anchors, shot.first, anchors.frame(low), stop, anchors.before(place)[0])


def _items(reader: VideoReader, plan: Plan, grid: ByGrid, stretches: Sequence[_Stretch]) -> Generator[Item, None, None]:
    """Frames of the segments and their anchors, in order; decoded once where segments follow each other."""
    frames: Generator[Frame, None, None] | None = None
    position = -1  # number of the next frame that `frames` gives
    held: dict[int, tuple[Planes, Floats | None, Floats | None]] = {}  # what the next segment takes as well
    for number, stretch in enumerate(stretches):
        segment, following = stretch.segment, stretches[number + 1] if number + 1 < len(stretches) else None
        start, stop = stretch.begin + stretch.start, stretch.begin + stretch.stop
        end = segment.first + segment.count
        goes_on = start <= position <= stop + 1 and all(index in held for index in range(start, position))
        if frames is None or not goes_on:
            held, position = {}, start
            frames = decoded(reader, plan, position)
        for index in range(start, stop + 1):
            anchor = stretch.anchors.at(index - stretch.begin)
            written = segment.first <= index < end
            if index < position:
                planes, small, seen = held[index]
            else:
                planes, small, seen = next(frames).planes(), None, None
                position += 1
            if written and small is None:
                small = exposed(grid.small(planes), plan.gain(index))
            if anchor is not None and seen is None:
                seen = exposed(grid.seen(planes), plan.gain(index))
            if following is not None and index >= following.begin + following.start:
                again = index >= following.segment.first
                held[index] = (planes if again else [], small if again else None, seen)
            if written or anchor is not None:
                own = planes if written else None
                yield Item(segment, index, index - stretch.begin, anchor, own, small if written else None, seen)
        held = {index: each for index, each in held.items() if index >= start}


def _mapped(
    items: Iterator[Item],
    plan: Plan,
    grid: ByGrid,
    grader: Grader,
    look: Callable[[int], Look],
    stretches: Sequence[_Stretch],
) -> Generator[tuple[Item, ColourMaps, Tensor | None], None, None]:
    """Frames with their maps, and by how much each of their pixels is left alone."""
    of = {stretch.segment.number: stretch for stretch in stretches}
    known: dict[int, tuple[Witness, Tensor | None]] = {}
    between: Between[Item] | None = None
    current: Segment | None = None

    def ask(item: Item) -> Witness:
        if item.index not in known:
            assert item.seen is not None
            shot = look(item.segment.shot)
            regions = grader.follow(grader.sent(item.seen), item.index)
            said = grid.witness(item.seen, shot, plan.pts[item.index], regions)
            known[item.index] = said, grid.kept(regions, *grader.strengths(shot))
            for old in list(known)[:-_REMEMBERED]:
                del known[old]
        return known[item.index][0]

    for item in items:
        if item.segment is not current or between is None:
            current, stretch = item.segment, of[item.segment.number]
            shot = look(current.shot)
            grader.restart(shot.vote)
            if grader.lead:  # what an anchor says depends on those before it in its segment
                known.clear()
            between = Between(stretch.anchors, stretch.first, ask, shot.witness)
        for frame, maps in between.add(item):
            # Frames that are no anchors have none where regions are left alone, and all have the same elsewhere.
            yield frame, maps, known[frame.index if frame.anchor is not None else item.index][1]
