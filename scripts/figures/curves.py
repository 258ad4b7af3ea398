"""How descents and trainings get on: python scripts/figures/curves.py descents, or: … norms PHOTOS --look PHOTO

``descents``  neural style on the sample photos at 256 pixels: the loss by evaluations with L-BFGS on an image pyramid,
              with L-BFGS on pixels, with Adam, from noise, and by one and two scales: docs/methods/descents.png
``norms``     a network of one look trained twice, alike but for its normalisation, over each photo alone and over the
              batch, and both losses on held photos: docs/methods/norms.png

Figures are printed as well. Needs matplotlib, of the ``train`` extra.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from readme import DOCS

from photostyle.methods import optimise
from photostyle.methods.backbone import fitted, reduced
from photostyle.methods.gatys import Gatys, GatysOptions
from photostyle.network.feedforward import NORMS
from photostyle.training.data import load_photo, load_photos
from photostyle.training.feedforward import FeedForwardTrainer, FeedForwardTraining
from photostyle.weights import load_features

SIDE, STEPS = 256, 400
TOLD = (50, 100, 200, 300, 400)
Curve = list[tuple[int, float]]


def descents() -> None:
    """Print and draw the loss of several descents by evaluations of it."""
    content, style = (sample(name) for name in ("day.jpg", "dusk.jpg"))
    features = load_features()
    runs: dict[str, tuple[dict[str, Any], bool]] = {
        "L-BFGS on a pyramid (default)": ({}, True),
        "L-BFGS on pixels": ({}, False),
        "Adam on pixels": ({"optimizer": "adam"}, True),
        "L-BFGS on a pyramid, from noise": ({"init": "noise"}, True),
        "L-BFGS on a pyramid, two scales": ({"scales": 2}, True),
    }
    curves: dict[str, Curve] = {}
    for name, (options, pyramid) in runs.items():
        found: Curve = []
        with pyramids(pyramid):
            run = Gatys(GatysOptions(steps=STEPS, **options), features)
            run.run(content, style, progress=lambda step, total, loss, found=found: found.append((step, loss)))  # type: ignore[misc]
        coarse = STEPS - STEPS // int(options.get("scales", 1))  # losses of other sizes say nothing of this one
        curves[name] = lowest(found[coarse:])
        told = dict(curves[name])
        print(f"{name:34}", *(f"{told.get(step, math.nan):9.3f}" for step in TOLD), flush=True)
    draw(curves, "descents.png", "evaluations", "loss, the least so far", log=True)


def sample(name: str) -> torch.Tensor:
    """A sample photo, (1, 3, H, W), its long side `SIDE`."""
    photo = load_photo(DOCS / "samples" / name)[None].float() / 255
    size = (int(photo.shape[-2]), int(photo.shape[-1]))
    return fitted(photo, reduced(size, SIDE / max(size)))


@contextmanager
def pyramids(wanted: bool) -> Iterator[None]:
    """Descents move an image pyramid, as they do, or the pixels alone."""
    usual = optimise._COARSEST_LEVEL
    optimise._COARSEST_LEVEL = usual if wanted else 1 << 30
    try:
        yield
    finally:
        optimise._COARSEST_LEVEL = usual


def lowest(curve: Curve) -> Curve:
    """The least loss up to each step: what a run stopped there would give."""
    steps, losses = zip(*curve, strict=True)
    return list(zip(steps, accumulate(losses, min), strict=True))


def norms(photos: Path, look: Path, steps: int) -> None:
    """Print and draw the losses on held photos of one look under both normalisations."""
    pictures, style = load_photos(photos), [load_photo(look)]
    curves: dict[str, Curve] = {}
    for norm in NORMS:
        config = FeedForwardTraining(
            photos, {"look": look}, steps=steps, norm=norm, crop=96, variation=8.0, flat=30.0,
            validate_every=max(1, steps // 8), seed=1,
        )  # fmt: skip
        rows: list[tuple[int, dict[str, float]]] = []
        with tempfile.TemporaryDirectory() as folder:
            run = FeedForwardTrainer(config, Path(folder), load_features(), pictures, style)
            rows.append((0, run.validate()))
            run.run(lambda step, row, rows=rows: rows.append((step, row)))  # type: ignore[misc]
        for loss in ("held_content", "held_style"):
            curve = [(step, row[loss]) for step, row in rows if loss in row]
            curves[f"{loss.removeprefix('held_')}, {norm} norm"] = curve
            print(f"{loss:14}{norm:10}", *(f"{step}: {value:.3f} " for step, value in curve), flush=True)
    draw(curves, "norms.png", "steps", "loss on held photos", log=False)


def draw(curves: Mapping[str, Iterable[tuple[int, float]]], name: str, x: str, y: str, *, log: bool) -> None:
    """Write a chart to docs/methods."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), dpi=110)
    for number, (label, curve) in enumerate(curves.items()):
        axes.plot(*zip(*curve, strict=True), label=label, linestyle="-" if number % 2 == 0 else "--")
    axes.set(xlabel=x, ylabel=y, yscale="log" if log else "linear")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(DOCS / "methods" / name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("descents", "norms"))
    parser.add_argument("photos", nargs="?", type=Path, help="folder of photos to train on")
    parser.add_argument("--look", type=Path, help="the photo whose look is learnt")
    parser.add_argument("--steps", type=int, default=1000)
    given = parser.parse_args()
    if given.what == "descents":
        descents()
    elif given.photos is None or given.look is None:
        parser.error("norms wants a folder of photos, and --look")
    else:
        norms(given.photos, given.look, given.steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
