"""The photo tab: its controls, and which wish each of them sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from photostyle.options import MATCHINGS, STAGES, FitOptions
from photostyle.web.desk import Desk
from photostyle.web.photo_desk import NAMES, PhotoDesk
from photostyle.web.views import VIEWER
from photostyle.web.wishes import MOST_STYLES

DEFAULTS = FitOptions()
_STAGES = {"encoder": "encoder", "decoder": "decoder", "skip": "skip (details of the poolings)"}
# Quiet events share the machine between strengths of several visitors; fits and full renders queue one by one.
LIVE: dict[str, Any] = {"concurrency_id": "live", "concurrency_limit": 2, "show_progress": "hidden",
                        "trigger_mode": "always_last", "api_visibility": "private"}  # fmt: skip
HEAVY: dict[str, Any] = {"concurrency_id": "heavy", "concurrency_limit": 1, "show_progress": "minimal",
                         "api_visibility": "private"}  # fmt: skip
SHOW = "text => window.photostyle.show(text)"


def build(desk: Desk) -> list[gr.components.Component]:
    """Lay the tab out and wire it; returns the controls that `wished` reads."""
    work = PhotoDesk(desk)
    with gr.Row(elem_classes="ps-columns"):
        with gr.Column(scale=2, min_width=300):
            with gr.Row(equal_height=True):
                content = gr.File(label="Photo", height=130, min_width=130, elem_id="ps-content",
                                  elem_classes="ps-drop")  # fmt: skip
                styles = gr.File(
                    label="References", height=130, min_width=130, file_count="multiple",
                    elem_id="ps-styles", elem_classes="ps-drop",
                )  # fmt: skip
            samples = gr.Button("Try the sample pair", size="sm", elem_id="ps-samples")
            thumb = gr.HTML()
            rows = [_style_row(number) for number in range(MOST_STYLES)]
            strength = gr.Slider(
                0, 1, DEFAULTS.strength, step=0.01, label="Strength", elem_id="ps-strength",
                info="0 is your photo, 1 the full style",
            )  # fmt: skip
            with gr.Accordion("Regions", open=False, elem_id="ps-regions"):
                segment = gr.Checkbox(True, label="Find regions, and match sky with sky, building with building")
                region_rows = [_region_row(name) for name in NAMES]
                follow = gr.Button("All regions follow the strength", size="sm")
                decisions = gr.HTML()
            with gr.Accordion("Correct regions", open=False, elem_id="ps-correct"):
                target = gr.Radio(NAMES, value=NAMES[0], label="Paint with the brush what is …")
                editor = gr.ImageEditor(
                    label="Regions: paint over what is wrong", type="numpy", sources=(), transforms=(), layers=False,
                    brush=gr.Brush(default_size=18, colors=["#ffffff"], color_mode="fixed"),
                    eraser=gr.Eraser(default_size=18),
                    buttons=[], height=380, elem_id="ps-editor", interactive=True,
                )  # fmt: skip
                with gr.Row():
                    correct = gr.Button("Use what I painted", size="sm", variant="primary", elem_id="ps-use-mask")
                    restore = gr.Button("Back to what was found", size="sm")
                mask_file = gr.HTML()
            with gr.Accordion("Advanced", open=False, elem_id="ps-advanced"):
                at = gr.CheckboxGroup(
                    [(_STAGES[stage], stage) for stage in STAGES], value=list(DEFAULTS.at),
                    label="Where features are mapped", info="More places: more style and less photograph",
                )  # fmt: skip
                matching = gr.Dropdown(list(MATCHINGS), value=DEFAULTS.matching, label="How statistics are matched")
                finish = gr.Checkbox(
                    DEFAULTS.finish != "off", label="Take off what the photo's own colours do not explain: rims, noise"
                )
            with gr.Accordion("Style file", open=False, elem_id="ps-preset"):
                preset = gr.File(label="Use a .style file", height=130, file_types=[".style"], elem_classes="ps-drop")
                keep = gr.Button("Save this look as a .style file", size="sm")
                preset_file = gr.HTML()
        with gr.Column(scale=3, min_width=300, elem_classes="ps-viewer-column"):
            gr.HTML(VIEWER)
            view = gr.Textbox(visible="hidden", elem_id="ps-view")
            status = gr.HTML(elem_id="ps-status")
            render = gr.Button("Render at full size", variant="primary", elem_id="ps-render", interactive=False)
            result = gr.HTML(elem_id="ps-result")

    wishes: list[gr.components.Component] = [strength, segment, at, matching, finish, *(row[1] for row in region_rows)]
    own = [row[2] for row in region_rows]
    weights = [row[2] for row in rows]
    table = [part for row in region_rows for part in row]
    made = [view, status, render, result, decisions, editor, *table]
    chosen = [thumb, *(part for row in rows for part in row)]

    view.change(None, view, None, js=SHOW, api_visibility="private")

    def fresh(event: Callable[..., Any], function: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
        """Something that a new fit follows: what was chosen is shown at once, the picture when it is there."""
        done = event(function, inputs, outputs, show_progress="hidden", api_visibility="private")
        seen = done.success(work.refresh, wishes, made, **HEAVY)
        seen.success(work.prepare, None, None, **(HEAVY | {"show_progress": "hidden"}))

    fresh(content.upload, work.take_content, [content], [content, *chosen])
    fresh(styles.upload, work.take_styles, [styles], [styles, *chosen])
    fresh(samples.click, work.take_samples, [], chosen)
    fresh(preset.upload, work.take_preset, [preset], [preset, *chosen])
    for number, (_, _, weight, remove) in enumerate(rows):
        fresh(remove.click, work.remove(number), [], chosen)
        weight.input(work.mix, [strength, *weights], view, **LIVE)
        fresh(weight.release, work.weigh, weights, [])
    for control in (segment, at, matching, finish):
        fresh(control.input, work.nothing, [], [])
    for name, (_, takes, amount) in zip(NAMES, region_rows, strict=True):
        fresh(takes.input, work.nothing, [], [])
        amount.input(work.set_own(name), [strength, amount], view, **LIVE)
    strength.input(work.look, strength, view, **LIVE)
    strength.change(work.followed, strength, own, **LIVE)
    follow.click(work.follow, strength, [view, *own], **LIVE)
    fresh(correct.click, work.correct, [editor, target], [mask_file])
    fresh(restore.click, work.restore, [], [mask_file])
    render.click(work.render, wishes, [view, result], **HEAVY)
    keep.click(work.save_preset, wishes, preset_file, **HEAVY)
    return wishes


def _style_row(number: int) -> tuple[gr.Row, gr.HTML, gr.Slider, gr.Button]:
    with gr.Row(visible=False, equal_height=True) as row:
        picture = gr.HTML()
        weight = gr.Slider(0, 1, 1, step=0.05, label=f"Weight of reference {number + 1}", min_width=120)
        remove = gr.Button("Remove", size="sm", min_width=60, scale=0, elem_classes="ps-remove")
    return row, picture, weight, remove


def _region_row(name: str) -> tuple[gr.Row, gr.Dropdown, gr.Slider]:
    with gr.Row(visible=False, equal_height=True) as row:
        takes = gr.Dropdown(["automatic"], value="automatic", label=f"{name.capitalize()} takes from", min_width=120,
                            filterable=False)  # fmt: skip
        amount = gr.Slider(0, 1, 1, step=0.01, label=f"Strength of {name}", min_width=120)
    return row, takes, amount
