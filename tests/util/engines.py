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

HANGING = 3600.0  # seconds: longer than any test


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

    def environment(self, names):
        return {name: os.environ[name] for name in names if name in os.environ}

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
            time.sleep(HANGING)

    def once(self, folder):
        """Waits to be killed, but for the second time it is tried; tells of each try."""
        tries = len(list(Path(folder).glob("*.pid")))
        (Path(folder) / f"{os.getpid()}.pid").touch()
        if tries == 0:
            time.sleep(HANGING)
        return tries


@dataclass(frozen=True)
class _Telling:
    """A setup whose work tells of every task that it begins and ends, and dies in some, the first time."""

    setup: Callable[[], Callable[[object], object]]
    folder: Path
    name: Callable[[object], str]
    killed_before: str
    killed_after: str

    def __call__(self) -> Callable[[object], object]:
        work = self.setup()

        def telling(task: object) -> object:
            name = self.name(task)
            self._tell(f"{name}.{time.time_ns()}.begun")
            self._die(name, self.killed_before)
            answer = work(task)
            self._tell(f"{name}.{time.time_ns()}.{'existed' if getattr(answer, 'existed', False) else 'done'}")
            self._die(name, self.killed_after)
            return answer

        return telling

    def _tell(self, what: str) -> None:
        (self.folder / what).touch()

    def _die(self, name: str, victim: str) -> None:
        if name == victim and not (self.folder / f"{name}.killed").exists():
            self._tell(f"{name}.killed")
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Telling:
    """An engine whose tasks are told of in a folder, and two of whose workers are killed: each in a task, once.

    Attributes:
        engine: that does the work.
        folder: a file for every task begun, done, or found done already (``existed``).
        name: of a task.
        killed_before: name of the task whose first worker is killed before it has done anything.
        killed_after: of the one whose first worker is killed when all is done but nobody has heard of it.
    """

    engine: object
    folder: Path
    name: Callable[[object], str]
    killed_before: str = ""
    killed_after: str = ""

    def run(self, setup, tasks):
        return self.engine.run(_Telling(setup, self.folder, self.name, self.killed_before, self.killed_after), tasks)

    def told(self, what: str) -> list[str]:
        """Names of the tasks that were ``begun``, ``done``, ``existed``, as often as they were."""
        return sorted(path.name.split(".")[0] for path in self.folder.glob(f"*.{what}"))


def segment_number(task: object) -> str:
    """Of a clip's segment."""
    return str(task.number)  # type: ignore[attr-defined]


def photo_stem(task: object) -> str:
    """Of the photo of a task of a batch."""
    return task.content.stem  # type: ignore[attr-defined]


def pids(folder: Path) -> list[int]:
    """Processes that left a .pid file."""
    return [int(path.stem) for path in folder.glob("*.pid")]
