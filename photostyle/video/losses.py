"""What of a clip's file the result does not give back when it is read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from photostyle.video.info import VideoInfo
from photostyle.video.reading import VideoReader, film
from photostyle.video.result import CHAPTERS, TAGS, Result
from photostyle.video.spatial import Spatial
from photostyle.video.tags import lost_tags, timecode_of, told


def lost_on_the_way(source: Any, result: Result, path: Path, *, info: VideoInfo, trimmed: bool) -> list[str]:
    """Streams, tags, chapters, languages, flags and layouts that a finished file has lost, in words.

    Args:
        source: the clip, opened.
        result: what was written.
        path: where it is.
        info: the clip.
        trimmed: chapters may lie outside.
    """
    lost = list(result.lost)
    with av.open(str(path), metadata_errors="replace") as written:
        tags = lost_tags(source.metadata, written.metadata)
        if tags and TAGS not in lost:
            lost.append(f"tags {', '.join(tags)}")
        if result.timecode and timecode_of(written, film(written)) != result.timecode:
            lost.append(f"timecode {result.timecode}")
        if CHAPTERS not in lost and len(written.chapters()) < len(source.chapters()) and not trimmed:
            lost.append(CHAPTERS)
        for kind in ("video", "audio", "subtitles"):
            before = [stream for stream in getattr(source.streams, kind) if stream.index in result.copied]
            after = list(getattr(written.streams, kind))
            if kind == "video":
                before, after = [film(source)], [film(written)]
            if kind == "audio":
                lost += [
                    f"channel layout ({one.layout.name}) of the audio stream {one.index}"
                    for one, other in zip(before, after, strict=False)
                    if one.layout.name != other.layout.name and one.layout.nb_channels > 2
                ]
            for one, other in zip(before, after, strict=False):
                gone = _flags(one) - _flags(other)
                gone |= {key for key in ("language", "title") if told(one, key) not in ("", told(other, key))}
                if gone:
                    lost.append(f"{', '.join(sorted(gone))} of the {one.type} stream {one.index}")
    if info.spatial != Spatial():
        lost += info.spatial.lost(VideoReader(path).info.spatial)
    return lost


def _flags(stream: Any) -> set[str]:
    return {str(flag.name) for flag in Disposition if stream.disposition & flag}
