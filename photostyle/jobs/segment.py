"""Photos to label maps: `photostyle segment`, and the segmentations that other jobs use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from photostyle.io import check_output, region_colours, write_mask, write_photo
from photostyle.jobs.loading import load
from photostyle.jobs.regions import Segmentation, segmented
from photostyle.regions.refine import confident
from photostyle.regions.regions import UNSURE, Regions

if TYPE_CHECKING:
    from photostyle.network.wct2 import WCT2
    from photostyle.segmentation import Segmenter


@dataclass(frozen=True, eq=False)
class ClassSegmentation:
    """Regions are classes; each photo is segmented by itself.

    Attributes:
        segmenter: gives the probabilities; ADE20K's classes are folded onto ours.
    """

    segmenter: Segmenter
    joint = False

    @property
    def names(self) -> tuple[str, ...]:
        """The regions that it knows."""
        from photostyle.segmentation import ADE20K, CLASSES

        names = tuple(self.segmenter.classes)
        return CLASSES if names == tuple(ADE20K) else names

    def __call__(self, images: Sequence[Tensor], *, sure: bool = True) -> list[Regions]:
        """See `Segmentation`."""
        return [confident(self.probabilities(image), self.names, sure=sure) for image in images]

    def probabilities(self, image: Tensor) -> Tensor:
        """(K, h, w) of `names` for an image (3, H, W) in [0, 1]."""
        from photostyle.segmentation import coarse

        found, names = self.segmenter.probabilities(image), tuple(self.segmenter.classes)
        return found if names == self.names else coarse(found, names)


@dataclass(frozen=True, eq=False)
class ClusterSegmentation:
    """Regions are clusters of features that content and styles have in common.

    Attributes:
        model: the network whose features are clustered.
    """

    model: WCT2
    joint = True
    names = ()

    def __call__(self, images: Sequence[Tensor], *, sure: bool = True) -> list[Regions]:
        """See `Segmentation`; clusters are what they are, sure or not."""
        from photostyle.regions.clustering import cluster

        return cluster(self.model, images)


def find_segmentation(name: str, model: WCT2 | None, device: torch.device) -> Segmentation | None:
    """What ``--segment`` names: ``off`` is None, ``cluster`` clusters `model`'s features, others are networks.

    Raises:
        PhotostyleError: no such network, or it cannot be loaded or downloaded.
    """
    if name == "off":
        return None
    if name == "cluster" and model is not None:
        return ClusterSegmentation(model)
    from photostyle.segmentation import load_segmenter

    return ClassSegmentation(load_segmenter(name, device))


def segment_file(
    photo: Path,
    output: Path,
    segment: Segmentation,
    *,
    overlay: Path | None = None,
    side: int | None = None,
    overwrite: bool = False,
) -> dict[str, float]:
    """Write a photo's label map, and on request a picture of it; returns each region's share of the photo.

    Args:
        photo: what to segment.
        output: where to write the map, an indexed PNG of the photo's size.
        segment: how.
        overlay: where to write the photo with its regions' colours laid over it.
        side: work at this long side; the map is that small too.
        overwrite: replace existing files.

    Raises:
        PhotostyleError: anything wrong with the files; the map is written first, and whole or not at all.
    """
    check_output(output, overwrite=overwrite, extensions=(".png",))
    if overlay:
        check_output(overlay, overwrite=overwrite)
    loaded = load(photo, side)
    regions = segmented(loaded, segment)
    names, labels = label_map(regions)
    write_mask(output, labels, names, overwrite=overwrite)
    if overlay:
        write_photo(overlay, overlaid(loaded.photo.pixels, labels, names), like=loaded.photo, overwrite=overwrite)
    return {name: float((labels == number).mean()) for number, name in enumerate(names)}


def label_map(regions: Regions) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """The names that occur, and the number of the likeliest at each pixel (H, W)."""
    stack = torch.stack(list(regions.weights.values()))
    rest = 1 - stack.sum(0, keepdim=True)
    numbers = torch.cat([stack, rest]).argmax(0)
    found, labels = torch.unique(numbers, return_inverse=True)
    names = [*regions.weights, UNSURE]  # the last one for what no region claims
    return [names[number] for number in found.tolist()], labels.to(torch.uint8).cpu().numpy()


def overlaid(
    pixels: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8], names: Sequence[str]
) -> npt.NDArray[np.float32]:
    """A photo (H, W, 3) with the colours of its labels (H, W) laid over it, their borders white."""
    colours = region_colours(names)
    table = np.array([colours[name] for name in names], np.float32) / 255
    mixed: npt.NDArray[np.float32] = ((pixels + table[labels]) / 2).astype(np.float32)
    border = np.zeros(labels.shape, np.bool_)
    border[1:] |= labels[1:] != labels[:-1]
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    mixed[border] = 1
    return mixed
