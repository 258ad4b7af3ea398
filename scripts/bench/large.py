"""Time and peak memory of large photos: python scripts/bench/bench.py large [--photo PHOTO] [--keep FOLDER]

Each row is one run of `photostyle photo` in a process of its own, reading and writing included, on a photo enlarged to
24 or 100 megapixels, with film grain. Peak memory is that of the whole process, as /usr/bin/time -v reports it; cpu
seconds are those of all its threads together.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
LARGE, MEDIUM = (12000, 8400), (6000, 4000)


@dataclass(frozen=True)
class Row:
    """One run: what is done to which photo, and the bars in GiB and seconds if there are any."""

    name: str
    size: tuple[int, int]
    suffix: str
    options: tuple[str, ...]
    memory: float | None = None
    seconds: float | None = None

    @property
    def bits(self) -> int:
        """Bits a sample of the photo."""
        return 16 if self.suffix == ".tif" else 8


ROWS = [
    Row("100 MP grid", LARGE, ".jpg", ("--render", "grid"), 4, 60),
    Row("100 MP grid, 16 bit", LARGE, ".tif", ("--render", "grid"), 4),
    Row("24 MP full", MEDIUM, ".jpg", ("--render", "full"), 6),
    Row("24 MP grid", MEDIUM, ".jpg", ("--render", "grid")),
    Row("100 MP grid, no regions", LARGE, ".jpg", ("--render", "grid", "--segment", "off"), 4),
    Row("24 MP full, no regions", MEDIUM, ".jpg", ("--render", "full", "--segment", "off"), 6),
]


def make(photo: Path, path: Path, size: tuple[int, int], bits: int) -> None:
    """Enlarge a photo to `size` (W, H), cut to its proportions, and write it with grain."""
    import numpy as np
    from PIL import Image, ImageOps

    from photostyle.io import write_photo

    with Image.open(photo) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        pixels = np.asarray(ImageOps.fit(upright, size, Image.Resampling.BICUBIC)).astype(np.float32)
    pixels /= 255
    random = np.random.default_rng(0)
    for row in pixels:
        row += random.standard_normal(row.shape, np.float32) * np.float32(0.01)
    write_photo(path, pixels, bits=bits)


def measured(arguments: Sequence[str | Path], **more: Any) -> tuple[float, float, float]:
    """Seconds, cpu seconds and peak GiB of one command that writes a file.

    Args:
        arguments: of ``photostyle``.
        more: for `subprocess.Popen`.

    Raises:
        RuntimeError: it fails; with its last words.
    """
    return measured_program([sys.executable, "-m", "photostyle", *map(str, arguments), "--overwrite", "-q"], **more)


def measured_program(command: Sequence[str], **more: Any) -> tuple[float, float, float]:
    """What `measured` gives, of any program."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as words:
        process = subprocess.Popen(command, stdout=words, stderr=words, **more)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        words.seek(0)
        said = words.read().strip().splitlines()
    if process.returncode:
        raise RuntimeError(said[-1] if said else "killed, most likely out of memory")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def verdict(row: Row, seconds: float, peak: float) -> str:
    """What the bars say."""
    bars = [("GiB", row.memory, peak), ("s", row.seconds, seconds)]
    told = [f"{'under' if found < bar else 'MISSES'} {bar:g} {unit}" for unit, bar, found in bars if bar is not None]
    return ", ".join(told)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, default=SAMPLES / "day.jpg", help="what is enlarged")
    parser.add_argument("--style", type=Path, default=SAMPLES / "dusk.jpg")
    parser.add_argument("--rows", type=int, nargs="+", default=list(range(len(ROWS))), help="which rows, from 0")
    parser.add_argument("--keep", type=Path, help="keep photos and results in this folder")
    parser.add_argument("--make", nargs=4, metavar=("PATH", "WIDTH", "HEIGHT", "BITS"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.make:
        make(given.photo, Path(given.make[0]), (int(given.make[1]), int(given.make[2])), int(given.make[3]))
        return 0
    missed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'photo':24} {'seconds':>8} {'cpu s':>7} {'peak GiB':>9}  bars", flush=True)
        for row in (ROWS[i] for i in given.rows):
            stem = f"{row.size[0]}x{row.size[1]}-{row.bits}"
            source = folder / f"{stem}{row.suffix}"
            target = folder / f"{stem}-{'-'.join(row.options).replace('--', '')}{row.suffix}"
            if not source.exists():
                how = ["--photo", given.photo, "--make", source, *map(str, row.size), str(row.bits)]
                subprocess.run([sys.executable, __file__, *how], check=True)
            try:
                seconds, cpu, peak = measured(["photo", source, "--style", given.style, "-o", target, *row.options])
            except RuntimeError as error:
                missed = True
                print(f"{row.name:24} failed: {error}", flush=True)
                continue
            told = verdict(row, seconds, peak)
            missed |= "MISSES" in told
            print(f"{row.name:24} {seconds:8.1f} {cpu:7.1f} {peak:9.2f}  {told}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
