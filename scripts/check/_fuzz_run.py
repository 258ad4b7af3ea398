"""Cases of `scripts/check/fuzz.py` in forked workers: whatever a decoder does to its process is seen and survived."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import shutil
import signal
import time
import traceback
import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import IO

from _fuzz_cases import FindingError, offline, try_case
from _fuzz_corpus import Seed
from _fuzz_mutate import mutated

SECONDS = 20.0  # of processor time
PATIENCE = 60.0  # of the clock, in which some processor time must be used
MEMORY = 2 << 30  # bytes of memory in use beyond the worker's own before the case
_ADDRESSES = 8 << 30  # bytes of address space: what asks for more is told that there is no memory, as on a full machine
_CHUNK = 100  # cases a worker

WHOLE, FOUND, CRASHED, HUNG, GREEDY = "case", "finding", "crash", "hang", "memory"


@dataclass(frozen=True)
class Result:
    """What came of a case.

    Attributes:
        index: its number; with the seed of the run it says everything about the case.
        kind, name: of the file that was damaged.
        what: ``output`` or ``refused``, or one of FOUND, CRASHED, HUNG, GREEDY.
        text: what is to be known of it: the traceback, the signal.
        seconds: of the processor that it took; of the clock where it did not end.
        memory: bytes at its peak beyond what the worker had.
    """

    index: int
    kind: str
    name: str
    what: str
    text: str = ""
    seconds: float = 0.0
    memory: int = 0

    @property
    def bad(self) -> bool:
        """It must not be."""
        return self.what not in ("output", "refused")


def case(seeds: Sequence[Seed], number: int, index: int) -> tuple[Seed, Random]:
    """The damaged file of case `index` of the run with that seed, and the case's random numbers."""
    random = Random(f"{number}:{index}")
    kinds = sorted({seed.kind for seed in seeds})
    # Files that people hand over in numbers are tried more often; a kind's files are tried alike.
    kind = random.choice([*kinds, "image", "image", "image", "image", "image", "clip", "style"])
    alike = [seed for seed in seeds if seed.kind == kind] or list(seeds)
    chosen = random.choice(alike)
    return replace(chosen, data=mutated(chosen, alike, random)), random


def run_cases(seeds: Sequence[Seed], scene: Path, work: Path, number: int, indices: Sequence[int]) -> Iterator[Result]:
    """Do cases in workers of a limited number of cases each, and yield what came of each."""
    rest = list(indices)
    while rest:
        done = yield from _worker(seeds, scene, work, number, rest[:_CHUNK])
        rest = rest[done:]


def _worker(
    seeds: Sequence[Seed], scene: Path, work: Path, number: int, indices: Sequence[int]
) -> Generator[Result, None, int]:
    """Do cases in one worker as far as it lives; returns how many, with the one that it died of."""
    ours, theirs = os.pipe()
    errors = work / "stderr.txt"
    process = os.fork()
    if process == 0:
        os.close(ours)
        _child(seeds, scene, work / "case", number, indices, theirs, errors)
    os.close(theirs)
    done, current, started = 0, Result(indices[0], "?", "?", CRASHED), time.monotonic()
    begun = spent = 0.0
    with os.fdopen(ours, "rb", buffering=0) as stream:  # select sees nothing of what lies in a buffer
        while True:
            ready = select.select([stream], [], [], PATIENCE)[0]
            if not ready and (used := _processor_time(process)) - spent > 0.1 and used - begun < SECONDS:
                spent = used  # the machine has other work, and this worker is getting on
                continue
            line = stream.readline() if ready else b""
            if not line.endswith(b"\n"):
                hung = not ready
                if hung:
                    os.kill(process, signal.SIGABRT)  # whose traceback says where it was
                status = os.waitpid(process, 0)[1]
                if done == len(indices) and not hung:
                    return done
                how = f"signal {status & 127}, exit code {status >> 8}\n{errors.read_text(errors='replace')[-6000:]}"
                seconds = time.monotonic() - started
                yield replace(current, what=HUNG if hung else CRASHED, text=how, seconds=seconds)
                return done + 1
            current, started = Result(**json.loads(line)), time.monotonic()
            begun = spent = _processor_time(process)
            if current.what != WHOLE:
                done += 1
                yield current


def _processor_time(process: int) -> float:
    """Seconds that a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _child(
    seeds: Sequence[Seed], scene: Path, folder: Path, number: int, indices: Sequence[int], pipe: int, errors: Path
) -> None:
    code = 1
    try:
        os.dup2(os.open(errors, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), 2)
        faulthandler.enable()
        offline()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + _ADDRESSES, size + _ADDRESSES))
        # Unbuffered by hand: a line is there before whatever comes next can end the process.
        with os.fdopen(pipe, "w") as stream:
            for index in indices:
                _one(seeds, scene, folder, number, index, stream)
        code = 0
    except BaseException:  # noqa: BLE001 - a forked child must never return into the parent's code
        traceback.print_exc()
    finally:
        os._exit(code)


def _one(seeds: Sequence[Seed], scene: Path, folder: Path, number: int, index: int, stream: IO[str]) -> None:
    def tell(result: Result) -> None:
        stream.write(json.dumps(vars(result)) + "\n")
        stream.flush()

    seed, random = case(seeds, number, index)
    result = Result(index, seed.kind, seed.name, WHOLE)
    tell(result)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    used, started = _peak(reset=True), time.process_time()
    what, text = FOUND, ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning of Python's is for programmers, not for people with photos
            what, text = try_case(seed, scene, folder, random)
    except FindingError as finding:
        text = str(finding)
    except BaseException:  # noqa: BLE001 - whatever it is, it is the finding
        text = traceback.format_exc()
    memory = _peak() - used
    if memory > MEMORY and what != FOUND:
        what, text = GREEDY, f"{memory / 2**20:.0f} MiB"
    seconds = time.process_time() - started
    if seconds > SECONDS and what != FOUND:
        what, text = HUNG, f"{seconds:.0f} s"
    tell(replace(result, what=what, text=text, seconds=seconds, memory=memory))


def _peak(*, reset: bool = False) -> int:
    """Bytes of memory at this process's peak, since the last reset; with `reset`, those in use now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
