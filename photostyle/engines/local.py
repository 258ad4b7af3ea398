"""Where work is done: in processes of this machine, or on a Ray cluster (`photostyle.engines.ray`).

An engine is given a *setup*, which every worker calls once to get what does a task (a model is loaded there), and the
tasks. It yields an `Outcome` a task, as they are done. Whatever a task raises, and even a worker that dies in it, fails
that task alone. Setups, tasks and answers must be picklable.
"""

from __future__ import annotations

import _thread
import contextlib
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from photostyle.errors import EngineError, ParameterError, PhotostyleError
from photostyle.threads import settle

Task = TypeVar("Task")
Answer = TypeVar("Answer")
Setup = Callable[[], Callable[[Task], Answer]]

_PATIENCE = 20.0  # seconds that a worker has to clean up after itself: torch looks up only between its operations


@dataclass(frozen=True)
class Outcome(Generic[Answer]):
    """What became of a task.

    Attributes:
        index: which of the tasks, from 0.
        answer: what the work returned; None if it failed.
        error: why it failed.
        tries: how many workers have begun it.
    """

    index: int
    answer: Answer | None
    error: PhotostyleError | None = None
    tries: int = 1


class Engine(Protocol):
    """Runs tasks somewhere."""

    def run(self, setup: Setup[Task, Answer], tasks: Sequence[Task]) -> Generator[Outcome[Answer], None, None]:
        """Do every task once and yield what became of it, in the order in which they end.

        Closing the generator stops what is still running.

        Raises:
            PhotostyleError: what `setup` raises.
            EngineError: there are no workers: none starts, or the cluster cannot be reached or is lost.
        """
        ...


def attempt(work: Callable[[Task], Answer], task: Task, index: int) -> Outcome[Answer]:
    """Do one task, whatever it raises."""
    try:
        return Outcome(index, work(task))
    except PhotostyleError as error:
        return Outcome(index, None, error)
    except Exception as error:  # noqa: BLE001 - it belongs to the task, as from concurrent.futures; others go on
        text = " ".join(str(error).split())
        return Outcome(index, None, EngineError(f"failed unexpectedly ({type(error).__name__}: {text})"))


@dataclass(frozen=True)
class LocalEngine:
    """Processes of this machine, each started afresh (``spawn``), one task at a time each.

    The standard library's pools give up altogether when a worker is killed; here its task fails and another worker
    takes its place.

    Attributes:
        jobs: how many processes.
    """

    jobs: int = 1

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ParameterError(f"jobs is {self.jobs}; it must be at least 1")

    def run(self, setup: Setup[Task, Answer], tasks: Sequence[Task]) -> Generator[Outcome[Answer], None, None]:
        """See `Engine`."""
        waiting = deque(enumerate(tasks))
        workers: list[_Worker] = []
        try:
            while waiting or workers:
                while len(workers) < self.jobs and sum(not worker.ready for worker in workers) < len(waiting):
                    workers.append(_start(setup))
                for connection in wait([worker.connection for worker in workers]):
                    worker = next(worker for worker in workers if worker.connection is connection)
                    outcome = worker.receive()
                    if outcome is not None:
                        yield outcome
                    if waiting and worker.alive:
                        worker.send(*waiting.popleft())
                    else:
                        workers.remove(worker)
                        worker.end()
        finally:
            _stop(workers)


@dataclass(eq=False)
class _Worker:
    """The parent's end of a worker process."""

    process: BaseProcess
    connection: Connection[Any, Any]
    ready: bool = False
    alive: bool = True
    index: int | None = None

    def send(self, index: int, task: object) -> None:
        self.index = index
        with contextlib.suppress(OSError):  # it has died since: seen when its answer is waited for
            self.connection.send((index, task))

    def receive(self) -> Outcome[Any] | None:
        """The outcome of its task, also if it died in it; None where it has just become ready."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            return self._died()
        if isinstance(message, PhotostyleError):
            raise message
        self.ready, index, self.index = True, self.index, None
        return None if index is None else message

    def _died(self) -> Outcome[Any]:
        self.alive = False
        self.process.join(_PATIENCE)
        how = _describe_exit(self.process.exitcode)
        if self.index is None:
            raise EngineError(f"a worker process {how} while it started; try fewer of them")
        return Outcome(self.index, None, EngineError(f"its worker process {how}"))

    def end(self) -> None:
        """Let it go, as there is nothing left for it to do."""
        self.connection.close()
        self.process.join(_PATIENCE)


def _start(setup: Setup[Any, Any]) -> _Worker:
    context = multiprocessing.get_context("spawn")  # forked copies of a process with threads, as torch has, can hang
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
    with _interrupts_held():
        process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    return _Worker(process, ours)


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_PATIENCE)
        worker.process.kill()
        worker.end()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """What is started here is deaf to Ctrl-C, which reaches every process of a terminal: only the parent answers it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it comes with the first process, and would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _describe_exit(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended early (exit code {code})"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = "; most likely memory ran out" if name == "SIGKILL" else ""
    return f"was killed ({name}{hint})"


def _serve(connection: Connection[Any, Any], setup: Setup[Any, Any]) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where `_interrupts_held` can do nothing
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_follow_parent, daemon=True).start()
    settle()  # the setup loads torch
    with contextlib.suppress(EOFError, BrokenPipeError):  # the parent wants nothing more
        try:
            work = setup()
        except PhotostyleError as error:
            connection.send(error)
            return
        connection.send(None)
        while True:
            index, task = connection.recv()
            connection.send(attempt(work, task, index))


def _leave(number: int, frame: object) -> NoReturn:
    """Leave by way of every ``finally``, so that no half-written file stays."""
    raise SystemExit(128 + number)


def _follow_parent() -> None:
    """End this process when its parent is gone, however that came about: nobody wants its result any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        main = threading.main_thread().ident
        if main is not None and hasattr(signal, "pthread_kill"):
            signal.pthread_kill(main, signal.SIGTERM)  # also ends what the system makes it wait for
        else:
            _thread.interrupt_main(signal.SIGTERM)
