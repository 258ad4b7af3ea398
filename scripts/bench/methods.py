"""Time and memory of every method by size: python scripts/bench/methods.py [--sizes 128 256 512 1024] [--methods …]

Every row runs in a process of its own, on square photos cut from the sample pair, with two regions each (left and
right half), as the methods with masks take them. Methods that go on in steps run a few: their whole time is what the
run took besides, plus the mean time of a step times the method's own number of steps.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
UNSMOOTHED = "photowct-plain"  # without its second step
ALL = ("reinhard", "monge", "sliced", "texture", "gatys", "deep-photo", "adain", "wct", UNSMOOTHED, "photowct",
       "feedforward", "wct2")  # fmt: skip
QUICK = 5.0  # seconds; what is quicker is timed at the second run


def one(name: str, size: int, steps: int) -> dict[str, float]:
    """Seconds, seconds a step, steps and peak memory in GiB of one method at one size, in this process."""
    import torch
    import torch.nn.functional as F

    from photostyle.jobs.compare import options_of
    from photostyle.jobs.methods import find_networks
    from photostyle.jobs.photo import read_image
    from photostyle.methods import find
    from photostyle.regions.regions import Regions

    plain = name == UNSMOOTHED
    info, device = find("photowct" if plain else name), torch.device("cpu")
    images = []
    for file in ("day.jpg", "dusk.jpg"):
        image = read_image(SAMPLES / file)[None]
        side = min(image.shape[-2:])
        square = image[..., :side, :side]
        images.append(F.interpolate(square, size=(size, size), mode="bilinear", antialias=True))
    labels = (torch.arange(size) * 2 // size).expand(size, size)
    given = Regions.from_labels(labels) if info.masks else None
    networks, _ = find_networks(info, device, features="embedded")
    few = info.options(smooth="off") if plain else options_of(info, steps, None)
    whole = getattr(info.options(), "steps", 1) if info.iterative else 1
    marks: list[float] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    method = info.create(few, **networks)

    def run() -> float:
        marks.clear()
        start = time.perf_counter()
        method.run(images[0], images[1], given, given, lambda *_: marks.append(time.perf_counter()))
        return time.perf_counter() - start

    seconds = run()
    if seconds < QUICK and not info.iterative:
        seconds = run()  # the first one warmed up
    step = 0.0
    if len(marks) > 2:
        # The longest gap is where a stage begins: what is done there is done once, however many the steps.
        step = statistics.mean(sorted(b - a for a, b in itertools.pairwise(marks))[:-1])
        seconds += step * (whole - len(marks))
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    return {"seconds": seconds, "step": step, "steps": whole, "peak": peak}


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--methods", nargs="+", default=list(ALL))
    parser.add_argument("--steps", type=int, default=8, help="that are run of methods that go on in steps")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.one:
        print(json.dumps(one(arguments.methods[0], arguments.sizes[0], arguments.steps)))
        return 0

    import torch

    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    print(f"{'method':14} {'size':>5} {'seconds':>9} {'a step':>8} {'steps':>6} {'GiB':>6}")
    told = []
    for name in arguments.methods:
        for size in arguments.sizes:
            command = [sys.executable, __file__, "--one", "--methods", name, "--sizes", str(size)]
            done = subprocess.run(
                [*command, "--steps", str(arguments.steps)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["killed, most likely out of memory"])[-1]
                print(f"{name:14} {size:5d} failed: {reason}", flush=True)
                continue
            row = json.loads(done.stdout)
            told.append({"method": name, "size": size, **row})
            print(
                f"{name:14} {size:5d} {row['seconds']:9.2f} {row['step']:8.3f} {row['steps']:6d} {row['peak']:6.2f}",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
