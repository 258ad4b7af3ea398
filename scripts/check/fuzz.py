"""Damaged files by the thousand: python scripts/check/fuzz.py [--minutes N] [--cases N] [--seed S] [--only KIND,…]

Small whole files of every kind that photostyle reads are damaged and given to it. Each must end in a whole output or in
one line that says what is wrong; whatever else happens is a finding, and is kept in fuzz-findings/, to be seen again:

    python scripts/check/fuzz.py --replay fuzz-findings/SEED-INDEX.record.json

Exit code 1 if there was one. For Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: a process with its threads must not be forked

import torch
from _fuzz_corpus import Seed, seeds, write_scene
from _fuzz_run import Result, case, run_cases

_KEEP = Path("fuzz-findings")
_EVERY = 500  # cases between two lines that say how far it is


def corpus(scene: Path, only: Sequence[str] = ()) -> list[Seed]:
    """The files to damage, and in `scene` what goes with them. Made in another process: making clips starts threads."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            write_scene(scene)
            for seed in seeds(scene):
                path = scene / "seeds" / seed.kind / seed.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(seed.data)
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(process, 0)[1]:
        raise RuntimeError("the files to begin with could not be made")
    found = []
    for path in sorted((scene / "seeds").rglob("*")):
        kind, *name = path.relative_to(scene / "seeds").parts
        if path.is_file() and (not only or kind in only):
            found.append(Seed(kind, "/".join(name), path.read_bytes()))
    return found


def fuzz(folder: Path, number: int, indices: Iterator[int], only: Sequence[str] = ()) -> Iterator[Result]:
    """Do cases until the caller has enough. `folder` is for the files."""
    torch.set_num_threads(1)
    scene, work = folder / "scene", folder / "work"
    scene.mkdir()
    work.mkdir()
    found = corpus(scene, only)
    while batch := list(islice(indices, _EVERY)):
        for result in run_cases(found, scene, work, number, batch):
            if result.bad:
                seed, _ = case(found, number, result.index)
                _keep(result, seed, number, only)
            yield result


def _keep(result: Result, seed: Seed, number: int, only: Sequence[str]) -> None:
    _KEEP.mkdir(exist_ok=True)
    stem = f"{number}-{result.index}"
    (_KEEP / f"{stem}-{Path(seed.name).name}").write_bytes(seed.data)
    (_KEEP / f"{stem}.record.json").write_text(
        json.dumps({"seed": number, "only": list(only), **vars(result)}, indent=1)
    )


def replay(record: Path) -> Result:
    """Do a kept case again; its files must be the same now as then."""
    told = json.loads(record.read_text())
    with tempfile.TemporaryDirectory() as folder:
        return next(fuzz(Path(folder), told["seed"], iter([told["index"]]), told["only"]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--cases", type=int, help="stop after this many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", default="", help="kinds, separated by commas")
    parser.add_argument("--replay", type=Path, help="record of a finding")
    arguments = parser.parse_args()
    if arguments.replay:
        result = replay(arguments.replay)
        print(result.what, result.text, sep="\n")
        return int(result.bad)
    started, told, kinds = time.monotonic(), Counter[str](), Counter[str]()
    slowest = largest = Result(-1, "none", "", "")
    end = float("inf") if arguments.minutes is None else started + 60 * arguments.minutes
    most = arguments.cases if arguments.cases is not None else 20_000 if arguments.minutes is None else None
    indices = count(arguments.start) if most is None else iter(range(arguments.start, arguments.start + most))
    only = tuple(filter(None, arguments.only.split(",")))
    with tempfile.TemporaryDirectory(prefix="photostyle-fuzz-") as folder:
        for result in fuzz(Path(folder), arguments.seed, indices, only):
            told[result.what] += 1
            kinds[f"{result.kind} {result.what}"] += 1
            slowest, largest = max(slowest, result, key=_seconds), max(largest, result, key=_memory)
            if result.bad:
                last = result.text.strip().splitlines()[-1:] or [""]
                print(f"{result.index} {result.kind} {result.name}: {result.what}: {last[0][:200]}", flush=True)
            if told.total() % _EVERY == 0:
                print(f"{told.total()} cases, {time.monotonic() - started:.0f} s: {dict(told)}", flush=True)
            if time.monotonic() > end:
                break
    print(f"{told.total()} cases in {time.monotonic() - started:.0f} s, seed {arguments.seed}: {dict(told)}")
    for name in sorted(kinds):
        print(f"  {name}: {kinds[name]}")
    print(f"slowest {slowest.seconds:.1f} s ({slowest.name}), most memory {largest.memory >> 20} MiB ({largest.name})")
    bad = told.total() - told["output"] - told["refused"]
    if bad:
        print(f"{bad} findings in {_KEEP}/")
    return int(bad > 0)


def _seconds(result: Result) -> float:
    return result.seconds


def _memory(result: Result) -> int:
    return result.memory


if __name__ == "__main__":
    sys.exit(main())
