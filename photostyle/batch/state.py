"""What a folder of results remembers, in its hidden ``.photostyle``: how they were made, and the look they share.

A continued run thus neither mixes two looks nor fits the shared one to other photos than before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photostyle.errors import OutputError
from photostyle.io import atomic_write, ensure_folder
from photostyle.io.opening import describe

_FORMAT = "photostyle-batch"
_LONGEST = 40  # letters of a setting's name: a damaged memory may hold anything


@dataclass(frozen=True)
class State:
    """The memory of a folder of results.

    Attributes:
        out: the folder; it need not exist.
        made: how its results were made, None if nothing is known.
        since: results last changed before this time (nanoseconds) are those that a run with ``--overwrite``, which did
            not come to its end, was about to replace.
    """

    out: Path
    made: Mapping[str, Any] | None
    since: int

    @property
    def look(self) -> Path:
        """Where the shared look is kept."""
        return _folder(self.out) / "shared.style"

    def differences(self, settings: Mapping[str, Any]) -> list[str]:
        """Names of the settings that were others; none if nothing is known."""
        if self.made is None:
            return []
        names = dict.fromkeys((*self.made, *settings))
        return [name[:_LONGEST] for name in names if self.made.get(name) != settings.get(name)]

    def renewed(self, settings: Mapping[str, Any], *, overwrite: bool) -> State:
        """Remember other settings, or that all results are about to be replaced; forgets the look. Raises OutputError.

        With the same settings and without `overwrite` nothing changes.
        """
        if self.made is not None and not overwrite and not self.differences(settings):
            return self
        ensure_folder(_folder(self.out))
        try:
            self.look.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{self.look}: cannot be replaced ({describe(error)})") from error
        record = {"format": _FORMAT, "settings": settings, "replaces": overwrite}
        with atomic_write(_file(self.out), overwrite=True) as partial:
            partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
        return read_state(self.out)


def read_state(out: Path) -> State:
    """What the folder `out` remembers.

    Raises:
        OutputError: its memory cannot be read.
    """
    path = _file(out)
    try:
        record, changed = json.loads(path.read_text(encoding="utf-8")), os.stat(path).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return State(out, None, 0)
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(f"{path}: cannot be read ({describe(error)}); delete it, or give another folder") from error
    made = record.get("settings") if isinstance(record, dict) and record.get("format") == _FORMAT else None
    if not isinstance(made, dict):
        raise OutputError(f"{path}: damaged; delete it, or give another folder")
    return State(out, made, changed if record.get("replaces") else 0)


def _folder(out: Path) -> Path:
    return out / ".photostyle"


def _file(out: Path) -> Path:
    return _folder(out) / "batch.json"
