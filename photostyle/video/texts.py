"""Subtitles that are text, which containers hold in different codecs: made into one that the output's takes."""

from __future__ import annotations

import re
from typing import Any

# Names of libav's codecs (canonical ones) for text that each container takes; what has another becomes the first.
_TAKEN = {
    ".mp4": ("mov_text",),
    ".mov": ("mov_text",),
    ".mkv": ("subrip", "ass", "webvtt", "text"),
    ".webm": ("webvtt",),
}
_TEXT = ("mov_text", "subrip", "ass", "webvtt", "text")
# In ASS, as which libav hands all of them on: another style than the usual, or anything but bold, italic and
# underlined, which all can say.
_STYLED = re.compile(rb"\{[^}]*\\(?![biu][01]?[\\}])|^\d*,\d*,(?!\*?Default,)")


def codec_for(stream: Any, suffix: str) -> str | None:
    """The codec that a subtitle stream must be made into for a container; None if it is taken as it is, or no text."""
    context = stream.codec_context
    name = "" if context is None else context.codec.canonical_name
    if name not in _TEXT or name in _TAKEN[suffix]:
        return None
    return _TAKEN[suffix][0]


def add_text(container: Any, stream: Any, codec: str) -> Any:
    """Add a stream of another codec for a subtitle stream. Raises av.error.FFmpegError, ValueError."""
    stream.codec_context.open(strict=False)  # it knows its styles only then
    made = container.add_stream(codec)
    made.time_base = made.codec_context.time_base = stream.time_base
    made.codec_context.subtitle_header = stream.codec_context.subtitle_header
    return made


def rewritten(packet: Any, made: Any) -> tuple[Any, bool]:
    """A packet in the codec of `made`, or None if it says nothing, and whether styles or places of it are lost.

    Raises:
        av.error.FFmpegError: it is damaged.
    """
    found = packet.stream.codec_context.decode2(packet)
    lines = [line.ass for line in found or () if getattr(line, "ass", None)]
    if not lines:
        return None, False
    other = made.codec_context.encode_subtitle(found)
    other.pts, other.dts, other.duration, other.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    other.stream = made
    return other, any(_STYLED.search(line) for line in lines) or packet.has_sidedata("webvtt_settings")
