"""Time and peak memory on this machine: python scripts/bench/bench.py [--sizes 512 1024 2048] [--models small vgg19
plain]

Every row runs in a process of its own: one pair of square photos, `repeat` times after a warm-up, medians. `vgg19` is
VGG-19's shape with random weights, which costs what the published weights cost; `plain` is that network the plain way
(scripts/bench/_plain.py), which stands for the published program; `pca` is PCA-KD the plain way
(scripts/bench/_plain_pca.py, wants `--pca FILE`). Shares are of the ceilings that a large matrix product and a large
copy reached in the same run.
More: bench.py large (photos of many megapixels), bench.py video (clips), bench.py methods (time and memory of
every method), each with a --help of its own.
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
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
PLAIN = ("plain", "pca")
COLUMNS = ("photo", "fit", "apply", "peak")


def one(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each part and peak memory (GiB) of one model at one size, in this process."""
    import torch
    import torch.nn.functional as F
    from _roofline import timed, work_per_pixel

    from photostyle.jobs.photo import read_image
    from photostyle.network.wct2 import WCT2, ModelConfig
    from photostyle.options import FitOptions
    from photostyle.transfer.fitting import fit, fit_and_apply
    from photostyle.weights import load_model

    torch.manual_seed(0)
    name, size, device, repeat = arguments.models[0], arguments.sizes[0], arguments.device, arguments.repeat
    at = tuple(arguments.at.split(","))
    images = []
    for file in ("day.jpg", "dusk.jpg"):
        image = read_image(SAMPLES / file)[None]
        images.append(F.interpolate(image, size=(size, size), mode="bilinear", antialias=True).to(device))
    content, style = images
    row: dict[str, Any] = {"model": name, "size": size}
    if name == "pca":
        from _plain_pca import stylize as pca
        from safetensors.torch import load_file

        weights = load_file(arguments.pca, device)
        row["photo"] = statistics.median(timed(lambda: pca(weights, content, style), device, repeat + 1)[1:])
    elif name == "plain":
        from _plain import stylize as plain

        network = WCT2(ModelConfig()).eval().requires_grad_(False).to(device)
        # The first run is the only one: a warm-up would take as long again and gain little.
        row["photo"] = timed(lambda: plain(network, content, style, at, 1.0), device, 1)[0]
    else:
        model = load_model(name) if name != "vgg19" else WCT2(ModelConfig()).eval().requires_grad_(False)
        model = model.to(device)
        options = FitOptions(at=at, finish=not arguments.no_finish, matching=arguments.matching)
        repeat = min(repeat, 2) if name == "vgg19" else repeat
        transfer = fit(model, content, style, options=options)
        parts = {
            "photo": lambda: fit_and_apply(model, content, style, options=options),
            "fit": lambda: fit(model, content, style, options=options),
            "apply": lambda: transfer.apply(content),
        }
        row |= {part: statistics.median(timed(work, device, repeat + 1)[1:]) for part, work in parts.items()}
        row |= work_per_pixel(model.config)
    row["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row["gpu"] = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0
    return row


def line(row: dict[str, Any], ceiling: dict[str, float], rows: list[dict[str, Any]]) -> str:
    """One row of the table."""
    cells = [f"{row['model']:6} {row['size']:5d}"]
    cells += [f"{row[part]:8.3f}" if part in row else " " * 8 for part in COLUMNS]
    if "apply" in row:
        pixels = row["size"] ** 2 / row["apply"] / 1e9
        cells.append(f"{row['macs']:8.0f} {row['bytes']:6.0f}")
        cells.append(f"{row['macs'] * pixels / ceiling['gmac_s']:6.0%} {row['bytes'] * pixels / ceiling['gb_s']:6.0%}")
    for other in PLAIN:
        found = [r for r in rows if r["model"] == other and r["size"] == row["size"]]
        if found and row["model"] not in PLAIN:
            cells.append(
                f"  {found[0]['photo'] / row['photo']:.1f}× {other}, {row['peak'] / found[0]['peak']:.0%} memory"
            )
    return " ".join(cells)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--models", nargs="+", default=["small", "vgg19"], help="names, files, plain, pca")
    parser.add_argument("--at", default="encoder,decoder")
    parser.add_argument("--matching", default="monge")
    parser.add_argument("--no-finish", action="store_true", help="leave the finish off, as plain runs do")
    parser.add_argument("--pca", help="weights of PCA-KD")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--compare", type=Path, help="rows of an earlier run: ratios of its times to these")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    if sys.argv[1:2] == ["large"]:
        import large

        return large.main(sys.argv[2:])
    if sys.argv[1:2] == ["video"]:
        import clips

        return clips.main(sys.argv[2:])
    if sys.argv[1:2] == ["methods"]:
        import methods

        return methods.main(sys.argv[2:])
    arguments = parse()
    if arguments.one:
        print(json.dumps(one(arguments)))
        return 0

    import torch
    from _roofline import ceilings

    ceiling = ceilings(arguments.device)
    where = torch.cuda.get_device_name() if arguments.device == "cuda" else f"{os.cpu_count()} cores"
    print(f"{platform.machine()}, {where}, torch {torch.__version__}; sites {arguments.at}")
    print(f"ceilings: {ceiling['gmac_s']:.0f} GMAC/s in products, {ceiling['gb_s']:.1f} GB/s in copies")
    print("model   size  photo s    fit s  apply s peak GiB   MAC/px  B/px   %MAC   %B/s")
    earlier = json.loads(arguments.compare.read_text())["rows"] if arguments.compare else []
    rows: list[dict[str, Any]] = []
    environment = {"THP_MEM_ALLOC_ENABLE": "1", **os.environ}  # as the command sets it
    for size in arguments.sizes:
        for name in sorted(arguments.models, key=lambda model: model not in PLAIN):
            command = [sys.executable, *sys.argv, "--one", "--models", name, "--sizes", str(size)]
            plainly = {key: value for key, value in environment.items() if key != "THP_MEM_ALLOC_ENABLE"}
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=plainly if name in PLAIN else environment
            )
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["killed, most likely out of memory"])[-1]
                print(f"{name:6} {size:5d} failed: {reason}")
                continue
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(line(rows[-1], ceiling, rows), flush=True)
            for old in (r for r in earlier if (r["model"], r["size"]) == (name, size)):
                shared = [part for part in COLUMNS[:3] if part in old and part in rows[-1]]
                print("  before: " + ", ".join(f"{part} {old[part] / rows[-1][part]:.2f}×" for part in shared))
    if arguments.json:
        arguments.json.write_text(json.dumps({"ceilings": ceiling, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
