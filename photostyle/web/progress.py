"""How far something is that takes long, told while it goes on: what, how much, and how long it will still take."""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Told = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much; 0 of what is not known."""

Wanted = Callable[[], bool]
"""Asked between the steps of something, whether anybody still waits for it."""

_Result = TypeVar("_Result")
_OFTEN = 0.2  # seconds between what is told
_SURE = 1.5  # seconds after which a rate means something


class Stopped(Exception):  # noqa: N818 - it is no error
    """The visitor does not want it any more."""


def always() -> bool:
    """Of what is not given up."""
    return True


def go_on(wanted: Wanted) -> None:
    """Raise Stopped where nobody waits any more."""
    if not wanted():
        raise Stopped


@dataclass(frozen=True)
class Progress:
    """How it goes.

    Attributes:
        what: is being done.
        done, total: how much; 0 of 0 where that is not known.
        left: seconds that it will still take; None where there is nothing to tell from.
    """

    what: str
    done: int = 0
    total: int = 0
    left: float | None = None


class _Clock:
    """The time left of a stage, from its own pace."""

    def __init__(self) -> None:
        self._what, self._begun, self._first = "", 0.0, 0

    def left(self, what: str, done: int, total: int) -> float | None:
        now = time.monotonic()
        if what != self._what or done < self._first:
            self._what, self._begun, self._first = what, now, done
        gone, steps = now - self._begun, done - self._first
        return gone / steps * (total - done) if total and steps > 0 and gone > _SURE else None


def streamed(work: Callable[[Told], _Result]) -> Iterator[Progress | _Result]:
    """Do `work` in a thread of its own; yields how it goes and in the end what came out, or raises what it raised.

    Args:
        work: is given what it tells its progress to.
    """
    told: queue.SimpleQueue[Progress | tuple[_Result] | BaseException] = queue.SimpleQueue()
    clock = _Clock()

    def tell(what: str, done: int, total: int) -> None:
        told.put(Progress(what, done, total, clock.left(what, done, total)))

    def run() -> None:
        try:
            told.put((work(tell),))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            told.put(error)

    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()
    last = -_OFTEN
    while True:
        event = told.get()
        if isinstance(event, BaseException):
            raise event
        if isinstance(event, tuple):
            yield event[0]
            return
        if time.monotonic() - last >= _OFTEN or event.done == event.total:
            last = time.monotonic()
            yield event


def worded(seconds: float) -> str:
    """A time for people: ``less than a second``, ``12 s``, ``3 min``, ``1 h 20 min``."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
