"""A look at a photo that answers at once: strengths and shares of styles on a reduced copy, in a fraction of a second.

What a strength does is computed by the very job that writes results, on a copy of `SEEN` pixels, at a few strengths
(`KNOTS`). Each answer becomes a grid of affine colour maps (`photostyle.transfer.grid`); between knots the maps are
interpolated, cell by cell, so that regions may differ in strength, and the map is applied to a copy of `SHOWN` pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from photostyle.options import check_strength
from photostyle.regions.regions import Regions
from photostyle.transfer.grid import ColourGrid, fit_grid

SEEN = 150_000
SHOWN = 1_000_000
KNOTS = (0.0, 0.25, 0.5, 0.75, 1.0)

Answer = Callable[[float, Sequence[float] | None], Tensor]
"""What the network makes of the seen copy, (3, h, w), at a strength and with shares of the styles (None: as given)."""


class Preview:
    """A photo and what becomes of it at any strength.

    Args:
        seen: (3, h, w), the copy that the network sees.
        shown: (3, H, W), the copy that is shown.
        answer: asked at every knot, once.
        styles: how many styles there are.
        shares: of each style, as `answer` takes them if it is told none; they sum to 1.
        regions: of the photo, the size of `seen`, where regions may have a strength of their own.
    """

    def __init__(
        self,
        seen: Tensor,
        shown: Tensor,
        answer: Answer,
        *,
        styles: int = 1,
        shares: Sequence[float] = (1.0,),
        regions: Regions | None = None,
    ) -> None:
        self.seen, self.shown, self.regions, self.shares = seen, shown, regions, tuple(shares)
        self._answer, self._styles = answer, styles
        self._knots: dict[float, Tensor] = {0.0: _identity(seen)}
        self._alone: list[Tensor] | None = None
        self._lock = threading.Lock()

    def prepare(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Ask at all knots, and for every style by itself, so that nothing has to wait for it later.

        Args:
            enough: asked between answers; true ends it.
        """
        for knot in reversed(KNOTS):
            if enough():
                return
            self._knot(knot)
        if self._styles > 1 and not enough():
            self._vertices()

    def full(self) -> None:
        """Ask at full strength."""
        self._knot(1.0)

    def over(self, shown: Tensor) -> Preview:
        """The same over another copy (3, H, W) of the photo."""
        other = Preview(self.seen, shown, self._answer, styles=self._styles, shares=self.shares, regions=self.regions)
        other._knots = self._knots
        return other

    def draft(self, strength: float) -> Tensor:
        """The shown copy (3, H, W), in [0, 1], from the answers that there are: nothing is asked or waited for."""
        return self.at(strength, wait=False)

    def sure(self, strengths: Collection[float] = KNOTS) -> bool:
        """Whether these strengths can be shown without asking, and without a guess where answers are still to come."""
        return len(self._knots) == len(KNOTS) or {*strengths} <= {*self._knots}

    def reduce(self) -> None:
        """Forget all but the full style, which is what a glance at it later needs."""
        with self._lock:
            self._knots = {knot: grid for knot, grid in self._knots.items() if knot in (0.0, 1.0)}
            self._alone = None

    def at(
        self,
        strength: float,
        strengths: Mapping[str, float] | None = None,
        shares: Sequence[float] | None = None,
        *,
        wait: bool = True,
    ) -> Tensor:
        """The shown copy (3, H, W), in [0, 1].

        Args:
            strength: 0 to 1.
            strengths: regions with a strength of their own.
            shares: other shares of the styles than the knots were asked with. What they change is taken to be the
                styles' own effects in these shares, which holds near the given ones; ask anew for the true answer.
            wait: ask at the strengths beside this one; else what lies between the answers that there are is shown.

        Raises:
            ParameterError: a strength is out of range.
        """
        amount = self._amount(strength, strengths or {})
        coefficients = self._interpolated(amount, KNOTS if wait else sorted(self._knots))
        if shares is not None and tuple(shares) != self.shares and self._styles > 1:
            for change, alone in zip(
                (new - old for new, old in zip(shares, self.shares, strict=True)), self._vertices(), strict=True
            ):
                coefficients = coefficients + change * amount * alone
        image = self.shown[None].clone()
        return ColourGrid(coefficients).apply_(image)[0].clamp_(0, 1)

    def _amount(self, strength: float, strengths: Mapping[str, float]) -> Tensor:
        """The strength of every cell, (1, 1, h, w) or (1, 1, 1, 1)."""
        amount = self.seen.new_full((1, 1), check_strength(strength))
        for name, own in strengths.items():
            if self.regions and name in self.regions.weights:
                amount = amount + self.regions.weights[name] * (check_strength(own) - strength)
        return amount[None, None].clamp(0, 1)

    def _interpolated(self, amount: Tensor, knots: Sequence[float]) -> Tensor:
        if len(knots) == 1:
            return self._knots[0.0]
        low, high = float(amount.min()), float(amount.max())
        result = torch.zeros(self._knots[0.0].shape)
        for left, right in pairwise(knots):
            inside = (amount >= left) & (amount <= right if right == knots[-1] else amount < right)
            if not inside.any():
                continue
            first, share = self._knot(left) if low < right else self._knot(right), (amount - left) / (right - left)
            # At a knot its neighbour is not asked.
            part = first if high <= left else torch.lerp(first, self._knot(right), share)
            result = torch.where(inside, part, result)
        return result

    def _knot(self, strength: float) -> Tensor:
        known = self._knots.get(strength)
        if known is not None:  # also while another is being asked for
            return known
        with self._lock:
            if strength not in self._knots:
                self._knots[strength] = self._grid(self._answer(strength, None))
            return self._knots[strength]

    def _vertices(self) -> list[Tensor]:
        with self._lock:
            if self._alone is None:
                alone = ([float(i == number) for i in range(self._styles)] for number in range(self._styles))
                self._alone = [self._grid(self._answer(1.0, shares)) for shares in alone]
            return self._alone

    def _grid(self, answer: Tensor) -> Tensor:
        return fit_grid(self.seen[None], answer[None]).coefficients


def _identity(image: Tensor) -> Tensor:
    identity = image.new_zeros(1, 12, 1, 1)
    identity[:, [0, 4, 8]] = 1
    return identity.expand(1, 12, *image.shape[-2:])  # no memory: every cell is the same one
