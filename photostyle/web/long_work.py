"""What the tabs of long things share: progress with the time left, Stop, and errors where the result would stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from photostyle.web import views
from photostyle.web.desk import Desk
from photostyle.web.errands import Errand
from photostyle.web.progress import Progress, Stopped, streamed
from photostyle.web.sessions import Visitor
from photostyle.web.studio import Studio

LONG: dict[str, Any] = {"concurrency_id": "long", "concurrency_limit": 1, "show_progress": "hidden",
                        "api_visibility": "private"}  # fmt: skip
QUICK: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
Updates = list[Any]
Doing = Callable[[Visitor[Studio], Errand], str]


def watched(
    desk: Desk, request: gr.Request, doing: Doing, begin: int, *, first: str = "Beginning"
) -> Iterator[Updates]:
    """Do something long; yields progress, result, the buttons that begin things, and Stop.

    Args:
        desk: where it was asked for.
        request: by whom.
        doing: makes the HTML of the result.
        begin: how many buttons begin something on this tab.
        first: what is said until there is something to say.
    """
    resting = [*[gr.update(interactive=True)] * begin, gr.update(interactive=False)]
    yield [views.progress(Progress(first)), "", *[gr.update(interactive=False)] * begin, gr.update(interactive=True)]
    try:
        with desk.on_errand(request) as (visitor, studio):
            stream = streamed(lambda tell: doing(visitor, Errand(studio, studio.ask.wishes, tell)))
            for told in stream:
                if isinstance(told, Progress):
                    yield [views.progress(told), *[gr.skip()] * (2 + begin)]
                else:
                    yield ["", told, *resting]
    except Stopped:
        yield ["", views.note("Stopped. Nothing was kept."), *resting]
    except GeneratorExit:
        raise
    except Exception as error:  # noqa: BLE001 - said where the result would stand
        yield ["", views.problem(desk.said(error)), *resting]


def tried(
    desk: Desk,
    request: gr.Request,
    work: Callable[[Visitor[Studio], Studio], Updates],
    failed: Callable[[str], Updates],
) -> Updates:
    """Do something short for a page; an error becomes what `failed` makes of its line."""
    try:
        with desk.on_errand(request) as (visitor, studio), studio.lock:
            return work(visitor, studio)
    except Exception as error:  # noqa: BLE001 - said where it belongs
        return failed(views.problem(desk.said(error)))
