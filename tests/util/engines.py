"""Work for engines, importable by worker processes and free of torch, so that they start quickly."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from photostyle.engines.local import attempt
from photostyle.errors import ImageReadError, WeightsError
from photostyle.io.files import atomic_write


@dataclass
class Here:
    """An engine that does every task in this process."""

    jobs: int = 1

    def run(self, setup, tasks):
        work = setup()
        for index, task in enumerate(tasks):
            yield attempt(work, task, index)


@dataclass(frozen=True)
class Setup:
    """Work that does what its task names; `broken` setups fail in the way that they name."""

    broken: str = ""

    def __call__(self) -> Callable[[tuple[str, object]], object]:
        if self.broken == "error":
            raise WeightsError("no such model; get one")
        if self.broken == "death":
            os._exit(3)
        return lambda task: getattr(self, task[0])(task[1])

    def number(self, value):
        return value, os.getpid()

    def bad(self, value):
        raise ImageReadError(f"{value} is bad")

    def odd(self, value):
        raise ValueError(f"{value}\nis odd")

    def killed(self, value):
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self, value):
        os._exit(value)

    def sleep(self, folder):
        """Says where it sleeps, in the middle of writing a file."""
        with atomic_write(Path(folder) / "never.txt", overwrite=False):
            (Path(folder) / f"{os.getpid()}.pid").touch()
            time.sleep(600)

    def once(self, folder):
        """Waits to be killed, but for the second time it is tried; tells of each try."""
        tries = len(list(Path(folder).glob("*.pid")))
        (Path(folder) / f"{os.getpid()}.pid").touch()
        if tries == 0:
            time.sleep(600)
        return tries


@dataclass(frozen=True)
class _Telling:
    """A setup whose work tells where it is done, waits a moment, and tells that it is."""

    setup: Callable[[], Callable[[object], object]]
    folder: Path

    def __call__(self) -> Callable[[object], object]:
        work = self.setup()

        def slowly(task: object) -> object:
            name = f"{task.number}.{os.getpid()}"  # type: ignore[attr-defined]
            (self.folder / f"{os.getpid()}.pid").touch()
            (self.folder / f"{name}.begun").touch()
            time.sleep(0.7)
            answer = work(task)
            (self.folder / f"{name}.{time.time_ns()}.done").touch()
            return answer

        return slowly


@dataclass(frozen=True)
class Telling:
    """An engine whose tasks, which have a number, are told of in a folder."""

    engine: object
    folder: Path

    def run(self, setup, tasks):
        return self.engine.run(_Telling(setup, self.folder), tasks)


def wait_for(condition: Callable[[], object], seconds: float = 180) -> object:
    """What `condition` returns as soon as that is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
    return found


def pids(folder: Path) -> list[int]:
    """Processes that left a .pid file."""
    return [int(path.stem) for path in folder.glob("*.pid")]


def alive(pid: int) -> bool:
    """Whether a process runs, zombies not counted."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
