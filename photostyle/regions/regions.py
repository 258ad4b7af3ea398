"""Regions of a photo: soft or hard weights with a name each, brought to the resolution of any site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import MaskError
from photostyle.regions.names import UNSURE as UNSURE
from photostyle.regions.names import WHOLE as WHOLE

MIN_PIXELS = 10  # the published rule: a label counts if it covers more pixels than this in both photos …
MAX_RATIO = 100.0  # … and neither photo has this many times the other's or more


@dataclass(frozen=True)
class Regions:
    """Named regions of one photo.

    Attributes:
        weights: region name to (H, W) float32 weights in [0, 1]; at every pixel they sum to at most 1. What is missing
            to 1 belongs to no region.
        hard: every weight is 0 or 1. Hard regions are resized by nearest neighbour, soft ones by area.
        visible: (H, W) float32 in [0, 1], how much each pixel counts where the image is measured: its alpha. None
            counts all alike. It decides nothing where maps are applied, and there may be no regions beside it.
    """

    weights: Mapping[str, Tensor]
    hard: bool
    visible: Tensor | None = None
    _sites: dict[tuple[int, int], Mapping[str, Tensor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # by size: every site is asked for twice, to be measured and to be mapped

    @classmethod
    def from_labels(cls, labels: Tensor) -> Regions:
        """Regions of an integer label map (H, W); each label's name is its number.

        Raises:
            MaskError: not a two-dimensional integer map, or more than 256 labels (a photo given as a mask).
        """
        if labels.dim() != 2 or labels.is_floating_point() or labels.is_complex():
            raise MaskError(f"a label map must be (H, W) integers, got shape {tuple(labels.shape)} of {labels.dtype}")
        values = torch.unique(labels).tolist()
        if len(values) > 256:
            raise MaskError(f"the label map has {len(values)} different labels (at most 256): is it a photo?")
        return cls({str(value): (labels == value).float() for value in values}, hard=True)

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor]) -> Regions:
        """Soft regions of one float map (H, W) a name, each in [0, 1], together at most 1.

        Raises:
            MaskError: shapes differ, values leave [0, 1] or are not finite, or sums exceed 1.
        """
        if not weights:
            raise MaskError("no region given")
        stack = torch.stack([weight.float() for weight in _same_shape(weights)])
        if not torch.isfinite(stack).all() or float(stack.min()) < 0 or float(stack.sum(0).max()) > 1 + 1e-3:
            raise MaskError("region weights must be finite, in [0, 1] and sum to at most 1 at every pixel")
        return cls(dict(zip(weights, stack, strict=True)), hard=False)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the maps."""
        first = next(iter(self.weights.values()), self.visible)
        if first is None:
            raise MaskError("no region given")
        return first.shape[0], first.shape[1]

    def check_proportions(self, image: tuple[int, int]) -> None:
        """Raise MaskError unless these can be regions of an image of `image` (H, W) pixels or of a reduced one."""
        (h, w), (height, width) = self.size, image
        # Rounding of a reduced size moves either side by less than a pixel.
        if abs(h * width - w * height) > max(height + width, h + w):
            raise MaskError(f"the regions are {w}×{h} pixels but their image is {width}×{height}: proportions differ")

    def pixels(self, name: str) -> float:
        """Total weight of a region in full-size pixels; 0 if there is no such region."""
        return float(self.weights[name].sum(dtype=torch.float64)) if name in self.weights else 0.0

    def select(self, names: Iterable[str]) -> Regions:
        """Only the named regions, in that order."""
        weights = {name: self.weights[name] for name in names if name in self.weights}
        return Regions(weights, self.hard, self.visible)

    def through(self, visible: Tensor | None) -> Regions:
        """The same where `visible` (h, w) of any size says how much each pixel counts; None leaves them as they are."""
        if visible is None:
            return self
        if self.weights and tuple(visible.shape) != self.size:
            visible = _by_area(visible.to(next(iter(self.weights.values())).device), self.size)
        return Regions(self.weights, self.hard, visible)

    def pad(self, bottom: int, right: int) -> Regions:
        """Continue every region past the bottom and right borders, as the image's reflection does."""
        if not bottom and not right:
            return self
        visible = None if self.visible is None else _reflect(self.visible, bottom, right)
        return Regions({k: _reflect(w, bottom, right) for k, w in self.weights.items()}, self.hard, visible)

    def at(self, size: tuple[int, int]) -> dict[str, Tensor]:
        """Weights at a site of `size` (h, w)."""
        if size == self.size:
            return dict(self.weights)
        if size not in self._sites:
            self._sites[size] = self._resized(size)
        return dict(self._sites[size])

    def resized(self, size: tuple[int, int]) -> Regions:
        """The regions of the image at `size` (h, w)."""
        if size == self.size:
            return self
        return Regions(self.at(size), self.hard, None if self.visible is None else _by_area(self.visible, size))

    def measured_at(self, size: tuple[int, int]) -> tuple[dict[str, Tensor], Tensor | None]:
        """`at`, each weight times how visible its pixels are, and that alone, which is None where all count alike."""
        weights = self.at(size)
        if self.visible is None:
            return weights, None
        visible = self.visible if size == self.size else _by_area(self.visible, size)
        return {name: weight * visible for name, weight in weights.items()}, visible

    def _resized(self, size: tuple[int, int]) -> Mapping[str, Tensor]:
        (height, width), (h, w) = self.size, size
        if self.hard:
            rows, columns = nearest_indices(height, h), nearest_indices(width, w)
            return {name: x[rows.to(x.device)][:, columns.to(x.device)] for name, x in self.weights.items()}
        return {name: _by_area(x, size) for name, x in self.weights.items()}


