"""Pairs of pixels some way apart, as slices of an image: what is compared with what."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

DIRECTIONS = 4  # of half a turn, as a pair is the same seen from either end
Place = tuple[slice, slice]


def pairs(size: Sequence[int], distances: Sequence[int]) -> Iterator[tuple[Place, Place]]:
    """Where both pixels of each pair lie in (H, W): all distances, in pixels, and directions that there is room for."""
    height, width = size
    for distance in distances:
        for direction in range(DIRECTIONS):
            angle = math.pi * direction / DIRECTIONS
            x, y = round(distance * math.cos(angle)), round(distance * math.sin(angle))
            if abs(x) >= width or abs(y) >= height:
                continue
            here = slice(max(0, -y), min(height, height - y)), slice(max(0, -x), min(width, width - x))
            there = slice(max(0, y), min(height, height + y)), slice(max(0, x), min(width, width + x))
            yield here, there
