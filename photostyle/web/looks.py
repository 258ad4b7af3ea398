"""The looks that come with photostyle, as the page's strip offers them; none where they are not installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class Look:
    """A look to start from.

    Attributes:
        name: as the command's ``--look`` takes it.
        path: its ``.style`` file.
    """

    name: str
    path: Path

    @property
    def key(self) -> str:
        """Its name in what the page sends."""
        return f"look:{self.name}"

    @property
    def title(self) -> str:
        """For the eye."""
        return self.name.replace("-", " ").capitalize()


def embedded() -> Sequence[Look]:
    """All of them, in the order in which they are shown."""
    if find_spec("photostyle.looks") is None:
        return []
    room = import_module("photostyle.looks")
    return [Look(name, room.look_file(name)) for name in room.look_names()]
