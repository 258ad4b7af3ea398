"""How well a segmentation is: confusion of classes, pixel accuracy, intersection over union."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.segmentation.network import CLASSES, IGNORE
from photostyle.training.scenes import NOT_PERSON, NOT_SKY, OBJECT_OR_PERSON, Scene

Predict = Callable[[Tensor], Tensor]
PARTIAL = {NOT_PERSON: "person", NOT_SKY: "sky"}
"""Labels that say what a pixel is not, in the order of the confusion's rows after those of the classes."""


def confusion(predict: Predict, scenes: Sequence[Scene]) -> Tensor:
    """Pixels by true (row) and predicted (column) class, (K + 2, K) int64, those to ignore left out.

    The last rows are those of `PARTIAL`. Where an object may be a person, either is taken for an object.

    Args:
        predict: image (3, H, W) in [0, 1] to probabilities or logits (K, h, w); they are enlarged bilinearly.
        scenes: what to measure on.
    """
    count, rows = len(CLASSES), len(CLASSES) + len(PARTIAL)
    person, thing = CLASSES.index("person"), CLASSES.index("object")
    row_of = torch.arange(256)
    row_of[OBJECT_OR_PERSON] = thing
    row_of[list(PARTIAL)] = torch.arange(count, rows)
    total = torch.zeros(rows * count, dtype=torch.int64)
    for scene in scenes:
        scores = predict(scene.image.float() / 255)
        scores = F.interpolate(scores[None], size=scene.labels.shape, mode="bilinear", align_corners=False)[0]
        known = scene.labels != IGNORE
        truth, found = scene.labels[known].long(), scores.argmax(0).cpu()[known]
        found = torch.where((truth == OBJECT_OR_PERSON) & (found == person), thing, found)
        total += torch.bincount(row_of[truth] * count + found, minlength=rows * count)
    return total.view(rows, count)


def overlap(matrix: Tensor, names: Collection[str]) -> float:
    """Intersection over union of some classes taken for one, from `confusion`; NaN if they are nowhere."""
    matrix, wanted = matrix.double(), [CLASSES.index(name) for name in names]
    truth = matrix[wanted]
    # A pixel of which only another class is excluded says nothing about these.
    deciding = [row for row, name in enumerate([*CLASSES, *PARTIAL.values()]) if row < len(CLASSES) or name in names]
    hit = truth[:, wanted].sum()
    return float(hit / (truth.sum() + matrix[deciding][:, wanted].sum() - hit))


def scores(matrix: Tensor) -> dict[str, float]:
    """From `confusion`: ``accuracy`` of pixels, ``mean`` IoU over the classes that are labelled, and each class's IoU.

    A class that neither occurs nor is predicted has IoU NaN. Accuracy is NaN where every label is partial.
    """
    count = len(CLASSES)
    full = matrix[:count].double()
    iou = {name: overlap(matrix, [name]) for name in CLASSES}
    present = [iou[name] for row, name in zip(full, CLASSES, strict=True) if float(row.sum()) > 0]
    mean = sum(present) / len(present) if present else float("nan")
    return {"accuracy": float(full.diag().sum() / full.sum()), "mean": mean, **iou}
