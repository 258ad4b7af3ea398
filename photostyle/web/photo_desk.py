"""What the photo tab's controls do: wishes in, pictures and values of controls out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt
from PIL import Image

from photostyle.errors import ImageReadError, ParameterError
from photostyle.io import CLASS_COLOURS, UNSURE, read_photo
from photostyle.options import FitOptions
from photostyle.regions.labels import sizeable
from photostyle.regions.regions import WHOLE
from photostyle.web import views
from photostyle.web.desk import Desk
from photostyle.web.masks import correct_mask
from photostyle.web.memory import give_back
from photostyle.web.samples import sample
from photostyle.web.sessions import Picture, Visitor
from photostyle.web.studio import Studio
from photostyle.web.wishes import MOST_STYLES, Wishes

NAMES = (*CLASS_COLOURS, UNSURE)
_AUTOMATIC, _WHOLE, _KEPT = "automatic", "the whole reference", "nothing: it stays as it is"
Updates = list[Any]


class PhotoDesk:
    """The photo tab's functions, as Gradio calls them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def take_content(self, path: str | None, request: gr.Request) -> Updates:
        """An uploaded photo."""
        with self._desk.at_work(request) as (visitor, studio):
            if path:
                pixels = self._desk.sessions.limits.pixels
                studio.set_content(studio.take(self._desk.received(visitor, studio, path), pixels))
            return [None, *_chosen(visitor, studio)]

    def take_styles(self, paths: Sequence[str] | None, request: gr.Request) -> Updates:
        """Uploaded references, added to those that there are."""
        with self._desk.at_work(request) as (visitor, studio):
            if len(studio.styles) + len(paths or ()) > MOST_STYLES:
                raise ParameterError(f"at most {MOST_STYLES} references can be mixed: remove one first")
            pixels = self._desk.sessions.limits.pixels
            new = [studio.take(self._desk.received(visitor, studio, path), pixels) for path in paths or ()]
            studio.set_styles([*studio.styles, *new])
            return [None, *_chosen(visitor, studio)]

    def take_samples(self, request: gr.Request) -> Updates:
        """The sample pair."""
        with self._desk.at_work(request) as (visitor, studio):
            pixels = self._desk.sessions.limits.pixels
            studio.set_content(studio.take(sample("day.jpg"), pixels))
            studio.set_styles([studio.take(sample("dusk.jpg"), pixels)])
            return _chosen(visitor, studio)

    def take_preset(self, path: str | None, request: gr.Request) -> Updates:
        """An uploaded style, in place of references."""
        with self._desk.at_work(request) as (visitor, studio):
            if path:
                studio.load_saved(self._desk.received(visitor, studio, path))
            return [None, *_chosen(visitor, studio)]

    def remove(self, number: int) -> Callable[[gr.Request], Updates]:
        """Takes a reference away."""

        def removed(request: gr.Request) -> Updates:
            with self._desk.at_work(request) as (visitor, studio):
                studio.set_styles([style for i, style in enumerate(studio.styles) if i != number])
                return _chosen(visitor, studio)

        return removed

    def nothing(self, request: gr.Request) -> None:
        """A control that the next refresh reads."""

    def refresh(self, request: gr.Request, *values: Any) -> Updates:
        """A new picture, and the regions that there are."""
        strength, wishes = values[0], wished(values)
        with self._desk.at_work(request) as (visitor, studio):
            if studio.content is None or not studio.ready:
                before = _address(visitor, studio)
                view = json.dumps({"before": before}) if before else ""
                return [view, "", gr.update(interactive=False), "", "", *[gr.skip()] * (1 + 3 * len(NAMES))]
            new = studio.preview
            preview = studio.refresh(wishes)
            picture = views.shown(visitor, preview.at(strength, studio.own))
            view = json.dumps({"before": _address(visitor, studio), "after": picture, "strength": strength})
            known = set(studio.regions.weights) if studio.regions else set()
            decisions = views.decided(studio.plan.decisions if studio.plan else ())
            unchanged = new is preview
            editor = gr.skip() if unchanged else self._editor(visitor, studio)
            (height, width), seen = studio.content.full_size, preview.shown.shape
            status = f"A preview of {seen[-1]} × {seen[-2]} pixels; the photo has {width} × {height}."
            rows = [part for name in NAMES for part in _region_row(studio, name, name in known, strength)]
            link = gr.skip() if unchanged else ""
            return [view, views.note(status), gr.update(interactive=True), link, decisions, editor, *rows]

    def prepare(self, request: gr.Request) -> None:
        """What the strength slider will ask for, computed before it is moved."""
        with self._desk.on_errand(request) as (_, studio):
            preview = studio.preview
            if preview:
                preview.prepare()
        give_back()

    def look(self, strength: float, request: gr.Request) -> Any:
        """Another strength."""
        with self._desk.at_work(request) as (visitor, studio):
            return self._seen(visitor, studio, strength)

    def mix(self, request: gr.Request, strength: float, *weights: float) -> Any:
        """Other weights of the references, as the preview guesses them."""
        with self._desk.at_work(request) as (visitor, studio):
            if not sum(weights[: len(studio.styles)]):
                return gr.skip()  # what is meant is seen when it is let go
            studio.weigh(weights[: len(studio.styles)])
            return self._seen(visitor, studio, strength, studio.shares)

    def weigh(self, request: gr.Request, *weights: float) -> None:
        """Other weights of the references; the preview that follows asks the network."""
        with self._desk.at_work(request) as (_, studio):
            studio.weigh(weights[: len(studio.styles)])

    def set_own(self, name: str) -> Callable[..., Any]:
        """Sets the strength of a region."""

        def moved(strength: float, own: float, request: gr.Request) -> Any:
            with self._desk.at_work(request) as (visitor, studio):
                studio.own[name] = own
                return self._seen(visitor, studio, strength)

        return moved

    def followed(self, strength: float, request: gr.Request) -> Updates:
        """Sliders of regions without a strength of their own."""
        with self._desk.at_work(request) as (_, studio):
            return [gr.skip() if name in studio.own else strength for name in NAMES]

    def follow(self, strength: float, request: gr.Request) -> Updates:
        """No region has a strength of its own any more."""
        with self._desk.at_work(request) as (visitor, studio):
            studio.own = {}
            return [self._seen(visitor, studio, strength), *[strength] * len(NAMES)]

    def correct(self, painted: dict[str, Any] | None, name: str, request: gr.Request) -> str:
        """What was painted belongs to a region."""
        with self._desk.at_work(request) as (visitor, studio):
            mask = correct_mask(studio, _stroke(painted), name)
            token = visitor.show(Picture(mask, "image/png", mask.name))
            return views.download(token, mask.name, mask.stat().st_size)

    def restore(self, request: gr.Request) -> str:
        """Regions as they were found."""
        with self._desk.at_work(request) as (_, studio):
            studio.mask = studio.preview = None
            return ""

    def render(self, request: gr.Request, *values: Any) -> Updates:
        """The result at full size, to look at and to take away."""
        with self._desk.at_work(request) as (visitor, studio):
            path = studio.export(wished(values, studio.own))
            token = visitor.show(Picture(path, "application/octet-stream", path.name))
            before, after = (read_photo(each) for each in (studio.content.path, path))  # type: ignore[union-attr]
            view = {name: views.filed(visitor, photo.pixels, path.with_name(f"{name}.view"))
                    for name, photo in (("before", before), ("after", after))}  # fmt: skip
            height, width = after.size
            link = views.download(token, path.name, path.stat().st_size)
            return [
                json.dumps(view),
                link + views.note(f"{width} × {height} pixels, with the photo's profile and EXIF."),
            ]

    def save_preset(self, request: gr.Request, *values: Any) -> str:
        """The look as a file."""
        with self._desk.at_work(request) as (visitor, studio):
            path = studio.save_style(wished(values, studio.own))
            return views.download(visitor.show(Picture(path, "application/octet-stream", path.name)), path.name,
                                  path.stat().st_size)  # fmt: skip

    def _seen(self, visitor: Visitor[Studio], studio: Studio, strength: float, shares: Any = None) -> Any:
        if studio.preview is None:
            return gr.skip()
        picture = views.shown(visitor, studio.preview.at(strength, studio.own, shares))
        return json.dumps({"after": picture, "strength": strength})

    def _editor(self, visitor: Visitor[Studio], studio: Studio) -> Any:
        if studio.regions is None or studio.content is None:
            return None
        path = studio.new_folder() / "regions.png"
        Image.fromarray(views.overlay(studio.content.seen.image, studio.regions)).save(path)
        return {"background": str(path), "layers": [], "composite": None}


