"""Functions of place and colour: a photo's pixels on a lattice over (y, x, L*, a*, b*), smoothed, and read back.

The bilateral grid (Chen, Paris & Durand, SIGGRAPH 2007) with all three axes of colour: two surfaces of one lightness
and another hue are far apart on it, and one surface stays one, whatever crosses it in the picture. What is smooth on
the lattice cannot tell nearby pixels of one colour apart, so it has no halo, no blotch and no border where the photo
has none. Pixels are spread over, and read from, the six corners of their simplex (the Kuhn triangulation of a cell; the
permutohedral lattice of Adams, Baek & Davis 2010 has simplices of its own), where a cell has 32 corners.

`affine` fits a locally affine map of colours on it (bilateral guided upsampling, Chen et al. 2016, and the bilateral
learning of Gharbi et al. 2017, without the learning); `spread` settles weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor

from photostyle.colour.lab import to_lab
from photostyle.errors import ParameterError

CELL = 1 / 8
"""Side of a cell, as a share of the long side."""
STEP = 14.0
"""Distance of two cells along L*, a* and b*."""
TOLERANCE = 0.05  # of a pixel's residual, in values of an image in [0, 1], beyond which it loses its vote
RIDGE = 5e-3  # on slopes, in squared units of an image in [0, 1]
FLOOR = 2.0  # pixels: with fewer in reach, a cell keeps to the map of the whole photo
ITERATIONS = 3
# Comparisons that sort five numbers, the largest first (Knuth, The Art of Computer Programming 3, 5.3.4).
_NETWORK = [(0, 1), (3, 4), (2, 4), (2, 3), (1, 4), (0, 3), (0, 2), (1, 3), (1, 2)]
_PAIRS = [(i, j) for i in range(4) for j in range(i, 4)]


@dataclass(frozen=True)
class Lattice:
    """The pixels of one photo, placed.

    Attributes:
        corners: (N, 6) indices of cells, int32.
        shares: (N, 6) of each of them; they sum to 1.
        shape: cells along y, x, L*, a*, b*.
    """

    corners: Tensor
    shares: Tensor
    shape: tuple[int, ...]

    @classmethod
    def of(cls, photo: Tensor, cell: float, step: float = STEP, *, soft: bool = False) -> Lattice:
        """Place a photo's pixels.

        Args:
            photo: (3, H, W) in [0, 1].
            cell: side of a cell in pixels.
            step: side of a cell along L*, a* and b*.
            soft: whether the photo was `softened` already.

        Raises:
            ParameterError: the photo's shape is another, or a cell has no size.
        """
        if photo.dim() != 3 or photo.shape[0] != 3 or not cell > 0 or not step > 0:
            raise ParameterError(f"a lattice takes a (3, H, W) and cells of a size, got {tuple(photo.shape)}, {cell}")
        height, width = photo.shape[-2:]
        colours = to_lab((photo if soft else softened(photo.float().clamp(0, 1)))[None])[0].flatten(1) / step
        colours = colours - colours.amin(1, keepdim=True)
        y = ((torch.arange(height, device=photo.device) + 0.5) / cell)[:, None].expand(height, width)
        x = ((torch.arange(width, device=photo.device) + 0.5) / cell)[None].expand(height, width)
        places = torch.cat([torch.stack([y, x]).flatten(1), colours])
        return cls.at(places, tuple(int(n) + 2 for n in places.amax(1).tolist()))

    @classmethod
    def at(cls, places: Tensor, shape: tuple[int, ...]) -> Lattice:
        """Pixels at places (5, N), at least 0 and each at least one cell within `shape`."""
        strides = torch.tensor([math.prod(shape[i + 1 :]) for i in range(5)], dtype=torch.int32, device=places.device)
        least = places.int()
        base = (least * strides[:, None]).sum(0, keepdim=True, dtype=torch.int32)
        # The simplex that a point lies in: from the least corner one axis after the other, largest remainder first.
        # Remainder and axis in one integer, so that a sorting network does for both.
        numbers = torch.arange(5, dtype=torch.int32, device=places.device)[:, None]
        keys = list((((places - least) * (1 << 24)).int() << 3) | numbers)
        for i, j in _NETWORK:
            keys[i], keys[j] = torch.maximum(keys[i], keys[j]), torch.minimum(keys[i], keys[j])
        ordered = torch.stack(keys)
        steps = strides[(ordered & 7).long()]
        corners = torch.cat([base, base + steps.cumsum(0, dtype=torch.int32)]).T.contiguous()
        rest = (ordered >> 3).float() / (1 << 24)
        shares = torch.cat([1 - rest[:1], rest[:-1] - rest[1:], rest[-1:]]).T.contiguous()
        return cls(corners, shares, shape)

    def splat(self, values: Tensor) -> Tensor:
        """Values (N, C) of pixels, summed in cells: (cells, C)."""
        summed = _summed_by_product if values.device.type == "cpu" else _summed_by_index
        return summed(self.corners, self.shares, values, math.prod(self.shape))

    def blur(self, cells: Tensor, passes: tuple[int, int] = (1, 1)) -> Tensor:
        """Cells (cells, C) by [1 2 1]/4, this often along each axis of place and of colour."""
        grid = cells.T.reshape(-1, *self.shape)
        for axis, size in enumerate(self.shape, 1):
            for _ in range(passes[0] if axis < 3 else passes[1]):
                if size > 1:
                    near = 0.25 * grid
                    grid = 0.5 * grid
                    grid.narrow(axis, 1, size - 1).add_(near.narrow(axis, 0, size - 1))
                    grid.narrow(axis, 0, size - 1).add_(near.narrow(axis, 1, size - 1))
        return grid.reshape(cells.shape[1], -1).T

    def slice(self, cells: Tensor) -> Tensor:
        """What cells (cells, C) hold at each pixel: (N, C)."""
        # Weighted sums of rows of a table, six at a time: what an embedding bag is.
        return F.embedding_bag(self.corners, cells, mode="sum", per_sample_weights=self.shares)


def _summed_by_product(corners: Tensor, shares: Tensor, values: Tensor, count: int) -> Tensor:
    """A sparse product: six times as fast as `_summed_by_index`, its order the same on any number of threads."""
    rows = np.arange(0, corners.numel() + 1, corners.shape[1], dtype=np.int32)
    entries = shares.to(values.dtype).flatten().numpy(), corners.flatten().numpy(), rows
    matrix = sparse.csr_array(entries, (len(values), count))
    return torch.from_numpy(matrix.T @ values.numpy())


def _summed_by_index(corners: Tensor, shares: Tensor, values: Tensor, count: int) -> Tensor:
    cells = values.new_zeros(count, values.shape[1])
    for corner in range(corners.shape[1]):
        cells.index_add_(0, corners[:, corner], values * shares[:, corner : corner + 1])
    return cells


def affine(photo: Tensor, target: Tensor, lattice: Lattice) -> Tensor:
    """What of a target is an affine map of the photo's colours that varies smoothly over place and colour.

    Cell by cell the target is regressed on the photo's colours, all pixels in reach counted by distance on the lattice;
    slopes are drawn towards those of one map for the whole photo. Repeated with each pixel weighted by 1 / (1 + r²/t²),
    r its residual (iteratively reweighted least squares with the Cauchy weight, Holland & Welsch 1977).

    Args:
        photo: (3, H, W) in [0, 1].
        target: the same shape.
        lattice: of that photo.

    Returns:
        (3, H, W), not clamped.
    """
    x, y = photo.flatten(1).T.float(), target.flatten(1).T.float()
    x = torch.cat([x - x.mean(0), x.new_ones(len(x), 1)], 1)
    weight = x.new_ones(len(x), 1)
    fitted, squares = y, _squares(x)
    for iteration in range(ITERATIONS):
        whole = _regressed(x, y, weight)
        products = torch.cat([squares, _crossed(x, y - x @ whole)], 1)
        sums = lattice.blur(lattice.splat(products * weight))
        maps = _cell_maps(sums)
        fitted = x @ whole
        slopes = lattice.slice(maps)
        for number in range(4):
            fitted.addcmul_(x[:, number : number + 1], slopes[:, 3 * number : 3 * number + 3])
        if iteration < ITERATIONS - 1:
            weight = 1 / (1 + (y - fitted).square().mean(1, keepdim=True) / TOLERANCE**2)
    return fitted.T.reshape(target.shape)


def spread(weights: Tensor, confidence: Tensor, lattice: Lattice, passes: tuple[int, int], crowd: float) -> Tensor:
    """Weights that nearby pixels of one colour share.

    Args:
        weights: (K, H, W), at least 0, of one photo's pixels.
        confidence: (H, W): how much each pixel has to say.
        lattice: of that photo.
        passes: how far, as in `Lattice.blur`.
        crowd: pixels from which on a cell counts no more for holding more of them: a wide sky is not to outvote a path
            of its colour far below.

    Returns:
        (K, H, W), summing to 1.
    """
    say = confidence.flatten()[:, None]
    cells = lattice.splat(torch.cat([weights.flatten(1).T * say, say], 1))
    read = lattice.slice(lattice.blur(cells / (cells[:, -1:] + crowd), passes))[:, :-1].clamp_min(0)
    total = read.sum(1, keepdim=True)
    own = weights.flatten(1).T
    return torch.where(total > 1e-6, read / total.clamp_min(1e-6), own).T.reshape(weights.shape)


def packed(x: Tensor, y: Tensor) -> Tensor:
    """What a regression sums up: (N, 22), products of x (N, 4) with itself, ten, and with y (N, 3), twelve."""
    return torch.cat([_squares(x), _crossed(x, y)], 1)


def _squares(x: Tensor) -> Tensor:
    found = x.new_empty(len(x), 10)
    for number, (i, j) in enumerate(_PAIRS):
        torch.mul(x[:, i], x[:, j], out=found[:, number])
    return found


def _crossed(x: Tensor, y: Tensor) -> Tensor:
    found = x.new_empty(len(x), 12)
    for number in range(4):
        torch.mul(x[:, number : number + 1], y, out=found[:, 3 * number : 3 * number + 3])
    return found


def unpacked(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Sums (N, 22) of what `packed` gives as (N, 4, 4) and (N, 4, 3)."""
    gram = sums.new_empty(len(sums), 4, 4)
    for number, (i, j) in enumerate(_PAIRS):
        gram[:, i, j] = gram[:, j, i] = sums[:, number]
    return gram, sums[:, 10:].reshape(-1, 4, 3)


