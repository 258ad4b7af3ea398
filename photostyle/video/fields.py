"""Interlaced pictures, whose lines are of two moments in turn, made into whole pictures of one moment.

By BWDIF (bob, weave, deinterlace filter; FFmpeg's ``bwdif``, after the BBC's PH-2071 and yadif): one picture for two
fields, so that rate and times stay. Pictures that say that they are progressive pass through as they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import av
import av.filter

from photostyle.video.info import VideoInfo

_FIRST_FIELD = {"frames": "auto", "top": "tff", "bottom": "bff"}


def apart(pictures: Iterator[tuple[int, av.VideoFrame]], info: VideoInfo) -> Iterator[tuple[int, av.VideoFrame]]:
    """Pictures with their ticks, their fields taken apart; each needs those before and behind it, of which it knows."""
    graph: av.filter.Graph | None = None
    ticks: deque[tuple[int, int]] = deque()  # and durations: the filter counts in others

    def ready() -> Iterator[tuple[int, av.VideoFrame]]:
        while ticks and graph is not None:
            try:
                picture = graph.vpull()
            except (BlockingIOError, EOFError):  # it waits for more
                return
            pts, picture.duration = ticks.popleft()
            yield pts, picture

    for pts, picture in pictures:
        graph = graph or _graph(picture, info)
        ticks.append((pts, picture.duration or 0))
        graph.vpush(picture)
        yield from ready()
    if graph is not None:
        graph.vpush(None)
        yield from ready()


def _graph(picture: av.VideoFrame, info: VideoInfo) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=info.time_base
    )
    last: Any
    last = source
    if picture.format.name.replace("yuvj", "yuv") != info.format:  # a repacking
        last = graph.add("format", f"pix_fmts={info.format}")
        source.link_to(last)
    which = "interlaced" if info.fields in ("", "frames") else "all"
    first = _FIRST_FIELD.get(info.fields, "auto")
    for name, options in (("bwdif", f"mode=send_frame:parity={first}:deint={which}"), ("buffersink", "")):
        following = graph.add(name, options)
        last.link_to(following)
        last = following
    graph.configure()
    return graph
