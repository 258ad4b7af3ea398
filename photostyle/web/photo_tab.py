"""The photo tab: a component of our own (`assets/photo.html`), and the boxes by which it speaks with `PhotoDesk`."""

from __future__ import annotations

from typing import Any

import gradio as gr

from photostyle.web.desk import Desk
from photostyle.web.photo_desk import PhotoDesk
from photostyle.web.views import asset

# Quick answers share the machine between several visitors; fits and full renders queue one by one.
_LIVE: dict[str, Any] = {"concurrency_id": "live", "concurrency_limit": 2}
# What ends other work waits for none of it, so that it has a way of its own.
_ASIDE: dict[str, Any] = {"concurrency_id": "aside", "concurrency_limit": 4}
_HEAVY: dict[str, Any] = {"concurrency_id": "heavy", "concurrency_limit": 1}


def build(desk: Desk) -> None:
    """Lay the tab out and wire it."""
    work = PhotoDesk(desk)
    gr.HTML(asset("photo.html"), apply_default_css=False, padding=False, elem_id="ps-photo")
    channels = (
        ("main", work.main, _HEAVY), ("live", work.live, _LIVE), ("aside", work.live, _ASIDE),
        ("idle", work.idle, _HEAVY), ("render", work.render, _HEAVY),
    )  # fmt: skip
    for name, function, how in channels:
        ask = gr.Textbox(visible="hidden", elem_id=f"ps-{name}-ask", label=f"{name} ask")
        reply = gr.Textbox(visible="hidden", elem_id=f"ps-{name}-reply", label=f"{name} reply")
        asked = ask.change(
            function, ask, reply, trigger_mode="multiple", show_progress="hidden", api_visibility="private", **how
        )
        reply.change(
            None, reply, None, js=f"text => window.photostyle.link.heard('{name}', text)", api_visibility="private"
        )
        asked.failure(None, None, None, js=f"() => window.photostyle.link.lost('{name}')", api_visibility="private")
