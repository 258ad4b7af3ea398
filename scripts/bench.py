"""Time and peak memory on this machine: python scripts/bench.py [--sizes 512 1024 2048] [--models small vgg19]

Every row runs in a process of its own: fit and apply of one square photo, `repeat` times after one warm-up. `vgg19` is
VGG-19's shape with random weights, which costs what the published weights cost. Large photos: scripts/bench.py large;
clips: scripts/bench.py video; all methods: scripts/bench.py methods.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "docs" / "samples"


def one(name: str, size: int, repeat: int, device: str) -> dict[str, float]:
    """Seconds of each part and peak memory of one model at one size, in this process."""
    import torch
    import torch.nn.functional as F

    from photostyle.fitting import fit_and_apply
    from photostyle.jobs.photo import read_image
    from photostyle.networks import WCT2, ModelConfig
    from photostyle.weights import load_model

    torch.manual_seed(0)
    model = load_model(name) if name != "vgg19" else WCT2(ModelConfig()).eval().requires_grad_(False)
    model = model.to(device)
    images = []
    for file in ("day.jpg", "dusk.jpg"):
        image = read_image(SAMPLES / file)[None]
        images.append(F.interpolate(image, size=(size, size), mode="bilinear", antialias=True).to(device))
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    def timed(work: object) -> float:
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()  # type: ignore[operator]
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    fits, applies = [], []
    for _ in range(repeat + 1):
        result: list[object] = []
        fits.append(timed(lambda: result.extend(fit_and_apply(model, images[0], images[1]))))  # noqa: B023
        if not repeat:  # one cold run is all the time there is
            break
        transfer = result[0]
        applies.append(timed(lambda: transfer.apply(images[0])))  # type: ignore[attr-defined]  # noqa: B023
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    gpu = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0
    return {
        "photo": statistics.median(fits[1:] or fits),
        "apply": statistics.median(applies[1:]) if applies else float("nan"),
        "peak": peak,
        "base": base,
        "gpu": gpu,
    }


def main() -> int:
    if sys.argv[1:2] == ["large"]:
        import bench_large

        return bench_large.main(sys.argv[2:])
    if sys.argv[1:2] == ["video"]:
        import bench_video

        return bench_video.main(sys.argv[2:])
    if sys.argv[1:2] == ["methods"]:
        import bench_methods

        return bench_methods.main(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--models", nargs="+", default=["small", "vgg19"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments.models[0], arguments.sizes[0], arguments.repeat, arguments.device)))
        return 0

    import torch

    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, {arguments.device}")
    print(f"{'model':8} {'size':>5} {'photo s':>8} {'apply s':>8} {'peak GiB':>9} {'GPU GiB':>8}")
    for name in arguments.models:
        for size in arguments.sizes:
            repeat = arguments.repeat if name != "vgg19" or size <= 512 else 0
            command = [sys.executable, __file__, "--one", "--models", name, "--sizes", str(size)]
            command += ["--repeat", str(repeat), "--device", arguments.device]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["killed, most likely out of memory"])[-1]
                print(f"{name:8} {size:5d} failed: {reason}")
                continue
            row = json.loads(done.stdout)
            numbers = f"{row['photo']:8.2f} {row['apply']:8.2f} {row['peak']:9.2f} {row['gpu']:8.2f}"
            print(f"{name:8} {size:5d} {numbers}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
