"""Peak memory of a walk through the network, in bytes a pixel: python scripts/bench/walk_memory.py [--sides 512 1024]

Each row is a process of its own: a square crop is fitted, or stylized under a fitted style, as a whole or in six soft
regions, and what the process held before is taken off its peak. `photostyle.transfer.tile_plan.bytes_per_pixel` plans
with the greatest of these, rounded up.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import subprocess
import sys

SITES = ("encoder", "encoder,decoder", "encoder,skip,decoder")
WORK = ("apply", "apply by region", "fit by region")
REGIONS = 6
MODELS = ("small", "vgg19-cat5", "vgg19-sum")


def one(name: str, side: int, at: str, work: str, threads: int) -> float:
    """Bytes a pixel of one walk in this process; ``vgg19-…`` is VGG-19's shape with random weights."""
    import psutil
    import torch

    from photostyle.network.wct2 import WCT2, ModelConfig
    from photostyle.options import FitOptions
    from photostyle.regions.regions import Regions
    from photostyle.transfer.fitting import fit
    from photostyle.weights import load_model

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    unpool = name.removeprefix("vgg19-")
    model = load_model(name) if name == "small" else WCT2(ModelConfig(unpool=unpool)).eval().requires_grad_(False)  # type: ignore[arg-type]
    options = FitOptions(at=tuple(at.split(",")))  # type: ignore[arg-type]

    def regions(side: int) -> Regions | None:
        bands = (torch.arange(side) * REGIONS // side)[:, None].expand(side, side)
        weights = 0.9 * torch.nn.functional.one_hot(bands, REGIONS).permute(2, 0, 1).float() + 0.1 / REGIONS
        return Regions({str(k): w for k, w in enumerate(weights)}, hard=False) if "region" in work else None

    style, of_style = torch.rand(3, side // 4, side // 4), regions(side // 4)
    names = {"style_regions": of_style and [of_style], "options": options}
    image, found = torch.rand(3, side, side), regions(side)
    transfer = fit(model, style, style, content_regions=of_style and [of_style], **names)  # type: ignore[arg-type]
    before = psutil.Process().memory_info().rss
    if work.startswith("fit"):
        fit(model, image, style, content_regions=found and [found], **names)  # type: ignore[arg-type]
    else:
        transfer.apply(image, found)
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before) / side**2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        name, side, at, work = given.one
        print(f"{one(name, int(side), at, work, given.threads):.0f}")
        return 0

    from photostyle.network.wct2 import ModelConfig
    from photostyle.transfer.tile_plan import bytes_per_pixel
    from photostyle.weights import load_model

    for name in given.models:
        config = load_model(name).config if name == "small" else ModelConfig(unpool=name.removeprefix("vgg19-"))  # type: ignore[arg-type]
        print(f"{name}: {bytes_per_pixel(config)} planned", flush=True)
        for at, work in itertools.product(SITES, WORK):
            for side in given.sides:
                command = [sys.executable, __file__, "--threads", str(given.threads)]
                command += ["--one", name, str(side), at, work]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                said = done.stdout.strip() or (done.stderr.strip().splitlines() or ["killed"])[-1]
                print(f"  {at:22} {work:16} {side:5}: {said}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
