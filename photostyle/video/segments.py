"""The second pass: every segment that is not there yet is decoded, graded and encoded.

A segment comes out the same whoever does it, and whatever was done before it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from photostyle.network.wct2 import WCT2
from photostyle.video.codecs import Encoding
from photostyle.video.encode import SegmentWriter
from photostyle.video.exposure import exposed
from photostyle.video.grade import Grader
from photostyle.video.grid_stream import streamed
from photostyle.video.info import Planes
from photostyle.video.items import Done, Item, whole_items
from photostyle.video.look_files import load_look
from photostyle.video.looks import Look
from photostyle.video.options import VideoOptions
from photostyle.video.pipeline import ahead, behind
from photostyle.video.plan import Parts, Plan, Segment
from photostyle.video.reading import VideoReader
from photostyle.video.timing import rate_of

Progress = Callable[[str, int, int], None]
"""``progress(stage, done, total)``: stage ``"reading"`` or ``"grading"``, in frames; total 0 if unknown.

Between the two, for longer clips: stage ``"expected"``, the seconds that grading is going to take, and its frames.
"""

_DEPTH = 4  # frames decoded ahead of the network, and batches waiting for the encoder
_GPU_BATCH = 8


def planned(plan: Plan, parts: Parts, encoding: Encoding) -> list[tuple[Segment, Path]]:
    """All segments of a clip, in order, and where they are or will be."""
    return [(segment, parts.segment(segment, encoding.segment)) for segment in plan.segments()]


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
    if not todo:
        return
    encoding = replace(encoding, rate=rate_of(plan.pts, reader.info))
    looks, paths = _Looks(plan, parts, model), {segment.number: path for segment, path in todo}
    segments = [segment for segment, _ in todo]
    if grader.smooth(looks[segments[0].shot]):
        frames = streamed(reader, plan, grader, looks.__getitem__, segments)
    else:
        frames = _whole(reader, plan, grader, looks, segments, _batch(model, options))
    writer: SegmentWriter | None = None
    try:
        with closing(frames), behind(_DEPTH) as give:
            for done in frames:
                writer = writer or SegmentWriter(paths[done.segment.number], encoding)
                give(functools.partial(writer.write, done.planes))
                progress(1)
                if done.ends:
                    give(writer.close)
                    writer = None
    finally:
        if writer is not None:
            writer.abandon()


def _batch(model: WCT2, options: VideoOptions) -> int:
    cuda = next(model.parameters()).device.type == "cuda"
    return options.batch or (_GPU_BATCH if cuda else 1)


def _whole(
    reader: VideoReader, plan: Plan, grader: Grader, looks: _Looks, todo: Sequence[Segment], batch: int
) -> Generator[Done, None, None]:
    """Frames of the segments in order, the network seeing every pixel of them."""
    waiting: list[Item] = []
    current: Segment | None = None
    with ahead(whole_items(reader, plan, todo, grader.lead), max(_DEPTH, batch)) as items:
        for item in items:
            if item.segment is not current:
                grader.restart(looks[item.segment.shot].vote)
                current = item.segment
            if item.leads:
                grader.follow(grader.images([item.planes])[0], item.index)
                continue
            waiting.append(item)
            look = looks[item.segment.shot]
            if not item.ends and len(waiting) < (batch if look.steady and not grader.by_region else 1):
                continue
            for one, planes in zip(waiting, _graded(grader, look, plan, waiting), strict=True):
                yield Done(one.segment, planes + grader.alpha(one.planes), one.ends)
            waiting = []


def _graded(grader: Grader, look: Look, plan: Plan, items: Sequence[Item]) -> list[Planes]:
    images = grader.images([item.planes for item in items])
    if plan.gains:
        images = torch.stack([exposed(image, plan.gain(item.index)) for image, item in zip(images, items, strict=True)])
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
