"""The file that is written, with all its streams: the picture, and what is copied from the clip beside it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from photostyle.video.codecs import FORMATS, Encoding
from photostyle.video.encode import tag
from photostyle.video.info import VideoInfo
from photostyle.video.reading import film, is_picture
from photostyle.video.spatial import stereo_tags
from photostyle.video.tags import Span, chapters_for, kept_tags, needs_keys, stream_tags, timecode_for, timecode_of
from photostyle.video.texts import add_text, codec_for
from photostyle.video.timing import Schedule

_LONGEST_TIMESCALE = 2**31 - 1
_IMAGES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}
_MOV = (".mp4", ".mov")
TIMECODE, TAGS, CHAPTERS = "timecode", "tags", "chapters"  # what can be left out beside streams, which have numbers


@dataclass(eq=False)
class Result:
    """An output container, its streams made and its header not yet written.

    Attributes:
        container: libav's.
        video: the stream of the picture.
        copied: output streams by the index of the source's.
        texts: indices of those whose packets are to be written in another codec (`photostyle.video.texts`).
        timecode: what it says of the first frame's.
        lost: what of the source is not in it, in words.
    """

    container: Any
    video: Any
    copied: dict[int, Any] = field(default_factory=dict)
    texts: set[int] = field(default_factory=set)
    timecode: str | None = None
    lost: list[str] = field(default_factory=list)


def begin_of(info: VideoInfo, span: Span | None) -> Fraction:
    """Second of the clip that becomes 0: of a trimmed clip its first frame; else players' 0, where that is not 0."""
    if span is not None:
        return info.time_base * span[0]
    return Fraction(0) if info.keeps_start else info.begins


def open_result(
    path: Path,
    suffix: str,
    source: Any,
    template: Any,
    encoding: Encoding,
    info: VideoInfo,
    schedule: Schedule,
    span: Span | None,
    leave_out: Collection[str | int] = (),
) -> Result:
    """Open a file for writing.

    Args:
        path: where.
        suffix: of the output; decides the container.
        source: the clip, opened.
        template: stream of a segment.
        encoding: of the segments.
        info: the clip.
        schedule: when frames are shown.
        span: see `Span`.
        leave_out: `TIMECODE`, `TAGS`, `CHAPTERS`, and indices of streams that the container does not accept.

    Raises:
        av.error.FFmpegError, ValueError: the container does not go with the picture.
    """
    tags = {} if TAGS in leave_out else kept_tags(source.metadata)
    cover = suffix == ".mp4" and any(is_picture(stream) for stream in source.streams.video)
    options = _options(suffix, schedule, source)
    if suffix in _MOV and not cover and needs_keys(tags, suffix):
        options["movflags"] = "use_metadata_tags"
    container = av.open(str(path), "w", format=FORMATS[suffix], options=options)
    try:
        picture = film(source)
        result = Result(container, _video_stream(container, template, picture, encoding, info, schedule, suffix))
        container.metadata.update(tags)
        _copy_streams(result, source, picture, suffix, leave_out)
        timecode = None if TIMECODE in leave_out else timecode_for(source, picture, info, schedule.rate, span)
        if timecode is not None:
            (result.video if suffix in _MOV else container).metadata["timecode"] = timecode
            result.timecode = timecode
        elif timecode_of(source, picture):
            result.lost.append(f"timecode {timecode_of(source, picture)}")
        chapters: Any = [] if CHAPTERS in leave_out else chapters_for(source, info, span, begin_of(info, span))
        if chapters:
            container.set_chapters(chapters)
    except BaseException:
        container.close()
        raise
    result.lost += [name for name in (TAGS, CHAPTERS) if name in leave_out]
    return result