def wished(values: Sequence[Any], own: dict[str, float] | None = None) -> Wishes:
    """What the controls say, in the order in which the tab lists them."""
    strength, segment, at, matching, finish, *takes = values
    options = FitOptions(tuple(at), matching, strength, finish=finish, strengths=dict(own or {}) if segment else {})
    named = {name: taken for name, taken in zip(NAMES, takes, strict=True) if taken and taken != _AUTOMATIC}
    mapping = {name: WHOLE if taken == _WHOLE else taken for name, taken in named.items() if taken != _KEPT}
    keep = tuple(name for name, taken in named.items() if taken == _KEPT)
    if not segment:
        return Wishes(options, segment=False)
    return Wishes(options, True, tuple(mapping.items()), keep)


def _chosen(visitor: Visitor[Studio], studio: Studio) -> Updates:
    """The photo's thumbnail and the references' rows."""
    pictures = []
    if studio.content:
        pictures.append(views.thumb(visitor, studio.content.seen.image, f"Your photo, {studio.content.path.name}"))
    if studio.saved:
        pictures.append(views.note(f"Style: {studio.saved[0].name}"))
    updates: Updates = [f'<div class="ps-thumbs">{"".join(pictures)}</div>']
    several = len(studio.styles) > 1
    for number in range(MOST_STYLES):
        style = studio.styles[number] if number < len(studio.styles) else None
        picture = views.thumb(visitor, style.seen.image, f"Reference, {style.path.name}") if style else ""
        weight = gr.update(visible=several, value=style.weight if style else 1)
        updates += [gr.update(visible=style is not None), picture, weight, gr.skip()]
    return updates


def _region_row(studio: Studio, name: str, there: bool, strength: float) -> Updates:
    offered = sorted({found for regions in studio.style_regions for found in sizeable(regions)} - {UNSURE})
    return [gr.update(visible=there), gr.update(choices=[_AUTOMATIC, _WHOLE, _KEPT, *offered]),
            gr.update(value=studio.own.get(name, strength))]  # fmt: skip


def _address(visitor: Visitor[Studio], studio: Studio) -> str | None:
    """Where the photo as it was is shown."""
    if studio.content is None:
        return None
    return studio.content.address or studio.remember(views.shown(visitor, studio.content.shown.image))


def _stroke(painted: dict[str, Any] | None) -> npt.NDArray[np.bool_]:
    layers = [layer for layer in (painted or {}).get("layers", []) if isinstance(layer, np.ndarray) and layer.ndim == 3]
    if not layers:
        raise ImageReadError("nothing was painted: choose a region, then paint over the picture")
    found: npt.NDArray[np.bool_] = np.any([layer[..., 3] > 127 for layer in layers], axis=0)
    return found
