"""What all commands share in talking to a person: one line an error, progress on a terminal, exit codes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console

if TYPE_CHECKING:
    from rich.status import Status

    from photostyle.jobs.photo import Failure

FAILED, INTERRUPTED = 1, 130


class _Out(Console):
    """What is printed takes the place of what was going on."""

    def print(self, *objects: Any, **options: Any) -> None:
        idle()
        super().print(*objects, **options)


# No markup and no emoji: a file may be called "[b].jpg" or ":car:.jpg".
stderr = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
# A pipe has no width to wrap to: tables keep their rows on one line.
_width = None if sys.stdout.isatty() else 200
stdout = _Out(soft_wrap=True, highlight=False, markup=False, emoji=False, width=_width)
_going_on: list[Status] = []


class _OneLine(logging.Handler):
    """Library messages as plain lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        say(("warning: " if record.levelno >= logging.WARNING else "") + record.getMessage())


def listen(quiet: bool, verbose: bool = False) -> None:
    """Show the library's warnings (not with --quiet), with --verbose also what it decides, and no more of its log."""
    logger = logging.getLogger("photostyle")
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.handlers = [logging.NullHandler() if quiet else _OneLine()]
    logger.propagate = False
    busy("loading", quiet)


def busy(what: str, quiet: bool) -> None:
    """Say on a terminal what goes on, until something else is said: torch alone takes a second or more to load."""
    idle()
    if quiet or not stderr.is_terminal:
        return
    from rich.status import Status

    status = Status(what, console=stderr)
    _going_on.append(status)
    status.start()


def idle() -> None:
    """Take back what `busy` said."""
    while _going_on:
        _going_on.pop().stop()


def say(text: str) -> None:
    """One line on stderr."""
    idle()
    stderr.print(printable(" ".join(text.splitlines())))


def printable(text: str) -> str:
    """Text with escapes for what would command a terminal rather than be seen: names come from other people's files."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def fail(error: BaseException | str) -> NoReturn:
    """Say what went wrong in one line and exit with 1."""
    say(f"photostyle: {error}")
    sys.exit(FAILED)


def finish(failures: Sequence[Failure], count: int) -> None:
    """Exit with 1 and the list of failures, if there were any among `count` photos."""
    if not failures:
        return
    if count == 1:
        fail(failures[0].error)
    say(f"photostyle: {len(failures)} of {count} photos failed:")
    for failure in failures:
        text = str(failure.error)
        say("  " + (text if str(failure.path) in text else f"{failure.path}: {text}"))
    sys.exit(FAILED)


@contextmanager
def progress(what: str, total: int, quiet: bool, *, bytes_: bool = False) -> Iterator[Callable[[int, str], None]]:
    """A progress bar on stderr if that is a terminal; yields ``update(done, text)``."""
    idle()
    if quiet or not stderr.is_terminal:
        yield lambda done, text: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    amount = DownloadColumn() if bytes_ else MofNCompleteColumn()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        amount,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, text: bar.update(task, completed=done, description=text or what)
