"""Before hours of grading: does the container take what is to be written?"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

import av
import numpy as np

from photostyle.errors import OutputError
from photostyle.video.codecs import Encoding
from photostyle.video.encode import SegmentWriter, failed
from photostyle.video.info import VideoInfo
from photostyle.video.join import video_packets, write_covers
from photostyle.video.reading import film
from photostyle.video.result import CHAPTERS, TAGS, TIMECODE, begin_of, open_result
from photostyle.video.tags import Span
from photostyle.video.timing import scheduled


def unacceptable(
    encoding: Encoding, info: VideoInfo, output: Path, folder: Path, span: Span | None
) -> frozenset[str | int]:
    """What of a clip the output's container does not accept, found by writing one frame with everything beside it.

    Args:
        encoding: what is going to be written.
        info: the clip.
        output: its extension decides the container; nothing is written there.
        folder: for a file that is removed again.
        span: as in `join`.

    Raises:
        OutputError: it does not accept the picture either, or the folder cannot be written to.
    """
    suffix = output.suffix.lower()
    segment = folder / f".{uuid.uuid4().hex}.segment"
    scratch = folder / f".{uuid.uuid4().hex}{suffix}"
    schedule = scheduled([info.starts], 0, info, begin_of(info, span), finer=False)
    try:
        try:
            writer = SegmentWriter(segment, encoding)
            writer.write(_blank(encoding))
            writer.close()
        except OutputError as error:
            raise OutputError(str(error).replace(str(segment), str(output))) from error
        with av.open(str(info.path), metadata_errors="replace") as source:

            def refused(leave_out: Collection[str | int]) -> Exception | None:
                try:
                    with av.open(str(segment)) as first:
                        result = open_result(
                            scratch, suffix, source, first.streams.video[0], encoding, info, schedule, span, leave_out
                        )
                        with contextlib.closing(result.container):
                            write_covers(result, source)
                            for packet in video_packets([(segment, schedule.shown)], schedule, result.video):
                                result.container.mux(packet)
                except (av.error.FFmpegError, ValueError) as error:
                    return error
                return None

            if refused(()) is None:
                return frozenset()
            film_index = film(source).index
            parts: set[str | int] = {
                TIMECODE,
                TAGS,
                CHAPTERS,
                *(s.index for s in source.streams if s.index != film_index),
            }
            still = refused(parts)
            if still is not None:
                raise failed(output, still) from still
            for part in sorted(parts, key=str):
                if refused(parts - {part}) is None:
                    parts.discard(part)
            return frozenset(parts)
    finally:
        for path in (segment, scratch):
            path.unlink(missing_ok=True)


def _blank(encoding: Encoding) -> list[Any]:
    frame = av.VideoFrame(encoding.width, encoding.height, encoding.format)
    dtype = np.uint8 if encoding.bits == 8 else np.uint16
    return [np.full((plane.height, plane.width), 1 << (encoding.bits - 1), dtype) for plane in frame.planes]
