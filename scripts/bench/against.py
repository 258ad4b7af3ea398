"""Whole commands of this checkout beside another's: python scripts/bench/against.py CHECKOUT [--only NAME …]

Each line runs the same command with this package and with that of CHECKOUT (`git worktree add CHECKOUT COMMIT`), in
turns, each in a process of its own, and gives the medians of time and peak memory of both and their ratio. The photos
and clips are made first: 24 megapixels of 16 bits with film grain, and clips of 8:9 that pan over the sample photo,
with the frames that --frames says. On a machine with nothing else to do, or the figures mean little.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
from pathlib import Path

from clips import write
from large import MEDIUM, make, measured

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "docs" / "samples"
DAY, DUSK = SAMPLES / "day.jpg", SAMPLES / "dusk.jpg"
LINES = {
    "first": ("photo", str(DAY), "--style", str(DUSK)),
    "off": ("photo", str(DAY), "--style", str(DUSK), "--segment", "off"),
    "512": ("photo", "512.png", "--style", str(DUSK)),
    "1024": ("photo", "1024.png", "--style", str(DUSK)),
    "24mp": ("photo", "24mp.tif", "--style", str(DUSK)),
    "1080": ("video", "1080.mp4", "--style", str(DUSK), "--segment", "off"),
    "2160": ("video", "2160.mp4", "--style", str(DUSK), "--segment", "off"),
}


def prepare(folder: Path, names: list[str], frames: int) -> None:
    """Make the photos and clips that the lines named want."""
    from PIL import Image

    for side in (512, 1024):
        if str(side) in names:
            with Image.open(DAY) as photo:
                photo.convert("RGB").resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{side}.png")
    if "24mp" in names:
        make(DAY, folder / "24mp.tif", MEDIUM, 16)
    for lines in (1080, 2160):
        if str(lines) in names:
            write(folder / f"{lines}.mp4", None, lines, frames)


def run(checkout: Path, folder: Path, line: tuple[str, ...]) -> tuple[float, float, float]:
    """One command of a checkout, see `large.measured`."""
    target = folder / ("out" + Path(line[1]).suffix)
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    return measured([*line, "-o", target], cwd=folder, env=environment)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="another checkout of this repository")
    parser.add_argument("--only", nargs="+", default=list(LINES), choices=list(LINES), metavar="NAME")
    parser.add_argument("--times", type=int, default=2, help="runs of each, of which the median counts")
    parser.add_argument("--frames", type=int, default=48, help="frames of the clips")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    there, rows = given.checkout.resolve(), []
    print(f"{'':8}{'there s':>9}{'here s':>9}{'ratio':>7}{'there GiB':>11}{'here GiB':>10}{'ratio':>7}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # In a process of its own: what this one has once used would count among its children's peak memory.
        maker = multiprocessing.get_context("spawn").Process(target=prepare, args=(folder, given.only, given.frames))
        maker.start()
        maker.join()
        if maker.exitcode:
            return 1
        for name in given.only:
            runs = [[run(checkout, folder, LINES[name]) for checkout in (there, ROOT)] for _ in range(given.times)]
            (old, _, large), (new, _, small) = (
                tuple(statistics.median(values) for values in zip(*side, strict=True))
                for side in zip(*runs, strict=True)
            )
            rows.append({"name": name, "there": old, "here": new, "there_gib": large, "here_gib": small})
            cells = f"{old:9.2f}{new:9.2f}{new / old:7.2f}{large:11.2f}{small:10.2f}{small / large:7.2f}"
            print(f"{name:8}{cells}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
