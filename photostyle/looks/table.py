"""Which looks come with the package, light enough to be read for help and completion."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from photostyle.errors import ParameterError, WeightsError

LOOKS: Mapping[str, str] = {
    "golden-hour": "low warm sun, long soft shadows",
    "blue-hour": "after sunset: deep blue, windows lit",
    "overcast": "soft light from a grey sky",
    "snow": "cold, bright winter light",
    "tungsten": "warm lamps of an evening indoors",
    "faded-film": "old print: lifted blacks, gentle colour",
    "high-noon": "clear midday sun, deep sky, strong colour",
    "storm": "dark clouds, cold contrast",
    "forest": "green light under leaves",
    "desert": "dry heat: ochre and pale turquoise",
    "neon": "city at night: magenta and cyan",
    "candle": "one flame in the dark",
}
"""Name to one line for people."""


def look_names() -> tuple[str, ...]:
    """Names of the embedded looks."""
    return tuple(LOOKS)


def look_file(name: str) -> Path:
    """The `.style` file of an embedded look.

    Raises:
        ParameterError: there is no look of that name.
        WeightsError: its file is missing.
    """
    if name not in LOOKS:
        close = difflib.get_close_matches(name, LOOKS, 1)
        hint = f"did you mean {close[0]}?" if close else f"there is {', '.join(LOOKS)}"
        raise ParameterError(f"there is no look {name!r}; {hint}")
    path = look_folder() / f"{name}.style"
    if not path.is_file():
        raise WeightsError(f"the look {name!r} is not in {path.parent}: install photostyle again")
    return path


def look_folder() -> Path:
    """Where the files lie."""
    return Path(__file__).parent
