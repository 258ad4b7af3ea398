"""What a training step sees: crops, pairs, twins whose true result is known, and their regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.regions.regions import Regions
from photostyle.training import data, labelled
from photostyle.training.config import TrainConfig
from photostyle.training.scenes import Scene

RegionPair = tuple[Regions, Regions] | None  # of content and style


@dataclass
class Batch:
    """What a step sees: images (B, 3, S, S) in [0, 1], or the pairs' contents then styles; the twins' true results.

    `regions` are those of each pair; twins come first.
    """

    images: Tensor
    truth: Tensor | None = None
    regions: Sequence[RegionPair] = ()

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        truth = None if self.truth is None else self.truth.to(device, non_blocking=True)
        regions = [None if pair is None else (_move(pair[0], device), _move(pair[1], device)) for pair in self.regions]
        return Batch(self.images.to(device, non_blocking=True), truth, regions)


def _move(regions: Regions, device: torch.device) -> Regions:
    return Regions({name: weight.to(device) for name, weight in regions.weights.items()}, regions.hard)


def make_batch(config: TrainConfig, photos: Sequence[Tensor], scenes: Sequence[Scene], step: int) -> Batch:
    """The crops of a step: the same for the same seed and step, whatever came before.

    Args:
        config: of the run.
        photos: (3, H, W) uint8 to crop from.
        scenes: labelled photos, where the configuration asks for masked pairs.
        step: its number.
    """
    generator = data.step_generator(config.seed, step)
    if not config.pairs:
        crops = data.random_crops(photos, config.batch, config.crop, generator)
        if config.grade > 0:
            half = crops.shape[0] // 2
            crops[:half] = data.random_grade(crops[:half], generator, config.grade)
        return Batch(crops)
    count = config.pairs - config.twins - config.masked
    plain = data.random_crops(photos, 2 * count, config.crop, generator).chunk(2)
    contents, styles, truth = [plain[0]], [plain[-1]], None
    regions: list[RegionPair] = [None] * count
    if config.masked:
        content, style, found = labelled.labelled_pairs(scenes, config.masked, config.crop, generator)
        contents, styles, regions = [content, *contents], [style, *styles], [*found, *regions]
    if config.noise:
        contents = [data.degrade(torch.cat(contents), generator, config.noise)]
    if config.twins:
        content, style, truth, split = _twins(config, photos, generator)
        contents, styles, regions = [content, *contents], [style, *styles], [*split, *regions]
    return Batch(torch.cat([*contents, *styles]), truth, regions)


def _twins(
    config: TrainConfig, photos: Sequence[Tensor], generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, list[RegionPair]]:
    """Contents, styles, true results and regions; the first `masked_twins` have two regions under a look each."""
    crops = data.random_crops(photos, config.twins, data.twin_side(config.crop), generator)
    weights = torch.ones(config.twins, 1, *crops.shape[-2:])
    for i in range(config.masked_twins):
        weights[i, 0] = labelled.split_softly(crops[i], generator)
    first, second = data.cut_twins(torch.cat([crops, weights], 1), config.crop, generator)
    content = data.random_grade(first[:, :3], generator, 0.5 * config.grade)
    if config.noise:
        content = data.degrade(content, generator, config.noise)
    # The true result is the degraded content under the look: noise is graded like the rest, neither more nor less.
    both, share = torch.cat([content, second[:, :3]]), torch.cat([first[:, 3:], second[:, 3:]])
    looks = [data.random_grade(both, generator, config.grade, copies=2) for _ in range(2 if config.masked_twins else 1)]
    truth, style = (share * looks[0] + (1 - share) * looks[-1]).chunk(2)
    count = config.masked_twins
    split: list[RegionPair] = [(labelled.halves(first[i, 3]), labelled.halves(second[i, 3])) for i in range(count)]
    return content, style, truth, [*split, *([None] * (config.twins - count))]
