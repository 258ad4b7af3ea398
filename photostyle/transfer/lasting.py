"""The smooth finish of a clip: maps of colour on a lattice that lasts from frame to frame.

What `photostyle.transfer.smoothing` does to one photo, in three steps that can lie at different times:

1. `witness`: a frame and the network's answer to it are summed up in cells over place and colour. Cells lie at the same
   places and colours in every frame, so that sums of several frames can be added.
2. `settled`: sums of a few frames become one affine map of colour a cell, drawn towards that of the whole frame, with
   each region's mean and covariance those of the network's results.
3. `ColourMaps.between` and `ColourMaps.at`: maps of two moments are mixed, and read at the pixels of any frame.

A surface that moves keeps its colour and nearly its place, so no motion has to be found; what is new in a frame takes
the maps of what lies near it on the lattice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.edges import bilateral
from photostyle.edges.bilateral import Lattice
from photostyle.edges.places import Box, box_of, placed
from photostyle.transfer.moving import GAIN, GAIN_RIDGE, SPECK, bounded_monge

_CROWD = 1.0  # pixels from which on a cell has no more to say about whose it is
_PIECE = 1024  # pixels summed at a time
_REST = ""  # the region of what none claims
_MIDDLE = 0.5  # colours are taken from here


@dataclass(frozen=True)
class Statistics:
    """Of a region's colours, sums of (1, colour) times itself, (4, 4) float64: as fitted, and as wanted."""

    fitted: Tensor
    wanted: Tensor


@dataclass(frozen=True)
class Witness:
    """What one frame has to say.

    Attributes:
        box: its cells.
        sums: (cells, 22): of its pixels' (colour, 1) times itself, ten numbers, and times the network's result, twelve.
        owners: region to how many pixels (cells, 1) of each cell are its; "" is that of what no region claims.
        statistics: of each region.
    """

    box: Box
    sums: Tensor
    owners: Mapping[str, Tensor]
    statistics: Mapping[str, Statistics]


@dataclass(frozen=True)
class ColourMaps:
    """An affine map of colours for every cell.

    Attributes:
        box: the cells.
        table: (cells, 12): row by row what red, green, blue and 1 add to the three colours.
        usual: (12,): of what lies outside.
    """

    box: Box
    table: Tensor
    usual: Tensor

    def between(self, later: ColourMaps, share: float) -> ColourMaps:
        """Those of a moment on the way to later ones."""
        if share <= 0 or self is later:
            return self
        box = self.box.joined(later.box)
        one, other = (maps.box.widened(maps.table, box, maps.usual) for maps in (self, later))
        return ColourMaps(box, torch.lerp(one, other, share), torch.lerp(self.usual, later.usual, share))

    def at(self, lab: Tensor) -> Tensor:
        """The maps (12, H, W) at the pixels of a frame, given as CIE L*a*b* (3, H, W)."""
        lattice = placed(lab, self.box)
        return lattice.slice(self.table).T.reshape(12, *lab.shape[-2:])


def mapped(maps: Tensor, image: Tensor) -> Tensor:
    """Maps (12, H, W) applied to colours (3, H, W)."""
    steps = maps.reshape(4, 3, *maps.shape[-2:])
    return (steps[:3] * image[:, None]).sum(0) + steps[3]


