"""What a worker of a batch does: the model, the style and the regions are made ready once, then photo after photo."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photostyle.errors import OutputError, PhotostyleError
from photostyle.io import ensure_folder
from photostyle.io.raw import RawBrightness
from photostyle.options import FitOptions

if TYPE_CHECKING:
    from photostyle.jobs.regions import Reference, RegionSettings
    from photostyle.jobs.rendering import Rendering
    from photostyle.network.wct2 import WCT2
    from photostyle.regions.labels import Decision
    from photostyle.transfer.targets import Target
    from photostyle.transfer.transfer import Transfer

logger = logging.getLogger("photostyle")


@dataclass(frozen=True)
class BatchOptions:
    """How every photo of a batch is done.

    Attributes:
        styles: style photos, each with the region it is meant for or None; empty with a style file.
        style_file: a saved style instead.
        fit: how style photos are fitted.
        strength: of a saved style; None is the strength that it was made with.
        strengths: regions with a strength of their own, with a saved style.
        segment: how regions are found, as for `photostyle.jobs.segment.find_segmentation`.
        mapping: see `photostyle.regions.labels.match`.
        keep: regions that stay as they are.
        model: name or path; None takes the model that the style file names.
        unpool: which of the model's kinds.
        device: ``auto``, ``cpu`` or ``cuda``.
        side: work at this long side.
        rendering: how photos of any size are done; None plans by itself. Its memory is for all workers of a machine.
        bits: 8 or 16 a sample; None as the photos.
        shared: style photos are fitted once, to all photos together.
        raw_brightness: of camera raw (`photostyle.io.raw`).
        weights: share of each style photo where several serve the same pixels; 1 each without any.
        colour: how much of the change in colour is kept (`photostyle.jobs.blending`).
        brightness: how much of that in brightness.
    """

    styles: tuple[tuple[str | None, Path], ...] = ()
    style_file: Path | None = None
    fit: FitOptions = field(default_factory=FitOptions)
    strength: float | None = None
    strengths: Mapping[str, float] = field(default_factory=dict)
    segment: str = "off"
    mapping: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    model: str | None = "small"
    unpool: str | None = None
    device: str = "auto"
    side: int | None = None
    rendering: Rendering | None = None
    bits: int | None = None
    shared: bool = False
    raw_brightness: RawBrightness = "shot"
    weights: tuple[float, ...] = ()
    colour: float = 1.0
    brightness: float = 1.0


@dataclass(frozen=True)
class Task:
    """A photo to do; `replace` allows to replace the output."""

    content: Path
    output: Path
    replace: bool = False


@dataclass(frozen=True)
class Done:
    """What became of a photo in the hands of a worker.

    Attributes:
        seconds: that it took.
        error: why it failed.
        existed: its output had appeared meanwhile, and was left as it is.
        decisions: what was decided on its regions.
        messages: what the library had to say on the way, each with its level in `logging`.
    """

    seconds: float
    error: PhotostyleError | None
    existed: bool
    decisions: tuple[Decision, ...]
    messages: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Tools:
    """What all photos of a batch share in one process.

    Attributes:
        model: the network.
        saved: a style that was saved, or the look that photos share.
        references: style photos, where there is no such style.
        regions: how regions are found.
        rendering: how photos are done, within this worker's memory.
    """

    model: WCT2
    saved: Transfer | Target | None
    references: Sequence[Reference]
    regions: RegionSettings
    rendering: Rendering


@dataclass(frozen=True)
class BatchSetup:
    """Makes a worker ready (`photostyle.engines.local`).

    Attributes:
        options: how photos are done.
        look: the shared look, once it is fitted.
        sharing: how many workers share a machine, its cores and memory.
        level: messages from this level of `logging` on are brought back.
    """

    options: BatchOptions
    look: Path | None = None
    sharing: int = 1
    level: int = logging.WARNING

    def __call__(self) -> Callable[[Task], Done]:
        """What does a photo. Raises PhotostyleError: a style, the model or the device is not there."""
        import torch

        from photostyle.jobs.blending import Shares
        from photostyle.jobs.photo import apply_file, stylize_file

        options = self.options
        if self.sharing > 1:
            torch.set_num_threads(max(1, torch.get_num_threads() // self.sharing))
        tools = prepare(options, self.sharing, self.look)
        common: dict[str, Any] = {
            "regions": tools.regions, "rendering": tools.rendering, "side": options.side, "bits": options.bits,
            "raw_brightness": options.raw_brightness, "shares": Shares(options.colour, options.brightness),
        }  # fmt: skip
        if tools.saved is None:

            def do(task: Task, decided: Callable[[Sequence[Decision]], None]) -> None:
                stylize_file(
                    tools.model, task.content, tools.references, task.output, options.fit, **common,
                    decided=decided, overwrite=task.replace,
                )  # fmt: skip
        else:
            style = tools.saved
            strengths = {**style.options.strengths, **options.strengths} if options.strengths else None

            def do(task: Task, decided: Callable[[Sequence[Decision]], None]) -> None:
                apply_file(
                    style, task.content, task.output, strength=options.strength, strengths=strengths, **common,
                    decided=decided, overwrite=task.replace,
                )  # fmt: skip

        return lambda task: _done(do, task, self.level)


def prepare(options: BatchOptions, sharing: int = 1, look: Path | None = None) -> Tools:
    """Load and find what photos share; with a `look` it is not fitted to them again. Raises PhotostyleError."""
    from photostyle.device import resolve
    from photostyle.io import CLASS_COLOURS
    from photostyle.jobs.loading import load
    from photostyle.jobs.regions import Reference, RegionSettings
    from photostyle.jobs.regions import prepare as segment_styles
    from photostyle.jobs.rendering import Rendering
    from photostyle.jobs.segment import find_segmentation
    from photostyle.jobs.style import model_for
    from photostyle.transfer.presets import load_style
    from photostyle.weights import load_model

    device, unpool = resolve(options.device), options.unpool
    if options.style_file:
        model = model_for(options.style_file, options.model, device)
    else:
        model = load_model(options.model or "", unpool=unpool, device=device)  # type: ignore[arg-type]
    rendering = options.rendering or Rendering()
    if sharing > 1:
        rendering = replace(rendering, memory=rendering.budget(model) // sharing)
    path = look or options.style_file
    saved, segment = load_style(path, model) if path else None, options.segment
    if saved:
        named = {*saved.regions, *saved.options.strengths, *options.strengths}
        # A saved style without regions has no use for those of photos; clusters are no photo's but the fitted one's.
        segment = "off" if segment == "cluster" or (segment == "auto" and not named & set(CLASS_COLOURS)) else segment
    found = find_segmentation(segment, model, device)
    settings = RegionSettings(found, True, options.mapping, options.keep)
    weights = options.weights or (1.0,) * len(options.styles)
    references = [
        Reference(load(path, options.side, options.raw_brightness).reduced(rendering.fit_pixels), region, weight=weight)
        for (region, path), weight in ([] if saved else zip(options.styles, weights, strict=True))
    ]
    return Tools(model, saved, segment_styles(references, settings), settings, rendering)


def _done(do: Callable[[Task, Callable[[Sequence[Decision]], None]], None], task: Task, level: int) -> Done:
    started, existed = time.monotonic(), False
    decisions: list[Decision] = []
    error: PhotostyleError | None = None

    def decided(made: Sequence[Decision]) -> None:
        decisions[:] = made  # what the guard over regions says comes in place of what was decided before

    with _heard(level) as messages:
        try:
            ensure_folder(task.output.parent)
            do(task, decided)
        except OutputError as problem:
            # By a worker that was cut off from the rest before it could tell, or one of a run that was killed just now.
            existed = not task.replace and os.path.isfile(task.output)
            error = None if existed else problem
        except PhotostyleError as problem:
            error = problem
    return Done(time.monotonic() - started, error, existed, tuple(decisions), tuple(messages))


@contextmanager
def _heard(level: int) -> Iterator[list[tuple[int, str]]]:
    """What the library logs meanwhile, instead of anywhere else: a worker may be on another machine."""
    messages: list[tuple[int, str]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append((record.levelno, record.getMessage()))

    before = logger.handlers, logger.level, logger.propagate
    logger.handlers, logger.propagate = [Listener()], False
    logger.setLevel(level)
    try:
        yield messages
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])
