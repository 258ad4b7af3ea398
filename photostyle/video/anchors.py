"""Which frames of a shot the network sees, and the maps of colour of every frame between them.

A map of colours by place and colour changes slowly where the picture moves fast, so the network need not see every
frame: it sees one in `SECONDS`, an *anchor*, counted from the shot's first frame. What anchors have to say is averaged
over the last few, and frames between two anchors take a mixture of both. All of that is a function of the frames
around: where a run begins changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from photostyle.transfer.lasting import ColourMaps, Witness, settled

SECONDS = 0.2
"""Between two anchors."""
_MOST = 8  # frames between them, which wait for the second
MEMORY = (1.0, 0.5, 0.25)
"""How much an anchor and those before it count in the maps at its time."""
SHOT = 3.0
"""How much the shot's key frames count together in the maps of any time."""


@dataclass(frozen=True)
class Anchors:
    """Those of one shot.

    Attributes:
        count: frames of the shot.
        every: frames from one to the next; the last lies on the shot's last frame.
        memory: weights of an anchor and of those before it.
    """

    count: int
    every: int
    memory: tuple[float, ...] = MEMORY

    @property
    def last(self) -> int:
        """Number of the last."""
        return -(-(self.count - 1) // self.every)

    def frame(self, number: int) -> int:
        """Which frame of the shot an anchor is."""
        return min(number * self.every, self.count - 1)

    def at(self, frame: int) -> int | None:
        """The anchor that a frame of the shot is."""
        number = -(-frame // self.every)
        return number if self.frame(number) == frame else None

    def before(self, frame: int) -> tuple[int, float]:
        """The last anchor up to a frame of the shot, and how far that is on its way to the next."""
        number = self.at(frame)
        if number is not None:
            return number, 0.0
        number = frame // self.every
        start, end = self.frame(number), self.frame(number + 1)
        return number, (frame - start) / (end - start)

    def needed(self, first: int, count: int, lead: int = 0) -> tuple[int, int]:
        """First and last anchor that a stretch of frames takes, those that lie `lead` frames ahead among them."""
        begin = max(0, self.before(first)[0] - (len(self.memory) - 1))
        end, share = self.before(first + count - 1)
        return max(0, begin - -(-lead // self.every)), end + (share > 0)


def interval(rate: float) -> int:
    """Frames from one anchor to the next at so many frames a second."""
    return max(1, min(_MOST, round(rate * SECONDS)))


class Framed(Protocol):
    """A frame on its way.

    Attributes:
        place: its number within its shot.
        anchor: the anchor that it is.
        written: it is wanted, and not only for its anchor.
    """

    @property
    def place(self) -> int:
        """See above."""
        ...

    @property
    def anchor(self) -> int | None:
        """See above."""
        ...

    @property
    def written(self) -> bool:
        """See above."""
        ...


F = TypeVar("F", bound=Framed)


class Between(Generic[F]):
    """The frames of a stretch of one shot in order, each held back until the anchor behind it is known.

    Args:
        anchors: of the shot.
        first: number of the first anchor whose maps are wanted; those before it are only heard.
        ask: an anchor's frame to what it has to say.
        shot: what the shot's key frames have to say, if they were asked.
    """

    def __init__(self, anchors: Anchors, first: int, ask: Callable[[F], Witness], shot: Witness | None = None) -> None:
        self._anchors, self._first, self._ask = anchors, first, ask
        self._shot = [] if shot is None else [(shot, SHOT)]
        self._heard: dict[int, Witness] = {}
        self._maps: ColourMaps | None = None
        self._waiting: list[F] = []

    def add(self, item: F) -> Iterator[tuple[F, ColourMaps]]:
        """The next frame; those that need wait no longer come out with their maps."""
        if item.written:
            self._waiting.append(item)
        number = item.anchor
        if number is None:
            return
        self._heard[number] = self._ask(item)
        self._heard.pop(number - len(self._anchors.memory), None)
        if number < self._first:
            return
        near = [(self._heard[number - i], weight) for i, weight in enumerate(self._anchors.memory)
                if number - i in self._heard]  # fmt: skip
        maps = settled(*zip(*near, *self._shot, strict=True))
        for frame in self._waiting:
            share = 0.0 if frame.anchor is not None else self._anchors.before(frame.place)[1]
            yield frame, maps if not share or self._maps is None else self._maps.between(maps, share)
        self._waiting, self._maps = [], maps
