"""What one photo is at, and about how long it will take, from before anything heavy is loaded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photostyle.cli import console

STAGES: Mapping[str, tuple[str, float]] = {
    "start": ("starting", 2.0),
    "network": ("loading the network", 0.2),
    "style": ("looking at the style", 1.5),
    "photo": ("reading the photo, finding regions", 1.2),
    "fit": ("fitting and rendering", 2.0),
}
"""What is said of each stage, and its usual seconds on two cores: only their shares count once some have passed."""
_PER_PHOTO = ("photo", "fit")
_DOUBT = 0.5  # seconds that count as usual ones before anything is known


@dataclass
class Estimate:
    """How long is left, from what stages usually take and what those that have passed did take.

    Attributes:
        photos: how many there are.
        stage: that which is on.
        done: photos done.
        part: share of the stage that is done, where it is known.
        passed: seconds that all stages before this one took.
        since: seconds from the start at which this one began.
    """

    photos: int
    stage: str = "start"
    done: int = 0
    part: float | None = None
    since: float = 0.0
    usual_passed: float = 0.0
    names: Sequence[str] = field(default_factory=lambda: tuple(STAGES))

    def next(self, stage: str, now: float) -> None:
        """Go on with another stage at `now`, seconds from the start."""
        self.usual_passed += STAGES[self.stage][1]
        self.stage, self.since, self.part = stage, now, None

    def photo_done(self) -> None:
        """One photo more is done."""
        self.done += 1

    @property
    def total(self) -> float:
        """Usual seconds of all stages."""
        once = sum(seconds for name, (_, seconds) in STAGES.items() if name not in _PER_PHOTO)
        return once + self.photos * sum(STAGES[name][1] for name in _PER_PHOTO)

    def share(self, now: float) -> float:
        """How much of all is done at `now`, 0 to 1, as far as it can be told."""
        inside = self._inside(now)
        return min(0.99, (self.usual_passed + inside * STAGES[self.stage][1]) / self.total)

    def left(self, now: float) -> float:
        """Seconds left at `now`, at the pace of the stages that have passed."""
        rest = max(0.0, self.total - self.usual_passed - self._inside(now) * STAGES[self.stage][1])
        return rest * self._pace(now)

    def _inside(self, now: float) -> float:
        if self.part is not None:
            return self.part
        usual = STAGES[self.stage][1] * (self.since + _DOUBT) / (self.usual_passed + _DOUBT)
        return min(0.9, (now - self.since) / usual)

    def _pace(self, now: float) -> float:
        """Seconds to a usual second; near 1 until some have passed, and no less than a stage that drags on says."""
        passed = (self.since + _DOUBT) / (self.usual_passed + _DOUBT)
        return max(passed, now / (self.usual_passed + STAGES[self.stage][1]))


class Stages:
    """Tells an estimate what goes on."""

    def __init__(self, estimate: Estimate) -> None:
        self._estimate, self._began = estimate, time.monotonic()

    @property
    def now(self) -> float:
        """Seconds from the start."""
        return time.monotonic() - self._began

    def next(self, stage: str) -> None:
        """Another stage begins; the one that is on may be said again."""
        if stage != self._estimate.stage:
            self._estimate.next(stage, self.now)

    def part(self, done: int, total: int) -> None:
        """So much of a stage is done."""
        self.next("fit")
        self._estimate.part = done / max(1, total)

    def photo_done(self) -> None:
        """One photo more is done."""
        self._estimate.photo_done()


def line(estimate: Estimate, now: float) -> str:
    """``finding regions, about 4 s left``, with the number of the photo where there are several."""
    number = f"photo {min(estimate.done + 1, estimate.photos)} of {estimate.photos}: " if estimate.photos > 1 else ""
    seconds = estimate.left(now)
    left = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, round(seconds))} s"
    return f"{number}{STAGES[estimate.stage][0]}, about {left} left"


@contextmanager
def staged(contents: Sequence[Path], quiet: bool) -> Iterator[Stages]:
    """Show the stages of photos on stderr if that is a terminal, until the block ends."""
    estimate = Estimate(max(1, len(contents)))
    stages = Stages(estimate)
    if quiet or not console.stderr.is_terminal:
        yield stages
        return
    from rich.progress import BarColumn, Progress, ProgressColumn
    from rich.text import Text

    class Line(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(line(estimate, stages.now))

    class Bar(BarColumn):
        def render(self, task: Any) -> Any:
            task.completed = estimate.share(stages.now)
            return super().render(task)

    with Progress(Bar(bar_width=20), Line(), console=console.stderr, transient=True) as bar:
        bar.add_task("", total=1.0)
        yield stages
