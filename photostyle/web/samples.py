"""The sample pair that the page offers: in a wheel beside the package, in a checkout under docs/."""

from __future__ import annotations

from pathlib import Path

from photostyle.errors import ImageReadError

_PACKAGE = Path(__file__).resolve().parents[1]


def sample(name: str) -> Path:
    """A sample photo, ``day.jpg`` or ``dusk.jpg``. Raises ImageReadError if it is not installed."""
    for folder in (_PACKAGE / "_samples", _PACKAGE.parent / "docs" / "samples"):
        if (folder / name).is_file():
            return folder / name
    raise ImageReadError(f"the sample photo {name} is not in {_PACKAGE / '_samples'}: install photostyle again")