def _same_shape(weights: Mapping[str, Tensor]) -> list[Tensor]:
    shapes = {tuple(weight.shape) for weight in weights.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise MaskError(f"region weights must all be (H, W) of one size, got {sorted(shapes)}")
    return list(weights.values())


def _by_area(weight: Tensor, size: tuple[int, int]) -> Tensor:
    (height, width), (h, w) = weight.shape, size
    if height % h or width % w:
        return F.adaptive_avg_pool2d(weight[None, None], size)[0, 0]
    return F.avg_pool2d(weight[None, None], (height // h, width // w))[0, 0]  # the same, several times faster


def _reflect(weight: Tensor, bottom: int, right: int) -> Tensor:
    return F.pad(weight[None, None], (0, right, 0, bottom), mode="reflect")[0, 0]


def nearest_indices(source: int, target: int) -> Tensor:
    """Source index of each of `target` samples under Pillow's NEAREST rule: floor of the sample's centre.

    The centres are summed up step by step in float64, as Pillow does, because at exact ties the rounding decides.
    """
    step = source / target
    centre, indices = step * 0.5, []
    for _ in range(target):
        indices.append(min(int(centre), source - 1))
        centre += step
    return torch.tensor(indices)


def common(content: Sequence[Regions], style: Sequence[Regions]) -> list[str]:
    """Names of the regions that take part in a transfer, by the published rule on total pixels of both sides."""
    names = dict.fromkeys(name for regions in content for name in regions.weights)
    kept = []
    for name in names:
        here = sum(regions.pixels(name) for regions in content)
        there = sum(regions.pixels(name) for regions in style)
        if min(here, there) > MIN_PIXELS and max(here, there) < MAX_RATIO * min(here, there):
            kept.append(name)
    return kept


def side_by_side(regions: Sequence[Regions]) -> Regions:
    """Regions of several frames (h, w) as those of one picture that shows them all."""
    names = dict.fromkeys(name for found in regions for name in found.weights)
    nothing = {found.size: torch.zeros_like(next(iter(found.weights.values()))) for found in regions if found.weights}
    weights = {
        name: torch.cat([found.weights.get(name, nothing[found.size]) for found in regions if found.weights], -1)
        for name in names
    }
    return Regions(weights, all(found.hard for found in regions))
