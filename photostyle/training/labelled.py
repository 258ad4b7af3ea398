"""Pairs with regions for training: crops of labelled scenes that share labels, and twins graded region by region."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.edges.guided import guided_filter
from photostyle.regions.regions import Regions
from photostyle.segmentation.network import CLASSES
from photostyle.training.data import uniform
from photostyle.training.scenes import Scene

REFINE_RADIUS, REFINE_EPSILON = 6, 1e-4
_TRIES = 12  # styles looked at for one that shares labels with the content


def _crop(scene: Scene, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    height, width = scene.labels.shape
    size = min(int(side * float(uniform(generator, 1.0, 1.8, 1))), height, width)
    top = int(torch.randint(height - size + 1, (1,), generator=generator))
    left = int(torch.randint(width - size + 1, (1,), generator=generator))
    photo = scene.image[:, top : top + size, left : left + size].float()[None] / 255
    labels = scene.labels[top : top + size, left : left + size]
    if size != side:
        photo = F.interpolate(photo, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        labels = F.interpolate(labels[None, None], size=(side, side), mode="nearest")[0, 0]
    if torch.rand(1, generator=generator) < 0.5:
        photo, labels = photo.flip(-1), labels.flip(-1)
    return photo[0], labels


def _shares(labels: Tensor) -> Tensor:
    shares = torch.bincount(labels.flatten().long(), minlength=256).float() / labels.numel()
    shares[len(CLASSES) :] = 0  # labels that say no more than what a pixel is not
    return shares


def soft_regions(photo: Tensor, labels: Tensor, names: Sequence[int]) -> Regions:
    """Soft regions of some labels of a crop, refined along the edges of its photo (3, H, W)."""
    one_hot = torch.stack([labels == name for name in names] + [~torch.isin(labels, torch.tensor(names))]).float()
    soft = guided_filter(photo[None], one_hot[None], REFINE_RADIUS, REFINE_EPSILON)[0].clamp(0, 1)
    soft = soft / soft.sum(0).clamp_min(1e-4)
    return Regions.from_weights({str(name): soft[i] for i, name in enumerate(names)})


def labelled_pairs(
    scenes: Sequence[Scene], count: int, side: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, list[tuple[Regions, Regions]]]:
    """Contents and styles (count, 3, side, side) in [0, 1], with the regions that both photos of a pair have."""
    contents: list[Tensor] = []
    styles: list[Tensor] = []
    regions: list[tuple[Regions, Regions]] = []
    while len(contents) < count:
        numbers = torch.randint(len(scenes), (_TRIES + 1,), generator=generator).tolist()
        content, labels = _crop(scenes[numbers[0]], side, generator)
        have = _shares(labels)
        others = [_crop(scenes[number], side, generator) for number in numbers[1:]]
        common = [torch.minimum(have, _shares(other[1])) for other in others]
        best = max(range(_TRIES), key=lambda i: float(common[i].sum()))
        names = [i for i, share in enumerate(common[best].tolist()) if share > 0.03]
        if not names:
            continue
        style, style_labels = others[best]
        contents.append(content)
        styles.append(style)
        regions.append((soft_regions(content, labels, names), soft_regions(style, style_labels, names)))
    return torch.stack(contents), torch.stack(styles), regions


def split_softly(photo: Tensor, generator: torch.Generator) -> Tensor:
    """Weight (H, W) in [0, 1] of one of two regions of a photo (3, H, W): a smooth random field along its edges."""
    field = torch.randn(1, 1, 4, 4, generator=generator)
    smooth = F.interpolate(field, size=photo.shape[-2:], mode="bicubic", align_corners=False)
    hard = (smooth > smooth.median()).float()
    return guided_filter(photo[None], hard, REFINE_RADIUS, REFINE_EPSILON)[0, 0].clamp(0, 1)


def halves(weight: Tensor) -> Regions:
    """The two regions of a weight map."""
    return Regions.from_weights({"0": weight, "1": 1 - weight})
