"""Waiting for what is to happen: never for a number of seconds, and not for ever."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

PATIENCE = 900.0  # seconds until something counts as hung: the machine may be busy with other work
_PAUSE = 0.01

Found = TypeVar("Found")


def wait_for(condition: Callable[[], Found], *, pause: float = _PAUSE) -> Found:
    """What `condition` returns as soon as that is true."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(pause)
    return found


def times(paths: Iterable[Path]) -> dict[Path, int]:
    """When files were last changed (nanoseconds); those that are gone since they were listed are left out."""
    found = {}
    for path in paths:
        try:
            found[path] = os.stat(path).st_mtime_ns
        except FileNotFoundError:
            continue
    return found


def alive(pid: int) -> bool:
    """Whether a process runs, zombies not counted."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
