"""How much of a result's change in colour, and of that in brightness, is kept: a blend in CIELAB, pixel by pixel.

L* goes to L* of the photo by one share, a* and b* by another, so either can stay while the other changes. The colour
space, of CIE 15:2004, is that in which a difference of one unit is about as large everywhere. Nothing but a pixel and
its result is looked at, so tiles have no borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.colour.lab import from_lab, to_lab
from photostyle.errors import ParameterError

_ROWS = 1 << 20  # pixels at a time


@dataclass(frozen=True)
class Shares:
    """How much of a change is kept.

    Attributes:
        colour: of a* and b*, 0 (the photo's) to 1 (the result's).
        brightness: of L*, likewise.

    Raises:
        ParameterError: one is not in [0, 1].
    """

    colour: float = 1.0
    brightness: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("colour", self.colour), ("brightness", self.brightness)):
            if not 0 <= value <= 1:
                raise ParameterError(f"{name} is {value:g}; it must be between 0 (the photo's) and 1 (the result's)")

    @property
    def all(self) -> bool:
        """The whole change is kept: nothing to do."""
        return self.colour == self.brightness == 1

    @property
    def none(self) -> bool:
        """Nothing of it is kept."""
        return self.colour == self.brightness == 0


@torch.no_grad()
def blended_(photo: Tensor, result: Tensor, shares: Shares) -> Tensor:
    """The result with these shares of its change, written over `result`.

    Args:
        photo: (3, H, W) sRGB in [0, 1].
        result: the same shape, about [0, 1]; it is clamped where it is blended.
        shares: 1 and 1 leave the result, 0 and 0 give the photo, both to the bit.
    """
    if shares.all:
        return result
    if shares.none:
        return result.copy_(photo)
    rows = max(1, _ROWS // photo.shape[-1])
    for top in range(0, photo.shape[-2], rows):
        here = slice(top, top + rows)
        before, after = to_lab(photo[None, :, here].float()), to_lab(result[None, :, here].float().clamp(0, 1))
        share = torch.tensor([shares.brightness, shares.colour, shares.colour]).to(before)[:, None, None]
        result[:, here] = from_lab(torch.lerp(before, after, share))[0].to(result)
    return result
