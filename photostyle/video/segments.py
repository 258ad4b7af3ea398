"""The second pass: every segment that is not there yet is decoded, graded and encoded.

A segment comes out the same whoever does it, and whatever was done before it.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from photostyle.errors import VideoReadError
from photostyle.network.wct2 import WCT2
from photostyle.video.codecs import Encoding
from photostyle.video.encode import SegmentWriter
from photostyle.video.grade import Grader
from photostyle.video.info import Planes, VideoInfo
from photostyle.video.look_files import load_look
from photostyle.video.looks import Look
from photostyle.video.options import VideoOptions
from photostyle.video.pipeline import ahead, behind
from photostyle.video.plan import Parts, Plan, Segment
from photostyle.video.reading import Frame, VideoReader
from photostyle.video.timing import rate_of

Progress = Callable[[str, int, int], None]
"""``progress(stage, done, total)``: stage ``"reading"`` or ``"grading"``, in frames; total 0 if unknown."""

_DEPTH = 4  # frames decoded ahead of the network, and batches waiting for the encoder
_GPU_BATCH = 8


@dataclass(frozen=True, eq=False)
class _Item:
    segment: Segment
    index: int
    planes: Planes

    @property
    def leads(self) -> bool:
        """It lies before its segment, and is only followed, not written."""
        return self.index < self.segment.first

    @property
    def ends(self) -> bool:
        return self.index == self.segment.first + self.segment.count - 1


def planned(
    plan: Plan, parts: Parts, encoding: Encoding, info: VideoInfo, options: VideoOptions
) -> list[tuple[Segment, Path]]:
    """All segments of a clip, in order, and where they are or will be."""
    segments = plan.segments(max(1, round(options.segment * info.rate)))
    return [(segment, parts.segment(segment, encoding.segment)) for segment in segments]


def grade(
    reader: VideoReader,
    plan: Plan,
    parts: Parts,
    grader: Grader,
    encoding: Encoding,
    model: WCT2,
    options: VideoOptions,
    todo: Sequence[tuple[Segment, Path]],
    progress: Callable[[int], None],
) -> None:
    """Make the segments `todo`; `progress` is told how many frames more are done.

    Decoding, the network and encoding overlap; frames in flight are bounded. Batches never cross segments.

    Raises:
        PhotostyleError: the clip has changed, or a segment cannot be written. No part of a segment is left.
    """
    encoding = replace(encoding, rate=rate_of(plan.pts, reader.info))
    looks, paths = _Looks(plan, parts, model), {segment.number: path for segment, path in todo}
    cuda = next(model.parameters()).device.type == "cuda"
    usual = options.batch or (_GPU_BATCH if cuda else 1)
    writer: SegmentWriter | None = None
    waiting: list[_Item] = []
    try:
        frames = _items(reader, plan, [segment for segment, _ in todo], grader.lead)
        with ahead(frames, max(_DEPTH, usual)) as items, behind(_DEPTH) as give:
            for item in items:
                segment = item.segment
                if writer is None:
                    writer = SegmentWriter(paths[segment.number], encoding)
                    grader.restart()
                if item.leads:
                    grader.follow(grader.images([item.planes])[0], item.index)
                    continue
                waiting.append(item)
                look = looks[segment.shot]
                if not item.ends and len(waiting) < (usual if look.steady and not grader.by_region else 1):
                    continue
                for one, planes in zip(waiting, _graded(grader, look, plan, waiting), strict=True):
                    give(functools.partial(writer.write, planes + grader.alpha(one.planes)))
                count, waiting = len(waiting), []
                progress(count)
                if item.ends:
                    give(writer.close)
                    writer = None
    finally:
        if writer is not None:
            writer.abandon()


def _graded(grader: Grader, look: Look, plan: Plan, items: Sequence[_Item]) -> list[Planes]:
    images = grader.images([item.planes for item in items])
    regions = grader.follow(images[0], items[0].index) if grader.by_region else None
    return grader.graded(images, look, plan.pts[items[0].index], regions)


class _Looks:
    """The looks of shots, one at a time in memory."""

    def __init__(self, plan: Plan, parts: Parts, model: WCT2) -> None:
        self._plan, self._parts, self._model = plan, parts, model
        self._held: tuple[int, Look] | None = None

    def __getitem__(self, shot: int) -> Look:
        if self._held is None or self._held[0] != shot:
            count = self._plan.shots[shot].windows
            self._held = (shot, load_look(self._parts.folder, shot, count, self._model))
        return self._held[1]


def _items(reader: VideoReader, plan: Plan, todo: Sequence[Segment], lead: int) -> Generator[_Item, None, None]:
    """Frames of the segments in order, each segment's behind the `lead` frames of its shot before it."""
    frames: Generator[Frame, None, None] | None = None
    recent: deque[Planes] = deque(maxlen=lead)
    position = -1  # number of the next frame that `frames` gives
    for segment in todo:
        wanted = min(lead, segment.lead)
        if frames is None or position != segment.first:
            recent.clear()
            position = segment.first - wanted
            frames = _frames(reader, plan, position)
            while position < segment.first:
                recent.append(next(frames).planes())
                position += 1
        for i, planes in enumerate(list(recent)[len(recent) - wanted :] if wanted else []):
            yield _Item(segment, segment.first - wanted + i, planes)
        for _ in range(segment.count):
            planes = next(frames).planes()
            recent.append(planes)
            yield _Item(segment, position, planes)
            position += 1


def _frames(reader: VideoReader, plan: Plan, first: int) -> Generator[Frame, None, None]:
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
