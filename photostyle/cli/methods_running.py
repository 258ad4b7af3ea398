"""``photostyle photo --method NAME`` at work: the methods that WCT2 comes from, and smoothing of any result."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from photostyle.cli import console
from photostyle.cli.groups import Large, Network, Output, Regions
from photostyle.cli.methods import OtherMethods, fields_of
from photostyle.cli.running import Report
from photostyle.errors import ParameterError
from photostyle.methods import MethodInfo

if TYPE_CHECKING:
    from photostyle.regions.labels import Decision


@dataclass(frozen=True)
class Request:
    """What a method is asked to do: the photos, style photos as (region or None, path), and the groups of options."""

    contents: Sequence[Path]
    styles: Sequence[tuple[str | None, Path]]
    regions: Regions
    large: Large
    output: Output
    network: Network
    other: OtherMethods


def run(info: MethodInfo, options: Any, request: Request) -> list[Path]:
    """Run a method on every photo; Ctrl-C writes the best so far of the photo at hand and ends. Returns the outputs."""
    contents, styles, regions, output, other = (
        request.contents, request.styles, request.regions, request.output, request.other,
    )  # fmt: skip
    if info.styled and (len(styles) > 1 or styles[0][0]):
        raise ParameterError(f"--method {info.name} takes one --style for the whole photo")

    from photostyle.io import ensure_folder
    from photostyle.jobs.loading import load
    from photostyle.jobs.methods import MethodRun, check_smooth, find_networks, held_per_pixel, method_file
    from photostyle.jobs.photo import each
    from photostyle.jobs.regions import Reference

    after = check_smooth("off" if other.smooth is None or "smooth" in fields_of(info) else other.smooth)
    outputs = output.of(contents, [*(path for _, path in styles), *regions.masks])
    where, side = request.network.where(), request.large.size
    style = Reference(load(styles[0][1], side, output.raw_brightness)) if info.styled else None
    networks, through = find_networks(
        info, where, features=other.features, looks=other.trained_looks, model=request.network.name,
        unpool=request.network.unpool,
    )  # fmt: skip
    if through and not output.quiet:
        console.say(f"{info.name} looks through {through}")
    settings = None
    if info.masks:
        settings = regions.settings(networks.get("model"), where, find=not all(regions.masks))
    job = MethodRun(info, info.create(options, **networks), where, held_per_pixel(info, networks), after)
    if output.out is not None and outputs[0] != output.out:
        ensure_folder(output.out)
    decisions: dict[Path, Sequence[Decision]] = {}
    failures, told = [], []
    steps = int(getattr(options, "steps", 1)) if info.iterative else 1
    with console.progress("photos", steps * len(contents), output.quiet) as update, stoppable() as stop:
        done = 0

        def work(content: Path, target: Path) -> None:
            began, taken = time.monotonic(), 0

            def progress(step: int, _total: int, loss: float) -> None:
                nonlocal taken
                taken = step
                update(done * steps + step, f"{target.name}: loss {loss:.4g}")

            method_file(
                job, content, style, target, masks=regions.masks, regions=settings,
                decided=lambda made: decisions.update({content: made}), progress=progress, should_stop=stop,
                side=side, bits=output.depth, raw_brightness=output.raw_brightness, overwrite=output.overwrite,
            )  # fmt: skip
            seconds = time.monotonic() - began
            told.append({"content": str(content), "output": str(target), "seconds": seconds, "error": None})
            if stop():
                console.say(f"{target} holds the best of {taken} of {steps} steps")
                raise KeyboardInterrupt
            if not output.quiet:
                console.say(f"{target} written in {seconds:.1f} s")

        for content, target, failure in each(contents, outputs, work):
            done += 1
            if failure:
                failures.append(failure)
                told.append({"content": str(content), "output": str(target), "seconds": 0.0,
                             "error": str(failure.error)})  # fmt: skip
            update(done * steps, target.name)
    Report(output.report, decisions, output.overwrite).write(told)
    console.finish(failures, len(contents))
    return outputs


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Yields whether Ctrl-C has been pressed; a second time it ends the program as ever."""
    pressed = threading.Event()

    def press(_number: int, _frame: FrameType | None) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()
        console.say("photostyle: stopping; once more gives up the result so far")

    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
