"""Measure a segmentation network: python scripts/evaluate/segmenter.py SCENES [--segment auto|ade20k|PATH]

SCENES holds a folder for each set, or is one: images/*.jpg and labels/*.png. Prints, on the scenes that training holds
out (all with --all), pixel accuracy, intersection over union by set and class, the confusion of classes and, with
--calibration, how far the probabilities can be believed. With --overlays FOLDER and --photos FILES it draws the most
probable classes over photos instead, to be looked at.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import ParameterError, PhotostyleError
from photostyle.io import CLASS_COLOURS, read_photo, write_photo
from photostyle.jobs.regions import fitted
from photostyle.regions.refine import confident
from photostyle.segmentation import CLASSES, Segmenter, coarse, load_segmenter
from photostyle.training import scenes_light
from photostyle.training.data import random_grade, step_generator
from photostyle.training.scenes import HELD, HELD_SEED, Scene, hold_out, load_set
from photostyle.training.scenes_calibrate import EDGES, reliability, sampled
from photostyle.training.scenes_measure import PARTIAL, confusion, overlap, scores

LIGHTS = ("day", "night", "relight", "grade")
WORST = 5  # scenes listed with --worst


class Classes:
    """A network's probabilities as those of our classes, and how long they took."""

    def __init__(self, segmenter: Segmenter, settled: bool = False) -> None:
        self.segmenter, self.settled, self.seconds, self.sky = segmenter, settled, 0.0, 0.0

    def __call__(self, image: Tensor) -> Tensor:
        started = time.process_time()
        found = coarse(self.segmenter.probabilities(image), self.segmenter.classes)
        self.seconds += time.process_time() - started
        if self.settled:
            weights = fitted(confident(found, CLASSES, sure=False), image).weights
            found = torch.stack([weights.get(name, torch.zeros(image.shape[-2:])) for name in CLASSES])
        self.sky += float((found.argmax(0) == CLASSES.index("sky")).float().mean())
        return found


def folders(scenes: Path) -> list[Path]:
    """The sets in a folder, or the folder itself."""
    if (scenes / "images").is_dir():
        return [scenes]
    found = sorted(path.parent for path in scenes.glob("*/images"))
    if not found:
        raise ParameterError(f"{scenes}: no images and no sets of images to measure on")
    return found


def chosen(folder: Path, everything: bool) -> list[Scene]:
    """The scenes of a set that training holds out, or all."""
    scenes = load_set(folder)
    if everything:
        return scenes
    return hold_out(scenes, HELD[folder.name])[1] if folder.name in HELD else []


def relit(scenes: list[Scene], light: str) -> list[Scene]:
    """The scenes in another light, drawn anew for each of them but always the same."""
    changed = []
    for number, scene in enumerate(scenes):
        generator, image, labels = step_generator(HELD_SEED, number), scene.image.float() / 255, scene.labels.long()
        if light == "night":
            image = scenes_light.night(image, labels, generator)
        elif light == "relight":
            image = scenes_light.relight(image, labels, generator)
        elif light == "grade":
            image = random_grade(image[None], generator)[0]
        changed.append(Scene(scene.name, (image * 255).round().to(torch.uint8), scene.labels))
    return changed


def report(name: str, matrix: Tensor, count: int, sky: float) -> None:
    """Print what there is to say of a set: figures of the labelled classes, and where their pixels went."""
    values = scores(matrix)
    whole = bool((matrix[: len(CLASSES)] > 0).any(1).sum() > 1)
    figures = f"  pixel accuracy {values['accuracy']:.4f}  mean IoU {values['mean']:.4f}" if whole else ""
    print(f"\n{name}: {count} scenes{figures}  sky on {sky:.2%} of all pixels")
    print("".ljust(12), "IoU".rjust(6), *(f"{n[:10]:>11}" for n in CLASSES), " (% of the true class)")
    for index, (what, row) in enumerate(zip([*CLASSES, *(f"not {n}" for n in PARTIAL.values())], matrix, strict=True)):
        if row.any():
            shares = row / int(row.sum()) * 100
            iou = f"{values[what]:6.3f}" if index < len(CLASSES) else "      "
            print(what.ljust(12), iou, *(f"{float(share):11.1f}" for share in shares))
    if bool(matrix[CLASSES.index("wall")].any()):
        print(f"walls and ceilings as one: IoU {overlap(matrix, ('wall', 'ceiling')):.3f}")


