"""The page: its tabs, its looks and what happens when somebody leaves it."""

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
_SCRIPTS = (
    "base", "link", "settings", "history", "viewer", "loupe", "pointer", "regions", "rows", "brush", "strip", "edges",
    "files", "panel", "take", "keys",
)  # fmt: skip
_STYLES = ("common", "desk", "strip", "panel")


def build(sessions: Sessions[Studio], engine: Engine) -> tuple[gr.Blocks, dict[str, Any]]:
    """The page, and what `gradio.mount_gradio_app` needs to know of its looks."""
    desk = Desk(sessions, engine)
    with gr.Blocks(title="photostyle", analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML('<h1 class="ps-brand">photostyle</h1>', apply_default_css=False, padding=False)
        with gr.Tabs():
            with gr.Tab("Photo", elem_id="ps-photo-tab"):
                photo_tab.build(desk)
            long_tabs.build(desk)

        def leave(request: gr.Request) -> None:
            for studio in sessions.leave(str(request.session_hash)):
                studio.stop.set()
                studio.hush.set()
            give_back()

        blocks.load(None, None, None, js="() => window.photostyle.start()", api_visibility="private")
        blocks.unload(leave)
    blocks.queue(api_open=False, max_size=64, default_concurrency_limit=1)
    scripts = "\n".join(asset(f"js/{name}.js") for name in _SCRIPTS)
    # Nested, so that they go before Gradio's own rules for buttons and the like, whatever the order.
    nested = "\n".join(asset(f"css/{name}.css") for name in _STYLES)
    styles = f"{asset('css/page.css')}\n.gradio-container {{\n{nested}\n}}"
    # Not as Gradio's `css`, which puts the rules for small screens before all others.
    head = f'<meta name="color-scheme" content="dark"><style>{styles}</style><script>{scripts}</script>'
    return blocks, {"theme": _theme(), "head": head}


def _theme() -> gr.themes.Base:
    # Named fonts of the visitor's machine: the default theme would load some from elsewhere.
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.zinc, secondary_hue=gr.themes.colors.zinc, neutral_hue=gr.themes.colors.zinc,
        radius_size=gr.themes.sizes.radius_md, font=_FONTS, font_mono=_MONO,
    ).set(
        body_background_fill_dark="#161616", background_fill_primary_dark="#1e1e1e",
        background_fill_secondary_dark="#1e1e1e",
        block_background_fill_dark="#1e1e1e", block_border_color_dark="#3a3a3a", border_color_primary_dark="#3a3a3a",
        body_text_color_dark="#ececec", body_text_color_subdued_dark="#b4b4b4", block_info_text_color_dark="#b4b4b4",
        block_label_text_color_dark="#d4d4d4", block_title_text_color_dark="#ececec",
        block_label_background_fill_dark="#1e1e1e",
        input_background_fill_dark="#2a2a2a", input_border_color_dark="#565656", slider_color_dark="#e8e8e8",
        button_primary_background_fill_dark="#f0f0f0", button_primary_background_fill_hover_dark="#ffffff",
        button_primary_text_color_dark="#111111", button_secondary_background_fill_dark="#2a2a2a",
        button_secondary_background_fill_hover_dark="#383838", button_secondary_text_color_dark="#ececec",
        button_secondary_border_color_dark="#565656", checkbox_background_color_selected_dark="#e8e8e8",
        block_shadow_dark="none",
    )  # fmt: skip
    # A photo is judged in dark surroundings, whatever the visitor's machine prefers.
    for name, value in list(vars(theme).items()):
        if name.endswith("_dark") and value is not None and hasattr(theme, name[:-5]):
            setattr(theme, name[:-5], value)
    return theme
