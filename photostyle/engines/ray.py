"""Work on a Ray cluster, over as many machines as it has.

Photostyle must be installed on each of them, and the files must have the same paths there.
"""

from __future__ import annotations

import functools
import logging
import os
import pickle
import socket
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from photostyle.engines.local import Answer, Outcome, Setup, Task, attempt
from photostyle.errors import EngineError, ParameterError, PhotostyleError
from photostyle.threads import settle

_TRIES = 3  # workers that a task may cost: its machine can be taken away, or the task is what kills them
_PATIENCE = 10.0  # seconds for a cluster to answer


@dataclass(frozen=True)
class RayEngine:
    """Tasks of a Ray cluster (extra ``ray``). A task whose worker dies is given to another, up to three in all.

    Attributes:
        address: of a cluster that this machine belongs to: ``HOST:6379`` or ``auto``; None starts one on this machine
            alone, which ends with the run.
        jobs: tasks in hand at a time in the whole cluster, which share its processors; None is one a machine.
        gpu: each task needs a GPU.
    """

    address: str | None = None
    jobs: int | None = None
    gpu: bool = False

    def __post_init__(self) -> None:
        if self.jobs is not None and self.jobs < 1:
            raise ParameterError(f"jobs is {self.jobs}; it must be at least 1")

    def run(self, setup: Setup[Task, Answer], tasks: Sequence[Task]) -> Generator[Outcome[Answer], None, None]:
        """See `photostyle.engines.local.Engine`."""
        ray = self._connect()
        try:
            yield from self._run(ray, setup, tasks)
        finally:
            ray.shutdown()

    def _run(
        self, ray: Any, setup: Setup[Task, Answer], tasks: Sequence[Task]
    ) -> Generator[Outcome[Answer], None, None]:
        processors = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        machines = sum(count > 0 for count in processors)
        if not machines:
            raise EngineError("the Ray cluster has no processors; add machines to it")
        jobs = self.jobs or machines
        share = max(1, min(sum(processors) // jobs, max(processors)))
        # Not Ray's own retries: it repeats for ever what was ended for want of memory, and one photo could stop all.
        remote = ray.remote(num_cpus=share, num_gpus=int(self.gpu), max_retries=0)(_attempt)
        pickled, waiting = pickle.dumps(setup), deque((index, 1) for index in range(len(tasks)))
        running: dict[Any, tuple[int, int]] = {}
        while waiting or running:
            while waiting and len(running) < jobs:
                index, tries = waiting.popleft()
                running[remote.remote(pickled, tasks[index], index)] = index, tries
            done, _ = ray.wait(list(running), num_returns=1)
            index, tries = running.pop(done[0])
            try:
                answer = ray.get(done[0])
            except (ray.exceptions.RayTaskError, ray.exceptions.RaySystemError) as error:
                raise EngineError(f"the workers of the Ray cluster cannot run photostyle ({_last(error)})") from error
            except ray.exceptions.RayError as error:
                if tries < _TRIES:
                    waiting.append((index, tries + 1))
                    continue
                why = f"{tries} workers died in it, the last one with: {_first(error)}"
                answer = Outcome(index, None, EngineError(why))
            if isinstance(answer, PhotostyleError):
                raise answer
            yield replace(answer, tries=tries)

    def _connect(self) -> Any:
        try:
            if self.address is not None:
                # Ray tries an address that nobody listens at for a quarter of an hour unless this is set. A cluster of
                # our own may take its time to start.
                os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")
            import ray
        except ImportError as error:
            raise EngineError(
                "Ray is not installed; pip install 'photostyle[ray]', or take the local engine"
            ) from error
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
        if self.address is None:
            options["include_dashboard"] = False
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster of our own tells nobody of itself
        else:
            _check_reachable(self.address)
        try:
            ray.init(self.address, **options)
        except (ImportError, OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            where = f"cannot use the Ray cluster at {self.address}" if self.address else "cannot start a Ray cluster"
            raise EngineError(f"{where} ({_first(error)}); check the address with: ray status") from error
        return ray


def _check_reachable(address: str) -> None:
    host, separator, port = address.rpartition("://")[2].rpartition(":")
    if address in ("auto", "local") or (not separator and "://" in address):
        return
    if not port.isdigit() or not host:
        raise ParameterError(f"the address {address!r} is neither HOST:PORT nor auto")
    try:
        with suppress(TimeoutError), socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE):
            return
        reason = f"no answer in {_PATIENCE:.0f} s"
    except (OSError, OverflowError) as error:
        reason = str(error)
    raise EngineError(f"no Ray cluster can be reached at {address} ({reason}); start one with: ray start --head")


def _first(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _last(error: BaseException) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


@functools.lru_cache(maxsize=1)
def _prepared(setup: bytes) -> Any:
    """What a setup returns; Ray's worker processes do many tasks, and a model is to be loaded once in each."""
    settle()  # the setup loads torch
    return pickle.loads(setup)()


def _attempt(setup: bytes, task: Any, index: int) -> Any:
    """One task in a Ray worker: its outcome, or the error of the setup."""
    try:
        work = _prepared(setup)
    except PhotostyleError as error:
        return error
    return attempt(work, task, index)
