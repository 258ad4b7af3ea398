"""Where a clip's shots begin, and a few frames spread over each, found in one pass whatever the clip's length.

A detector of our own rather than PySceneDetect: that installs a second OpenCV beside the headless one, reads the file
itself (with other timestamps than ours), and judges by differences of brightness and hue, which a changing exposure
has as well. Here two frames belong to one shot if their *structure* agrees: the correlation of small luma pictures,
which exposure, fades and slow motion leave near 1 and a cut takes to about 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Thumbnail = npt.NDArray[np.uint8]  # (3, h, w) Y, Cb, Cr

THUMBNAIL = (48, 32)  # width, height: coarse enough that a step of a moving camera changes little
DISSIMILAR = 0.4  # 1 - correlation (or its measure in colour) from which neighbours may be two shots …
STANDS_OUT = 2.5  # … if it is this many times what is usual around it
_LOOKAHEAD = 2  # frames; a flash or a damaged frame of at most so many is no cut
_NOISE = 4.0  # variance, in squared code values, under which a picture counts as flat
_OTHER_HUE = 20.0  # mean difference of chroma, in code values, that counts as DISSIMILAR


def dissimilarity(first: Thumbnail, second: Thumbnail) -> float:
    """How unlike two frames are: 0 for the same scene in whatever light, about 1 for different scenes."""
    a, b = (picture[0].astype(np.float64) - picture[0].mean() for picture in (first, second))
    covariance, variance = float((a * b).mean()), float(np.sqrt((a * a).mean() * (b * b).mean()))
    # Where only one of the two is flat the noise terms decide against likeness, where both are, for it.
    unlike = 1.0 - (covariance + _NOISE) / (max(variance, float(((a * a).mean() + (b * b).mean()) / 8)) + _NOISE)
    chroma = np.abs(first[1:].astype(np.float64) - second[1:]).mean()
    return max(unlike, DISSIMILAR * float(chroma) / _OTHER_HUE)


@dataclass(frozen=True)
class Seen(Generic[T]):
    """A frame on its way through `with_cuts`."""

    frame: T
    cut: bool


def with_cuts(frames: Iterable[tuple[T, Thumbnail]]) -> Iterator[Seen[T]]:
    """Every frame with whether a new shot begins there; runs two frames ahead of what it yields."""
    past: list[Thumbnail] = []  # of the shot so far, nearest last
    steps: list[float] = []  # dissimilarities between its frames
    ahead: list[tuple[T, Thumbnail]] = []

    def decide() -> Seen[T]:
        frame, here = ahead.pop(0)
        future = [thumbnail for _, thumbnail in ahead]
        cut = not past or _is_cut(past, steps, here, future)
        if cut:
            past.clear()
            steps.clear()
        else:
            steps.append(dissimilarity(past[-1], here))
        past.append(here)
        del past[: -_LOOKAHEAD - 1], steps[:-_LOOKAHEAD]
        return Seen(frame, cut)

    for item in frames:
        ahead.append(item)
        if len(ahead) > _LOOKAHEAD:
            yield decide()
    while ahead:
        yield decide()


def _is_cut(past: list[Thumbnail], steps: list[float], here: Thumbnail, future: list[Thumbnail]) -> bool:
    step = dissimilarity(past[-1], here)
    if step < DISSIMILAR:
        return False
    following = [dissimilarity(a, b) for a, b in zip([here, *future], future, strict=False)]
    around = sorted([*steps, *following])
    if around and step < STANDS_OUT * around[len(around) // 2]:
        return False  # everything moves this much here
    begins = any(dissimilarity(past[-1], later) < DISSIMILAR for later in future)
    ends = any(dissimilarity(earlier, here) < DISSIMILAR for earlier in past[:-1])
    return not (begins or ends)  # of a flash


class Spread(Generic[T]):
    """Keeps few of many items, evenly spread: `make` is called only for those kept for now, 2 n at most."""

    def __init__(self, count: int) -> None:
        self.count, self.seen = count, 0
        self._stride = 1
        self._kept: list[tuple[int, T]] = []

    def offer(self, make: Callable[[], T]) -> None:
        """The next item."""
        if self.seen % self._stride == 0:
            self._kept.append((self.seen, make()))
            if len(self._kept) > 2 * self.count:
                self._kept = self._kept[::2]
                self._stride *= 2
        self.seen += 1

    def chosen(self) -> list[T]:
        """`count` items, or all if there were fewer, nearest to the middles of as many equal parts."""
        if len(self._kept) <= self.count:
            return [item for _, item in self._kept]
        left = dict(self._kept)
        picked = []
        for k in range(self.count):
            middle = (k + 0.5) * self.seen / self.count
            best = min(left, key=lambda index: abs(index + 0.5 - middle))
            picked.append((best, left.pop(best)))
        return [item for _, item in sorted(picked, key=lambda pair: pair[0])]
