"""Regions of a clip's frames: where they come from, and how they are kept from boiling.

A segmentation network judges each frame by itself, so the borders of its regions tremble from frame to frame even where
nothing moves. `Smoothed` carries the probabilities of the frames before along the motion (dense inverse search optical
flow, Kroeger et al., ECCV 2016) and takes the exponential mean; where the flow meets what was hidden or leads to
something of another brightness, the new frame counts alone. Before that, each frame's own are drawn towards what the
key frames of its shot say together (`photostyle.video.vote`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.io import UNSURE
from photostyle.jobs.segment import ClassSegmentation
from photostyle.regions.labels import adapt
from photostyle.regions.refine import confident, refine
from photostyle.regions.regions import Regions
from photostyle.regions.settle import settle
from photostyle.transfer.transfer import Transfer
from photostyle.video import motion
from photostyle.video.masks import MaskFrames
from photostyle.video.motion import Floats
from photostyle.video.reading import VideoReader
from photostyle.video.vote import Ballot, Vote

if TYPE_CHECKING:
    from photostyle.segmentation import Segmenter

_BRIGHTNESS = 0.1  # a difference of brightness at which the past is hardly believed


@dataclass(frozen=True, eq=False)
class Heard:
    """A key frame of a shot that has not voted yet.

    Attributes:
        ballot: what it says; None where regions are given, and nothing is to be voted on.
        regions: from the vote, or None, to the frame's regions.
    """

    ballot: Ballot | None
    regions: Callable[[Vote | None], Regions]


class RegionSource(Protocol):
    """Where the regions of frames come from.

    Attributes:
        lead: frames before a segment that `follow` must have seen, so that a resumed run continues as if unbroken.
        names: what identifies it in a plan.
    """

    lead: int
    name: str

    def single(self, image: Tensor, index: int) -> Regions:
        """Regions of an upright frame (3, H, W) by itself; `index` is its number among the frames worked on."""
        ...

    def heard(self, image: Tensor, index: int) -> Heard:
        """The same for a key frame, whose shot is still to vote."""
        ...

    def follow(self, image: Tensor, index: int) -> Regions:
        """The same, knowing the frames that were followed since `restart`."""
        ...

    def restart(self, vote: Vote | None = None) -> None:
        """Forget the frames before: a new shot, or a new segment of one with this vote, begins."""
        ...


class Masks:
    """A user's masks: a folder of pictures or a painted clip (`photostyle.video.masks`).

    Args:
        path: where they are.
        shown: (H, W) of the clip as a player shows it, which masks must have.
    """

    lead = 0

    def __init__(self, path: Path, shown: tuple[int, int]) -> None:
        self.name = f"masks {path.name}"
        self._frames, self._shown = MaskFrames(path), shown

    def single(self, image: Tensor, index: int) -> Regions:
        """See `RegionSource`. Raises MaskError if a mask is missing or not as large as the clip is shown."""
        found = self._frames.read(index, self._shown)
        weights = {
            name: torch.from_numpy((found.labels == label).astype(np.float32)).to(image.device)
            for label, name in found.names.items()
            if name != UNSURE
        }
        regions = Regions(weights, hard=True)
        size = (image.shape[-2], image.shape[-1])
        return regions if not weights or regions.size == size else Regions(regions.at(size), hard=True)

    def heard(self, image: Tensor, index: int) -> Heard:
        """See `RegionSource`; masks are taken as they are."""
        found = self.single(image, index)
        return Heard(None, lambda vote: found)

    def follow(self, image: Tensor, index: int) -> Regions:
        """See `RegionSource`; masks are taken as they are."""
        return self.single(image, index)

    def restart(self, vote: Vote | None = None) -> None:
        """See `RegionSource`."""


class Smoothed:
    """Probabilities of a segmentation network, steadied along the motion.

    Args:
        probabilities: frame (3, H, W) in [0, 1] to (K, h, w) that sum to 1 over K.
        regions: those probabilities and the frame to its regions, at the frame's size.
        name: identifies the network in a plan.
        memory: share of the past in the mean a frame later, 0 to less than 1; where frames are left out, that to the
            power of how many lie between. At 0.8 a region's border follows with a time constant of five frames.
    """

    lead = 12  # 0.8 ** 12 = 7 %: what a segment's first frame may differ by from an endless past

    def __init__(
        self,
        probabilities: Callable[[Tensor], Tensor],
        regions: Callable[[Tensor, Tensor], Regions],
        name: str,
        memory: float = 0.8,
    ) -> None:
        if not 0 <= memory < 1:
            raise ParameterError(f"memory is {memory:g}; it must be from 0 to less than 1")
        self._probabilities, self._regions, self.name, self._memory = probabilities, regions, name, memory
        self._past: tuple[Floats, Floats, int] | None = None
        self._vote: Vote | None = None

    def single(self, image: Tensor, index: int) -> Regions:
        """See `RegionSource`."""
        return self._regions(self._probabilities(image), image)

    def heard(self, image: Tensor, index: int) -> Heard:
        """See `RegionSource`."""
        found = self._probabilities(image)
        ballot = Ballot.of(found, image)

        def regions(vote: Vote | None) -> Regions:
            return self._regions(vote.settle(ballot).to(found.device) if vote else found, image)

        return Heard(ballot, regions)

    def follow(self, image: Tensor, index: int) -> Regions:
        """See `RegionSource`."""
        found = self._probabilities(image)
        if self._vote is not None:
            found = self._vote.settle(Ballot.of(found, image)).to(found.device)
        now: Floats = found.float().cpu().numpy()
        grey = grey_at(image, (now.shape[-2], now.shape[-1]))
        if self._past is not None:
            past, before, then = self._past
            now = carry(past, before, now, grey, self._memory ** max(1, index - then))
        self._past = (now, grey, index)
        return self._regions(torch.from_numpy(now).to(found.device), image)

    def restart(self, vote: Vote | None = None) -> None:
        """See `RegionSource`."""
        self._past, self._vote = None, vote


class Adapted:
    """Regions under the names that a style was fitted for (`photostyle.regions.labels.adapt`)."""

    def __init__(self, source: RegionSource, transfer: Transfer) -> None:
        self._source, self._fitted = source, {*transfer.regions, *transfer.options.strengths}
        self.lead, self.name = source.lead, source.name

    def single(self, image: Tensor, index: int) -> Regions:
        """See `RegionSource`."""
        return self._adapted(self._source.single(image, index))

    def heard(self, image: Tensor, index: int) -> Heard:
        """See `RegionSource`."""
        found = self._source.heard(image, index)
        return Heard(found.ballot, lambda vote: self._adapted(found.regions(vote)))

    def follow(self, image: Tensor, index: int) -> Regions:
        """See `RegionSource`."""
        return self._adapted(self._source.follow(image, index))

    def restart(self, vote: Vote | None = None) -> None:
        """See `RegionSource`."""
        self._source.restart(vote)

    def _adapted(self, regions: Regions) -> Regions:
        return adapt(regions, self._fitted)[0] if regions.weights else regions


def grey_at(image: Tensor, size: tuple[int, int]) -> Floats:
    """Brightness (h, w) in [0, 1] of a frame (3, H, W), reduced to `size`."""
    small = torch.nn.functional.interpolate(image[None].float(), size=size, mode="bilinear", antialias=True)[0]
    grey: Floats = small.mean(0).clamp(0, 1).cpu().numpy()
    return grey


def carry(before: Floats, grey_before: Floats, now: Floats, grey: Floats, memory: float) -> Floats:
    """The exponential mean of probabilities (K, h, w) along the motion between two frames' brightness (h, w).

    The past counts with `memory` where the flow is consistent forwards and backwards and brightness agrees, less where
    they do not, down to 0.
    """
    backwards = motion.flow(grey, grey_before)  # for every pixel now, where it was
    missed = motion.slip(backwards, motion.flow(grey_before, grey))
    inside = motion.warp(np.ones_like(grey)[None], backwards)[0]
    change = np.abs(motion.warp(grey_before[None], backwards)[0] - grey)
    trust = memory * inside * np.exp(-(missed**2)) * np.exp(-((change / _BRIGHTNESS) ** 2))
    mean = trust * motion.warp(before, backwards) + (1 - trust) * now
    result: Floats = (mean / np.maximum(mean.sum(0), 1e-6)).astype(np.float32)
    return result


def upright(rotation: int) -> tuple[Callable[[Tensor], Tensor], Callable[[Regions], Regions]]:
    """How to turn frames (…, H, W) as a player does (degrees counterclockwise), and regions of them back."""
    quarter = round(rotation / 90) % 4

    def back(regions: Regions) -> Regions:
        return Regions({n: torch.rot90(w, -quarter, (-2, -1)) for n, w in regions.weights.items()}, regions.hard)

    return (lambda image: torch.rot90(image, quarter, (-2, -1))), back


def masks_of(path: Path, clip: Path) -> Masks:
    """A user's masks of a clip's frames. Raises MaskError, VideoReadError."""
    info = VideoReader(clip).info
    shown = (info.height, info.width) if round(info.rotation / 90) % 2 == 0 else (info.width, info.height)
    return Masks(path, shown)


def segmented(segmenter: Segmenter) -> Smoothed:
    """Regions by a segmentation network, ADE20K's classes folded onto ours, settled and refined as in photos."""
    classes = ClassSegmentation(segmenter)

    def regions(found: Tensor, image: Tensor) -> Regions:
        return refine(settle(confident(found, classes.names), image), image)

    return Smoothed(classes.probabilities, regions, f"segmentation {segmenter.name}")
