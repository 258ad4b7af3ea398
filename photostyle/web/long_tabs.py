"""The tabs of what takes minutes: many photos, a clip, a comparison of methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from photostyle.errors import ParameterError
from photostyle.methods import find
from photostyle.web import views
from photostyle.web.desk import Desk
from photostyle.web.errands import KNOWN_CLIPS, Errand, Stopped, Told
from photostyle.web.photo_desk import wished
from photostyle.web.sessions import Picture
from photostyle.web.wishes import MOST_PHOTOS

_PROGRESS = gr.Progress()
_LONG: dict[str, Any] = {"concurrency_id": "long", "concurrency_limit": 1, "show_progress": "full",
                         "api_visibility": "private"}  # fmt: skip
_QUICK: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
_STEPS = 60
_PART = 2.0  # seconds of a preview
_SAME = "as the clip, or H.264"
_CODECS = (_SAME, "h264", "hevc", "prores", "vp9", "ffv1")
_QUICK_METHODS = ("reinhard", "monge", "wct2")


def build(desk: Desk, wishes: list[gr.components.Component]) -> None:
    """Lay the tabs out and wire them; they take the look of the photo tab, whose controls are `wishes`."""
    with gr.Tab("Many photos", elem_id="ps-many-tab"):
        _many(desk, wishes)
    with gr.Tab("Video", elem_id="ps-video-tab"):
        _video(desk, wishes)
    with gr.Tab("Compare methods", elem_id="ps-compare-tab") as tab:
        methods = _compare(desk, wishes)

    def offered() -> Any:
        found = desk.engine.methods
        return gr.update(choices=found, value=[name for name in _QUICK_METHODS if name in found])

    # Which can run is found out by loading their networks.
    tab.select(offered, None, methods, **_QUICK)


def _many(desk: Desk, wishes: list[gr.components.Component]) -> None:
    gr.HTML(views.note("Give many photos the look of the Photo tab; what comes out is an archive of the results."))
    photos = gr.File(label="Photos", file_count="multiple", height=150, elem_classes="ps-drop", elem_id="ps-many")
    listed = gr.HTML()
    with gr.Row():
        start = gr.Button("Do them all", variant="primary", elem_id="ps-many-start")
        stop = gr.Button("Stop")
        clear = gr.Button("Clear the list")
    result = gr.HTML(elem_id="ps-many-result", min_height=80)

    def names(paths: list[Path]) -> str:
        return views.note(f"{len(paths)} photos: " + ", ".join(path.name for path in paths)) if paths else ""

    def take(paths: list[str] | None, request: gr.Request) -> list[Any]:
        with desk.at_work(request) as (visitor, studio):
            if len(studio.photos) + len(paths or ()) > MOST_PHOTOS:
                raise ParameterError(f"at most {MOST_PHOTOS} photos can be done at once: clear the list first")
            studio.photos += [desk.received(visitor, studio, path) for path in paths or ()]
            return [None, names(studio.photos)]

    def forget(request: gr.Request) -> str:
        with desk.at_work(request) as (_, studio):
            for path in studio.photos:
                studio.discard(path)
            studio.photos = []
            return ""

    def run(request: gr.Request, *values: Any, progress: gr.Progress = _PROGRESS) -> str:
        with desk.on_errand(request) as (visitor, studio):
            errand = Errand(studio, wished(values, studio.own), _bar(progress))
            try:
                archive, failures = errand.photos(list(studio.photos), desk.sessions.limits.pixels)
            except Stopped:
                return views.note("Stopped.")
            token = visitor.show(Picture(archive, "application/zip", archive.name))
            failed = "".join(views.note(desk.without_folders(line)) for line in failures)
            return views.download(token, archive.name, archive.stat().st_size) + failed

    photos.upload(take, photos, [photos, listed], **_QUICK)
    clear.click(forget, None, listed, **_QUICK)
    start.click(run, wishes, result, **_LONG)
    stop.click(desk.stop, None, None, **_QUICK)


def _video(desk: Desk, wishes: list[gr.components.Component]) -> None:
    gr.HTML(views.note("Grade a clip in the look of the Photo tab, steady from frame to frame, with its sound."))
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            clip = gr.File(label="Clip", height=150, file_types=list(KNOWN_CLIPS), elem_classes="ps-drop",
                           elem_id="ps-clip")  # fmt: skip
            listed = gr.HTML()
            at = gr.Number(0, label="Preview from second", minimum=0, step=0.5)
            by_region = gr.Checkbox(False, label="By region (slower)")
            codec = gr.Dropdown(list(_CODECS), value=_SAME, label="Codec of the result", filterable=False)
            with gr.Row():
                look = gr.Button(f"Preview {_PART:g} seconds", elem_id="ps-clip-preview")
                start = gr.Button("Grade the clip", variant="primary", elem_id="ps-clip-start")
                stop = gr.Button("Stop")
        with gr.Column(scale=3, min_width=300):
            result = gr.HTML(elem_id="ps-clip-result", min_height=80)

    def take(path: str | None, request: gr.Request) -> list[Any]:
        with desk.at_work(request) as (visitor, studio):
            studio.discard(studio.clip)
            studio.clip = desk.received(visitor, studio, path) if path else None
            return [None, views.note(studio.clip.name) if studio.clip else ""]

    def run(request: gr.Request, second: float | None, codec_name: str, regions: bool, values: tuple[Any, ...],
            progress: gr.Progress, *, preview: bool) -> str:  # fmt: skip
        with desk.on_errand(request) as (visitor, studio):
            if studio.clip is None:
                return views.note("Drop a clip first.")
            errand = Errand(studio, wished(values, studio.own), _bar(progress))
            part = ((second or 0.0), (second or 0.0) + _PART) if preview else None
            chosen = None if codec_name == _SAME or preview else codec_name
            try:
                made = errand.clip(studio.clip, desk.sessions.limits.pixels, part=part, codec=chosen, by_region=regions)
            except Stopped:
                return views.note("Stopped.")
            if preview:
                return views.video(visitor.show(Picture(made, "video/mp4")), "A preview of the graded clip")
            token = visitor.show(Picture(made, "application/octet-stream", made.name))
            return views.download(token, made.name, made.stat().st_size)

    def preview(request: gr.Request, second: float | None, codec_name: str, regions: bool, *values: Any,
                progress: gr.Progress = _PROGRESS) -> str:  # fmt: skip
        return run(request, second, codec_name, regions, values, progress, preview=True)

    def whole(request: gr.Request, second: float | None, codec_name: str, regions: bool, *values: Any,
              progress: gr.Progress = _PROGRESS) -> str:  # fmt: skip
        return run(request, second, codec_name, regions, values, progress, preview=False)

    clip.upload(take, clip, [clip, listed], **_QUICK)
    look.click(preview, [at, codec, by_region, *wishes], result, **_LONG)
    start.click(whole, [at, codec, by_region, *wishes], result, **_LONG)
    stop.click(desk.stop, None, None, **_QUICK)


def _compare(desk: Desk, wishes: list[gr.components.Component]) -> gr.CheckboxGroup:
    gr.HTML(views.note("The photo and the first reference of the Photo tab through several methods, side by side."))
    methods = gr.CheckboxGroup(list(_QUICK_METHODS), value=list(_QUICK_METHODS), label="Methods", elem_id="ps-methods")
    steps = gr.Slider(10, 500, _STEPS, step=10, label="Steps of methods that go on in steps")
    with gr.Row():
        start = gr.Button("Compare", variant="primary", elem_id="ps-compare-start")
        stop = gr.Button("Stop")
    result = gr.HTML(elem_id="ps-compare-result", min_height=80)

    def run(request: gr.Request, chosen: list[str], count: float, *values: Any,
            progress: gr.Progress = _PROGRESS) -> str:  # fmt: skip
        with desk.on_errand(request) as (visitor, studio):
            errand = Errand(studio, wished(values, studio.own), _bar(progress))
            try:
                sheet, outcomes = errand.compare([find(name) for name in chosen], int(count))
            except Stopped:
                return views.note("Stopped.")
            failed = [f"{one.info.name}: {desk.without_folders(one.error)}" for one in outcomes if one.error]
            token = visitor.show(Picture(sheet, "image/jpeg", sheet.name))
            said = ", ".join(one.info.name for one in outcomes if not one.error)
            link = views.download(token, sheet.name, sheet.stat().st_size)
            return views.sheet(token, f"A contact sheet of {said}") + link + "".join(map(views.note, failed))

    start.click(run, [methods, steps, *wishes], result, **_LONG)
    stop.click(desk.stop, None, None, **_QUICK)
    return methods


def _bar(progress: gr.Progress) -> Told:
    def told(what: str, done: int, total: int) -> None:
        progress((done, total) if total else None, desc=what)

    return told