def witness(image: Tensor, lab: Tensor, styled: Tensor, regions: Mapping[str, Tensor] | None = None) -> Witness:
    """Sum up a frame, pixels that no smooth map explains counting less (IRLS with the Cauchy weight).

    Args:
        image: (3, H, W) in [0, 1], a few ten thousand pixels.
        lab: the same in CIE L*a*b*, a little blurred, so that grain does not scatter a surface over many cells.
        styled: the network's result, the same shape.
        regions: weights (H, W) of the frame's regions.
    """
    box = box_of(lab)
    lattice = placed(lab, box)
    x = torch.cat([image.flatten(1).T.float() - _MIDDLE, image.new_ones(image[0].numel(), 1)], 1)
    y = styled.flatten(1).T.float()
    products = bilateral.packed(x, y)
    weight = x.new_ones(len(x), 1)
    for iteration in range(bilateral.ITERATIONS):
        sums = lattice.splat(products * weight)
        maps, _ = _maps(sums, lattice)
        fitted = (x[:, :, None] * lattice.slice(maps).reshape(-1, 4, 3)).sum(1)
        if iteration < bilateral.ITERATIONS - 1:
            weight = 1 / (1 + (y - fitted).square().mean(1, keepdim=True) / bilateral.TOLERANCE**2)
    owners = {name: w.flatten()[:, None].to(x) for name, w in (regions or {}).items()}
    owners[_REST] = (1 - sum(owners.values(), torch.zeros_like(weight))).clamp_min(0)
    cells = {name: lattice.splat(w) for name, w in owners.items()}
    shares = _owned(cells, lattice)
    weights = {name: lattice.slice(share) for name, share in shares.items()}
    statistics = {name: Statistics(_moments(fitted, w), _moments(y, w)) for name, w in weights.items()}
    return Witness(box, sums, cells, statistics)


def pooled(witnesses: Sequence[Witness], weights: Sequence[float]) -> Witness:
    """What several frames have to say together.

    Args:
        witnesses: one at least.
        weights: how much each counts; together they count as one frame.
    """
    box = witnesses[0].box
    for other in witnesses[1:]:
        box = box.joined(other.box)
    parts = [weight / sum(weights) for weight in weights]
    blank = witnesses[0].sums.new_zeros(1)
    sums = sum((p * w.box.widened(w.sums, box, blank) for p, w in zip(parts, witnesses, strict=True)), blank)
    names = list(dict.fromkeys(name for each in witnesses for name in each.owners))
    cells: dict[str, Tensor] = {}
    statistics: dict[str, Statistics] = {}
    for name in names:
        having = [(p, w) for p, w in zip(parts, witnesses, strict=True) if name in w.owners]
        cells[name] = sum((p * w.box.widened(w.owners[name], box, blank) for p, w in having), blank)
        statistics[name] = Statistics(
            torch.stack([p * w.statistics[name].fitted for p, w in having]).sum(0),
            torch.stack([p * w.statistics[name].wanted for p, w in having]).sum(0),
        )
    return Witness(box, sums, cells, statistics)


def settled(witnesses: Sequence[Witness], weights: Sequence[float]) -> ColourMaps:
    """The maps of one moment from frames around it; arguments as `pooled`."""
    said = pooled(witnesses, weights)
    box, statistics = said.box, said.statistics
    lattice = Lattice(torch.empty(0, 6, dtype=torch.long), torch.empty(0, 6), box.shape)
    maps, whole = _maps(said.sums, lattice)
    table = _restored(maps, _owned(said.owners, lattice), statistics)
    blank = said.sums.new_zeros(1)
    counts = {name: each.fitted[0, 0].float().reshape(1, 1) for name, each in statistics.items()}
    total = sum(counts.values(), blank).clamp_min(1e-6)
    usual = _restored(whole.reshape(1, 12), {name: n / total for name, n in counts.items()}, statistics)
    return ColourMaps(box, _from_nought(table), _from_nought(usual)[0])


def _maps(sums: Tensor, lattice: Lattice) -> tuple[Tensor, Tensor]:
    """Each cell's map (cells, 12), of colours from their middle, and that of the whole frame (4, 3)."""
    whole = _regressed(*bilateral.unpacked(sums.sum(0, keepdim=True)))
    gram, cross = bilateral.unpacked(sums)
    rest = torch.cat([sums[:, :10], (cross - gram @ whole).flatten(1)], 1)
    blurred = lattice.blur(rest)
    maps = whole.reshape(1, 12).repeat(len(sums), 1)
    held = (blurred[:, 9] > 1e-3).nonzero()[:, 0]
    mass = blurred[held, 9] + bilateral.FLOOR
    gram, cross = bilateral.unpacked(blurred[held] / mass[:, None])
    gram.diagonal(dim1=1, dim2=2).add_(
        torch.stack([*[mass.new_full(mass.shape, bilateral.RIDGE)] * 3, bilateral.FLOOR / mass], 1)
    )
    maps[held] += torch.linalg.solve(gram.double(), cross.double()).to(maps).flatten(1)
    return maps, whole


