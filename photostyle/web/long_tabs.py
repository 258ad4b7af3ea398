"""The tabs of what takes minutes: many photos, a clip, a comparison of methods."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from photostyle.errors import ParameterError
from photostyle.methods import find
from photostyle.web import clip_tab, views
from photostyle.web.desk import Desk
from photostyle.web.errands import Errand
from photostyle.web.long_work import LONG, QUICK, Updates, tried, watched
from photostyle.web.sessions import Picture, Visitor
from photostyle.web.studio import Studio
from photostyle.web.wishes import MOST_PHOTOS

_STEPS = 60
_QUICK_METHODS = ("reinhard", "monge", "wct2")


def build(desk: Desk) -> None:
    """Lay the tabs out and wire them; they take the look that the photo tab has."""
    # Short names: on a phone all four stand side by side.
    with gr.Tab("Many", elem_id="ps-many-tab"):
        _many(desk)
    with gr.Tab("Clip", elem_id="ps-video-tab"):
        clip_tab.build(desk)
    with gr.Tab("Compare", elem_id="ps-compare-tab") as tab:
        methods = _compare(desk)

    def offered() -> Any:
        found = desk.engine.methods
        choices = [(f"{name} ({find(name).title})" if hasattr(find(name), "title") else name, name) for name in found]
        return gr.update(choices=choices, value=[name for name in _QUICK_METHODS if name in found])

    # Which can run is found out by loading their networks.
    tab.select(offered, None, methods, **QUICK)


def _many(desk: Desk) -> None:
    gr.HTML(views.lead("Many photos in one look.", "Make a look on the Photo tab, then drop photos here. What comes "
                       "out is one archive of results, each in its photo's format."))  # fmt: skip
    photos = gr.File(label="Photos", file_count="multiple", height=150, elem_classes="ps-dropped", elem_id="ps-many")
    listed = gr.HTML(views.note("No photos yet: drop some above."), elem_id="ps-many-list")
    with gr.Row():
        start = gr.Button("Do them all", variant="primary", elem_id="ps-many-start", interactive=False)
        stop = gr.Button("Stop", elem_id="ps-many-stop", interactive=False)
        clear = gr.Button("Clear the list", elem_id="ps-many-clear", interactive=False)
    bar = gr.HTML(elem_id="ps-many-bar")
    result = gr.HTML(elem_id="ps-many-result")

    def state(studio: Studio, problem: str = "") -> Updates:
        paths, there = studio.photos, bool(studio.photos)
        names = ", ".join(path.name for path in paths[:12]) + (", …" if len(paths) > 12 else "")
        said = views.note(f"{len(paths)} photo{'s' * (len(paths) > 1)}: {names}") if there else views.note(
            "No photos yet: drop some above.")  # fmt: skip
        return [None, said + problem, gr.update(interactive=there), gr.update(interactive=there)]

    def take(paths: list[str] | None, request: gr.Request) -> Updates:
        def work(visitor: Visitor[Studio], studio: Studio) -> Updates:
            if len(studio.photos) + len(paths or ()) > MOST_PHOTOS:
                raise ParameterError(f"at most {MOST_PHOTOS} photos can be done at once: clear the list first")
            studio.photos += [desk.received(visitor, studio, path) for path in paths or ()]
            return state(studio)

        return tried(desk, request, work, lambda said: [None, said, gr.skip(), gr.skip()])

    def forget(request: gr.Request) -> Updates:
        def work(_: Visitor[Studio], studio: Studio) -> Updates:
            for path in studio.photos:
                studio.discard(path)
            studio.photos = []
            return state(studio)

        return tried(desk, request, work, lambda said: [None, said, gr.skip(), gr.skip()])

    def run(request: gr.Request) -> Iterator[Updates]:
        def doing(visitor: Visitor[Studio], errand: Errand) -> str:
            archive, failures = errand.photos(list(errand.studio.photos), desk.sessions.limits.pixels)
            token = visitor.show(Picture(archive, "application/zip", archive.name))
            failed = "".join(views.problem(desk.without_folders(line)) for line in failures)
            return views.download(token, archive.name, archive.stat().st_size) + failed

        yield from watched(desk, request, doing, 1)

    photos.upload(take, photos, [photos, listed, start, clear], **QUICK)
    clear.click(forget, None, [photos, listed, start, clear], **QUICK)
    start.click(run, None, [bar, result, start, stop], **LONG)
    stop.click(desk.stop, None, None, **QUICK)


def _compare(desk: Desk) -> gr.CheckboxGroup:
    gr.HTML(views.lead("Several methods, side by side.", "The photo and the first reference of the Photo tab go "
                       "through each method that you tick, reduced to 512 pixels."))  # fmt: skip
    methods = gr.CheckboxGroup(list(_QUICK_METHODS), value=list(_QUICK_METHODS), label="Methods", elem_id="ps-methods")
    steps = gr.Slider(10, 500, _STEPS, step=10, label="Steps",
                      info="Only of methods that go step by step: more are better, and slower")  # fmt: skip
    with gr.Row():
        start = gr.Button("Compare", variant="primary", elem_id="ps-compare-start")
        stop = gr.Button("Stop", elem_id="ps-compare-stop", interactive=False)
    bar = gr.HTML(elem_id="ps-compare-bar")
    result = gr.HTML(elem_id="ps-compare-result")

    def run(request: gr.Request, chosen: list[str], count: float) -> Iterator[Updates]:
        def doing(visitor: Visitor[Studio], errand: Errand) -> str:
            sheet, outcomes = errand.compare([find(name) for name in chosen], int(count))
            failed = [f"{one.info.name}: {desk.without_folders(one.error)}" for one in outcomes if one.error]
            token = visitor.show(Picture(sheet, "image/jpeg", Path(sheet).name))
            said = ", ".join(one.info.name for one in outcomes if not one.error)
            link = views.download(token, sheet.name, sheet.stat().st_size)
            return views.sheet(token, f"A contact sheet of {said}") + link + "".join(map(views.problem, failed))

        yield from watched(desk, request, doing, 1)

    start.click(run, [methods, steps], [bar, result, start, stop], **LONG)
    stop.click(desk.stop, None, None, **QUICK)
    return methods
