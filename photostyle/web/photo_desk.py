"""What the photo tab asks for and is answered: messages of the page in, pictures and words out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import gradio as gr

from photostyle.errors import ParameterError, PhotostyleError
from photostyle.io import read_photo
from photostyle.regions.labels import sizeable
from photostyle.regions.regions import UNSURE
from photostyle.web import commands, looks, views
from photostyle.web.asks import asked, numbered
from photostyle.web.asks import message as read
from photostyle.web.desk import Desk
from photostyle.web.glances import look_at
from photostyle.web.masks import corrected, painted
from photostyle.web.memory import give_back
from photostyle.web.progress import Progress, Stopped, streamed
from photostyle.web.samples import sample
from photostyle.web.sessions import Picture, Visitor
from photostyle.web.studio import Studio
from photostyle.web.wishes import MOST_STYLES, Source, read_source

Reply = dict[str, Any]
Asked = Mapping[str, Any]


class PhotoDesk:
    """The photo tab's functions, as Gradio calls them: each takes a message and returns one (`assets/link.js`)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._main = {
            "content": self._content, "styles": self._styles, "samples": self._samples, "see": self._see,
            "correct": self._correct, "style-file": self._style_file,
        }  # fmt: skip
        self._quick = {"look": self._look, "hush": self._hush, "command": self._command, "looks": self._looks,
                       "sketch": self._sketch, "stop": self._stop, "give-up": self._give_up}  # fmt: skip

    def main(self, text: str, request: gr.Request) -> str:
        """What needs the network."""
        return self._one_of(self._main, text, request)

    def live(self, text: str, request: gr.Request) -> str:
        """What is answered at once."""
        return self._one_of(self._quick, text, request)

    def idle(self, text: str, request: gr.Request) -> str:
        """What may be wanted next, computed before it is."""

        def work(_: Visitor[Studio], studio: Studio, _asked: Asked) -> Reply:
            known = set(studio.glances)
            studio.ahead(studio.ask.wishes)
            look_at(studio, studio.glances, studio.hush.is_set)
            ready = studio.preview is not None and studio.preview.sure()
            return {"thumbs": {key: studio.glances[key] for key in set(studio.glances) - known}, "ready": ready}

        answer = self._desk.answer(text, request, work, locked=False)
        give_back()
        return answer

    def render(self, text: str, request: gr.Request) -> Iterator[str]:
        """The result at full size, to look at and to take away; tells how it goes."""
        try:
            seq = read(text).get("seq")
        except PhotostyleError as error:
            yield json.dumps({"error": self._desk.said(error)})
            return
        for told in streamed(lambda tell: self._desk.answer(text, request, lambda *a: self._render(tell, *a),
                                                            locked=False)):  # fmt: skip
            yield json.dumps({"seq": seq, "progress": asdict(told)}) if isinstance(told, Progress) else told

    def _one_of(self, known: Mapping[str, Any], text: str, request: gr.Request) -> str:
        def work(visitor: Visitor[Studio], studio: Studio, asked: Asked) -> Reply:
            do = known.get(str(asked.get("do")))
            if do is None:
                raise ParameterError("this page is older than what serves it: load it again")
            return do(visitor, studio, asked)  # type: ignore[no-any-return]

        # What ends something, or fills the time until it is over, cannot wait for that.
        locked = not any(f'"{word}"' in (text or "")[:40] for word in ("hush", "stop", "sketch", "give-up"))
        return self._desk.answer(text, request, work, locked=locked)

    def _content(self, visitor: Visitor[Studio], studio: Studio, asked: Asked) -> Reply:
        """An uploaded photo."""
        path = self._desk.received(visitor, studio, str(asked.get("path")))
        studio.set_content(read_source(path, self._desk.sessions.limits.pixels))
        return {"content": _photo(visitor, studio)}

    def _styles(self, visitor: Visitor[Studio], studio: Studio, asked: Asked) -> Reply:
        """Uploaded references and saved styles; of several, those that can be read."""
        added, errors = [], []
        for path in list(asked.get("paths") or ())[:MOST_STYLES]:
            try:
                received = self._desk.received(visitor, studio, str(path))
                added.append(self._added(visitor, studio, received))
            except Exception as error:  # noqa: BLE001 - each file is spoken of by itself
                errors.append(self._desk.said(error))
        return {"added": added, **({"error": " ".join(errors)} if errors else {})}

    def _added(self, visitor: Visitor[Studio], studio: Studio, path: Any) -> Reply:
        if path.suffix.lower() == ".style":
            return {"key": studio.load_saved(path), "name": path.stem, "kind": "file"}
        source = read_source(path, self._desk.sessions.limits.pixels)
        return _reference(studio.add_style(source), source)

    def _samples(self, visitor: Visitor[Studio], studio: Studio, _asked: Asked) -> Reply:
        """The sample pair."""
        pixels = self._desk.sessions.limits.pixels
        studio.set_content(read_source(sample("day.jpg"), pixels))
        source = read_source(sample("dusk.jpg"), pixels)
        return {"content": _photo(visitor, studio), "added": [_reference(studio.add_style(source), source)]}

    def _see(self, visitor: Visitor[Studio], studio: Studio, message: Asked) -> Reply:
        """A new picture, and the regions that there are."""
        studio.choose(asked(message.get("settings")))
        if not studio.ready or studio.content is None:
            return {}
        wishes = studio.ask.wishes
        before = studio.plan
        number = numbered(message, "seq")
        try:
            preview = studio.refresh(wishes, lambda: studio.unwanted < number)
        except Stopped:
            return {"dropped": True}
        reply = self._seen(visitor, studio)
        if studio.plan is not before or message.get("regions"):
            reply["regions"] = _regions(visitor, studio)
        height, width = preview.shown.shape[-2:]
        return {**reply, "size": [width, height]}

    def _look(self, visitor: Visitor[Studio], studio: Studio, message: Asked) -> Reply:
        """Another strength, or other weights, as the preview guesses them."""
        ask = asked(message.get("settings"))
        if studio.preview is None:
            return {}
        weights = dict(ask.weights)
        if ask.alone is None and studio.styles and not studio.saved:
            amounts = [weights.get(style.key, 0.0) for style in studio.styles]
            if sum(amounts):
                studio.weigh(amounts)
        studio.ask = ask
        return self._seen(visitor, studio)

    def _sketch(self, visitor: Visitor[Studio], studio: Studio, message: Asked) -> Reply:
        """What is asked for alone, as it is known already, while the network works on it."""
        ask = asked(message.get("settings"))
        preview = studio.sketch(ask) if ask.alone and studio.content else None
        if preview is None:
            return {}
        strength = ask.wishes.options.strength
        height, width = preview.shown.shape[-2:]
        return {"before": _address(visitor, studio), "after": views.shown(visitor, preview.draft(strength)),
                "strength": strength, "size": [width, height]}  # fmt: skip

    def _seen(self, visitor: Visitor[Studio], studio: Studio) -> Reply:
        """The preview at the strengths that are wished for; `rough` while answers of the network are still to come."""
        options = studio.ask.wishes.options
        if studio.preview is None:
            return {}
        shares = studio.shares if studio.styles and not studio.saved else None
        image = studio.preview.at(options.strength, options.strengths, shares, wait=False)
        return {"before": _address(visitor, studio), "after": views.shown(visitor, image), "strength": options.strength,
                "rough": not studio.preview.sure((options.strength, *options.strengths.values()))}  # fmt: skip

    def _hush(self, _: Visitor[Studio], studio: Studio, _asked: Asked) -> Reply:
        """What is computed ahead shall make room."""
        studio.hush.set()
        return {}

    def _give_up(self, _: Visitor[Studio], studio: Studio, message: Asked) -> Reply:
        """The fit that was asked for with this number, or one before it, is not waited for any more."""
        studio.unwanted = max(studio.unwanted, numbered(message, "of"))
        return {}

    def _stop(self, _: Visitor[Studio], studio: Studio, _asked: Asked) -> Reply:
        """What takes long shall end."""
        studio.stop.set()
        return {}

    def _looks(self, _: Visitor[Studio], _studio: Studio, _asked: Asked) -> Reply:
        """The looks that come with photostyle."""
        return {"looks": [{"key": look.key, "name": look.title, "kind": "look"} for look in looks.embedded()]}

    def _correct(self, visitor: Visitor[Studio], studio: Studio, message: Asked) -> Reply:
        """What was painted belongs to regions."""
        path = visitor.owned(str(message.get("path")))
        mask = corrected(studio, *painted(path, message.get("names")))
        key = studio.add_mask(mask)
        token = visitor.show(Picture(mask, "image/png", mask.name))
        return {"mask": key, "link": views.download(token, mask.name, mask.stat().st_size)}

    def _command(self, visitor: Visitor[Studio], studio: Studio, message: Asked) -> Reply:
        """The command that makes the same file, and the settings as a preset of it."""
        studio.choose(asked(message.get("settings")))
        made = commands.command(studio, self._desk.engine.name)
        preset = studio.result_folder() / commands.preset_name(studio)
        preset.write_text(commands.preset(made), encoding="utf-8")
        token = visitor.show(Picture(preset, "application/octet-stream", preset.name))
        links = [views.download(token, preset.name, preset.stat().st_size)]
        if studio.mask:
            mask = visitor.show(Picture(studio.mask, "image/png", studio.mask.name))
            links.append(views.download(mask, studio.mask.name, studio.mask.stat().st_size))
        return {"command": commands.line(made), "links": "".join(links)}

    def _style_file(self, visitor: Visitor[Studio], studio: Studio, message: Asked) -> Reply:
        """The look as a file."""
        studio.choose(asked(message.get("settings")))
        path = studio.save_style(studio.ask.wishes)
        token = visitor.show(Picture(path, "application/octet-stream", path.name))
        return {"link": views.download(token, path.name, path.stat().st_size)}

    def _render(self, tell: Any, visitor: Visitor[Studio], studio: Studio, message: Asked) -> Reply:
        with studio.lock:
            studio.choose(asked(message.get("settings")))
            stop = studio.fresh_stop()

        def update(done: int, total: int) -> None:
            if stop.is_set():
                raise Stopped
            tell("Rendering", done, total)

        tell("Fitting the look", 0, 0)
        try:
            path = studio.export(studio.ask.wishes, update)
        except Stopped:
            return {"stopped": True}
        tell("Making it ready to look at", 0, 0)
        token = visitor.show(Picture(path, "application/octet-stream", path.name))
        before, after = (read_photo(each) for each in (studio.content.path, path))  # type: ignore[union-attr]
        view = {name: views.filed(visitor, photo.pixels, path.with_name(f"{name}.view"))
                for name, photo in (("before", before), ("after", after))}  # fmt: skip
        height, width = after.size
        return {**view, "full": True, "link": views.download(token, path.name, path.stat().st_size),
                "size": [width, height]}  # fmt: skip


