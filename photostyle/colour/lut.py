"""A look as a 3D look-up table: the global part of a style transfer, as a function of colour alone.

A cube of N³ colours, interpolated trilinearly, is fitted to pairs (colour of the photo, colour of the result) as the
solution of a sparse linear least-squares problem. Beside the data term it has

- smoothness: squared second differences along the three axes, which also fill the colours that the photo lacks, by
  continuing the look straight on;
- a faint pull towards the identity, which decides what nothing else decides;
- monotonicity: where an output channel falls along its own input axis, the fall is penalised and the system solved
  again, so that the whole neighbourhood gives way; what then remains is held level. Falling curves show as solarised
  bands in graded footage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.interpolate import make_interp_spline
from scipy.sparse.linalg import cg

from photostyle.errors import NumericalError, ParameterError

FloatArray = npt.NDArray[np.float64]

MIN_SIZE, MAX_SIZE = 2, 129  # 65 is the most that Resolve and Lightroom write; 129 is what readers still take
_SMOOTHNESS = 1e-4  # share of the data term, per sample and grid point
_IDENTITY = 1e-7
_MONOTONE = 100.0  # weight of a falling step against the smoothness
_ROUNDS = 4
_LARGEST_SOLVED = 65  # of larger tables the points between are interpolated
_SMALLEST_HALVED = 12
_USUAL = 33  # a larger table begins at this one's, to which little is to be added
_ITERATIONS, _FEW_ITERATIONS = 2000, 40
_FALL = 1e-4  # a fall smaller than this between neighbours cannot be seen


@dataclass(frozen=True, eq=False)
class Lut:
    """A cube of colours.

    Attributes:
        table: (N, N, N, 3) float64; ``table[r, g, b]`` is the colour for (r, g, b) / (N - 1).
    """

    table: FloatArray

    @property
    def size(self) -> int:
        """N."""
        return len(self.table)

    def __call__(self, pixels: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Map (…, 3) colours by trilinear interpolation; colours outside [0, 1] are clipped first."""
        flat = np.asarray(pixels, np.float64).reshape(-1, 3)
        mapped = np.empty(flat.shape, np.float32)
        for start in range(0, len(flat), 1 << 18):
            part = slice(start, start + (1 << 18))
            mapped[part] = _weights(flat[part], self.size) @ self.table.reshape(-1, 3)
        return mapped.reshape(pixels.shape)


def check_size(size: int) -> int:
    """`size` itself. Raises ParameterError if it is out of range."""
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise ParameterError(f"LUT size is {size}; it must be between {MIN_SIZE} and {MAX_SIZE} (33 is usual)")
    return size


def identity(size: int) -> FloatArray:
    """The table that changes nothing, (N, N, N, 3). Raises ParameterError for a size out of range."""
    check_size(size)
    axis = np.linspace(0, 1, size)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)


