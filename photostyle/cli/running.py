"""What ``photo`` and ``apply`` do alike: photo after photo, with progress, a report and the failures at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photostyle import __version__
from photostyle.cli import console

if TYPE_CHECKING:
    from photostyle.regions.labels import Decision


@dataclass(frozen=True, eq=False)
class Report:
    """Where ``--report`` goes, and what it tells of each photo.

    Attributes:
        path: the file; None writes nothing.
        decisions: content photo to what was decided on its regions, filled while photos are done.
        overwrite: replace an existing file.
    """

    path: Path | None
    decisions: Mapping[Path, Sequence[Decision]]
    overwrite: bool

    def write(self, photos: Sequence[dict[str, Any]]) -> None:
        """Write what is known of the photos, with the regions of each."""
        if self.path is None:
            return
        from photostyle.io import atomic_write

        for photo in photos:
            photo["regions"] = [asdict(decision) for decision in self.decisions.get(Path(photo["content"]), ())]
        with atomic_write(self.path, overwrite=self.overwrite) as partial:
            partial.write_text(json.dumps({"version": __version__, "photos": photos}, indent=1), encoding="utf-8")


def run_each(
    contents: Sequence[Path],
    outputs: Sequence[Path],
    out: Path | None,
    work: Callable[[Path, Path], object],
    quiet: bool,
    report: Report,
) -> None:
    """Do ``work(content, output)`` for every photo, saying how it goes; exit with 1 if any failed."""
    from photostyle.io import ensure_folder
    from photostyle.jobs.photo import each

    if out is not None and outputs[0] != out:
        ensure_folder(out)
    failures, started = [], time.monotonic()
    told: list[dict[str, Any]] = []
    try:
        for content, output, failure in each(contents, outputs, work):
            now = time.monotonic()
            if failure:
                failures.append(failure)
            elif not quiet:
                console.say(f"{output} written in {now - started:.1f} s")
            error = str(failure.error) if failure else None
            told.append({"content": str(content), "output": str(output), "seconds": now - started, "error": error})
            started = now
    except KeyboardInterrupt:
        console.say(f"photostyle: stopped; {_way_on(contents, len(told), out)}")
        raise
    report.write(told)
    console.finish(failures, len(contents))


def _way_on(contents: Sequence[Path], done: int, out: Path | None) -> str:
    """What a person can do after Ctrl-C: nothing is half-written."""
    if len(contents) == 1:
        return "nothing was written; the same command starts anew"
    finished = f"{done} of {len(contents)} photos are done and whole"
    if not done:
        return f"{finished}; the same command starts anew"
    return f"{finished}; to go on, give the same command from {contents[done]} on (photostyle batch goes on by itself)"
