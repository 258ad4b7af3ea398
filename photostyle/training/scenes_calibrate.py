"""Temperatures that make a segmentation network's probabilities mean what they say (Guo et al., ICML 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.segmentation.network import CLASSES, IGNORE
from photostyle.segmentation.segmenter import tempered
from photostyle.training.data import step_generator
from photostyle.training.scenes import Scene, allowed
from photostyle.training.scenes_measure import Predict

PIXELS = 600  # looked at in each scene
SURE, RIGHT = 0.9, 0.97  # of the pixels given at least the first, at least the second share is to be right
EDGES = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_LEAST, _MOST = 0.3, 3.0
_PULL = 0.1  # towards 1, so that temperatures say how sure a class is and hardly which it is
_STEPS, _COOLER = 200, 1.02


def sampled(predict: Predict, scenes: Sequence[Scene]) -> tuple[Tensor, Tensor]:
    """Probabilities (N, K) and labels (N,) of up to `PIXELS` known pixels of each scene, always the same ones."""
    chances, labels = [], []
    for number, scene in enumerate(scenes):
        found = predict(scene.image.float() / 255)
        found = F.interpolate(found[None], size=scene.labels.shape, mode="bilinear", align_corners=False)[0]
        known = (scene.labels != IGNORE).flatten().nonzero()[:, 0]
        order = torch.randperm(len(known), generator=step_generator(0, number))
        picked = known[order[:PIXELS]]
        chances.append(found.flatten(1)[:, picked].T)
        labels.append(scene.labels.flatten()[picked])
    return torch.cat(chances), torch.cat(labels)


def judged(chances: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Probability of each pixel's likeliest class, and whether that is right, where its label decides this.

    Args:
        chances: (N, K).
        labels: (N,) as in `photostyle.training.scenes.allowed`.

    Returns:
        Both (M,), M ≤ N: a pixel that is only known not to be of some class is decided if that class is likeliest.
    """
    possible = allowed()[labels.long()]
    sure, best = chances.max(1)
    fits = possible.gather(1, best[:, None])[:, 0]
    # An object that may be a person is decided either way; all but one class is decided only against that one.
    decided = ~fits | (possible.sum(1) <= 2)
    return sure[decided], fits[decided]


def reliability(chances: Tensor, labels: Tensor) -> Tensor:
    """Pixels, mean probability and share of right ones (B, 3) by the probability of their likeliest class (`EDGES`)."""
    sure, right = judged(chances, labels)
    bins = torch.bucketize(sure, torch.tensor(EDGES[1:-1]), right=True)
    count, total, hits = (
        torch.bincount(bins, x.double(), minlength=len(EDGES) - 1) for x in (torch.ones_like(sure), sure, right)
    )
    return torch.stack([count, total / count, hits / count], 1)


def fit_temperatures(chances: Tensor, labels: Tensor) -> tuple[float, ...]:
    """A temperature for each class that minimises the mean of -log of the probability of what the labels allow.

    If `RIGHT` of the pixels given `SURE` are not right with these, all of them rise until they are.

    Args:
        chances: (N, K) probabilities.
        labels: (N,) as in `photostyle.training.scenes.allowed`.
    """
    possible = allowed()[labels.long()]
    logs = torch.zeros(len(CLASSES), requires_grad=True)
    optimizer = torch.optim.Adam([logs], 0.02)
    for _ in range(_STEPS):
        values = tempered(chances.T, logs.exp()).T
        loss = -(values * possible).sum(1).clamp_min(1e-8).log().mean() + _PULL * logs.square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    found = logs.detach().exp().clamp(_LEAST, _MOST)
    while float(found.max()) < 2 * _MOST and float(reliability(tempered(chances.T, found).T, labels)[-1, 2]) < RIGHT:
        found = found * _COOLER
    return tuple(round(float(value), 3) for value in found)
