"""How steady a graded clip is, each measure as a ratio to the same measure of the clip it was made from.

*Warping error* (Lai et al., ECCV 2018): frame t is compared with frame t - d brought to it along the optical flow of
the source clip; where the flow is not consistent forwards and backwards (Sundaram et al., ECCV 2010) something is
occluded, and does not count:

    E_d = Σ_t Σ_x M_t(x) (I_t(x) - I_{t-d}(x + w_t(x)))² / Σ_t Σ_x M_t(x)

*Flicker* is the energy of the second difference in time of the frames' mean colour, which slow changes leave alone:

    F = mean_t (m_{t-1} - 2 m_t + m_{t+1})²

A style with twice the contrast has four times both, flicker or not. So both, summed over the channels, are taken in
units of the clip's variance (over all pixels and frames, summed over the channels) before their ratio.

That matches the contrast of large shapes. What flow leaves behind is detail that was moved a fraction of a pixel wrong,
so a style that raises the contrast of detail more than that of shapes raises the warping error by as much, however
steady it is. `Steadiness.detail` says by how much, and `Steadiness.matched` are the errors divided by it:

    D = mean (∂I/∂x)² + (∂I/∂y)²
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photostyle.errors import ParameterError
from photostyle.video import motion

Floats = npt.NDArray[np.float32]

SHORT, LONG = 1, 10
_FLOOR = (0.1 / 255) ** 2  # squared pixel values under which a clip counts as still: rounding to 8 bits is as large


@dataclass(frozen=True)
class Steadiness:
    """Ratios of a graded clip's measures to its source's; 1 is as steady as the source, less is steadier.

    Attributes:
        short: warping error from frame to frame.
        long: warping error over `LONG` frames; NaN for a clip of no more frames.
        flicker: energy of the mean colour's second difference; NaN for a clip of less than three frames.
        detail: energy of the frames' gradients, a matter of look and not of time.
    """

    short: float
    long: float
    flicker: float
    detail: float

    @property
    def matched(self) -> tuple[float, float]:
        """`short` and `long` at matched contrast of detail: divided by `detail`."""
        return self.short / self.detail, self.long / self.detail


class _Channels:
    """Per channel: variance of a clip, its warping errors and its flicker, from frames as they come."""

    def __init__(self) -> None:
        self.count = 0
        self.first, self.second = np.zeros(3), np.zeros(3)
        self.errors = {SHORT: np.zeros(3), LONG: np.zeros(3)}
        self.gradients = np.zeros(3)
        self.means: list[npt.NDArray[np.float64]] = []

    def add(self, frame: Floats) -> None:
        mean = frame.mean((0, 1), dtype=np.float64)
        self.first += mean
        self.second += (frame.astype(np.float64) ** 2).mean((0, 1))
        self.gradients += sum((np.diff(frame, axis=axis).astype(np.float64) ** 2).mean((0, 1)) for axis in (0, 1))
        self.means.append(mean)
        self.count += 1

    def compare(self, step: int, now: Floats, then: Floats, flow: Floats, mask: npt.NDArray[np.bool_]) -> None:
        warped = np.moveaxis(motion.warp(np.ascontiguousarray(np.moveaxis(then, -1, 0)), flow), 0, -1)
        self.errors[step] += ((now - warped)[mask].astype(np.float64) ** 2).sum(0)

    @property
    def variance(self) -> npt.NDArray[np.float64]:
        spread: npt.NDArray[np.float64] = self.second / self.count - (self.first / self.count) ** 2
        return np.maximum(spread, _FLOOR)

    @property
    def flicker(self) -> npt.NDArray[np.float64]:
        energy: npt.NDArray[np.float64] = (np.diff(np.stack(self.means), 2, axis=0) ** 2).mean(0)
        return energy


def steadiness(source: Iterable[Floats], graded: Iterable[Floats]) -> Steadiness:
    """Compare a graded clip with its source, frame by frame.

    Args:
        source: its frames, (H, W, 3) in [0, 1], in order.
        graded: as many frames of the same size.

    Raises:
        ParameterError: fewer than two frames, or not as many or as large on both sides.
    """
    a, b = _Channels(), _Channels()
    counted = {SHORT: 0, LONG: 0}
    recent: deque[tuple[Floats, Floats, Floats]] = deque(maxlen=LONG)
    try:
        for one, other in zip(source, graded, strict=True):
            if one.shape != other.shape:
                raise ParameterError(f"frames are {one.shape} and {other.shape}; both clips must have one size")
            grey: Floats = one.mean(-1)
            a.add(one)
            b.add(other)
            for step in (SHORT, LONG):
                if len(recent) >= step:
                    then, then_other, then_grey = recent[-step]
                    flow, mask = _visible(grey, then_grey)
                    a.compare(step, one, then, flow, mask)
                    b.compare(step, other, then_other, flow, mask)
                    counted[step] += int(mask.sum())
            recent.append((one, other, grey))
    except ValueError as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError("the clips differ in length; compare a clip with its own grading") from error
    if a.count < 2:
        raise ParameterError(f"{a.count} frames are no clip; at least two are needed")
    ratios = [_ratio(a.errors[step], b.errors[step], a, b, counted[step]) for step in (SHORT, LONG)]
    flicker = _ratio(a.flicker, b.flicker, a, b, 1) if a.count > 2 else float("nan")
    return Steadiness(ratios[0], ratios[1], flicker, _ratio(a.gradients, b.gradients, a, b, a.count))


def _visible(grey: Floats, then: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Flow from now to then, and where it can be believed."""
    there, back = motion.flow(grey, then), motion.flow(then, grey)
    returned = np.moveaxis(motion.warp(np.ascontiguousarray(np.moveaxis(back, -1, 0)), there), 0, -1)
    length = (there**2).sum(-1) + (returned**2).sum(-1)
    inside = motion.warp(np.ones_like(grey)[None], there)[0] > 0.999
    mask: npt.NDArray[np.bool_] = (((there + returned) ** 2).sum(-1) < 0.01 * length + 0.5) & inside
    return there, mask


def _ratio(
    source: npt.NDArray[np.float64], graded: npt.NDArray[np.float64], a: _Channels, b: _Channels, count: int
) -> float:
    if not count:
        return float("nan")
    before, after = (
        (float(np.maximum(e, 0).sum()) / count) / float(c.variance.sum()) for e, c in ((source, a), (graded, b))
    )
    floor = 3 * _FLOOR / float(a.variance.sum())  # the same on both sides: rounding does not scale with contrast
    return (after + floor) / (before + floor)