def _options(suffix: str, schedule: Schedule, source: Any) -> dict[str, str]:
    if suffix not in _MOV:
        # Matroska keeps no decoding times, but libav would move everything until they are positive.
        return {"avoid_negative_ts": "disabled"}
    ticks = schedule.time_base.denominator
    # Where a stream begins is kept in the movie's time scale: one that all streams' ticks divide rounds none of them.
    scale = math.lcm(ticks, *(stream.time_base.denominator for stream in source.streams if stream.time_base))
    return {
        "video_track_timescale": str(ticks),
        "movie_timescale": str(scale if scale <= _LONGEST_TIMESCALE else ticks),
    }


def _video_stream(
    container: Any, template: Any, picture: Any, encoding: Encoding, info: VideoInfo, schedule: Schedule, suffix: str
) -> Any:
    stream = container.add_stream_from_template(template, opaque=True)
    stream.time_base = schedule.time_base
    context = stream.codec_context
    # Timecode counts by it, and Matroska states it, which it should of a variable rate only where the clip's did.
    stated = schedule.constant or suffix in _MOV or info.rate_stated
    context.framerate = schedule.rate if stated else Fraction(0)
    tag(context, encoding)
    if encoding.tag and suffix in _MOV:
        context.codec_tag = encoding.tag
    if info.display_matrix:
        stream.set_display_matrix(info.display_matrix)
    stream.metadata.update(stereo_tags(info.spatial, suffix, stream_tags(picture.metadata, suffix)))
    if encoding.alpha and encoding.codec == "vp9":
        stream.metadata["alpha_mode"] = "1"
    stream.disposition = picture.disposition
    return stream


def _copy_streams(result: Result, source: Any, picture: Any, suffix: str, leave_out: Collection[str | int]) -> None:
    container = result.container
    for stream in source.streams:
        if stream.index == picture.index or stream.discard.name == "all":  # the text of chapters
            continue
        if stream.type == "data" and "timecode" in stream.metadata:
            continue
        if stream.index in leave_out or not _copy(result, container, stream, suffix):
            name = stream.codec_context.name if stream.codec_context else stream.metadata.get("handler_name", "unknown")
            kind = "cover picture" if stream.type == "video" and is_picture(stream) else f"{stream.type} stream"
            result.lost.append(f"{kind} {stream.index} ({name.strip()})")


def _copy(result: Result, container: Any, stream: Any, suffix: str) -> bool:
    if stream.type == "attachment":
        if suffix == ".mkv":
            container.add_attachment(stream.name or "attachment", stream.mimetype or "", stream.data)
        return suffix == ".mkv"
    if stream.type == "video" and not is_picture(stream):
        return False
    if stream.type == "video" and suffix != ".mp4":
        return suffix == ".mkv" and _attach(container, stream)
    if stream.type not in ("audio", "subtitle", "video"):
        return False
    codec = codec_for(stream, suffix) if stream.type == "subtitle" else None
    try:
        if codec is not None:
            copy = add_text(container, stream, codec)
            result.texts.add(stream.index)
        else:
            copy = container.add_stream_from_template(stream, opaque=True)
    except (ValueError, av.error.FFmpegError):
        return False
    copy.metadata.update(stream_tags(stream.metadata, suffix))
    copy.disposition = stream.disposition
    result.copied[stream.index] = copy
    return True


def _attach(container: Any, stream: Any) -> bool:
    """Give Matroska a cover picture, which there is an attachment."""
    ending, kind = _IMAGES.get(stream.codec_context.name, ("", ""))
    data = next((bytes(packet) for packet in covers(stream.container.name, [stream.index])), b"")
    if ending and data:
        container.add_attachment(stream.metadata.get("filename", f"cover.{ending}"), kind, data)
    return bool(ending and data)


def covers(path: str, indices: Collection[int]) -> Iterator[Any]:
    """The packets of a clip's cover pictures, one each."""
    for index in indices:
        with av.open(path, metadata_errors="replace") as source:
            for packet in source.demux(source.streams[index]):
                if packet.size:
                    yield packet
                    break
