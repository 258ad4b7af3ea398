"""The folder of a run: its plan, its looks and the segments done, so that a killed run can go on where it was.

``OUT.parts/`` lies beside the output and holds ``plan.json`` (what was asked, on which files, and the timestamps and
shots that were found), the looks, and ``segment-NNNNN.EXT``. Every file appears under its name only when it is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from photostyle.errors import OutputError
from photostyle.io.files import atomic_write, ensure_folder
from photostyle.io.opening import describe

_PLAN = "plan.json"
# Also what a run that was killed had not yet given its name.
_OURS = re.compile(
    r"plan\.json|shot-\d+-\d+\.(style|moments)|shot-\d+\.said|segment-\d+\.\w+(\.[0-9a-f]{32}\.partial)?|\.[0-9a-f]{32}\.\w+(\.[0-9a-f]{32}\.partial)?"
)


@dataclass(frozen=True)
class Shot:
    """A run of frames between two cuts.

    Attributes:
        first: number of its first frame among those worked on.
        count: how many frames it has.
        windows: how many windows its look has.
    """

    first: int
    count: int
    windows: int


@dataclass(frozen=True)
class Segment:
    """Frames of one shot that are encoded together.

    Attributes:
        number: in order of time.
        shot: number of its shot.
        first: number of its first frame among those worked on.
        count: how many frames it has.
        lead: how many frames before it belong to the same shot.
    """

    number: int
    shot: int
    first: int
    count: int
    lead: int


@dataclass(frozen=True)
class Plan:
    """What the first pass over a clip found.

    Attributes:
        pts: tick of every frame to work on.
        shots: in order of time.
        damaged: whether something could not be decoded.
        last: ticks for which the last frame is shown; 0 if unknown.
        deinterlaced: whether the fields of frames are taken apart.
        length: frames of a segment at most.
        gains: factor on each frame's R′G′B′ before all else (`photostyle.video.exposure`); none leaves all as they are.
    """

    pts: Sequence[int]
    shots: Sequence[Shot]
    damaged: bool
    last: int = 0
    deinterlaced: bool = False
    length: int = 1
    gains: Sequence[float] = ()

    def gain(self, index: int) -> float:
        """The factor on frame `index`."""
        return self.gains[index] if self.gains else 1.0

    def segments(self) -> list[Segment]:
        """Shots cut into segments."""
        found: list[Segment] = []
        for number, shot in enumerate(self.shots):
            for first in range(shot.first, shot.first + shot.count, self.length):
                count = min(self.length, shot.first + shot.count - first)
                found.append(Segment(len(found), number, first, count, first - shot.first))
        return found


def _sound(plan: Plan) -> bool:
    """Whether a plan that was read can be one: ticks that increase, and shots that cover them one after the other."""
    numbers = [number for shot in plan.shots for number in (shot.first, shot.count, shot.windows)]
    if not all(type(number) is int for number in (*plan.pts, *numbers, plan.last, plan.length)) or plan.length < 1:
        return False
    if type(plan.damaged) is not bool or type(plan.deinterlaced) is not bool:
        return False
    if plan.gains and (len(plan.gains) != len(plan.pts) or not all(1e-3 < float(gain) < 1e3 for gain in plan.gains)):
        return False
    ends = [0, *(shot.first + shot.count for shot in plan.shots)]
    return (
        all(one < other for one, other in pairwise(plan.pts))
        and all(shot.count > 0 and shot.windows >= 0 for shot in plan.shots)
        and [shot.first for shot in plan.shots] == ends[:-1]
        and ends[-1] == len(plan.pts) > 0
    )


class Parts:
    """The folder of a run that writes `output`.

    Args:
        output: the clip to be written.
        asked: all that decides what the frames become, as JSON values; a run goes on only where it is the same.
        resume: go on with what is there.
        overwrite: without `resume`, drop what is there.

    Raises:
        OutputError: a run is there and neither was asked for, it was made with other settings, or the folder cannot
            be written, is a link, or holds files of others.
    """

    def __init__(self, output: Path, asked: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        self.folder = output.with_name(output.name + ".parts")
        self.asked = json.loads(json.dumps(asked))
        there = os.path.lexists(self.folder)
        if there:
            self._check_ours()
        if there and not resume and not overwrite:
            raise OutputError(
                f"{self.folder}: an earlier run was interrupted; pass --resume to go on, or --overwrite to start again"
            )
        if there and not resume:
            self.remove()
        ensure_folder(self.folder)
        self._check()

    def _check_ours(self) -> None:
        """The folder is going to be written to and removed: nobody else's files may be in it, nor may it be a link."""
        try:
            if self.folder.is_symlink():
                raise OutputError(f"{self.folder}: is a link, not the folder of a run; move it away")
            foreign = [name for name in os.listdir(self.folder) if not _OURS.fullmatch(name)]
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be read ({describe(error)}); move it away") from error
        if foreign:
            raise OutputError(f"{self.folder}: holds {foreign[0]!r}, which is of no interrupted run; move it away")

    def _read(self) -> dict[str, Any] | None:
        path = self.folder / _PLAN
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise OutputError(f"{path}: cannot be read ({describe(error)}); start again with --overwrite") from error
        if not isinstance(found, dict):
            raise OutputError(f"{path}: damaged; start again with --overwrite")
        return found

    def _check(self) -> None:
        found = self._read()
        if found is None:
            return
        before = found.get("asked")
        before = before if isinstance(before, dict) else {}
        differing = sorted(key for key in self.asked if before.get(key) != self.asked[key])
        differing += ["setting that is not known"] if set(before) - set(self.asked) else []
        if differing:
            raise OutputError(
                f"{self.folder}: the interrupted run had another {', '.join(differing)}; "
                "give the same to go on, or start again with --overwrite"
            )

    def plan(self) -> Plan | None:
        """The plan, if the first pass was finished."""
        found = self._read()
        if found is None:
            return None
        try:
            plan = Plan(
                found["pts"],
                [Shot(**shot) for shot in found["shots"]],
                found["damaged"],
                found["last"],
                found["deinterlaced"],
                found["length"],
                found["gains"],
            )
            if _sound(plan):
                return plan
        except (LookupError, TypeError):
            pass
        raise OutputError(f"{self.folder / _PLAN}: damaged; start again with --overwrite")

    def keep(self, plan: Plan) -> None:
        """Write the plan; the looks must be there already. Raises OutputError."""
        shots = [{"first": s.first, "count": s.count, "windows": s.windows} for s in plan.shots]
        found = {"damaged": plan.damaged, "deinterlaced": plan.deinterlaced, "last": plan.last, "length": plan.length}
        text = json.dumps(
            {"asked": self.asked, **found, "shots": shots, "pts": list(plan.pts), "gains": list(plan.gains)}
        )
        with atomic_write(self.folder / _PLAN, overwrite=True) as partial:
            partial.write_text(text, encoding="utf-8")

    def segment(self, segment: Segment, extension: str) -> Path:
        """Where a segment is, or will be."""
        return self.folder / f"segment-{segment.number:05d}.{extension}"

    def tidy(self) -> None:
        """Remove what a run that was killed had begun to write. Nobody else may be at work on it."""
        for partial in self.folder.glob("*.partial"):
            with contextlib.suppress(OSError):
                partial.unlink()

    def remove(self) -> None:
        """The folder is no longer needed. Raises OutputError if it cannot be removed."""
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be removed ({describe(error)}); remove it by hand") from error
