"""How well a segmentation is: confusion of classes, pixel accuracy, intersection over union."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.segmentation.network import CLASSES, IGNORE
from photostyle.training.scenes import Scene

Predict = Callable[[Tensor], Tensor]


def confusion(predict: Predict, scenes: Sequence[Scene]) -> Tensor:
    """Pixels by true (row) and predicted (column) class, (K, K) int64, those to ignore left out.

    Args:
        predict: image (3, H, W) in [0, 1] to probabilities or logits (K, h, w); they are enlarged bilinearly.
        scenes: what to measure on.
    """
    count = len(CLASSES)
    total = torch.zeros(count * count, dtype=torch.int64)
    for scene in scenes:
        scores = predict(scene.image.float() / 255)
        scores = F.interpolate(scores[None], size=scene.labels.shape, mode="bilinear", align_corners=False)[0]
        known = scene.labels != IGNORE
        pairs = scene.labels[known].long() * count + scores.argmax(0).cpu()[known]
        total += torch.bincount(pairs, minlength=count * count)
    return total.view(count, count)


def scores(matrix: Tensor) -> dict[str, float]:
    """From `confusion`: ``accuracy`` of pixels, ``mean`` IoU over the classes that occur, and each class's IoU (%: /1).

    A class that neither occurs nor is predicted has IoU NaN and does not count.
    """
    matrix = matrix.double()
    hit = matrix.diag()
    union = matrix.sum(0) + matrix.sum(1) - hit
    iou = hit / union
    values = {"accuracy": float(hit.sum() / matrix.sum()), "mean": float(iou.nanmean())}
    return values | {name: float(value) for name, value in zip(CLASSES, iou, strict=True)}
