"""A lattice over place and colour whose cells lie alike in every frame, so that sums of several frames can be added.

Cells and simplices are those of `photostyle.edges.bilateral`, but counted from fixed places and colours: what of the
endless lattice a frame touches is a `Box`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.edges.bilateral import CELL, STEP, Lattice


@dataclass(frozen=True)
class Box:
    """Which cells are held: `origin` and `shape` along y, x, L*, a*, b*."""

    origin: tuple[int, ...]
    shape: tuple[int, ...]

    def joined(self, other: Box) -> Box:
        """The least box that holds both."""
        origin = tuple(map(min, self.origin, other.origin))
        ends = map(max, self.ends, other.ends)
        return Box(origin, tuple(end - start for end, start in zip(ends, origin, strict=True)))

    @property
    def ends(self) -> tuple[int, ...]:
        """Behind its last cells."""
        return tuple(start + count for start, count in zip(self.origin, self.shape, strict=True))

    def widened(self, values: Tensor, to: Box, fill: Tensor) -> Tensor:
        """Values (cells, C) of this box in a larger one, with `fill` (C,) around them."""
        if self == to:
            return values
        wide = fill.expand(*to.shape, values.shape[1]).clone()
        inside = [slice(a - b, a - b + n) for a, b, n in zip(self.origin, to.origin, self.shape, strict=True)]
        wide[tuple(inside)] = values.reshape(*self.shape, -1)
        return wide.reshape(math.prod(to.shape), -1)


def box_of(lab: Tensor) -> Box:
    """The cells that a frame's pixels touch, and one more around its colours, into which sums are blurred."""
    height, width = lab.shape[-2:]
    cell = max(height, width) * CELL
    ends = lab.flatten(1) / STEP
    least = [int(n) - 1 for n in ends.amin(1).floor().tolist()]
    most = [int(n) + 2 for n in ends.amax(1).floor().tolist()]
    across = [int((length - 0.5) / cell) + 2 for length in (height, width)]
    return Box((0, 0, *least), (*across, *(b - a + 1 for a, b in zip(least, most, strict=True))))


def placed(lab: Tensor, box: Box) -> Lattice:
    """A frame's pixels on the cells of a box; colours outside take its border."""
    height, width = lab.shape[-2:]
    cell = max(height, width) * CELL
    y = ((torch.arange(height, device=lab.device) + 0.5) / cell)[:, None].expand(height, width)
    x = ((torch.arange(width, device=lab.device) + 0.5) / cell)[None].expand(height, width)
    places = torch.cat([torch.stack([y, x]).flatten(1), lab.flatten(1) / STEP]).float()
    origin, most = (places.new_tensor(values)[:, None] for values in (box.origin, [n - 1.001 for n in box.shape]))
    return Lattice.at((places - origin).clamp_min(0).minimum(most), box.shape)