def softened(photo: Tensor) -> Tensor:
    """A photo (3, H, W) a little blurred (σ = 1), so that grain does not scatter a surface over many cells."""
    if min(photo.shape[-2:]) < 3:
        return photo
    taps = torch.exp(-torch.arange(-2, 3, device=photo.device).square() / 2)
    taps = taps / taps.sum()
    for dim in (-2, -1):  # of so few taps, sums of shifted images are several times faster than a convolution
        wide = F.pad(photo, (0, 0, 2, 2) if dim == -2 else (2, 2, 0, 0), mode="reflect")
        size = photo.shape[dim]
        photo = taps[0] * wide.narrow(dim, 0, size)
        for shift in range(1, 5):
            photo.add_(wide.narrow(dim, shift, size), alpha=float(taps[shift]))
    return photo


def _regressed(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Ridge regression of all pixels: (4, 3)."""
    weighted = (x * weight).double()
    ridge = torch.diag(torch.tensor([1.0, 1.0, 1.0, 1e-6], dtype=torch.float64, device=x.device))
    gram = weighted.T @ x.double() + 1e-3 * weight.sum() * ridge
    found: Tensor = torch.linalg.solve(gram, weighted.T @ y.double()).to(y)
    return found


def _cell_maps(sums: Tensor) -> Tensor:
    """Slopes and offsets (cells, 12) by which each cell departs from the whole photo's map."""
    maps = sums.new_zeros(len(sums), 12)
    held = (sums[:, 9] > 1e-3).nonzero()[:, 0]
    mass = sums[held, 9] + FLOOR
    some = sums[held] / mass[:, None]
    gram, cross = unpacked(some)
    gram.diagonal(dim1=1, dim2=2).add_(torch.stack([*[mass.new_full(mass.shape, RIDGE)] * 3, FLOOR / mass], 1))
    maps[held] = torch.linalg.solve(gram, cross).flatten(1)
    return maps
