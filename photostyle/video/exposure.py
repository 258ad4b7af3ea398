"""A clip's own exposure: how it wavers, and the gains that take it out.

From one frame to the next most pixels keep their brightness up to one factor: the mean of the middle half of all
pixels' log-ratios, so that what moves hardly counts. Summed up over a shot these steps are its exposure. Wavering is
what lies off a smooth course, a straight line fitted around each frame (local regression, Cleveland 1979, with Gaussian
weights); slower changes, of the sun or of a camera that turns, belong to the shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from photostyle.video.motion import Floats
from photostyle.video.shots import Thumbnail

_Image = TypeVar("_Image", Floats, Tensor)

SECONDS = 1.0
"""Standard deviation of the weights in time: changes within about three seconds go, those over ten stay."""
MOST = 2.0  # gain, and its inverse, that no frame goes beyond
_BLACK, _DARK, _BRIGHT = 16.0, 40, 228  # codes of luma: nothing, and between which a ratio means something
_LEAST = 0.1  # of all pixels, which must lie between


def step(before: Thumbnail, here: Thumbnail) -> float:
    """By how much (logarithm of a factor on R′G′B′) exposure rose from one frame to the next; 0 where none can tell."""
    a, b = before[0].ravel(), here[0].ravel()
    good = (np.minimum(a, b) >= _DARK) & (np.maximum(a, b) <= _BRIGHT)
    if good.mean() < _LEAST:
        return 0.0
    ratios = np.sort(np.log((b[good] - _BLACK) / (a[good] - _BLACK)))
    quarter = len(ratios) // 4
    return float(ratios[quarter : len(ratios) - quarter].mean())


def gains(steps: Sequence[float], rate: float) -> list[float]:
    """Factors on R′G′B′, one a frame of a shot, that take its wavering out.

    Args:
        steps: of each frame from the one before; the first frame's counts for nothing.
        rate: frames a second.
    """
    course = np.cumsum([0.0, *steps[1:]])
    off = course - _smooth(course, max(SECONDS * rate, 1e-3))
    return [float(gain) for gain in np.exp(-off).clip(1 / MOST, MOST)]


def exposed(image: _Image, gain: float) -> _Image:
    """R′G′B′ in [0, 1] times a gain, clipped."""
    return image if gain == 1 else (image * gain).clip(0, 1)


def _smooth(values: npt.NDArray[np.float64], deviation: float) -> npt.NDArray[np.float64]:
    """At each place the value of the straight line that fits best around it."""
    reach = int(3 * deviation) + 1
    at = np.arange(-reach, reach + 1) / deviation
    weights = np.exp(-(at**2) / 2)

    def around(kernel: npt.NDArray[np.float64], of: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = np.correlate(np.pad(of, reach), kernel, "valid")
        return found

    ones = np.ones_like(values)
    s0, s1, s2 = (around(weights * at**power, ones) for power in range(3))
    t0, t1 = (around(weights * at**power, values) for power in range(2))
    spread = s0 * s2 - s1**2
    line: npt.NDArray[np.float64] = np.where(
        spread > 1e-9, (s2 * t0 - s1 * t1) / np.maximum(spread, 1e-9), t0 / np.maximum(s0, 1e-9)
    )
    return line