def _regressed(gram: Tensor, cross: Tensor) -> Tensor:
    """Ridge regression of all pixels: (4, 3)."""
    whole = gram[0].double()
    ridge = torch.diag(whole.new_tensor([1.0, 1.0, 1.0, 1e-6]))
    found: Tensor = torch.linalg.solve(whole + 1e-3 * whole[3, 3] * ridge, cross[0].double()).to(cross)
    return found


def _owned(cells: Mapping[str, Tensor], lattice: Lattice) -> dict[str, Tensor]:
    """Of each cell (cells, 1), how much is whose."""
    stack = torch.cat(list(cells.values()), 1)
    mass = stack.sum(1, keepdim=True)
    said = lattice.blur(stack / (mass + _CROWD)).clamp_min(0)
    total, whole = said.sum(1, keepdim=True), stack.sum(0, keepdim=True)
    said = torch.where(total > 1e-6, said / total.clamp_min(1e-6), whole / whole.sum().clamp_min(1e-6))
    return {name: said[:, i : i + 1] for i, name in enumerate(cells)}


def _moments(colours: Tensor, count: Tensor) -> Tensor:
    wide = torch.cat([torch.ones_like(count), colours], 1).double()
    # In pieces, so that the sum does not depend on how many threads there are.
    pieces = F.pad(wide, (0, 0, 0, -len(wide) % _PIECE)).reshape(-1, _PIECE, 4)
    counts = F.pad(count.double().clamp_min(0), (0, 0, 0, -len(wide) % _PIECE)).reshape(-1, _PIECE, 1)
    return ((pieces * counts).mT @ pieces).sum(0)


def _restored(maps: Tensor, owned: Mapping[str, Tensor], statistics: Mapping[str, Statistics]) -> Tensor:
    """Maps (cells, 12) followed by what gives each region the mean and covariance of the network's, in bounds."""
    everything = sum(float(each.fitted[0, 0]) for each in statistics.values())
    gain, shift = maps.new_zeros(len(maps), 3, 3), maps.new_zeros(len(maps), 3)
    for name, each in statistics.items():
        total = float(each.fitted[0, 0])
        share = total / (total + SPECK * everything) if total > 0 else 0.0
        change = torch.eye(3, dtype=torch.float64, device=maps.device)
        move = torch.zeros(3, dtype=torch.float64, device=maps.device)
        if share:
            here, spread_here = _centred(each.fitted)
            there, spread_there = _centred(each.wanted)
            change = share * bounded_monge(spread_here, spread_there, (1 / GAIN, GAIN)) + (1 - share) * change
            move = here - here @ change + share * (there - here)
        gain += owned[name][:, :, None] * change.to(maps)
        shift += owned[name] * move.to(maps)
    result = maps.reshape(-1, 4, 3) @ gain
    result[:, 3] += shift
    return result.reshape(-1, 12)


def _centred(moments: Tensor) -> tuple[Tensor, Tensor]:
    count = moments[0, 0]
    mean = moments[0, 1:] / count
    covariance = moments[1:, 1:] / count - torch.outer(mean, mean)
    return mean, covariance + GAIN_RIDGE * torch.eye(3, dtype=moments.dtype, device=moments.device)


def _from_nought(maps: Tensor) -> Tensor:
    """Maps of colours from their middle as maps of the colours themselves."""
    steps = maps.reshape(-1, 4, 3).clone()
    steps[:, 3] -= _MIDDLE * steps[:, :3].sum(1)
    return steps.reshape(-1, 12)
