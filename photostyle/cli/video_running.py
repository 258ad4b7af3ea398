"""``photostyle video`` at work: what both it and ``apply`` need for a clip, and what they say of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photostyle.cli import console
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from photostyle.video.stylize import Report

Progress = Callable[[str, int, int], None]
LONG = 600  # seconds from which on it is worth while to say what would be quicker


def check_installed() -> None:
    """Raise ParameterError if what clips need is not installed."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("av", "cv2")):
        raise ParameterError("clips need PyAV and OpenCV: pip install 'photostyle[video]'")


def run_clip(
    clip: Path,
    out: Path,
    work: Callable[[Progress], Report],
    quiet: bool,
    *,
    keep: Sequence[Path | None] = (),
    again: str = "run the same with --resume to go on",
) -> None:
    """Do a clip under a progress bar and say what became of it.

    `out` may be none of the files to `keep`; `again` says how an interrupted run is gone on with.
    """
    from photostyle.io.files import check_apart

    check_apart([out], [clip, *(path for path in keep if path)])
    try:
        with _bar(quiet) as update:

            def told(stage: str, done: int, total: int) -> None:
                if stage != "expected":
                    update(stage, done, total)
                elif not quiet:
                    console.say(expectation(clip, out, done, total))

            report = work(told)
    except KeyboardInterrupt:
        parts = out.with_name(out.name + ".parts")
        if os.path.exists(parts):
            console.say(f"photostyle: stopped; what is done is kept in {parts}: {again}")
        raise
    if not quiet:
        shots = f"{report.shots} shot{'s' if report.shots > 1 else ''}"
        damaged = "; parts of the clip were damaged" if report.damaged else ""
        console.say(f"{out} written: {report.frames} frames, {shots}, {report.codec}{damaged}")


def expectation(clip: Path, out: Path, seconds: int, frames: int) -> str:
    """How long grading is going to take, and what would be quicker where that is long."""
    minutes = round(seconds / 60)
    if seconds < 90:
        span = f"{seconds} s"
    else:
        span = f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
    said = f"{clip}: grading {frames} frames takes about {span} here ({frames / seconds:.2g} frames a second)"
    if seconds < LONG:
        return said
    return f"{said}; --preview makes a small copy first, and --codec h264 is the quickest to encode; {stop_advice(out)}"


def stop_advice(out: Path) -> str:
    """That nothing but a little is lost by stopping."""
    return f"it can be stopped with Ctrl-C and gone on with later from {out.name}.parts"


@contextmanager
def _bar(quiet: bool) -> Iterator[Progress]:
    """A progress bar with frames a second and the time left, on stderr if that is a terminal."""
    console.idle()
    if quiet or not console.stderr.is_terminal:
        yield lambda stage, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:.1f} fps" if task.speed else "- fps")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=console.stderr, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total or None, completed=done)
            bar.update(tasks[stage], completed=done, total=total or None)

        yield update
