"""Of which class a surface is, settled by a vote of its shot's key frames.

A segmentation network is sure of a surface in one frame and not in the next, so a region's border breathes where
nothing changes. The key frames of a shot are seen before any frame is graded. Their probabilities are summed in the
cells of a lattice over place and colour (`photostyle.edges.places`), as the finish sums colours, and each frame's own
are drawn towards what the cells say (a logarithmic opinion pool, Genest & Zidek 1986): a surface that the key frames
agree on is settled, one that they have not seen is left to the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from photostyle.edges.places import Box, box_of, placed
from photostyle.video.motion import Floats
from photostyle.video.planes import lab

WEIGHT = 0.85
"""Of the vote beside the frame's own opinion, where the shot has seen the surface often."""
_CROWD = 4e-5  # of a frame's pixels in a cell, at which the vote has half its weight
_LEAST = 0.02  # probability that neither side goes below: no opinion is beyond appeal


@dataclass(frozen=True, eq=False)
class Ballot:
    """What one frame says.

    Attributes:
        probabilities: (K, h, w) float32 on the CPU, summing to 1 over K.
        lab: (3, h, w) the frame's CIE L*a*b* at that size.
    """

    probabilities: Tensor
    lab: Tensor

    @classmethod
    def of(cls, probabilities: Tensor, image: Tensor) -> Ballot:
        """From probabilities (K, h, w) of a frame (3, H, W) in [0, 1]."""
        found, size = probabilities.float().cpu(), (probabilities.shape[-2], probabilities.shape[-1])
        small = torch.nn.functional.interpolate(image[None].float(), size=size, mode="bilinear", antialias=True)[0]
        pixels: Floats = np.ascontiguousarray(small.clamp(0, 1).cpu().numpy())
        return cls(found, torch.from_numpy(lab(pixels)))


@dataclass(frozen=True, eq=False)
class Vote:
    """What the key frames of a shot say together.

    Attributes:
        box: the cells.
        table: (cells, K + 1): probabilities summed over pixels, and pixels.
        count: how many frames were heard.
    """

    box: Box
    table: Tensor
    count: int

    @classmethod
    def of(cls, ballots: Sequence[Ballot]) -> Vote:
        """Of one frame at least, all of one size."""
        votes = [cls._single(ballot) for ballot in ballots]
        total = votes[0]
        for vote in votes[1:]:
            total = total.joined(vote)
        return total

    @classmethod
    def _single(cls, ballot: Ballot) -> Vote:
        box = box_of(ballot.lab)
        values = ballot.probabilities.flatten(1).T
        return cls(box, placed(ballot.lab, box).splat(torch.cat([values, torch.ones_like(values[:, :1])], 1)), 1)

    def joined(self, other: Vote) -> Vote:
        """With the frames of another."""
        box, nothing = self.box.joined(other.box), self.table.new_zeros(1)
        tables = [vote.box.widened(vote.table, box, nothing) for vote in (self, other)]
        return Vote(box, tables[0] + tables[1], self.count + other.count)

    def settle(self, ballot: Ballot) -> Tensor:
        """A frame's probabilities (K, h, w), drawn towards the vote."""
        lattice = placed(ballot.lab, self.box)
        said = lattice.slice(lattice.blur(self.table / self.count)).T.reshape(-1, *ballot.lab.shape[-2:])
        mass = said[-1:].clamp_min(0)
        weight = WEIGHT * mass / (mass + _CROWD * ballot.lab[0].numel())
        common = (said[:-1] / mass.clamp_min(1e-6)).clamp(_LEAST, 1)
        pooled = (1 - weight) * ballot.probabilities.clamp(_LEAST, 1).log() + weight * common.log()
        return pooled.softmax(0)
