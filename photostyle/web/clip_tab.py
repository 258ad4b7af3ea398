"""The tab of clips: a few frames in the look before anything is rendered, what the whole would take, and the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from photostyle.errors import ParameterError
from photostyle.web import views
from photostyle.web.clip_frames import Glance, glance
from photostyle.web.desk import Desk
from photostyle.web.errands import KNOWN_CLIPS, Errand
from photostyle.web.long_work import LONG, QUICK, Updates, tried, watched
from photostyle.web.progress import worded
from photostyle.web.sessions import Picture, Visitor
from photostyle.web.studio import Studio

_PART = 2.0  # seconds of a preview
_WHOLE, _SMALL = "As the clip", "A small copy, 480 pixels on the long side (faster)"
_CODECS = (
    ("As the clip, or H.264", ""), ("H.264, plays everywhere", "h264"), ("HEVC, smaller and slower", "hevc"),
    ("ProRes, for editing", "prores"), ("VP9, for the web, slow", "vp9"), ("FFV1, lossless", "ffv1"),
)  # fmt: skip


def build(desk: Desk) -> None:
    """Lay the tab out and wire it; it takes the look that the photo tab has."""
    gr.HTML(views.lead("A clip in the look of the Photo tab,", "steady from frame to frame, with its sound. Drop it: "
                       "some of its frames are shown in the look, and how long the whole of it takes."))  # fmt: skip
    clip = gr.File(label="Clip", height=150, file_types=list(KNOWN_CLIPS), elem_classes="ps-dropped", elem_id="ps-clip")
    listed = gr.HTML(views.note("No clip yet: drop one above. MP4, MOV, MKV, WebM, AVI."), elem_id="ps-clip-name")
    bar = gr.HTML(elem_id="ps-clip-bar")
    frames = gr.HTML(elem_id="ps-clip-frames")
    with gr.Row():
        size = gr.Radio([_WHOLE, _SMALL], value=_WHOLE, label="Size", elem_id="ps-clip-size")
        by_region = gr.Checkbox(False, label="Match region by region (slower)", elem_id="ps-clip-regions")
        codec = gr.Dropdown(list(_CODECS), value="", label="Format of the result", filterable=False)
        at = gr.Number(0, label="Preview from second", minimum=0, step=0.5)
    with gr.Row():
        look = gr.Button("Show frames again", elem_id="ps-clip-look", interactive=False)
        part = gr.Button(f"Preview {_PART:g} seconds", elem_id="ps-clip-preview", interactive=False)
        start = gr.Button("Grade the clip", variant="primary", elem_id="ps-clip-start", interactive=False)
        stop = gr.Button("Stop", elem_id="ps-clip-stop", interactive=False)
    result = gr.HTML(elem_id="ps-clip-result")

    def take(path: str | None, request: gr.Request) -> Updates:
        def work(visitor: Visitor[Studio], studio: Studio) -> Updates:
            studio.discard(studio.clip)
            studio.clip = desk.received(visitor, studio, path) if path else None
            there = gr.update(interactive=studio.clip is not None)
            return [None, views.note(studio.clip.name if studio.clip else "No clip yet."), "", there, there, there]

        return tried(desk, request, work, lambda said: [None, said, "", gr.skip(), gr.skip(), gr.skip()])

    def look_at(request: gr.Request, regions: bool) -> Iterator[Updates]:
        def doing(visitor: Visitor[Studio], errand: Errand) -> str:
            found = glance(errand, _clip(errand), desk.sessions.limits.pixels, by_region=regions)
            return shown(visitor, found)

        yield from watched(desk, request, doing, 3, first="Reading the clip")

    def run(request: gr.Request, second: float | None, codec_name: str, regions: bool, wanted: str, *,
            preview: bool) -> Iterator[Updates]:  # fmt: skip
        begin = second or 0.0

        def doing(visitor: Visitor[Studio], errand: Errand) -> str:
            made = errand.clip(
                _clip(errand), desk.sessions.limits.pixels, part=(begin, begin + _PART) if preview else None,
                codec=None if preview else codec_name or None, by_region=regions, small=wanted == _SMALL,
            )  # fmt: skip
            if preview:
                return views.video(visitor.show(Picture(made, "video/mp4")), "A preview of the graded clip")
            token = visitor.show(Picture(made, "application/octet-stream", made.name))
            return views.download(token, made.name, made.stat().st_size)

        yield from watched(desk, request, doing, 3)

    def previewed(request: gr.Request, second: float | None, codec_name: str, regions: bool, wanted: str) -> Any:
        yield from run(request, second, codec_name, regions, wanted, preview=True)

    def whole(request: gr.Request, second: float | None, codec_name: str, regions: bool, wanted: str) -> Any:
        yield from run(request, second, codec_name, regions, wanted, preview=False)

    buttons = [look, part, start]
    taken = clip.upload(take, clip, [clip, listed, result, *buttons], **QUICK)
    taken.success(look_at, by_region, [bar, frames, *buttons, stop], **LONG)
    look.click(look_at, by_region, [bar, frames, *buttons, stop], **LONG)
    part.click(previewed, [at, codec, by_region, size], [bar, result, *buttons, stop], **LONG)
    start.click(whole, [at, codec, by_region, size], [bar, result, *buttons, stop], **LONG)
    stop.click(desk.stop, None, None, **QUICK)


def shown(visitor: Visitor[Studio], found: Glance) -> str:
    """Frames before and after, and a table of times."""
    names = {"first": "First frame", "middle": "Middle", "cut": "After a cut"}
    stills = [
        (
            f"{names[still.what]}, {int(still.second) // 60}:{still.second % 60:04.1f}",
            views.inline(still.before),
            views.inline(still.after),
        )
        for still in found.stills
    ]
    times = [(choice.name, f"about {worded(choice.seconds)}") for choice in found.choices]
    limit = "" if found.searched is None else views.note(
        f"Cuts were looked for up to second {found.searched:.0f}.")  # fmt: skip
    return views.times(f"All {found.frames} frames would take", times) + views.frames(stills) + limit


def _clip(errand: Errand) -> Any:
    clip = errand.studio.clip
    if clip is None:
        raise ParameterError("there is no clip yet: drop one first")
    return clip
