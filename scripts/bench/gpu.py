"""A GPU in figures: python scripts/bench/gpu.py [--device cuda] [--small] [--json gpu.json]

Parity with the processor, half precision against double, time by size, frames a second of a clip's network, peak memory
and a training that learns: one JSON, in under eight minutes on one GPU. `--device cpu --small` goes through all of it
without one. `scripts/bench/gpu.sh` runs it on a machine that has nothing but torch.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.jobs.photo import read_image
from photostyle.network.wct2 import WCT2, ModelConfig
from photostyle.options import Finish, FitOptions
from photostyle.transfer.fitting import fit, fit_and_apply
from photostyle.weights import load_model

ROOT = Path(__file__).parents[2]
FINISHES: tuple[Finish, ...] = ("smooth", "off")
SAMPLES = ROOT / "docs" / "samples"


def pair(height: int, width: int, device: str) -> tuple[Tensor, Tensor]:
    """The samples at one size."""
    found = []
    for file in ("day.jpg", "dusk.jpg"):
        image = read_image(SAMPLES / file)[None]
        found.append(F.interpolate(image, size=(height, width), mode="bilinear", antialias=True)[0].to(device))
    return found[0], found[1]


def timed(work: Callable[[], object], device: str, repeat: int) -> float:
    """Least seconds of a few runs after one that warms up."""
    best = float("inf")
    for _ in range(repeat + 1):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return best


def agreement(device: str) -> dict[str, float]:
    """Greatest and mean difference, in 255ths, of a result to the same in double precision on the processor."""
    model = load_model()
    content, style = pair(320, 480, "cpu")
    exact = fit_and_apply(model.double(), content, style, options=FitOptions(finish="off"))[1].float()
    found: dict[str, float] = {}
    for name, precision in (("float32", None), ("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        one = load_model().to(device)
        one.precision = precision
        images = content.to(device), style.to(device)
        result = fit_and_apply(one, *images, options=FitOptions(finish="off"))[1].float().cpu()
        apart = (result - exact).abs() * 255
        found |= {f"{name} most": float(apart.max()), f"{name} mean": float(apart.mean())}
    return found


def times(device: str, sizes: list[tuple[int, int]], repeat: int) -> list[dict[str, Any]]:
    """Seconds of fit and apply of both networks, and the peak of the GPU's memory."""
    rows: list[dict[str, Any]] = []
    for name in ("small", "vgg19"):
        model = (load_model() if name == "small" else WCT2(ModelConfig()).eval().requires_grad_(False)).to(device)
        for height, width in sizes if name == "small" else sizes[:1]:
            content, style = pair(height, width, device)
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            for finish in FINISHES:
                options = FitOptions(finish=finish)
                transfer = fit(model, content, style, options=options)
                whole = functools.partial(fit_and_apply, model, content, style, options=options)
                row: dict[str, Any] = {"model": name, "height": height, "width": width, "finish": finish}
                row["fit + apply"] = timed(whole, device, repeat)
                row["apply"] = timed(functools.partial(transfer.apply, content), device, repeat)
                row["GiB"] = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0
                rows.append(row)
                print(json.dumps(row), flush=True)
    return rows


def clip(device: str, frames: int) -> float:
    """Frames a second of a clip's network, at the reduced size that it sees."""
    model = load_model().to(device)
    content, style = pair(288, 512, device)
    transfer = fit(model, content, style, options=FitOptions(finish="off"))

    def run() -> None:
        for _ in range(frames):
            transfer.apply(content)

    return frames / timed(run, device, 1)


def training(device: str, minutes: float) -> dict[str, Any]:
    """Steps, seconds and losses of a short training of a decoder on the samples."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "scripts/train/decoders.py"), str(SAMPLES), "--out", folder, "--device",
                   device, "--minutes", str(minutes), "--only", "wct2", "--crop", "64", "--batch", "2"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        log = Path(folder) / "log.csv"
        lines = log.read_text().splitlines() if log.exists() else []
    said = (done.stderr or done.stdout).strip().splitlines()
    return {"exit": done.returncode, "rows": max(0, len(lines) - 1), "last": lines[-1] if len(lines) > 1 else "",
            "said": said[-1] if said else ""}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--small", action="store_true", help="small sizes and few runs")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"))
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu: this machine has no CUDA GPU; go through all of it with --device cpu --small")
    device, small = given.device, given.small
    sizes = [(192, 256), (256, 256)] if small else [(1024, 1024), (1440, 2560), (2160, 3840), (4320, 7680)]
    found: dict[str, Any] = {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "agreement": agreement(device),
    }
    found["times"] = times(device, sizes, 1 if small else 5)
    found["clip frames/s"] = clip(device, 4 if small else 100)
    found["training"] = training(device, 0.05 if small else 0.5)
    given.json.write_text(json.dumps(found, indent=1))
    print(f"{given.json} written: {found['agreement']}, {found['clip frames/s']:.0f} frames/s, {found['training']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