def _photo(visitor: Visitor[Studio], studio: Studio) -> Reply:
    if studio.content is None:
        return {}
    height, width = studio.content.full_size
    return {"name": studio.content.path.name, "width": width, "height": height, "before": _address(visitor, studio)}


def _reference(key: str, source: Source) -> Reply:
    return {"key": key, "name": source.path.name, "kind": "photo", "thumb": views.thumb(source.seen.image)}


def _regions(visitor: Visitor[Studio], studio: Studio) -> Reply | None:
    if studio.regions is None or studio.content is None:
        return None
    size = studio.content.shown.image.shape[-2:]
    picture, names = views.labels(studio.regions, (size[0], size[1]))
    offered = sorted({found for regions in studio.style_regions for found in sizeable(regions)} - {UNSURE})
    decisions: Sequence[Any] = studio.plan.decisions if studio.plan else ()
    return {"map": "picture/" + visitor.show(picture), "names": names, "offered": offered,
            "decided": [{"name": one.region, "share": one.share, "text": str(one), "torn": one.reason == "torn"}
                        for one in decisions]}  # fmt: skip


def _address(visitor: Visitor[Studio], studio: Studio) -> str | None:
    """Where the photo as it was is shown."""
    if studio.content is None:
        return None
    token = (studio.content.address or "").rpartition("/")[2]
    if visitor.again(token):
        return studio.content.address
    return studio.remember(views.shown(visitor, studio.content.shown.image))
