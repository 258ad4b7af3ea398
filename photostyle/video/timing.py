"""When frames are shown and decoded: constant rates recognised, time bases for containers, decoding times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

from photostyle.video.info import VideoInfo

STANDARD_RATES = (
    *(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)),
    *map(Fraction, (12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)),
    Fraction(25, 2),
)
_FINEST_RATE = 1000
_FINE = 10000  # ticks a second from which an mp4's time scale is usual
_LONGEST_LAST = 3  # frames that the last one may stay for, unless a frame before it stays longer


@dataclass(frozen=True)
class Schedule:
    """When the frames of a clip are shown, as they are written.

    Attributes:
        time_base: seconds a tick.
        shown: tick of every frame, increasing.
        last: ticks for which the last one stays.
        rate: frames a second: the clip's own constant rate, else its mean.
        constant: it is a constant rate.
    """

    time_base: Fraction
    shown: Sequence[int]
    last: int
    rate: Fraction
    constant: bool

    @property
    def lasts(self) -> list[int]:
        """Ticks for which every frame stays."""
        return [*(after - before for before, after in pairwise(self.shown)), self.last]


def constant_rate(pts: Sequence[int], info: VideoInfo) -> Fraction | None:
    """The rate at which frames follow each other, if it is one and the same as finely as the clip's ticks tell.

    Containers that round times (Matroska to milliseconds, MPEG to 1/90000 s) state the rate beside them.
    """
    if len(pts) < 2:
        return info.rate if 0 < info.rate <= _FINEST_RATE else None
    step = pts[1] - pts[0]
    even = all(after - before == step for before, after in pairwise(pts))
    measured = [1 / (step * info.time_base)] if even else []
    near = [rate for rate in STANDARD_RATES if abs(rate * (pts[-1] - pts[0]) * info.time_base - len(pts) + 1) < 1]
    stated = [*info.rates, *near]
    for rate in [*measured, *stated] if info.exact else [*stated, *measured]:
        if 0 < rate <= _FINEST_RATE and _follows(pts, 1 / (rate * info.time_base)):
            return rate
    return None


def _follows(pts: Sequence[int], step: Fraction) -> bool:
    """Whether all ticks are those of an even beat, rounded."""
    errors = [tick * step.denominator - i * step.numerator for i, tick in enumerate(pts)]
    return max(errors) - min(errors) <= step.denominator


def rate_of(pts: Sequence[int], info: VideoInfo) -> Fraction:
    """The rate to write: constant, else the mean; with a denominator that encoders take."""
    return (constant_rate(pts, info) or info.rate).limit_denominator(1001000)


def scheduled(pts: Sequence[int], last: int, info: VideoInfo, begin: Fraction, *, finer: bool) -> Schedule:
    """When frames are to be shown in a container.

    Args:
        pts: the clip's ticks.
        last: ticks for which the last frame stays; 0 if unknown.
        info: the clip.
        begin: second of the clip that becomes 0.
        finer: the container keeps finer times than the clip's own did: a constant rate is then told exactly.
            Otherwise, and where the rate varies, all ticks stay what they are.
    """
    constant, rate = constant_rate(pts, info), rate_of(pts, info)
    base, ticks = info.time_base, [tick - pts[0] for tick in pts]
    last = _last(pts, last, max(1, round(1 / (rate * base))))
    seconds = pts[0] * base - begin
    if finer:
        if constant and (1 / (constant * base)).denominator != 1:
            base, last = Fraction(1, constant.numerator), constant.denominator
            ticks = [i * last for i in range(len(pts))]
        scale = 1
        while base.denominator * scale < _FINE:
            scale *= 2
        base, ticks, last = base / scale, [tick * scale for tick in ticks], last * scale
    first = round(seconds / base)
    return Schedule(base, [first + tick for tick in ticks], last, rate, constant is not None)


def decoding_times(schedule: Schedule, order: Sequence[int]) -> list[int]:
    """Ticks at which packets are decoded: as many frames ahead of display as the encoder's order needs.

    Players and other programs take the frame rate from the steps between these ticks, so the steps are the frames' own
    durations: the n-th packet is decoded when the frame d before the n-th is shown, d being the furthest that any
    packet runs ahead of its turn, and the first d packets go in front with the steps of the last frames.

    Args:
        schedule: when frames are shown.
        order: for every packet, in order of decoding, which frame it is in order of display.
    """
    delay = max(place - frame for place, frame in enumerate(order))
    lasts = schedule.lasts
    tail = lasts[len(order) - 1 - delay :]
    tail.remove(lasts[order[-1]])  # how long the last packet stays is its own duration
    front = [schedule.shown[0] - ticks for ticks in accumulate(reversed(tail))]
    return [*reversed(front), *schedule.shown[: len(order) - delay]]


def _last(pts: Sequence[int], last: int, usual: int) -> int:
    longest = max((after - before for before, after in pairwise(pts)), default=usual)
    return last if 0 < last <= max(longest, _LONGEST_LAST * usual) else usual
