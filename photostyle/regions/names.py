"""Names of regions that mean something of their own, and which of them are related."""

from __future__ import annotations

from collections.abc import Mapping

from photostyle.options import UNSURE as UNSURE
from photostyle.options import WHOLE as WHOLE

RELATED: Mapping[str, tuple[str, ...]] = {
    "sky": (),
    "vegetation": ("mountain", "ground"),
    "water": ("sky",),
    "building": ("object",),
    "ground": ("mountain",),
    "mountain": ("ground", "vegetation"),
    "object": ("building",),
    "person": (),
    "wall": ("building",),
    "ceiling": ("wall",),
}
"""Where an orphan looks, nearest first. Water takes its colour from the sky above it and never from the ground; nothing
stands in for a sky; the kinds of land stand in for each other, but for vegetation, which makes green asphalt of ground;
and so do the things that people made. Walls are houses from inside. Skin takes the look of people or, with the whole
photo, that of the whole style, and of nothing between."""
