"""The page's frame: title, tabs, look and feel."""

from __future__ import annotations

from typing import Any

import gradio as gr

from photostyle.web import long_tabs, photo_tab
from photostyle.web.desk import Desk
from photostyle.web.memory import give_back
from photostyle.web.sessions import Sessions
from photostyle.web.studio import Studio
from photostyle.web.views import asset
from photostyle.web.wishes import Engine

_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def build(sessions: Sessions[Studio], engine: Engine) -> tuple[gr.Blocks, dict[str, Any]]:
    """The page, and what `gradio.mount_gradio_app` needs to know of its looks."""
    desk = Desk(sessions, engine)
    with gr.Blocks(title="photostyle", analytics_enabled=False, fill_width=False) as blocks:
        gr.HTML(
            '<header class="ps-head"><h1>photostyle</h1>'
            "<p>Your photo, every edge where it was, in the light and colour of a reference.</p></header>"
        )
        with gr.Tabs():
            with gr.Tab("Photo", elem_id="ps-photo-tab"):
                wishes = photo_tab.build(desk)
            long_tabs.build(desk, wishes)

        def leave(request: gr.Request) -> None:
            for studio in sessions.leave(str(request.session_hash)):
                studio.stop.set()
            give_back()

        blocks.unload(leave)
    blocks.queue(api_open=False, max_size=64, default_concurrency_limit=1)
    head = f'<meta name="color-scheme" content="light"><script>{asset("page.js")}</script>'
    return blocks, {"theme": _theme(), "css": asset("page.css"), "head": head}


def _theme() -> gr.themes.Base:
    # Named fonts of the visitor's machine: the default theme would load some from elsewhere.
    return gr.themes.Base(
        primary_hue=gr.themes.colors.zinc, secondary_hue=gr.themes.colors.zinc, neutral_hue=gr.themes.colors.zinc,
        radius_size=gr.themes.sizes.radius_md, font=_FONTS, font_mono=_MONO,
    ).set(
        button_primary_background_fill="*primary_800", button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white", slider_color="*primary_700", block_shadow="none",
        body_text_color_subdued="*neutral_600", block_info_text_color="*neutral_600",
        block_label_text_color="*neutral_700", block_title_text_color="*neutral_700",
    )  # fmt: skip
