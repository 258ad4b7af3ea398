"""Measure methods on content/style pairs: python scripts/evaluate/evaluate.py PAIRS [--methods wct2,…] [--masks] …

PAIRS holds input/inN.*, style/tarN.* and segmentation/{in,tar}N.png. Prints the mean over all pairs of the measures of
photostyle.evaluate, of seconds (first step to last, networks loaded) and of GiB at the peak. With --masks or --segment
regions are matched as on the command line, for methods with regions; figures by region are always measured in the
pairs' own masks. Published results of Deep Photo Style Transfer are measured too where they are: PAIRS/dpst/bestN.jpg.
With --timelapse DIR, the day frames DIR/NAME-day.jpg are given their scene's mirrored evening DIR/NAME-truth.jpg as
reference, and `truth` is how far the result is from that evening (1: as far as the day frame).
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _pairs import Pair, numbers, read_pair, read_result, read_timelapse
from torch import Tensor

from photostyle.evaluate import colours, consistency, photos
from photostyle.evaluate.cost import cost
from photostyle.evaluate.grids import nyquist
from photostyle.evaluate.style import seen_by
from photostyle.io import write_photo
from photostyle.io.sheets import Cell, write_sheet
from photostyle.jobs.compare import busiest, options_of
from photostyle.jobs.guard import guarded, of_photos
from photostyle.jobs.loading import pixels_of
from photostyle.jobs.methods import find_networks
from photostyle.jobs.regions import RegionPlan, Segmentation, fitted
from photostyle.jobs.segment import find_segmentation
from photostyle.methods import METHODS, MethodInfo, find
from photostyle.methods.masks import restrict
from photostyle.options import FINISHES, FitOptions
from photostyle.regions.labels import SPECK, Match, match
from photostyle.regions.refine import refine
from photostyle.regions.regions import Regions
from photostyle.training.losses import psnr
from photostyle.training.teachers import make_teacher
from photostyle.transfer.fitting import stylize
from photostyle.transfer.light import reversed_light
from photostyle.weights import load_features, load_model

CPU = torch.device("cpu")
COLUMNS = ("edges", "residual", "flat", "torn", "turned", "stretch", "lost", "nyquist", "style", "gram", "colour",
           "seconds", "GiB")  # fmt: skip
# What other measuring code and older files call the same measures.
OTHER = {"content_edges": "edges", "affine_residual": "residual", "flat_variation": "flat",
         "colour_consistency": "torn", "style_features": "style", "style_colour": "colour"}  # fmt: skip

Row = dict[str, float]
Measure = Callable[[Pair, Tensor], Row]
Run = Callable[[Pair, tuple[Regions, Regions] | None, Match | None], Tensor]


def measuring(arguments: argparse.Namespace) -> Measure:
    """What measures a result (1, 3, H, W) of a pair."""
    inner = _inner(arguments)

    def measured(pair: Pair, output: Tensor) -> Row:
        more = {
            "stretch": colours.stretch(pair.content, output),
            "lost": colours.lost(pair.content, output),
            "nyquist": nyquist(pair.content, output),
            "turned": float(reversed_light(pair.content[0], output[0], torch.ones_like(output[0, :1]))),
        }
        return {**inner(pair, output), **more}

    return measured


def _inner(arguments: argparse.Namespace) -> Measure:
    if arguments.measures:
        sys.path.insert(0, str(arguments.measures))
        quality: Any = importlib.import_module("quality")
        features = quality.Features(str(arguments.features))

        def other(pair: Pair, output: Tensor) -> Row:
            images = [pixels_of(x[0]) for x in (pair.content, pair.style, output)]
            found = quality.measure(features, *images, pair.content_labels, pair.style_labels)
            return {OTHER[name]: float(value) for name, value in found.items()}

        return other
    eyes: Any = make_teacher("pca", arguments.features, CPU) if arguments.features else seen_by(load_features())
    return lambda pair, output: asdict(photos.measure(eyes, pair.content, pair.style, output, pair.regions))


def wct2(arguments: argparse.Namespace) -> Run:
    """WCT2 with the options of the command line."""
    model = load_model(arguments.model)
    options = FitOptions(
        tuple(arguments.at.split(",")), arguments.matching, arguments.strength, arguments.regularization,
        arguments.unmatched, shrinkage=arguments.shrinkage, finish=arguments.finish,
    )  # fmt: skip

    def run(pair: Pair, regions: tuple[Regions, Regions] | None, matched: Match | None) -> Tensor:
        if not (regions and matched):
            return stylize(model, pair.content[0], pair.style[0], options=options)[None].clamp(0, 1)
        plan = RegionPlan(matched.regions, [regions[1]], matched.sources, matched.decisions, options)

        def rendered(plan: RegionPlan) -> tuple[None, Tensor]:
            how: dict[str, Any] = {"style_regions": plan.styles, "sources": plan.sources, "options": options}
            return None, stylize(model, pair.content[0], pair.style[0], content_regions=plan.content, **how)

        if arguments.masks:  # which are the user's: there is no guard over them
            return rendered(plan)[1][None].clamp(0, 1)
        return guarded(pair.content[0], plan, of_photos(model, [pair.style[0]]), rendered)[1][None].clamp(0, 1)

    return run


def other_method(info: MethodInfo, arguments: argparse.Namespace) -> Run:
    """Any other method with its defaults."""
    networks, _ = find_networks(info, CPU)
    method = info.create(options_of(info, arguments.steps, None), **networks)

    def run(pair: Pair, regions: tuple[Regions, Regions] | None, matched: Match | None) -> Tensor:
        ours = restrict(matched.regions, matched.sources) if matched else None
        given = (ours, regions[1]) if info.masks and regions and ours and ours.weights else (None, None)
        return method.run(pair.content, pair.style, *given)

    return run


def regions_of(
    pair: Pair, arguments: argparse.Namespace, segment: Segmentation | None
) -> tuple[tuple[Regions, Regions], Match] | tuple[None, None]:
    """Regions of both photos as the command line makes them, and what serves what."""
    images = [pair.content[0], pair.style[0]]
    if arguments.masks:
        found = list(pair.regions)
    elif segment:
        found = segment(images) if segment.joint else [segment(images[:1])[0], segment(images[1:], sure=False)[0]]
    else:
        return None, None
    if segment and not arguments.masks:
        found = [fitted(regions, image) for regions, image in zip(found, images, strict=True)]
    elif arguments.mask_refine == "on":
        found = [refine(regions, image) for regions, image in zip(found, images, strict=True)]
    return (found[0], found[1]), match(found[0], found[1:], speck=0.0 if arguments.masks else SPECK)


def mean(rows: list[Row], name: str) -> float:
    values = [row[name] for row in rows if not math.isnan(row.get(name, math.nan))]
    return sum(values) / len(values) if values else math.nan


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--methods", default="wct2", help="names with commas between them, or all")
    parser.add_argument("--steps", type=int, help="of methods that go on in steps; without it, their own defaults")
    parser.add_argument("--timelapse", type=Path, help="day frames and their evenings, to measure truth with")
    parser.add_argument("--size", type=int, default=512, help="long side")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the pairs")
    parser.add_argument("--masks", action="store_true", help="use the pairs' masks")
    parser.add_argument("--mask-refine", choices=("on", "off"), default="on", help="fit masks to the photos' edges")
    parser.add_argument("--segment", default="off", help="find regions as photostyle photo --segment does")
    parser.add_argument("--features", type=Path, help="weights of PCA-KD to measure styles with; else the embedded")
    parser.add_argument("--measures", type=Path, help="folder of other measuring code, quality.py; needs --features")
    parser.add_argument("--results", action="append", default=[], metavar="NAME=PATH",
                        help="results made elsewhere; {} in the path is the pair's number")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write every pair's figures here")
    parser.add_argument("--baselines", type=Path, help="JSON of other methods' figures, to print beside")
    parser.add_argument("--sheet", type=Path, help="write content, style and all outputs of every pair on one sheet")
    parser.add_argument("--save", type=Path, help="write every output here as PNG")
    own = parser.add_argument_group("WCT2")
    own.add_argument("--model", default="small")
    own.add_argument("--shrinkage", type=float, default=FitOptions().shrinkage)
    own.add_argument("--at", default=",".join(FitOptions().at))
    own.add_argument("--matching", default=FitOptions().matching)
    own.add_argument("--finish", choices=FINISHES, default=FitOptions().finish)
    own.add_argument("--strength", type=float, default=1.0)
    own.add_argument("--regularization", type=float)
    own.add_argument("--unmatched", default="whole")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    names = [info.name for info in METHODS] if arguments.methods == "all" else arguments.methods.split(",")
    runs = {name: wct2(arguments) if name == "wct2" else other_method(find(name), arguments) for name in names if name}
    elsewhere = dict(text.split("=", 1) for text in arguments.results)
    if (arguments.pairs / "dpst").is_dir():
        elsewhere.setdefault("published", str(arguments.pairs / "dpst" / "best{}.jpg"))
    measure = measuring(arguments)
    segment = find_segmentation(arguments.segment, load_model(arguments.model), CPU)
    told: dict[str, dict[int, Row]] = {name: {} for name in (*runs, *elsewhere)}
    cells: list[Cell] = []
    chosen = arguments.only or numbers(arguments.pairs)
    for number in chosen:
        pair = read_pair(arguments.pairs, number, arguments.size)
        regions, matched = regions_of(pair, arguments, segment)
        outputs: dict[str, Tensor] = {}
        for name, run in runs.items():
            with cost() as spent:
                outputs[name] = run(pair, regions, matched)
            spending = {"seconds": spent.seconds, "GiB": spent.peak / 2**30}
            told[name][number] = {**measure(pair, outputs[name]), **spending}
            if arguments.save:
                arguments.save.mkdir(parents=True, exist_ok=True)
                file = f"{number}.png" if name == "wct2" else f"{number}-{name}.png"
                write_photo(arguments.save / file, pixels_of(outputs[name][0]), overwrite=True)
        size = (pair.content.shape[-2], pair.content.shape[-1])
        for name, path in elsewhere.items():
            outputs[name] = read_result(Path(path.format(number)), size)
            told[name][number] = measure(pair, outputs[name])
        if arguments.json:
            arguments.json.write_text(json.dumps(told, indent=1))
        crops = {"style": busiest(pair.style[0])}
        for name, image in {"content": pair.content, "style": pair.style, **outputs}.items():
            crop = crops.get(name) or crops.setdefault("content", busiest(pair.content[0]))
            cells.append(Cell(f"{number} {name}", [], pixels_of(image[0]), crop, framed=name in crops))
    if "wct2" in runs:
        reconstruct(arguments, chosen)
    rows = {name: list(figures.values()) for name, figures in told.items()}
    for name, figures in json.loads(arguments.baselines.read_text()).items() if arguments.baselines else ():
        rows[name] = [
            {OTHER[key]: value for key, value in figures[str(n)].items()} for n in chosen if str(n) in figures
        ]
    print(f"{len(chosen)} pairs".ljust(14), *(f"{name:>9}" for name in COLUMNS))
    for name, group in rows.items():
        print(name.ljust(14), *(f"{mean(group, measure_):9.3f}" for measure_ in COLUMNS))
    if arguments.timelapse:
        timelapse(arguments, runs, segment)
    if arguments.sheet:
        write_sheet(arguments.sheet, str(arguments.pairs), [], cells, 2 + len(told), overwrite=True)
    return 0


def timelapse(arguments: argparse.Namespace, runs: dict[str, Run], segment: Segmentation | None) -> None:
    """Print how true and how whole day frames are in the light of their own evenings."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for day, real in read_timelapse(arguments.timelapse, arguments.size):
        unlabelled = np.zeros(day.shape[-2:], np.uint8)
        pair = Pair(0, day, real.flip(-1), unlabelled, unlabelled)
        regions, matched = regions_of(pair, argparse.Namespace(**{**vars(arguments), "masks": False}), segment)
        for name, run in runs.items():
            output = run(pair, regions, matched)
            found[name].append((consistency.truth(day, output, real), consistency.torn(day, output)))
    for name, rows in found.items():
        means = [sum(row[i] for row in rows) / max(len(rows), 1) for i in (0, 1)]
        print(f"{name.ljust(14)} {len(rows)} evenings: truth {means[0]:.3f}, torn {means[1]:.3f}")


def reconstruct(arguments: argparse.Namespace, chosen: list[int]) -> None:
    """Print how well WCT2's network gives a photo back, all maps left out."""
    model = load_model(arguments.model)
    found = []
    for number in chosen:
        content = read_pair(arguments.pairs, number, arguments.size).content
        with torch.no_grad():
            found.append(float(psnr(model(content).clamp(0, 1), content)))
    print(f"reconstruction {sum(found) / len(found):.1f} dB")


if __name__ == "__main__":
    sys.exit(main())
