"""The page in a process of its own, and a browser to look at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from PIL import Image

from tests.util.waiting import PATIENCE, wait_for

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True)
class Served:
    """A running page."""

    address: str
    files: Path
    process: subprocess.Popen[bytes]

    def end(self) -> int:
        """Ask it to end, and wait."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


@contextmanager
def served(folder: Path, *arguments: object) -> Iterator[Served]:
    """``photostyle web`` on a free port; `folder` is where it keeps its files."""
    # Into a file: a pipe that nobody reads would in the end hold up the page that writes to it.
    with TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "photostyle", "web", "--port", "0", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
            stderr=log,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield Served(address(process, log), folder, process)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def address(process: subprocess.Popen[bytes], log: IO[str]) -> str:
    """Where the page is to be found, once it has said so in its log."""

    def text() -> str:
        # Read by position: the process writes through the same description of the file.
        return os.pread(log.fileno(), 1 << 16, 0).decode()

    wait_for(lambda: re.search(r"http://\S+/\s", text()) or process.poll() is not None)
    found = re.search(r"http://\S+/", text())
    assert found, text()
    return found[0]


def sample_copy(path: Path, name: str, width: int, **options: object) -> Path:
    """A smaller copy of a sample photo, in the format of `path`."""
    with Image.open(ROOT / "docs" / "samples" / name) as image:
        small = image.resize((width, width * image.height // image.width))
        small.save(path, **options)
    return path


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two pictures."""
    return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).mean())
