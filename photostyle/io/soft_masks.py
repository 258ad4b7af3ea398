"""Grey masks that are no label maps: a brush, a feather, a gradient, an antialiased edge between black and white.

A label map has areas of one value whose neighbours are any other value. A soft mask goes from one value to the next in
small steps, or has two values and between them nothing but edges: it says of each pixel how much of it is white.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Values = npt.NDArray[np.integer[Any]]

_WHITE = 255
_STEP = 16  # of 255: neighbours in a soft mask differ by at most this
_SMOOTH = 0.8  # share of the differing neighbours that do
_MANY = 16  # a mask of no more values than this can be a label map of neighbouring numbers
_RANGE = 64  # the same where values reach no further apart
_DEEP_END = 0.9  # of white, that a soft mask of 16 bits reaches: such files hold numbers of objects as well
_EDGES = 0.2  # greatest share of pixels between black and white in a mask with sharp edges
_FLAT = 0.05  # of these, at most so many lie among their like
_FAR, _FAR_SHARE, _FAR_VALUES = 32, 0.01, 40  # what a lossy format makes of three flat greys stays nearer to them
_SAMPLED = 1024  # rows and columns looked at


@dataclass(frozen=True, eq=False)
class Soft:
    """A soft mask as two regions.

    Attributes:
        share: (H, W) in [0, 1] of the region `high`; the rest is of `low`.
        low: the value, 0 to 255, that one region is named by.
        high: that of the other.
    """

    share: FloatArray
    low: int = 0
    high: int = _WHITE


def find_soft(values: Values, white: int, *, lossy: bool) -> Soft | None:
    """Return a grey mask (H, W) as two regions, or None if it is a label map.

    Args:
        values: from 0 to `white`.
        white: 255 or 65535.
        lossy: the file's format has changed them a little.
    """
    if values.max() > white or min(values.shape) < 3:
        return None
    scaled = values * np.float32(_WHITE / white)
    least, most = float(scaled.min()), float(scaled.max())
    if most - least < _RANGE or (white > _WHITE and most < _DEEP_END * _WHITE):
        return None
    if (_smooth_lossy if lossy else _smooth)(scaled):
        return Soft(scaled / np.float32(_WHITE))
    return None if lossy else _antialiased(scaled, exact=white > _WHITE)


def _smooth(scaled: FloatArray) -> bool:
    if np.count_nonzero(np.bincount(scaled.astype(np.uint8).ravel())) <= _MANY:
        return False
    changed, small = 0, 0
    for lines in (_sampled(scaled), _sampled(scaled.T)):
        steps = np.abs(np.diff(lines, axis=1))
        differ = steps > 0
        # A larger step with none beside it is the border of two labels whose numbers happen to be close.
        beside = np.zeros_like(differ)
        beside[:, 1:] |= differ[:, :-1]
        beside[:, :-1] |= differ[:, 1:]
        changed += int(np.count_nonzero(differ))
        small += int(np.count_nonzero(differ & (steps <= _STEP) & (beside | (steps < 1.5))))
    return bool(changed) and small >= _SMOOTH * changed


def _smooth_lossy(scaled: FloatArray) -> bool:
    lines = _sampled(scaled)
    still = np.abs(np.diff(lines, axis=1)) <= _STEP
    here = lines[:, :-1]
    far = np.min([np.abs(here - grey) for grey in (0, 128, _WHITE)], axis=0) > _FAR
    found = here[far & still]
    return len(found) > _FAR_SHARE * here.size and len(np.unique(np.rint(found))) >= _FAR_VALUES


def _antialiased(scaled: FloatArray, *, exact: bool) -> Soft | None:
    codes = np.rint(scaled).astype(np.uint8)
    counts = np.bincount(codes.ravel(), minlength=256)
    low, high = sorted(int(value) for value in np.argsort(counts)[-2:])
    between = (codes > low) & (codes < high)
    others = int(counts.sum() - counts[low] - counts[high])
    if others == 0 or np.count_nonzero(between) < (1 - _FLAT) * others or others > _EDGES * codes.size:
        return None
    if high - low < _RANGE or np.count_nonzero(counts) < 5 or (exact and (low, high) != (0, _WHITE)):
        return None
    inner = codes[1:-1, 1:-1]
    alike = between[1:-1, 1:-1].copy()
    for near in (codes[:-2, 1:-1], codes[2:, 1:-1], codes[1:-1, :-2], codes[1:-1, 2:]):
        alike &= near == inner
    if np.count_nonzero(alike) > _FLAT * others:
        return None
    return Soft(np.clip((scaled - low) / (high - low), 0, 1), low, high)


def _sampled(lines: FloatArray) -> FloatArray:
    return lines[:: max(1, len(lines) // _SAMPLED)]
