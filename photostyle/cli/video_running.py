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


def check_installed() -> None:
    """Raise ParameterError if what clips need is not installed."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("av", "cv2")):
        raise ParameterError("clips need PyAV and OpenCV: pip install 'photostyle[video]'")


def run_clip(
    clip: Path, out: Path, work: Callable[[Progress], Report], quiet: bool, *, keep: Sequence[Path | None] = ()
) -> None:
    """Do a clip under a progress bar and say what became of it; `out` may be none of the files to `keep`."""
    from photostyle.io.files import check_apart

    check_apart([out], [clip, *(path for path in keep if path)])
    try:
        with _bar(quiet) as update:
            report = work(update)
    except KeyboardInterrupt:
        parts = out.with_name(out.name + ".parts")
        if os.path.exists(parts):
            console.say(f"photostyle: stopped; what is done is kept in {parts}: run the same with --resume to go on")
        raise
    if not quiet:
        shots = f"{report.shots} shot{'s' if report.shots > 1 else ''}"
        damaged = "; parts of the clip were damaged" if report.damaged else ""
        console.say(f"{out} written: {report.frames} frames, {shots}, {report.codec}{damaged}")


@contextmanager
def _bar(quiet: bool) -> Iterator[Progress]:
    """A progress bar with frames a second and the time left, on stderr if that is a terminal."""
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