def worst(predict: Classes, scenes: Sequence[Scene]) -> None:
    """Print the scenes with the fewest right pixels."""
    found = []
    for scene in scenes:
        matrix = confusion(predict, [scene])
        wrong = matrix.sum() - matrix[: len(CLASSES)].diag().sum()
        for row, name in enumerate(PARTIAL.values(), len(CLASSES)):
            wrong = wrong - (matrix[row].sum() - matrix[row, CLASSES.index(name)])
        found.append((1 - float(wrong / matrix.sum().clamp_min(1)), scene.name))
    print("worst:", ", ".join(f"{name} {share:.0%}" for share, name in sorted(found)[:WORST]))


def calibration(parts: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Print the share of right pixels among those that the network is so sure of: equal for a calibrated one."""
    table = reliability(torch.cat([chances for chances, _ in parts]), torch.cat([labels for _, labels in parts]))
    print("\nprobability of the chosen class: share of pixels, mean, share that is right")
    for low, high, (count, mean, right) in zip(EDGES[:-1], EDGES[1:], table.tolist(), strict=True):
        print(f"  {low:.1f} to {high:.1f}: {count / float(table[:, 0].sum()):6.3f} {mean:6.3f} {right:6.3f}")


def overlay(predict: Classes, photo: Tensor) -> Tensor:
    """A reduced photo (3, H, W), the photo under its classes' colours, and how sure the network is, side by side."""
    chances = predict(photo)
    small = F.interpolate(photo[None], size=chances.shape[1:], mode="bilinear", antialias=True)[0]
    confidence, labels = chances.max(0)
    colours = torch.tensor([CLASS_COLOURS[name] for name in CLASSES]) / 255
    laid = 0.45 * small + 0.55 * colours[labels].permute(2, 0, 1)
    return torch.cat([small, laid, confidence.expand(3, -1, -1)], 2)


def measure(arguments: argparse.Namespace, segmenter: Segmenter) -> None:
    """Print everything on the sets asked for."""
    parts = []
    for folder in folders(arguments.scenes):
        scenes = relit(chosen(folder, arguments.all), arguments.light)
        if not scenes:
            continue
        predict = Classes(segmenter, arguments.settled)
        matrix = confusion(predict, scenes)
        report(folder.name, matrix, len(scenes), predict.sky / len(scenes))
        print(f"{predict.seconds / len(scenes):.2f} CPU seconds each")
        if arguments.worst:
            worst(predict, scenes)
        if arguments.calibration:
            parts.append(sampled(predict, scenes))
    if parts:
        calibration(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", type=Path, nargs="?", help="folder of sets, or of images and labels")
    parser.add_argument("--segment", default="auto", help="auto, ade20k or a path")
    parser.add_argument("--all", action="store_true", help="all scenes instead of the held ones")
    parser.add_argument("--light", choices=LIGHTS, default="day", help="measure on scenes made night, relit or graded")
    parser.add_argument("--scales", type=float, nargs="+", help="other than the network's own")
    parser.add_argument("--working-side", type=int, help="other than the network's own")
    parser.add_argument("--calibration", action="store_true", help="print how right the network is when it is so sure")
    parser.add_argument("--uncalibrated", action="store_true", help="without the network's temperatures")
    parser.add_argument(
        "--settled", action="store_true", help="after settling and fitting to edges, as style photos have it"
    )
    parser.add_argument("--worst", action="store_true", help="list the scenes with the fewest right pixels")
    parser.add_argument("--photos", type=Path, nargs="+", default=[], help="photos to draw overlays of")
    parser.add_argument("--overlays", type=Path, help="folder for them")
    parser.add_argument("--threads", type=int, help="CPU threads to compute with")
    arguments = parser.parse_args()
    try:
        if arguments.threads:
            torch.set_num_threads(arguments.threads)
        segmenter = load_segmenter(arguments.segment)
        segmenter.scales = tuple(arguments.scales or segmenter.scales)
        segmenter.working_side = arguments.working_side or segmenter.working_side
        if arguments.uncalibrated:
            segmenter.temperatures = None
        if arguments.scenes:
            measure(arguments, segmenter)
        for path in arguments.photos if arguments.overlays else []:
            photo = torch.from_numpy(read_photo(path).pixels).permute(2, 0, 1)
            drawn = overlay(Classes(segmenter), photo).permute(1, 2, 0).numpy()
            arguments.overlays.mkdir(parents=True, exist_ok=True)
            write_photo(arguments.overlays / f"{path.stem}.png", np.ascontiguousarray(drawn), overwrite=True)
    except (PhotostyleError, OSError) as error:
        print(f"segmenter: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
