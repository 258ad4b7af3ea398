"""Segments joined to one clip without re-encoding, with the sound, subtitles and chapters of the clip they are of."""

from __future__ import annotations

import contextlib
import heapq
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from photostyle.errors import OutputError
from photostyle.io.files import atomic_write
from photostyle.io.opening import describe
from photostyle.video.codecs import CODECS, FORMATS, Encoding
from photostyle.video.encode import display_order, tag
from photostyle.video.info import VideoInfo
from photostyle.video.reading import tolerant

logger = logging.getLogger(__name__)

_CONTAINER_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")  # the muxer's own
_EMPTY_TEXT = b"\0\0"  # what mp4 has between two subtitles; libav's muxer puts it there by itself
_LONGEST_TIMESCALE = 2**31 - 1


def join(
    segments: Sequence[tuple[Path, Sequence[int]]],
    encoding: Encoding,
    info: VideoInfo,
    output: Path,
    *,
    span: tuple[int, int | None] | None = None,
    overwrite: bool = False,
) -> None:
    """Write `segments`, in order, as one clip, and copy what else is in `info`'s file.

    Args:
        segments: files by `SegmentWriter` with one encoding, and the ticks of their frames, which must increase.
        encoding: theirs.
        info: the clip they were made from.
        output: its extension decides the container; nothing stands there until all is written.
        span: the first frame's tick and the tick of the cut's end, if the clip is trimmed: what lies outside is not
            copied, and the result begins at 0.
        overwrite: replace an existing output.

    Raises:
        OutputError: it cannot be written, or a segment is damaged.
    """
    suffix = output.suffix.lower()
    # Beside the segments: what a run leaves that is killed now goes with their folder.
    scratch = segments[0][0].parent
    with atomic_write(output, overwrite=overwrite, within=scratch) as partial, contextlib.ExitStack() as stack:
        try:
            source = stack.enter_context(av.open(str(info.path), metadata_errors="replace"))
            first = stack.enter_context(av.open(str(segments[0][0])))
            container = av.open(str(partial), "w", format=FORMATS[suffix], options=_options(suffix, info, source))
            try:
                video = _video_stream(container, first.streams.video[0], encoding, info, suffix)
                copied = _copied_streams(container, source, output)
                _metadata(container, source, info, span)
                if span:
                    segments = [(path, [pts - span[0] for pts in own]) for path, own in segments]
                shift = info.time_base * (span[0] if span else 0)
                end = info.time_base * span[1] if span and span[1] is not None else None
                packets = heapq.merge(
                    _video_packets(segments, info, video),
                    _other_packets(source, copied, shift, end, trimmed=span is not None),
                    key=_when,
                )
                for packet in packets:
                    container.mux(packet)
            finally:
                container.close()
        except (av.error.FFmpegError, ValueError) as error:
            raise OutputError(
                f"{output}: cannot be written ({describe(error)}); make room, then run again with --resume"
            ) from error


def _options(suffix: str, info: VideoInfo, source: Any) -> dict[str, str]:
    if suffix not in (".mp4", ".mov"):
        # Matroska keeps no decoding times, but libav would move everything until they are positive.
        return {"avoid_negative_ts": "disabled"}
    ticks = info.time_base.denominator
    # Where a stream begins is kept in the movie's time scale: one that all streams' ticks divide rounds none of them.
    scale = math.lcm(ticks, *(stream.time_base.denominator for stream in source.streams if stream.time_base))
    return {
        "video_track_timescale": str(ticks),
        "movie_timescale": str(scale if scale <= _LONGEST_TIMESCALE else ticks),
    }


def _video_stream(container: Any, template: Any, encoding: Encoding, info: VideoInfo, suffix: str) -> Any:
    stream = container.add_stream_from_template(template, opaque=True)
    stream.time_base = info.time_base
    context = stream.codec_context
    tag(context, encoding)
    four = CODECS[encoding.codec].tag
    if four and suffix in (".mp4", ".mov"):
        context.codec_tag = four
    if info.display_matrix:
        stream.set_display_matrix(info.display_matrix)
    return stream


