"""The colours of regions in masks, and the names that go with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count

from PIL import ImageColor

from photostyle.options import UNSURE as UNSURE

Colour = tuple[int, int, int]

DPST_COLOURS: tuple[Colour, ...] = (
    (0, 0, 0),
    (255, 255, 255),
    (0, 255, 0),
    (0, 0, 255),
    (255, 0, 0),
    (255, 255, 0),
    (128, 128, 128),
    (0, 255, 255),
    (255, 0, 255),
)
"""RGB, 0 to 255, of the nine regions of the Deep Photo Style Transfer benchmark, in its order."""

DPST_NAMES = ("black", "white", "green", "blue", "red", "yellow", "grey", "lightblue", "purple")

CLASS_COLOURS: Mapping[str, Colour] = {
    "sky": (135, 206, 235),
    "vegetation": (34, 139, 34),
    "water": (30, 100, 200),
    "building": (200, 110, 60),
    "ground": (150, 130, 100),
    "mountain": (120, 90, 140),
    "object": (230, 60, 120),
    "person": (250, 175, 145),
    "wall": (225, 235, 130),
    "ceiling": (0, 210, 150),
}
"""RGB of the classes in masks that photostyle writes. These colours mean these names in every mask, so that the names
survive a paint program; none of them is a colour of `DPST_COLOURS`. The last three came later: no mixture of two of the
others, as soft brushes make them, is nearest to one of these."""

UNSURE_COLOUR = (70, 70, 70)
"""RGB of `photostyle.options.UNSURE` in them."""

_COLOUR_NAME = re.compile("#[0-9a-f]{6}")


def pack(colour: Colour) -> int:
    """red << 16 | green << 8 | blue."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def unpack(label: int) -> Colour:
    """The reverse of `pack`."""
    return label >> 16, label >> 8 & 255, label & 255


def name_of(label: int) -> str:
    """The name of a region of a packed colour: its class, or ``#rrggbb``."""
    return _CLASSES.get(label, f"#{label:06x}")


def described(label: int) -> str:
    """`name_of` with what people call the colour."""
    known = _BENCHMARK.get(label, "")
    return f"{known} {name_of(label)}".strip()


def canonical(name: str) -> str:
    """The name of a region as a person may write it: ``red`` is ``#ff0000``; all others are themselves."""
    return _ALIASES.get(name, name)


def region_colours(names: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """A colour for each name: its class's, its own if it is ``#rrggbb``, else one that no class and no other has."""
    fixed = {**CLASS_COLOURS, UNSURE: UNSURE_COLOUR}
    colours = {name: fixed[name] for name in names if name in fixed}
    colours |= {name: unpack(int(name[1:], 16)) for name in names if _COLOUR_NAME.fullmatch(name)}
    taken = {*fixed.values(), *DPST_COLOURS, *colours.values()}
    # Steps of the golden angle around the colour circle, so that neighbours in the list look different.
    candidates = (ImageColor.getrgb(f"hsv({n * 137.508 % 360:.0f},65%,{90 - n % 3 * 20}%)")[:3] for n in count())
    for name in names:
        if name not in colours:
            colours[name] = next(colour for colour in candidates if colour not in taken)
            taken.add(colours[name])
    return colours


_CLASSES = {pack(colour): name for name, colour in CLASS_COLOURS.items()} | {pack(UNSURE_COLOUR): UNSURE}
_BENCHMARK = {pack(colour): name for colour, name in zip(DPST_COLOURS, DPST_NAMES, strict=True)}
_ALIASES = {name: f"#{label:06x}" for label, name in _BENCHMARK.items()}
