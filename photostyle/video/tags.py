"""What a clip's file says in words and numbers beside its pictures: tags, timecode, chapters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from photostyle.video.info import VideoInfo
from photostyle.video.timecode import later

# What muxers write themselves, and what would no longer be true of other pictures.
_OWN = re.compile(
    r"(major_brand|minor_version|compatible_brands|encoder|duration|alpha_mode|vendor_id"
    r"|bps|number_of_frames|number_of_bytes|_statistics_\w+)(-\w+)?",
    re.IGNORECASE,
)
_TIMECODE = "timecode"
# Tags that the muxer puts where players of every kind look. Others go into QuickTime's list of keys, and then all do.
_MOV_TAGS = {
    "title", "artist", "album", "date", "comment", "genre", "copyright", "make", "model", "location", "creation_time",
}  # fmt: skip
_MP4_TAGS = {
    "title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping",
    "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "episode_sort", "season_number",
    "media_type", "hd_video", "gapless_playback", "compilation", "track", "disc", "location", "creation_time",
}  # fmt: skip

# Languages that libav's list for QuickTime has under another code than ISO 639-2's terminological one.
_QUICKTIME = {
    "sqi": "alb", "hye": "arm", "eus": "baq", "mya": "bur", "zho": "chi", "nld": "dut", "kat": "geo", "deu": "ger",
    "ell": "gre", "isl": "ice", "mkd": "mac", "msa": "may", "fas": "per", "bod": "tib", "cym": "wel", "swe": "sve",
    "hrv": "hr ", "srp": "sr ",
}  # fmt: skip
_TERMINOLOGICAL = {
    **{other: code for code, other in _QUICKTIME.items()},
    "cze": "ces", "fre": "fra", "rum": "ron", "slo": "slk", "mao": "mri",
}  # fmt: skip

Span = tuple[int, "int | None"]
"""The first frame's tick and the tick of the cut's end, of a clip that is trimmed."""


def kept_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Tags that may stand in the result as they are; a timecode goes its own way."""
    return {k: v for k, v in metadata.items() if not _OWN.fullmatch(k) and k.lower() != _TIMECODE}


def stream_tags(metadata: Mapping[str, str], suffix: str) -> dict[str, str]:
    """A stream's tags for a container: titles and languages by the names that its muxer knows."""
    tags = kept_tags(metadata)
    named = {key.lower(): value for key, value in tags.items()}
    if "name" in named and "title" not in named:  # libav reads a title of mp4 and mov so, but does not write it
        tags["title"] = named["name"]
    language = named.get("language", "")
    code = _TERMINOLOGICAL.get(language, language)
    if suffix == ".mov" and language:
        tags["language"] = _QUICKTIME.get(code, code)
    elif language in ("sve", "hr ", "sr "):
        tags["language"] = code
    return tags


def told(stream: Any, key: str) -> str:
    """A stream's language, by its terminological code, or title; empty if unsaid."""
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    value = str(tags.get(key, tags.get("name", "") if key == "title" else ""))
    return "" if value == "und" else _TERMINOLOGICAL.get(value, value)


def needs_keys(tags: Mapping[str, str], suffix: str) -> bool:
    """Whether an mp4 or mov holds these tags only as QuickTime's keys (``com.apple.quicktime.make`` and any other)."""
    known = _MOV_TAGS if suffix == ".mov" else _MP4_TAGS
    return any(key.lower().removesuffix("-eng") not in known for key in tags)


def timecode_of(source: Any, film: Any) -> str | None:
    """The timecode at a clip's first frame: of the picture, of a track beside it, or of the file."""
    data = [stream for stream in source.streams if stream.type == "data"]
    for place in (film, *data, source):
        for key, value in place.metadata.items():
            if key.lower() == _TIMECODE:
                return str(value)
    return None


def timecode_for(source: Any, film: Any, info: VideoInfo, rate: Fraction, span: Span | None) -> str | None:
    """The timecode to write: the clip's, or that of the first frame of a trimmed one; None if that is unknown."""
    found = timecode_of(source, film)
    if found is None or span is None:
        return found
    return later(found, round((span[0] - info.starts) * info.time_base * rate), rate)


def chapters_for(source: Any, info: VideoInfo, span: Span | None, begin: Fraction) -> list[dict[str, Any]]:
    """The clip's chapters as they stand in the result, whose 0 is the clip's second `begin`."""
    end = info.time_base * span[1] if span is not None and span[1] is not None else None
    chapters = [dict(chapter) for chapter in source.chapters()]
    if span is None and not begin:
        return chapters
    return [moved for chapter in chapters if (moved := _moved(chapter, begin, end))]


def _moved(chapter: Mapping[str, Any], begin: Fraction, end: Fraction | None) -> dict[str, Any] | None:
    """A chapter of a trimmed clip; None if it lies outside."""
    tick = Fraction(chapter["time_base"])
    first, last = chapter["start"] * tick, chapter["end"] * tick
    if last <= begin or (end is not None and first >= end):
        return None
    first, last = max(first, begin), last if end is None else min(last, end)
    return {**chapter, "start": round((first - begin) / tick), "end": round((last - begin) / tick)}


def lost_tags(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Names of tags that are not there any more, or say something else."""
    there = {key.lower(): _plain(value) for key, value in after.items()}
    return [key for key, value in kept_tags(before).items() if value and there.get(key.lower()) != _plain(value)]


def _plain(value: str) -> str:
    """A tag's value without what containers write in their own way: idle zeros, and spaces at the ends."""
    value = re.sub(r"(\.\d*?)0+(?=\D|$)", r"\1", value.strip())
    return re.sub(r"\.(?=\D|$)|(?<![\d.])0+(?=\d)", "", value)
