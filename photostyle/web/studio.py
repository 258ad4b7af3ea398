"""The photo tab without its page: a photo, its styles, a preview of both, and the result at full size.

Whatever is written is written by `photostyle.jobs.photo`, from the uploaded files, as the command does it.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.io import as_seen, check_size, read_photo
from photostyle.jobs.applying import Application, applied
from photostyle.jobs.fitting import fit_and_render
from photostyle.jobs.loading import Loaded, load, tensor
from photostyle.jobs.photo import apply_file, stylize_file
from photostyle.jobs.regions import Reference, RegionPlan, RegionSettings, plan, prepare
from photostyle.jobs.rendering import FIT_PIXELS, Rendering
from photostyle.jobs.style import make_style
from photostyle.network.wct2 import WCT2
from photostyle.regions.labels import Decision
from photostyle.regions.regions import Regions
from photostyle.transfer.presets import SUFFIX, load_style, save_style
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer
from photostyle.web.preview import SEEN, SHOWN, Preview
from photostyle.web.wishes import KEPT_RESULTS, MOST_STYLES, Engine, Source, Wishes, result_name, result_stem


@dataclass(eq=False)
class Studio:
    """The state of a photo tab.

    Attributes:
        engine: the networks.
        folder: of the session.
        content: the photo.
        styles: the references.
        saved: a saved style in place of references, and its file.
        mask: the photo's regions as they were corrected.
        plan: what is known of regions.
        preview: of the present photo and styles; None if there is nothing to see yet.
        wishes: what the preview was made for.
        own: regions whose strength was set by itself.
        lock: held while something is done for this page.
        photos: those of the folder tab.
        clip: that of the video tab.
        stop: set to end what takes long.
    """

    engine: Engine
    folder: Path
    content: Source | None = None
    styles: list[Source] = field(default_factory=list)
    saved: tuple[Path, Transfer | Target] | None = None
    mask: Path | None = None
    plan: RegionPlan | None = None
    preview: Preview | None = None
    wishes: Wishes = field(default_factory=Wishes)
    own: dict[str, float] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    photos: list[Path] = field(default_factory=list)
    clip: Path | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    _prepared: list[Reference] = field(default_factory=list)
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

    def discard(self, path: Path | None) -> None:
        """Remove an upload that is not needed any more; what is not in a folder of its own here stays."""
        if path is not None and path.parent.parent == self.folder:
            shutil.rmtree(path.parent, ignore_errors=True)

    def take(self, path: Path, pixels: int) -> Source:
        """Read an uploaded photo of at most `pixels` pixels. Raises ImageReadError, ImageSizeError."""
        photo = as_seen(read_photo(path, max_pixels=pixels))
        check_size(photo)
        whole = Loaded(photo, tensor(photo.pixels), photo.size)
        # A reduced photo shares no memory with the whole one, which may be large.
        shown = whole.reduced(SHOWN)
        return Source(path, shown.reduced(SEEN), shown)

    def set_content(self, source: Source | None) -> None:
        """Another photo; corrections were for the one before."""
        if self.content and (source is None or source.path != self.content.path):
            self.discard(self.content.path)
        self.content, self.mask, self.plan, self.preview = source, None, None, None
        self.own = {}

    def set_styles(self, styles: Sequence[Source]) -> None:
        """Other references, in place of a saved style too."""
        if len(styles) > MOST_STYLES:
            raise ParameterError(f"{len(styles)} references are too many: take {MOST_STYLES} at most")
        for path in {style.path for style in self.styles} - {style.path for style in styles}:
            self.discard(path)
        self.styles, self.saved, self.preview, self._prepared = list(styles), None, None, []

    def load_saved(self, path: Path) -> None:
        """A saved style in place of references. Raises WeightsError, TransferMismatchError."""
        style = load_style(path, self.engine.model)
        self.set_styles([])
        self.saved = (path, style)

    def weigh(self, weights: Sequence[float]) -> None:
        """Other shares of the references. Raises ParameterError if none is left."""
        if not sum(weights) > 0:
            raise ParameterError("at least one reference must have a weight above 0")
        self.styles = [replace(style, weight=weight) for style, weight in zip(self.styles, weights, strict=True)]

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

    def refresh(self, wishes: Wishes) -> Preview:
        """Make the preview anew if it is not the one of these wishes. Raises PhotostyleError."""
        if self.content is None or not self.ready:
            raise ParameterError("choose a photo and a reference first")
        if self.preview is None or wishes.look != self.wishes.look or self._outdated:
            self.wishes = wishes
            self.plan, self.preview = (self._of_saved if self.saved else self._of_references)(self.content, wishes.look)
        self.wishes = wishes
        return self.preview

    @property
    def _outdated(self) -> bool:
        return self.preview is not None and not self.saved and list(self.preview.shares) != self.shares

    def _of_references(self, content: Source, wishes: Wishes) -> tuple[RegionPlan, Preview]:
        settings = self._settings(wishes)
        given = [Reference(style.seen, weight=style.weight) for style in self.styles]
        if settings.segment and not self._prepared:
            self._prepared = prepare(given, settings)
        known = [each.regions for each in self._prepared] if settings.segment else [None] * len(given)
        references = [replace(one, regions=found) for one, found in zip(given, known, strict=True)]
        made = plan(content.seen, references, (self.mask, None), settings, wishes.options)
        images = [reference.loaded.image for reference in references]

        def answer(strength: float, shares: Sequence[float] | None) -> Tensor:
            return fit_and_render(
                self.engine.model, content.seen.image.clone(), images, _whole(), content_regions=made.content,
                style_regions=made.styles, sources=made.sources, style_weights=shares or own_shares,
                options=replace(made.options, strength=strength, strengths=dict.fromkeys(settings.keep, 0.0)),
            )[1].cpu()  # fmt: skip

        own_shares = self.shares
        preview = Preview(
            content.seen.image, content.shown.image, answer, styles=len(images), shares=own_shares,
            regions=made.content,
        )  # fmt: skip
        return made, preview

    def _of_saved(self, content: Source, wishes: Wishes) -> tuple[RegionPlan, Preview]:
        saved = self.saved
        if saved is None:
            raise ParameterError("choose a style first")
        style = saved[1]
        decisions: list[Decision] = []

        def decided(made: Sequence[Decision]) -> None:
            decisions[:] = made

        def answer(strength: float, _shares: Sequence[float] | None) -> Tensor:
            how = Application(self.mask, self._settings(wishes), decided, strength, {})
            copy = replace(content.seen, image=content.seen.image.clone())
            return applied(style, copy, _whole(), how)[1].cpu()

        preview = Preview(content.seen.image, content.shown.image, answer)
        preview.at(1.0)
        return RegionPlan(None, None, None, tuple(decisions), style.options), preview

    def _settings(self, wishes: Wishes) -> RegionSettings:
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
        if not self.styles:
            raise ParameterError("there are no references to make a style of: choose one first")
        styles = [(style.path, style.weight) for style in self.styles]
        settings = RegionSettings(self.engine.segmentation if wishes.segment else None)
        made = make_style(self.engine.model, styles, wishes.options, regions=settings)
        path = self.result_folder() / f"{result_stem(self.styles[0].path)}{SUFFIX}"
        save_style(made, path)
        return path

    def export(self, wishes: Wishes) -> Path:
        """Write the result at full size, in the photo's format; returns the file. Raises PhotostyleError."""
        if self.content is None or not self.ready:
            raise ParameterError("choose a photo and a reference first")
        content, settings = self.content.path, self._settings(wishes)
        output = self.result_folder() / result_name(content, self.content.shown.photo.bits)
        style = self.saved[1] if self.saved else prepared(self.styles, settings)
        write_result(self.engine.model, content, style, output, wishes, settings, self.mask)
        return output


def prepared(styles: Sequence[Source], settings: RegionSettings) -> list[Reference]:
    """References as a result takes them. Raises ImageReadError."""
    references = [Reference(load(style.path).reduced(FIT_PIXELS), weight=style.weight) for style in styles]
    return prepare(references, settings)


def write_result(
    model: WCT2,
    content: Path,
    style: Transfer | Target | Sequence[Reference],
    output: Path,
    wishes: Wishes,
    settings: RegionSettings,
    mask: Path | None = None,
) -> None:
    """A photo in a style, at full size, as the command writes it. Raises PhotostyleError."""
    options = wishes.options
    if isinstance(style, Transfer | Target):
        strengths = {**style.options.strengths, **options.strengths}
        apply_file(style, content, output, mask=mask, regions=settings, strength=options.strength, strengths=strengths)
    else:
        stylize_file(model, content, style, output, options, masks=(mask, None), regions=settings)


def _whole() -> Rendering:
    return Rendering(mode="full", fit_pixels=0)
