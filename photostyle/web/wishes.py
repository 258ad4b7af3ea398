"""What goes into a preview and a result: photos, options as the page has them, and the networks that all share."""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from photostyle.io import OUTPUT_EXTENSIONS, as_seen, check_size, read_photo
from photostyle.jobs.compare import runnable
from photostyle.jobs.loading import Loaded, tensor
from photostyle.jobs.regions import Segmentation
from photostyle.jobs.segment import find_segmentation
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.web.preview import SEEN, SHOWN

MOST_STYLES = 8
KEPT_STYLES = 16  # with those that were taken off the strip, so that this can be undone
KEPT_PREVIEWS = 8  # of a page: a click on a reference that was seen before shows it at once
MOST_PHOTOS = 200  # in a list
KEPT_RESULTS = 8  # of a page


@dataclass(frozen=True)
class Source:
    """An uploaded photo.

    Attributes:
        path: where it lies, in a folder of its session.
        seen: its copy for the network.
        shown: its copy for the eye.
        weight: its share among the styles, if it is one.
        address: where the page shows it, once it does.
        key: its name in what the page sends.
    """

    path: Path
    seen: Loaded
    shown: Loaded
    weight: float = 1.0
    address: str | None = None
    key: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def full_size(self) -> tuple[int, int]:
        """(H, W) of the file."""
        return self.shown.full_size


def read_source(path: Path, pixels: int) -> Source:
    """Read an uploaded photo of at most `pixels` pixels. Raises ImageReadError, ImageSizeError."""
    photo = as_seen(read_photo(path, max_pixels=pixels))
    check_size(photo)
    whole = Loaded(photo, tensor(photo.pixels), photo.size)
    # A reduced photo shares no memory with the whole one, which may be large.
    shown = whole.reduced(SHOWN)
    return Source(path, shown.reduced(SEEN), shown)


@dataclass(frozen=True)
class Wishes:
    """What the page asks for.

    Attributes:
        options: how the style is fitted, with the strength and those of regions.
        segment: whether regions are found.
        mapping: content region to style region.
        keep: regions that stay as they are.
    """

    options: FitOptions = field(default_factory=FitOptions)
    segment: bool = True
    mapping: tuple[tuple[str, str], ...] = ()
    keep: tuple[str, ...] = ()

    @property
    def look(self) -> Wishes:
        """The same without what a preview answers by itself."""
        return replace(self, options=replace(self.options, strength=1.0, strengths={}))


@dataclass(eq=False)
class Engine:
    """What all sessions share.

    Attributes:
        model: the network.
        name: of the network, or its file.
    """

    model: WCT2
    name: str = "small"
    _found: Segmentation | None = None
    _methods: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.model.parameters()).device

    @property
    def methods(self) -> list[str]:
        """Names of the methods whose networks are here."""
        with self._lock:
            self._methods = self._methods or [info.name for info in runnable(self.device, model=self.name)]
            return self._methods

    @property
    def segmentation(self) -> Segmentation | None:
        """What finds regions; loaded when it is first wanted."""
        with self._lock:
            self._found = self._found or find_segmentation("auto", None, self.device)
            return self._found


def result_name(content: Path, bits: int = 16) -> str:
    """What the result of a photo is called: its format where it can be written, else one that holds its bits."""
    suffix = content.suffix if content.suffix.lower() in OUTPUT_EXTENSIONS else ".tif" if bits > 8 else ".jpg"
    return f"{result_stem(content)}-styled{suffix}"


def result_stem(path: Path) -> str:
    """A file's name without its extension and without what names of files should not have."""
    return re.sub(r"[^\w.-]+", "-", path.stem).strip(".-")[:80] or "photo"