def _copied_streams(container: Any, source: Any, output: Path) -> dict[int, Any]:
    """Output streams of what is copied, by the source's stream index."""
    copied = {}
    for stream in source.streams:
        if stream.type not in ("audio", "subtitle"):
            if stream.type == "attachment" and output.suffix.lower() == ".mkv":
                container.add_attachment(stream.name or "attachment", stream.mimetype or "", stream.data)
            continue
        try:
            copy = container.add_stream_from_template(stream)
        except ValueError:
            name = stream.codec_context.name if stream.codec_context else "unknown"
            logger.warning(
                "%s: %s files do not hold the %s stream %d (%s), which is left out; choose the clip's own container",
                output, output.suffix, stream.type, stream.index, name,
            )  # fmt: skip
            continue
        copy.metadata.update({k: v for k, v in stream.metadata.items() if k not in _CONTAINER_TAGS})
        copy.disposition = stream.disposition
        copied[stream.index] = copy
    return copied


def _metadata(container: Any, source: Any, info: VideoInfo, span: tuple[int, int | None] | None) -> None:
    for key, value in source.metadata.items():
        if key not in _CONTAINER_TAGS:
            container.metadata[key] = value
    chapters = [dict(chapter) for chapter in source.chapters()]
    if span is not None:
        begin = info.time_base * span[0]
        end = info.time_base * span[1] if span[1] is not None else None
        chapters = [moved for chapter in chapters if (moved := _moved(chapter, begin, end))]
    if chapters:
        container.set_chapters(chapters)


def _moved(chapter: Mapping[str, Any], begin: Fraction, end: Fraction | None) -> dict[str, Any] | None:
    """A chapter of a trimmed clip; None if it lies outside."""
    tick = Fraction(chapter["time_base"])
    first, last = chapter["start"] * tick, chapter["end"] * tick
    if last <= begin or (end is not None and first >= end):
        return None
    first, last = max(first, begin), last if end is None else min(last, end)
    return {**chapter, "start": round((first - begin) / tick), "end": round((last - begin) / tick)}


def _video_packets(segments: Sequence[tuple[Path, Sequence[int]]], info: VideoInfo, stream: Any) -> Iterator[Any]:
    """All segments' packets, with the timestamps of their frames and decoding timestamps that run through.

    Each segment begins with a key frame behind which nothing reaches back, so over the whole clip the n-th packet to be
    decoded may carry the timestamp of the frame shown d before the n-th, d being the furthest that any packet runs
    ahead of its turn.
    """
    orders = [display_order(path) for path, _ in segments]
    delay = max(max(place - shown for place, shown in enumerate(order)) for order in orders)
    shown = [pts for _, own in segments for pts in own]
    usual = max(1, round(1 / (info.rate * info.time_base)))
    lasts = {pts: after - pts for pts, after in zip(shown, [*shown[1:], shown[-1] + usual], strict=True)}
    done, extradata = 0, None
    for (path, own), order in zip(segments, orders, strict=True):
        with av.open(str(path)) as container:
            source = container.streams.video[0]
            here = source.codec_context.extradata
            if extradata not in (None, here) or len(order) != len(own):
                raise OutputError(f"{path}: does not belong to the other segments; remove its folder and start again")
            extradata = here
            packets = (packet for packet in container.demux(source) if packet.size)
            for packet, place in zip(packets, order, strict=True):
                packet.time_base = info.time_base
                packet.pts = own[place]
                packet.dts = shown[done - delay] if done >= delay else shown[0] - (delay - done)
                packet.duration = lasts[packet.pts]  # of the last in the file, mov takes how long it shows
                packet.stream = stream
                yield packet
                done += 1


def _other_packets(
    source: Any, copied: Mapping[int, Any], shift: Fraction, end: Fraction | None, *, trimmed: bool
) -> Iterator[Any]:
    if not copied:
        return

    def ended(error: av.error.FFmpegError) -> None:
        logger.warning("%s: sound and subtitles end early (%s)", source.name, describe(error))

    for packet in tolerant(source.demux([source.streams[index] for index in copied]), ended):
        if packet.pts is None:  # the mark of a stream's end
            continue
        if packet.stream.type == "subtitle" and bytes(packet) == _EMPTY_TEXT:
            continue
        if packet.dts is None:
            packet.dts = packet.pts
        if trimmed:
            begin = packet.pts * packet.time_base
            if begin < shift or (end is not None and begin >= end):
                continue
            ticks = round(shift / packet.time_base)
            packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
        packet.stream = copied[packet.stream.index]
        yield packet


def _when(packet: Any) -> Fraction:
    return Fraction(packet.dts * packet.time_base)
