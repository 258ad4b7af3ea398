"""What can be asked of a clip, with defaults; free of heavy imports, so that help is quick."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from photostyle.errors import ParameterError

FitMode = Literal["shot", "drift", "frame"]
FIT_MODES: tuple[FitMode, ...] = get_args(FitMode)
PREVIEW_SIDE = 480


@dataclass(frozen=True)
class VideoOptions:
    """How a clip is graded and written.

    Attributes:
        fit: ``shot``: one fit a shot, so that its statistics cannot flicker. ``drift``: one a window of a shot, moments
            interpolated in between, for long takes whose light changes. ``frame``: every frame by itself.
        keyframes: frames that a shot (or window) is fitted to, spread over it.
        window: seconds between the fits of ``drift``.
        start, end: seconds of the clip to work on, as a player counts them; None is its beginning and end.
        codec: a key of `photostyle.video.encode.CODECS`; None is the container's default.
        crf: constant rate factor; None is the codec's default.
        preview: reduce to `PREVIEW_SIDE` pixels on the long side and encode quickly.
        allow_hdr: go on with PQ and HLG clips.
        colour, brightness: how much of the change in each alone is kept, 0 to 1 (`photostyle.jobs.blending`).
        deflicker: take out wavering of the clip's own exposure (`photostyle.video.exposure`); it is kept otherwise.
        segment: seconds of the clip that a segment holds at most, and a killed run loses; less where frames are large
            or the machine is slow (`photostyle.video.pace`).
        batch: frames at a time through the network; None is 1 on the CPU and 8 on a GPU.
    """

    fit: FitMode = "shot"
    keyframes: int = 5
    window: float = 4.0
    start: float | None = None
    end: float | None = None
    codec: str | None = None
    crf: int | None = None
    preview: bool = False
    allow_hdr: bool = False
    colour: float = 1.0
    brightness: float = 1.0
    deflicker: bool = False
    segment: float = 10.0
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.fit not in FIT_MODES:
            raise ParameterError(f"fit is {self.fit!r}; it must be one of {', '.join(FIT_MODES)}")
        if not 1 <= self.keyframes <= 100:
            raise ParameterError(f"keyframes is {self.keyframes}; it must be from 1 to 100")
        if self.batch is not None and self.batch < 1:
            raise ParameterError(f"batch is {self.batch}; it must be 1 or more")
        for name in ("colour", "brightness"):
            if not 0 <= getattr(self, name) <= 1:
                raise ParameterError(f"{name} is {getattr(self, name):g}; it must be from 0 to 1")
        for name in ("window", "segment"):
            if not 0 < getattr(self, name) < math.inf:
                raise ParameterError(f"{name} is {getattr(self, name):g} seconds; it must be more than 0")
        for name in ("start", "end"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise ParameterError(f"{name} is {value:g} seconds; it must be 0 or more")
        if self.end is not None and self.end <= (self.start or 0):
            raise ParameterError(f"end is {self.end:g} s, which is not after the start at {self.start or 0:g} s")