def fit_lut(before: npt.NDArray[np.floating], after: npt.NDArray[np.floating], size: int = 33) -> Lut:
    """The smooth, monotone cube that best takes colours `before` to colours `after`.

    Args:
        before: (…, 3) colours; what lies outside [0, 1] is clipped.
        after: the same shape.
        size: N.

    Raises:
        ParameterError: shapes differ, no colours, or a size out of range.
        NumericalError: NaN or infinity among the colours.
    """
    check_size(size)
    x, y = (np.asarray(colours, np.float64).reshape(-1, 3) for colours in (before, after))
    if before.shape != after.shape or not len(x):
        raise ParameterError(f"a LUT is fitted to as many colours before as after, got {before.shape}, {after.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise NumericalError("the colours to fit a LUT to contain NaN or infinity")
    if size <= _LARGEST_SOLVED:
        return Lut(_monotone(_solved(x, y, size)))
    # Between so many grid points as are solved for there is nothing that a photo could tell: smooth curves do.
    coarse = _solved(x, y, _LARGEST_SOLVED)
    return Lut(_monotone(_enlarged(coarse, size)))


def _solved(x: FloatArray, y: FloatArray, size: int) -> FloatArray:
    """The table (N, N, N, 3) for colours (n, 3) before and after, begun at those of a table of half the size."""
    start = identity(size).reshape(-1, 3)
    first = start if size <= _SMALLEST_HALVED else _enlarged(_solved(x, y, (size + 1) // 2), size).reshape(-1, 3)
    data = _weights(x, size)
    share = len(start) / len(x)  # so that smoothness means the same for every number of samples and grid points
    curvature, steps = _second_differences(size), _steps(size)
    stiff = curvature.T @ curvature * (_SMOOTHNESS * size**2)
    normal = (data.T @ data) * share + stiff + sparse.identity(len(start)) * _IDENTITY
    target = (data.T @ y) * share + start * _IDENTITY
    table = np.empty_like(start)
    rounds = _ITERATIONS if size <= _USUAL else _FEW_ITERATIONS
    for channel in range(3):
        table[:, channel] = _solve_monotone(
            normal.tocsr(), target[:, channel], steps[channel], first[:, channel], rounds
        )
    return table.reshape(size, size, size, 3)


def _monotone(table: FloatArray) -> FloatArray:
    """The table in [0, 1], what little still falls held level."""
    cube: FloatArray = np.clip(table, 0, 1)
    for channel in range(3):
        cube[..., channel] = np.maximum.accumulate(cube[..., channel], axis=channel)
    return cube


def _enlarged(table: FloatArray, size: int) -> FloatArray:
    """A table at another size, by cubic splines along its axes."""
    for axis in range(3):
        spline = make_interp_spline(np.linspace(0, 1, table.shape[axis]), table, k=3, axis=axis)
        table = np.asarray(spline(np.linspace(0, 1, size)), np.float64)
    return table


def _solve_monotone(
    normal: sparse.csr_matrix, target: FloatArray, steps: sparse.csr_matrix, x: FloatArray, iterations: int
) -> FloatArray:
    penalty = sparse.csr_matrix(normal.shape)
    for _ in range(_ROUNDS):
        system = normal + penalty
        scale = sparse.diags(1 / system.diagonal())
        x, _ = cg(system, target, x0=x, rtol=1e-6, maxiter=iterations, M=scale)
        falling = steps @ np.clip(x, 0, 1) < -_FALL
        if not falling.any():
            break
        rows = steps[falling]
        penalty = penalty + rows.T @ rows * _MONOTONE
    return x


def _weights(colours: FloatArray, size: int) -> sparse.csr_matrix:
    """Trilinear interpolation as a (colours, N³) matrix of eight weights a row."""
    place = np.clip(colours, 0, 1) * (size - 1)
    low = np.minimum(place.astype(np.int64), size - 2)
    share = place - low
    columns, weights = [], []
    for corner in np.ndindex(2, 2, 2):
        r, g, b = (low + corner).T
        columns.append((r * size + g) * size + b)
        weights.append(np.where(np.array(corner, bool), share, 1 - share).prod(1))
    rows = np.tile(np.arange(len(colours)), 8)
    entries = (np.concatenate(weights), (rows, np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(len(colours), size**3))


def _along(axis: int, one: sparse.spmatrix, size: int) -> sparse.csr_matrix:
    parts = [sparse.identity(size)] * 3
    parts[axis] = one
    return sparse.kron(sparse.kron(parts[0], parts[1]), parts[2], format="csr")


def _second_differences(size: int) -> sparse.csr_matrix:
    one = sparse.diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(max(size - 2, 0), size))
    return sparse.vstack([_along(axis, one, size) for axis in range(3)], format="csr")


def _steps(size: int) -> list[sparse.csr_matrix]:
    one = sparse.diags([-1.0, 1.0], [0, 1], shape=(size - 1, size))
    return [_along(axis, one, size) for axis in range(3)]


def psnr(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Peak signal-to-noise ratio in decibels of two images in [0, 1], both clipped; infinite if they are equal."""
    error = np.mean((np.clip(one, 0, 1).astype(np.float64) - np.clip(other, 0, 1)) ** 2)
    return float("inf") if error == 0 else float(-10 * np.log10(error))
