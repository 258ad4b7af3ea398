"""Deep Photo beside plain neural style: python scripts/evaluate/deep_photo.py PAIRS [--features FILE]

PAIRS and FILE as for scripts/evaluate/evaluate.py. Both methods start from the content and look through the embedded
features; Deep Photo is given the pairs' masks. For each pair: style distance (output to style over content to style, by
region), affine residual, and how steadily the loss fell: the share of blocks of 20 steps that ended lower than the
block before, in each of Deep Photo's stages.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from _pairs import read_pair

from photostyle import methods
from photostyle.evaluate.photos import measure
from photostyle.evaluate.style import seen_by
from photostyle.io import write_photo
from photostyle.jobs.loading import pixels_of
from photostyle.methods.masks import restrict
from photostyle.regions.labels import match
from photostyle.training.teachers import make_teacher
from photostyle.weights import load_features

SIX = (1, 5, 13, 25, 33, 47)
BLOCK = 20


def steadiness(losses: list[float]) -> float:
    """Share of blocks of `BLOCK` steps whose least loss is under that of the block before."""
    least = [min(losses[i : i + BLOCK]) for i in range(0, len(losses), BLOCK)]
    falls = [after < before for before, after in itertools.pairwise(least)]
    return sum(falls) / max(1, len(falls))


def recorder(losses: list[float]) -> Callable[[int, int, float], None]:
    """A progress callback that keeps the losses."""
    return lambda _step, _total, loss: losses.append(loss)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--features", type=Path, help="weights of PCA-KD to measure styles with; else the embedded")
    parser.add_argument("--only", type=int, nargs="*", default=SIX, help="numbers of the pairs")
    parser.add_argument("--size", type=int, default=320, help="long side")
    parser.add_argument("--steps", type=int, help="of each method; without it, its own default")
    parser.add_argument("--save", type=Path, help="write every output here as PNG")
    parser.add_argument("--json", type=Path, help="write figures and losses here")
    arguments = parser.parse_args()

    logging.basicConfig(level=logging.WARNING)
    encoder = load_features()
    eyes: Any = make_teacher("pca", arguments.features, torch.device("cpu")) if arguments.features else seen_by(encoder)
    told: dict[int, dict[str, Any]] = {}
    print("pair  method       style   residual   of gatys  falling  seconds")
    for number in arguments.only:
        pair = read_pair(arguments.pairs, number, arguments.size)
        found = pair.regions
        matched = match(found[0], [found[1]])
        regions = restrict(matched.regions, matched.sources)
        told[number] = {}
        for name in ("gatys", "deep-photo"):
            info = methods.find(name)
            options = info.options(**({"steps": arguments.steps} if arguments.steps else {}))
            losses: list[float] = []
            started = time.monotonic()
            output = info.create(options, features=encoder).run(
                pair.content,
                pair.style,
                regions if info.masks else None,
                found[1] if info.masks else None,
                recorder(losses),
            )
            seconds = time.monotonic() - started
            row = asdict(measure(eyes, pair.content, pair.style, output, found))
            first = round(len(losses) * getattr(options, "first_stage", 1.0))
            stages = [stage for stage in (losses[:first], losses[first:]) if stage]
            told[number][name] = {
                **row, "seconds": seconds, "falling": [steadiness(s) for s in stages], "losses": losses,
            }  # fmt: skip
            share = row["residual"] / told[number]["gatys"]["residual"]
            falling = " ".join(f"{steadiness(stage):.2f}" for stage in stages)
            print(
                f"{number:4}  {name:10}  {row['style']:6.3f}   {row['residual']:8.3f}   {share:8.2f}"
                f"  {falling}  {seconds:6.0f}",
                flush=True,
            )
            if arguments.save:
                arguments.save.mkdir(parents=True, exist_ok=True)
                write_photo(arguments.save / f"{number}-{name}.png", pixels_of(output[0]), overwrite=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
