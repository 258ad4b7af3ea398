"""``photostyle batch`` at work: what is said of each photo and at the end."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photostyle.cli import console
from photostyle.errors import OutputError

if TYPE_CHECKING:
    from photostyle.batch.plan import Plan
    from photostyle.batch.run import Result
    from photostyle.batch.state import State
    from photostyle.batch.work import BatchOptions
    from photostyle.engines.local import Engine


def check_alike(plan: Plan, state: State, differences: Sequence[str]) -> None:
    """Raise OutputError where a run would go on with one look that another run began with another."""
    finished = sum(item.finished for item in plan.items)
    if finished and differences:
        raise OutputError(
            f"{state.out}: holds {finished} of the results already, made with other settings "
            f"({', '.join(differences)}); give another folder, or --overwrite to do them again"
        )


def shown(path: Path) -> str:
    """A path on one line, whatever it is made of."""
    return console.printable(os.fspath(path))


class Told:
    """A plan, what became of its photos so far, and the telling of it."""

    def __init__(self, plan: Plan, quiet: bool) -> None:
        from photostyle.batch.run import settled

        self._plan, self._quiet = plan, quiet
        self.results: dict[Path, Result] = {result.item.content: result for result in settled(plan)}

    def list(self) -> None:
        """Each photo on a line of stdout, with what would be done."""
        for item in self._plan.items:
            if item.problem:
                text = f"cannot: {shown(item.content)}"
            elif item.finished:
                text = f"skip: {shown(item.output)}{' (older than its photo)' if item.outdated else ''}"
            else:
                text = f"do: {shown(item.content)} -> {shown(item.output)}"
            console.stdout.print(text)

    def run(self, options: BatchOptions, state: State, engine: Engine, sharing: int, verbose: bool) -> None:
        """Do what waits. Raises PhotostyleError where nothing can be done at all."""
        from photostyle.batch.run import run

        look = self._look(options, state) if options.shared and self._plan.waiting else None
        level = logging.INFO if verbose else logging.WARNING
        with console.progress("photos", len(self._plan.items), self._quiet) as update:
            update(len(self.results), "")
            for result in run(self._plan, options, engine, look=look, sharing=sharing, level=level):
                self.results[result.item.content] = result
                if result.status == "done" and not self._quiet:
                    console.say(f"{shown(result.item.output)} written in {result.seconds:.1f} s")
                update(len(self.results), "")

    def _look(self, options: BatchOptions, state: State) -> Path:
        """The look that all photos share: that of the run that this one continues, or a new one."""
        from photostyle.batch.look import make_look

        if not state.look.is_file():
            contents = [item.content for item in self._plan.items if item.problem is None]
            with console.progress("shared look", len(contents), self._quiet) as update:
                make_look(options, contents, state.look, lambda done: update(done, ""))
        return state.look

    def end(self, seconds: float) -> None:
        """The summary; exits with 1 if a photo failed."""
        from photostyle.jobs.photo import Failure

        if not self._quiet:
            console.say(f"{self.counted()} in {seconds:.1f} s")
            outdated = sum(item.outdated for item in self._plan.items)
            if outdated:
                console.say(f"warning: {outdated} results are older than their photos; delete them to have them made")
        failures = [Failure(r.item.content, r.error) for r in self.results.values() if r.error is not None]
        if failures:
            console.finish(failures, max(len(self._plan.items), 2))  # of a folder with one photo, too, say which

    def counted(self) -> str:
        """How many photos were done, skipped and so on."""
        statuses = [result.status for result in self.results.values()]
        waiting = len(self._plan.items) - len(statuses)
        parts = [f"{statuses.count('done')} done", f"{statuses.count('skipped')} skipped"]
        parts += [f"{statuses.count('failed')} failed"] if "failed" in statuses else []
        parts += [f"{waiting} to do"] if waiting else []
        parts += [_several(self._plan.others, "other file")] if self._plan.others else []
        parts += [f"{_several(self._plan.links, 'linked folder')} not entered"] if self._plan.links else []
        return ", ".join(parts)


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
