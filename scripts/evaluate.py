"""Measure a model on content/style pairs: python scripts/evaluate.py PAIRS --measures DIR --features FILE [--masks] …

PAIRS holds input/inN.*, style/tarN.* and segmentation/{in,tar}N.png; DIR holds the measuring code (quality.py,
pairs.py), kept apart from what is measured. Prints the mean over all pairs. With --masks or --segment the regions are
matched as on the command line; figures by region are always measured in the pairs' own masks.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from photostyle.fitting import stylize
from photostyle.io import write_photo
from photostyle.jobs.segment import find_segmentation
from photostyle.labels import match
from photostyle.options import FitOptions
from photostyle.refine import refine
from photostyle.regions import Regions
from photostyle.training.losses import psnr
from photostyle.weights import load_model

MEASURES = ("content_edges", "affine_residual", "flat_variation", "style_features", "style_colour")


def mean(rows: list[dict[str, float]], name: str) -> float:
    values = [row[name] for row in rows if not math.isnan(row.get(name, math.nan))]
    return sum(values) / len(values) if values else math.nan


def panel(pixels: Any, height: int = 180, width: int = 270) -> Any:
    """An image (H, W, 3) fitted into a white panel."""
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    scale = min(height / image.shape[2], width / image.shape[3])
    size = (round(image.shape[2] * scale), round(image.shape[3] * scale))
    small = F.interpolate(image, size=size, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    sheet = np.ones((height + 4, width + 4, 3), np.float32)
    sheet[2 : 2 + size[0], 2 : 2 + size[1]] = small
    return sheet


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--measures", type=Path, required=True, help="folder of quality.py and pairs.py")
    parser.add_argument("--features", type=Path, required=True, help="reference features for the style measure")
    parser.add_argument("--model", default="small")
    parser.add_argument("--masks", action="store_true", help="use the pairs' masks")
    parser.add_argument("--mask-refine", choices=("on", "off"), default="on", help="fit masks to the photos' edges")
    parser.add_argument("--segment", default="off", help="find regions as photostyle photo --segment does")
    parser.add_argument("--shrinkage", type=float, default=FitOptions().shrinkage)
    parser.add_argument("--at", default=",".join(FitOptions().at))
    parser.add_argument("--matching", default=FitOptions().matching)
    parser.add_argument("--finish", choices=("on", "off"), default="on" if FitOptions().finish else "off")
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--regularization", type=float)
    parser.add_argument("--unmatched", default="whole")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the pairs")
    parser.add_argument("--json", type=Path, help="write every pair's figures here")
    parser.add_argument("--baselines", type=Path, help="JSON of other methods' figures, to print beside")
    parser.add_argument("--sheet", type=Path, help="write content, style and output of every pair on one sheet")
    parser.add_argument("--save", type=Path, help="write every output here as PNG")
    arguments = parser.parse_args()

    sys.path.insert(0, str(arguments.measures))
    quality: Any = importlib.import_module("quality")
    pairs: Any = importlib.import_module("pairs")
    model = load_model(arguments.model)
    features = quality.Features(str(arguments.features))
    options = FitOptions(
        tuple(arguments.at.split(",")), arguments.matching, arguments.strength, arguments.regularization,
        arguments.unmatched, shrinkage=arguments.shrinkage, finish=arguments.finish == "on",
    )  # fmt: skip
    segment = find_segmentation(arguments.segment, model, torch.device("cpu"))
    results: dict[int, dict[str, float]] = {}
    strips: list[Any] = []
    for number in arguments.only or pairs.numbers(arguments.pairs):
        content, style, content_labels, style_labels = pairs.pair(arguments.pairs, number)
        images = [torch.from_numpy(x).permute(2, 0, 1) for x in (content, style)]
        found: list[Regions] = []
        if arguments.masks:
            found = [Regions.from_labels(torch.from_numpy(x.astype(np.int64))) for x in (content_labels, style_labels)]
        elif segment:
            found = segment(images)
        if segment or (arguments.masks and arguments.mask_refine == "on"):
            found = [refine(regions, image) for regions, image in zip(found, images, strict=True)]
        how: dict[str, Any] = {}
        if found:
            matched = match(found[0], found[1:])
            how = {"content_regions": matched.regions, "style_regions": found[1:], "sources": matched.sources}
        output = stylize(model, *images, options=options, **how).clamp(0, 1)
        pixels = output.permute(1, 2, 0).numpy()
        row = quality.measure(features, content, style, pixels, content_labels, style_labels)
        with torch.no_grad():
            row["psnr"] = float(psnr(model(images[0][None]).clamp(0, 1), images[0][None]))
        results[number] = row
        if arguments.save:
            arguments.save.mkdir(parents=True, exist_ok=True)
            write_photo(arguments.save / f"{number}.png", pixels, overwrite=True)
        if arguments.sheet:
            strips.append(np.concatenate([panel(image) for image in (content, style, pixels)], 1))
    rows = {"this": list(results.values())}
    if arguments.baselines:
        figures = json.loads(arguments.baselines.read_text())
        rows |= {name: [row[str(n)] for n in results if str(n) in row] for name, row in figures.items()}
    print(f"{len(results)} pairs".ljust(14), *(f"{name:>16}" for name in (*MEASURES, "psnr")))
    for name, group in rows.items():
        print(name.ljust(14), *(f"{mean(group, measure):16.3f}" for measure in (*MEASURES, "psnr")))
    if arguments.sheet:
        half = (len(strips) + 1) // 2
        strips += [np.ones_like(strips[0])] * (2 * half - len(strips))
        columns = [np.concatenate(strips[i * half : (i + 1) * half], 0) for i in range(2)]
        write_photo(arguments.sheet, np.concatenate(columns, 1), overwrite=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
