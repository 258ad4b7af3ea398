"""Time and peak memory of large photos: python scripts/bench.py large [--keep FOLDER]

Each row reads, fits, renders and writes one photo in a process of its own: the sample photo enlarged to 24 and 100
megapixels, with film grain. Peak memory is that of the whole process (as /usr/bin/time -v reports it); cpu
seconds are those of all cores together.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "docs" / "samples"
ROWS = [
    ("24 MP grid", (6000, 4000), ".jpg", "grid", 8),
    ("24 MP full", (6000, 4000), ".jpg", "full", 8),
    ("24 MP grid, 16 bit", (6000, 4000), ".tif", "grid", 16),
    ("100 MP grid", (12000, 8400), ".jpg", "grid", 8),
    ("100 MP grid, 16 bit", (12000, 8400), ".tif", "grid", 16),
]
MEMORY = 2 << 30  # for tiles, beside the photo


def make(path: Path, size: tuple[int, int], bits: int) -> None:
    """Enlarge the sample photo to `size` (W, H) and write it with grain."""
    import numpy as np
    from PIL import Image

    from photostyle.io import write_photo

    with Image.open(SAMPLES / "day.jpg") as image:
        large = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    pixels = large.astype(np.float32)
    pixels /= 255
    random = np.random.default_rng(0)
    for row in pixels:
        row += random.standard_normal(row.shape, np.float32) * np.float32(0.01)
    write_photo(path, pixels, bits=bits)


def one(source: Path, target: Path, mode: str) -> dict[str, float]:
    """Do one photo in this process; seconds of each step and the peak in GiB."""
    marks = [time.perf_counter()]
    import torch

    from photostyle.io import read_photo, write_photo
    from photostyle.jobs.photo import read_image
    from photostyle.jobs.rendering import Rendering, fit, render
    from photostyle.weights import load_model

    model, style = load_model("small"), read_image(SAMPLES / "dusk.jpg")
    rendering = Rendering(mode, MEMORY)  # type: ignore[arg-type]
    marks.append(time.perf_counter())
    photo = read_photo(source)
    image = torch.from_numpy(photo.pixels).permute(2, 0, 1)
    marks.append(time.perf_counter())
    transfer = fit(model, [image], [style], rendering)
    marks.append(time.perf_counter())
    result = render(transfer, image, rendering)
    marks.append(time.perf_counter())
    write_photo(target, result.permute(1, 2, 0).numpy(), like=photo, dither=True)
    marks.append(time.perf_counter())
    usage = resource.getrusage(resource.RUSAGE_SELF)
    steps = [b - a for a, b in pairwise(marks)]
    return {
        **dict(zip(("load", "read", "fit", "render", "write"), steps, strict=True)),
        "all": marks[-1] - marks[0],
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / 2**20,
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=list(range(len(ROWS))), help="which rows, from 0")
    parser.add_argument("--keep", type=Path, help="keep photos and results in this folder")
    parser.add_argument("--one", nargs=3, metavar=("SOURCE", "TARGET", "MODE"), help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=4, metavar=("PATH", "WIDTH", "HEIGHT", "BITS"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(one(Path(given.one[0]), Path(given.one[1]), given.one[2])))
        return 0
    if given.make:
        make(Path(given.make[0]), (int(given.make[1]), int(given.make[2])), int(given.make[3]))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(
            f"{'photo':20} {'read':>6} {'fit':>6} {'render':>6} {'write':>6} {'all s':>7} {'cpu s':>7} {'peak GiB':>9}",
            flush=True,
        )
        for name, (width, height), suffix, mode, bits in (ROWS[i] for i in given.rows):
            source, target = folder / f"{width}-{bits}{suffix}", folder / f"{width}-{bits}-{mode}{suffix}"
            target.unlink(missing_ok=True)
            script = [sys.executable, __file__]
            if not source.exists():
                subprocess.run([*script, "--make", source, str(width), str(height), str(bits)], check=True)
            done = subprocess.run([*script, "--one", source, target, mode], capture_output=True, text=True, check=False)
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["killed, most likely out of memory"])[-1]
                print(f"{name:20} failed: {reason}")
                continue
            row = json.loads(done.stdout)
            steps = " ".join(f"{row[step]:6.1f}" for step in ("read", "fit", "render", "write"))
            print(f"{name:20} {steps} {row['all']:7.1f} {row['cpu']:7.1f} {row['peak']:9.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
