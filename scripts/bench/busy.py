"""What other work on the machine costs: python scripts/bench/busy.py [--loops 2] [--repeat 3] [-- COMMAND …]

Runs whole commands idle and beside busy loops, by turns, and prints the median seconds of each and their ratio: how
many times longer a person waits who has something else open. Without a COMMAND after `--`: README's first command with
and without regions. `--environ OMP_WAIT_POLICY=active` shows what waiting threads that spin would cost.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"


@contextlib.contextmanager
def loops(count: int) -> Iterator[None]:
    """So many processes that do nothing but count."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def seconds(command: list[str], environ: dict[str, str]) -> float:
    """One run of a command, from start to end."""
    started = time.perf_counter()
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"busy: {' '.join(command)} failed with {done.returncode}: {done.stderr.strip()[-300:]}")
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=2, help="busy processes beside each run")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--environ", metavar="NAME=VALUE", action="append", default=[], help="set for the commands")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="after --: what to run instead")
    given = parser.parse_args()
    environ = {**os.environ, **dict(text.split("=", 1) for text in given.environ)}
    with tempfile.TemporaryDirectory() as folder:
        base = [sys.executable, "-m", "photostyle", "photo", str(SAMPLES / "day.jpg"), "--style",
                str(SAMPLES / "dusk.jpg"), "-o", f"{folder}/result.jpg", "--overwrite"]  # fmt: skip
        commands = {"photo": base, "photo --segment off": [*base, "--segment", "off"]}
        if given.command:
            commands = {" ".join(given.command[:3]): given.command}
        rows = []
        for name, command in commands.items():
            seconds(command, environ)  # files are warm from here on
            idle, busy = [], []
            for _ in range(given.repeat):
                idle.append(seconds(command, environ))
                with loops(given.loops):
                    busy.append(seconds(command, environ))
            row = {"command": name, "idle": statistics.median(idle), "busy": statistics.median(busy)}
            rows.append({**row, "ratio": statistics.median(busy) / statistics.median(idle)})
            print(f"{name:24} idle {row['idle']:6.2f} s, beside {given.loops} loops {row['busy']:6.2f} s: "
                  f"{rows[-1]['ratio']:.2f} times", flush=True)  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
