"""Commands broken off: python scripts/check/faults.py [--times 50] [--minutes N] [--only photo,batch,video,weights]

Each command is killed (SIGKILL) and interrupted (Ctrl-C) at random moments, and run on a disk that is full after a
random number of bytes (a small tmpfs, for which it must be root). Every output must then be whole or absent, and
running the command again must complete it, to the same pixels as without a fault. Exit code 1 where that is not so.
Photos and clips are tiny, and processes are forked where everything is imported already, so that moments fall into the
work. For Linux.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: a process with its threads must not be forked

import torch
from _faults import (
    FaultError,
    Kind,
    check,
    emptied,
    ended,
    finish,
    kinds,
    only,
    reference,
    said,
    serving,
    start,
    write_scene,
)

_TMPFS = 16 << 20  # bytes; every command's outputs fit in
_PAGES = 1 << 16  # what files take beyond their sizes


def broken_off(kind: Kind, folder: Path, times: int, sign: int, random: Random, end: float) -> str:
    """Send a signal `times` times at random moments, and finish each run; returns what was seen until `end`."""
    truth, seconds = reference(kind, emptied(folder.with_name(f"{kind.name}-reference")) / "run")
    early = whole = hidden = stay = done = 0
    for number in range(times):
        if time.monotonic() > end:
            break
        emptied(folder)
        process = start(kind, folder)
        moment = random.uniform(0, 1) * seconds
        time.sleep(moment)
        everyone = random.random() < 0.5  # as a terminal's Ctrl-C, and what ends a container, reach all processes
        try:
            (os.killpg if everyone else os.kill)(process, sign)
        except ProcessLookupError:  # not in its own group yet, or gone
            os.kill(process, sign)
        code = ended(process)
        seconds *= 0.8 if code == 0 else 1.05  # the machine's other work changes: most signals shall find it at work
        if sign == signal.SIGINT:
            require_interrupted(code)
        early += code != 0
        try:
            found, left = check(kind, folder, truth, tidy=sign == signal.SIGINT)
            whole, hidden = whole + found, hidden + left
            stay += finish(kind, folder, truth)
            done += 1
        except FaultError as error:
            raise FaultError(f"{kind.name} {number}, {moment:.3f} of {seconds:.3f} s: {error}") from error
    return (
        f"{kind.name}: {done} times, {early} before its end; then {whole} of {done * len(kind.outputs)} outputs "
        f"whole, the others absent; hidden files left {hidden}, after the next run {stay}"
    )


def require_interrupted(code: int) -> None:
    """A command that is interrupted says so in a line, and nothing of Python's."""
    text = said()
    if code not in (0, 130) or "Traceback" in text or (code == 130 and "photostyle: interrupted" not in text):
        raise FaultError(f"exit code {code} of an interrupted command, which said: {text}")


def disk_full(kind: Kind, folder: Path, times: int, random: Random, end: float) -> str:
    """Run it `times` times, or until `end`, on a disk that is soon full, and again when there is room."""
    with small_disk(folder) as disk:
        truth, _ = reference(kind, disk / "run")
        need = sum(path.stat().st_size for path in disk.rglob("*") if path.is_file())
        failed = done = 0
        for _ in range(times):
            if time.monotonic() > end:
                break
            done += 1
            here = emptied(disk / "run")
            room = random.uniform(0, 1.2) * need + random.choice((0, _PAGES))
            (disk / "filler").write_bytes(bytes(max(0, int(_free(disk) - room))))
            code = ended(start(kind, here))
            text = said()
            lines = [line for line in text.splitlines() if line.strip()]
            if code not in (0, 1) or "Traceback" in text or (code == 1 and not lines):
                raise FaultError(f"{kind.name}, {room:.0f} bytes of room: exit code {code}, said {text}")
            failed += code == 1
            check(kind, here, truth, tidy=True)
            (disk / "filler").unlink()
            finish(kind, here, truth)
    return f"{kind.name}: {done} times, {failed} with too little room for {need} bytes; then completed"


def _free(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs of 16 MiB."""
    emptied(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_TMPFS}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--only", default="", help="photo, batch, video, weights; separated by commas")
    parser.add_argument("--faults", default="kill,interrupt,disk", help="which; separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for each command and fault, at most")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    faults, bad = arguments.faults.split(","), 0
    with tempfile.TemporaryDirectory(prefix="photostyle-faults-") as name, serving() as port:
        folder = Path(name)
        (folder / "scene").mkdir()
        write_scene(folder / "scene")
        for kind in only(kinds(folder / "scene", port), list(filter(None, arguments.only.split(",")))):
            for fault in faults:
                random = Random(f"{arguments.seed} {kind.name} {fault}")
                began = time.monotonic()
                end = began + 60 * arguments.minutes
                try:
                    if fault == "disk":
                        told = disk_full(kind, folder / "disk", arguments.times, random, end)
                    else:
                        sign = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT}[fault]
                        told = broken_off(kind, folder / "work", arguments.times, sign, random, end)
                except FaultError as error:
                    told, bad = f"FAILED: {error}", bad + 1
                print(f"{fault}: {told} ({time.monotonic() - began:.0f} s)", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
