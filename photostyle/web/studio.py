"""The photo tab without its page: a photo, its styles, a preview of both, and the result at full size."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from photostyle.errors import ParameterError, PhotostyleError
from photostyle.jobs.regions import Reference, RegionPlan, RegionSettings
from photostyle.regions.regions import Regions
from photostyle.transfer.presets import load_style
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer
from photostyle.web import looks, results
from photostyle.web.asks import Ask
from photostyle.web.fits import Found, of_references, of_saved
from photostyle.web.preview import Preview
from photostyle.web.progress import Stopped, Wanted, always, go_on
from photostyle.web.wishes import (
    KEPT_PREVIEWS,
    KEPT_RESULTS,
    KEPT_STYLES,
    MOST_STYLES,
    Engine,
    Source,
    Wishes,
    result_name,
)

Saved = tuple[Path, Transfer | Target]


@dataclass(eq=False)
class Studio:
    """The state of a photo tab.

    Attributes:
        engine: the networks.
        folder: of the session.
        content: the photo.
        styles: the references that count, with their weights.
        saved: a saved style in place of references, and its file.
        mask: the photo's regions as they were corrected.
        plan: what is known of regions.
        preview: of the present photo and styles; None if there is nothing to see yet.
        ask: what the page wanted to see last.
        pool: all references that were dropped, by key; the oldest first.
        files: saved styles, by key.
        masks: corrections of the photo's regions, by key.
        lock: held while something is done for this page.
        photos: those of the folder tab.
        clip: that of the video tab.
        stop: set to end what takes long.
        hush: set to end what is computed ahead, as something else is wanted.
        unwanted: the number of the last message whose fit is not waited for any more.
        glances: pictures of the embedded looks on the photo, by key.
        sketches: coarse previews of them, by key.
    """

    engine: Engine
    folder: Path
    content: Source | None = None
    styles: list[Source] = field(default_factory=list)
    saved: Saved | None = None
    mask: Path | None = None
    plan: RegionPlan | None = None
    preview: Preview | None = None
    ask: Ask = field(default_factory=Ask)
    pool: OrderedDict[str, Source] = field(default_factory=OrderedDict)
    files: dict[str, Saved] = field(default_factory=dict)
    masks: OrderedDict[str, Path] = field(default_factory=OrderedDict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    photos: list[Path] = field(default_factory=list)
    clip: Path | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    hush: threading.Event = field(default_factory=threading.Event)
    unwanted: int = -1
    glances: dict[str, str] = field(default_factory=dict)
    sketches: dict[str, Preview] = field(default_factory=dict)
    _references: dict[str, Reference] = field(default_factory=dict)
    _previews: OrderedDict[Hashable, tuple[RegionPlan, Preview]] = field(default_factory=OrderedDict)
    _found: Found = field(default_factory=Found)
    _results: deque[Path] = field(default_factory=deque)

    def new_folder(self) -> Path:
        """A folder for one file, so that equal names do not meet."""
        folder = self.folder / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        return folder

    def result_folder(self) -> Path:
        """A folder for one result; those before the last few are removed."""
        self._results.append(self.new_folder())
        while len(self._results) > KEPT_RESULTS:
            shutil.rmtree(self._results.popleft(), ignore_errors=True)
        return self._results[-1]

    def fresh_stop(self) -> threading.Event:
        """What ends the thing that begins now, and nothing that began before."""
        self.stop = threading.Event()
        return self.stop

    def discard(self, path: Path | None) -> None:
        """Remove an upload that is not needed any more; what is not in a folder of its own here stays."""
        if path is not None and path.parent.parent == self.folder:
            shutil.rmtree(path.parent, ignore_errors=True)

    def set_content(self, source: Source | None) -> None:
        """Another photo; corrections were for the one before."""
        if self.content and (source is None or source.path != self.content.path):
            self.discard(self.content.path)
        for mask in self.masks.values():
            self.discard(mask)
        self.content, self.mask, self.plan, self.preview = source, None, None, None
        self.glances, self.sketches = {}, {}
        self.masks.clear()
        self._previews.clear()

    def add_style(self, source: Source) -> str:
        """A further reference; returns its key. Of those that are not in the mix the oldest go."""
        reference = replace(source, shown=source.seen)  # nobody looks at it any closer
        self.pool[reference.key] = reference
        wanted = {style.key for style in self.styles} | {key for key, _ in self.ask.weights} | {reference.key}
        for key in [key for key in self.pool if key not in wanted][: max(0, len(self.pool) - KEPT_STYLES)]:
            self.discard(self.pool.pop(key).path)
            self._references.pop(key, None)
        return reference.key

    def set_styles(self, styles: Sequence[Source]) -> None:
        """These references and no others, in place of a saved style too."""
        if len(styles) > MOST_STYLES:
            raise ParameterError(f"{len(styles)} references are too many: take {MOST_STYLES} at most")
        for path in {style.path for style in self.pool.values()} - {style.path for style in styles}:
            self.discard(path)
        self.pool = OrderedDict((style.key, style) for style in styles)
        self.styles, self.saved, self.preview, self._references = list(styles), None, None, {}

    def load_saved(self, path: Path) -> str:
        """A saved style in place of references; returns its key. Raises WeightsError, TransferMismatchError."""
        style = load_style(path, self.engine.model)
        key = f"file:{secrets.token_hex(6)}"
        self.files[key] = (path, style)
        self.styles, self.saved, self.preview = [], self.files[key], None
        return key

    def choose(self, ask: Ask) -> None:
        """Take what the page wants: which references or which saved style, which correction. Raises ParameterError."""
        alone, saved = ask.alone, None
        if alone and alone not in self.pool:
            saved = self.files.get(alone) or self._look(alone)
        chosen = [(alone, 1.0)] if alone and not saved else [] if saved else ask.weights
        # What is not known any more went long ago, and only a step far back in the history still names it.
        styles = [replace(self.pool[key], weight=weight) for key, weight in chosen if key in self.pool and weight > 0]
        if chosen and not styles:
            raise ParameterError("all weights are 0: give one reference some weight, or click one to see it alone")
        self.ask, self.styles, self.saved = ask, styles, saved
        known = self.masks.get(ask.mask or "")
        self.mask = known if saved is None or saved[1].regions else None  # what has no regions takes no mask

    def _look(self, key: str) -> Saved:
        for look in looks.embedded():
            if key == look.key:
                self.files[key] = (look.path, load_style(look.path, self.engine.model))
                return self.files[key]
        raise ParameterError("this reference is not here any more: drop it again")

    def weigh(self, weights: Sequence[float]) -> None:
        """Other shares of the references. Raises ParameterError if none is left."""
        if not sum(weights) > 0:
            raise ParameterError("at least one reference must have a weight above 0")
        self.styles = [replace(style, weight=weight) for style, weight in zip(self.styles, weights, strict=True)]

    def add_mask(self, path: Path) -> str:
        """A correction of the photo's regions, which counts from now on; returns its key."""
        key = secrets.token_hex(6)
        self.masks[key] = self.mask = path
        while len(self.masks) > KEPT_STYLES:
            self.discard(self.masks.popitem(last=False)[1])
        self.preview = None
        return key

    def remember(self, address: str) -> str:
        """Where the page shows the photo; returns it."""
        if self.content:
            self.content = replace(self.content, address=address)
        return address

    @property
    def ready(self) -> bool:
        """Whether there is a photo and a style."""
        return self.content is not None and bool(self.styles or self.saved)

    @property
    def shares(self) -> list[float]:
        """Of each style; they sum to 1."""
        total = sum(style.weight for style in self.styles)
        return [style.weight / total for style in self.styles] if total else [1.0]

    def refresh(self, wishes: Wishes, wanted: Wanted = always) -> Preview:
        """The preview of these wishes, made anew if it was not made before. Raises PhotostyleError, Stopped."""
        if self.content is None or not self.ready:
            raise ParameterError("choose a photo and a reference first")
        styles = tuple((style.key, share) for style, share in zip(self.styles, self.shares, strict=False))
        key = (wishes.look, str(self.saved[0]) if self.saved else styles, self.mask)
        if key not in self._previews:
            go_on(wanted)
            settings = self._found.told(self.settings(wishes), self.content)
            go_on(wanted)
            if self.saved:
                made = of_saved(self.saved[1], self.content, settings, self.mask)
            else:
                made = self._made(self.content, self.styles, settings, wishes, wanted)
            self._keep(key, made)
        self._previews.move_to_end(key)
        if self._previews[key][1] is not self.preview:
            if self.preview:
                self.preview.reduce()
            self.plan, self.preview = self._previews[key]
        return self._previews[key][1]

    def ahead(self, wishes: Wishes) -> None:
        """Compute what may be wanted next: all strengths, then every reference alone; until `hush` is set."""
        self.hush.clear()
        if self.content is None:
            return
        settings = self._found.told(self.settings(wishes), self.content)
        if self.preview:
            self.preview.prepare(self.hush.is_set)
        if len(self.pool) < 2:
            return
        for key, style in list(self.pool.items())[-(KEPT_PREVIEWS - 2) :]:
            cached = (wishes.look, ((key, 1.0),), self.mask)
            if self.hush.is_set() or cached in self._previews:
                continue
            try:
                made = self._made(self.content, [style], settings, wishes, lambda: not self.hush.is_set())
            except Stopped:
                return
            except PhotostyleError:
                continue  # it is said when this one is asked for
            with self.lock:
                self._keep(cached, made, last=False)

    def _made(
        self, content: Source, styles: Sequence[Source], settings: RegionSettings, wishes: Wishes, wanted: Wanted
    ) -> tuple[RegionPlan, Preview]:
        return of_references(
            self.engine.model, content, styles, self._references, settings, wishes.look, self.mask, wanted
        )

    def _keep(self, key: Hashable, made: tuple[RegionPlan, Preview], *, last: bool = True) -> None:
        """Keep a preview, as the newest or as the first to go."""
        self._previews[key] = made
        self._previews.move_to_end(key, last=last)
        while len(self._previews) > KEPT_PREVIEWS:
            self._previews.popitem(last=False)

    def sketch(self, ask: Ask) -> Preview | None:
        """A preview that shows at once what is asked for alone, if there is one: made before, or of a look, coarse."""
        saved = self.files.get(ask.alone or "")
        mask = self.masks.get(ask.mask or "") if saved is None or saved[1].regions else None
        key = (ask.wishes.look, str(saved[0]) if saved else ((ask.alone, 1.0),), mask)
        made = self._previews.get(key)
        return made[1] if made else self.sketches.get(ask.alone or "")

    def settings(self, wishes: Wishes) -> RegionSettings:
        """How regions are found and matched."""
        segment = self.engine.segmentation if wishes.segment else None
        return RegionSettings(segment, True, dict(wishes.mapping), wishes.keep)

    @property
    def regions(self) -> Regions | None:
        """The photo's regions, at the size of what the network sees."""
        return self.plan.content if self.plan else None

    @property
    def style_regions(self) -> list[Regions]:
        """Those of the references."""
        return list(self.plan.styles or ()) if self.plan else []

    def save_style(self, wishes: Wishes) -> Path:
        """The look as a file, fitted to each photo that it is applied to. Raises PhotostyleError."""
        return results.write_style(self.engine.model, self.styles, wishes, self.settings(wishes), self.result_folder())

    def export(self, wishes: Wishes, update: results.Update | None = None) -> Path:
        """Write the result at full size, in the photo's format; returns the file. Raises PhotostyleError."""
        if self.content is None or not self.ready:
            raise ParameterError("choose a photo and a reference first")
        content, settings, mask = self.content, self.settings(wishes), self.mask
        output = self.result_folder() / result_name(content.path, content.shown.photo.bits)
        style = self.saved[1] if self.saved else results.prepared(self.styles, settings)
        results.write_result(self.engine.model, content.path, style, output, wishes, settings, mask, update)
        return output
