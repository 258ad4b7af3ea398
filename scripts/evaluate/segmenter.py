"""Measure a segmentation network: python scripts/evaluate/segmenter.py SCENES [--segment auto|ade20k|PATH]

SCENES holds images/*.jpg and labels/*.png. Prints pixel accuracy, intersection over union by class, the confusion of
classes and how well the probabilities are calibrated, on the 100 scenes that training holds out (all with --all). With
--overlays FOLDER and --photos FILES it draws the most probable classes over photos instead, to be looked at.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import PhotostyleError
from photostyle.io import read_photo, write_photo
from photostyle.segmentation import CLASSES, IGNORE, Segmenter, coarse, load_segmenter
from photostyle.training import scenes_light
from photostyle.training.data import random_grade, step_generator
from photostyle.training.scenes import HELD, HELD_SEED, Scene, hold_out, load_scenes
from photostyle.training.scenes_measure import confusion, scores

LIGHTS = ("day", "night", "relight", "grade")
COLOURS = (
    torch.tensor(
        [[90, 160, 255], [40, 160, 40], [0, 60, 200], [220, 60, 40], [150, 120, 90], [150, 60, 200], [255, 210, 0]]
    )
    / 255
)  # sky, vegetation, water, building, ground, mountain, object


def predict(segmenter: Segmenter, scenes: list[Scene]) -> list[Tensor]:
    started = time.process_time()
    found = [coarse(segmenter.probabilities(scene.image.float() / 255), segmenter.classes) for scene in scenes]
    print(f"{len(scenes)} scenes, {(time.process_time() - started) / len(scenes):.2f} CPU seconds each")
    return found


def report(predictions: list[Tensor], scenes: list[Scene]) -> None:
    upcoming = iter(predictions)
    matrix = confusion(lambda _: next(upcoming), scenes)
    values = scores(matrix)
    print(f"pixel accuracy {values['accuracy']:.4f}  mean IoU {values['mean']:.4f}")
    print("".ljust(11), "IoU".rjust(6), *(f"{name[:10]:>11}" for name in CLASSES), " (% of the true class)")
    for index, name in enumerate(CLASSES):
        row = matrix[index] / max(1, int(matrix[index].sum())) * 100
        print(name.ljust(11), f"{values[name]:6.3f}", *(f"{float(share):11.1f}" for share in row))


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


def calibration(predictions: list[Tensor], scenes: list[Scene]) -> None:
    """Share of right pixels among those that the network is so sure of: equal for a calibrated one."""
    edges = [0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01]
    right, count, sure = (torch.zeros(len(edges) - 1, dtype=torch.float64) for _ in range(3))
    for prediction, scene in zip(predictions, scenes, strict=True):
        chances = F.interpolate(prediction[None], size=scene.labels.shape, mode="bilinear", align_corners=False)[0]
        confidence, guess = chances.max(0)
        known = scene.labels != IGNORE
        bins = torch.bucketize(confidence[known], torch.tensor(edges[1:-1]), right=True)
        right += torch.bincount(bins, (guess == scene.labels)[known].double(), minlength=len(right))
        sure += torch.bincount(bins, confidence[known].double(), minlength=len(right))
        count += torch.bincount(bins, minlength=len(right))
    print("probability of the chosen class: share of pixels, mean, share that is right")
    for low, high, n, p, r in zip(edges[:-1], edges[1:], count, sure, right, strict=True):
        shares = (float(n / count.sum()), float(p / n.clamp_min(1)), float(r / n.clamp_min(1)))
        print(f"  {low:.1f} to {min(high, 1.0):.1f}: " + " ".join(f"{share:6.3f}" for share in shares))


def overlay(segmenter: Segmenter, photo: Tensor) -> Tensor:
    """A reduced photo (3, H, W), the photo under its classes' colours, and how sure the network is, side by side."""
    chances = coarse(segmenter.probabilities(photo), segmenter.classes)
    small = F.interpolate(photo[None], size=chances.shape[1:], mode="bilinear", antialias=True)[0]
    confidence, labels = chances.max(0)
    colours = COLOURS[labels].permute(2, 0, 1)
    return torch.cat([small, 0.45 * small + 0.55 * colours, confidence.expand(3, -1, -1)], 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", type=Path, nargs="?", help="folder of images and labels")
    parser.add_argument("--segment", default="auto", help="auto, ade20k or a path")
    parser.add_argument("--all", action="store_true", help="all scenes instead of the held ones")
    parser.add_argument("--light", choices=LIGHTS, default="day", help="measure on scenes made night, relit or graded")
    parser.add_argument("--scales", type=float, nargs="+", help="other than the network's own")
    parser.add_argument("--working-side", type=int, help="other than the network's own")
    parser.add_argument("--calibration", action="store_true", help="print how right the network is when it is so sure")
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
        if arguments.scenes:
            scenes = load_scenes(arguments.scenes)
            if not arguments.all:
                _, scenes = hold_out(scenes, HELD)
                print(f"held out by seed {HELD_SEED}: {scenes[0].name} … {scenes[-1].name}")
            scenes = relit(scenes, arguments.light)
            predictions = predict(segmenter, scenes)
            report(predictions, scenes)
            if arguments.calibration:
                calibration(predictions, scenes)
        for path in arguments.photos if arguments.overlays else []:
            arguments.overlays.mkdir(parents=True, exist_ok=True)
            photo = torch.from_numpy(read_photo(path).pixels).permute(2, 0, 1)
            drawn = overlay(segmenter, photo).permute(1, 2, 0).numpy()
            write_photo(arguments.overlays / f"{path.stem}.png", np.ascontiguousarray(drawn), overwrite=True)
    except (PhotostyleError, OSError) as error:
        print(f"segmenter: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
