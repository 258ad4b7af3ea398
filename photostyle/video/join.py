"""Segments joined to one clip without re-encoding, with all that the clip they are of has beside the picture."""

from __future__ import annotations

import contextlib
import heapq
import logging
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from photostyle.errors import OutputError
from photostyle.io.files import atomic_write
from photostyle.io.opening import describe
from photostyle.video.codecs import Encoding
from photostyle.video.encode import display_order, failed
from photostyle.video.info import VideoInfo
from photostyle.video.losses import lost_on_the_way
from photostyle.video.reading import tolerant
from photostyle.video.result import Result, begin_of, covers, open_result
from photostyle.video.spatial import packet_of, put_into
from photostyle.video.tags import Span
from photostyle.video.texts import rewritten
from photostyle.video.timing import Schedule, decoding_times, scheduled

logger = logging.getLogger(__name__)

_EMPTY_TEXT = b"\0\0"  # what mp4 has between two subtitles; libav's muxer puts it there by itself


def join(
    segments: Sequence[tuple[Path, Sequence[int]]],
    encoding: Encoding,
    info: VideoInfo,
    output: Path,
    *,
    span: Span | None = None,
    last: int = 0,
    overwrite: bool = False,
    leave_out: Collection[str | int] = (),
) -> None:
    """Write `segments`, in order, as one clip, and copy what else is in `info`'s file; what is lost of it is logged.

    Args:
        segments: files by `SegmentWriter` with one encoding, and the ticks of their frames, which must increase.
        encoding: theirs.
        info: the clip they were made from.
        output: its extension decides the container; nothing stands there until all is written.
        span: the first frame's tick and the tick of the cut's end, if the clip is trimmed: what lies outside is not
            copied, and the result begins at 0.
        last: ticks for which the last frame stays; 0 if unknown.
        overwrite: replace an existing output.
        leave_out: what `unacceptable` found.

    Raises:
        OutputError: it cannot be written, or a segment is damaged.
    """
    suffix = output.suffix.lower()
    shown = [pts for _, own in segments for pts in own]
    begin = begin_of(info, span)
    finer = suffix in (".mp4", ".mov") and not info.exact
    schedule = scheduled(shown, last, info, begin, finer=finer)
    # Beside the segments: what a run leaves that is killed now goes with their folder.
    scratch = segments[0][0].parent
    with atomic_write(output, overwrite=overwrite, within=scratch) as partial, contextlib.ExitStack() as stack:
        try:
            source = stack.enter_context(av.open(str(info.path), metadata_errors="replace"))
            first = stack.enter_context(av.open(str(segments[0][0])))
            result = open_result(
                partial, suffix, source, first.streams.video[0], encoding, info, schedule, span, leave_out
            )
            with contextlib.closing(result.container):
                write_covers(result, source)
                packets = heapq.merge(
                    video_packets(segments, schedule, result.video),
                    _other_packets(source, result, begin, info.time_base, span),
                    key=_when,
                )
                for packet in packets:
                    result.container.mux(packet)
            packet = packet_of(info.path) if info.exact else None
            if suffix in (".mp4", ".mov"):
                put_into(partial, info.spatial, packet)
            elif packet:
                result.lost.append("XMP")
            lost = lost_on_the_way(source, result, partial, info=info, trimmed=span is not None)
            if lost:
                logger.warning("%s: left out, as %s files do not hold it: %s", output, suffix, "; ".join(lost))
        except (av.error.FFmpegError, ValueError) as error:
            raise failed(output, error) from error


def write_covers(result: Result, source: Any) -> None:
    """Write the cover pictures of a clip that a result has streams for."""
    pictures = [index for index in result.copied if source.streams[index].type == "video"]
    for packet in covers(source.name, pictures):
        packet.stream = result.copied[packet.stream.index]
        result.container.mux(packet)


def video_packets(segments: Sequence[tuple[Path, Sequence[int]]], schedule: Schedule, stream: Any) -> Iterator[Any]:
    """All segments' packets, with the timestamps of their frames and decoding timestamps that run through.

    Each segment begins with a key frame behind which nothing reaches back, so that the segments' orders follow each
    other.
    """
    orders = [display_order(path) for path, _ in segments]
    for (path, own), order in zip(segments, orders, strict=True):
        if len(order) != len(own):
            raise OutputError(f"{path}: does not belong to the other segments; remove its folder and start again")
    starts = np.cumsum([0, *map(len, orders)]).tolist()
    frames = [start + place for start, order in zip(starts, orders, strict=False) for place in order]
    times, lasts = decoding_times(schedule, frames), schedule.lasts
    done, extradata = 0, None
    for path, _ in segments:
        with av.open(str(path)) as container:
            source = container.streams.video[0]
            here = source.codec_context.extradata
            if extradata not in (None, here):
                raise OutputError(f"{path}: does not belong to the other segments; remove its folder and start again")
            extradata = here
            for packet in container.demux(source):
                if not packet.size:
                    continue
                packet.time_base = schedule.time_base
                packet.pts, packet.dts = schedule.shown[frames[done]], times[done]
                packet.duration = lasts[frames[done]]  # of the last in the file, mov takes how long it shows
                packet.stream = stream
                yield packet
                done += 1


def _other_packets(source: Any, result: Result, begin: Fraction, tick: Fraction, span: Span | None) -> Iterator[Any]:
    copied = result.copied
    sounding = [source.streams[index] for index in copied if source.streams[index].type != "video"]
    if not sounding:
        return
    end = tick * span[1] if span is not None and span[1] is not None else None

    def ended(error: av.error.FFmpegError) -> None:
        logger.warning("%s: sound and subtitles end early (%s)", source.name, describe(error))

    for packet in tolerant(source.demux(sounding), ended):
        if packet.pts is None:  # the mark of a stream's end
            continue
        if packet.stream.type == "subtitle" and bytes(packet) == _EMPTY_TEXT:
            continue
        if packet.dts is None:
            packet.dts = packet.pts
        if begin or span is not None:
            starts = packet.pts * packet.time_base
            if span is not None and (starts < begin or (end is not None and starts >= end)):
                continue
            ticks = round(begin / packet.time_base)
            packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
        index = packet.stream.index
        if index not in result.texts:
            packet.stream = copied[index]
            yield packet
        elif (text := _text(packet, result, index)) is not None:
            yield text


def _text(packet: Any, result: Result, index: int) -> Any:
    """A subtitle in the codec that the container takes; None if it says nothing, or cannot be read."""
    try:
        text, poorer = rewritten(packet, result.copied[index])
    except (av.error.FFmpegError, ValueError):
        text, lost = None, f"damaged lines of the subtitle stream {index}"
    else:
        lost = f"styles and places of the subtitle stream {index}, whose text is kept" if poorer else ""
    if lost and lost not in result.lost:
        result.lost.append(lost)
    return text


def _when(packet: Any) -> Fraction:
    return Fraction(packet.dts * packet.time_base)
