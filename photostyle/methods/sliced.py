"""Sliced optimal transport of colours (Pitié, Kokaram & Dahyot, N-Dimensional Probability Density Function Transfer and
its Application to Colour Transfer, ICCV 2005; Rabin et al., SSVM 2011).

Moments leave the shape of a colour distribution as it is; here all of it becomes the style's. Colours are turned by a
random rotation, each axis is matched by its histogram, which in one dimension is optimal transport, and turned back;
after a few rotations the distributions agree in all directions. The paper's regraining, which repairs the grain that
stretched histograms leave, is `photostyle.methods.smoothing`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.methods.optimise import Steps, check_steps
from photostyle.regions.regions import Regions

_LEVELS = 1024  # of each cumulative histogram
_EQUAL = 1e-6  # values that differ by less are one, but for rounding


@dataclass(frozen=True)
class SlicedOptions:
    """How long colours are moved.

    Attributes:
        steps: rotations.
        seed: of the rotations.
    """

    steps: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        check_steps(self.steps)


class SlicedTransport:
    """Sliced optimal transport; `Method.run` says what goes in and comes out."""

    def __init__(self, options: SlicedOptions) -> None:
        self.options = options

    def run(
        self,
        content: Tensor,
        style: Tensor,
        content_regions: Regions | None = None,
        style_regions: Regions | None = None,
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:
        """See `photostyle.methods.base.Method.run`; the loss is the mean squared distance that a step moved colours."""
        content, style = pair_of_images(content, style)
        generator = torch.Generator().manual_seed(self.options.seed)
        steps = Steps(self.options.steps, progress, should_stop)
        ours, theirs = content[0].flatten(1), style[0].flatten(1)
        while steps.done < steps.total and steps.may_start():
            axes = rotation(generator).to(ours)
            moved = axes.T @ torch.stack([matched(x, y) for x, y in zip(axes @ ours, axes @ theirs, strict=True)])
            loss = float(((moved - ours) ** 2).sum(0).mean())
            ours = moved
            steps.took(loss)
        return ours.reshape(content.shape).clamp(0, 1)


def rotation(generator: torch.Generator) -> Tensor:
    """A random orthogonal (3, 3) matrix, uniformly distributed (Mezzadri 2007)."""
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    turned: Tensor = q * r.diagonal().sign()
    return turned


def matched(values: Tensor, target: Tensor) -> Tensor:
    """Values (M,) with the histogram of the target (M'): the increasing map between their quantiles.

    It is a function of the value, so that pixels of one colour stay of one colour. Where many pixels have one value, as
    in a white background, that value takes the mean of all the quantiles that they cover; the first of these, which
    another rotation would take for another extreme, would drive it to colours that neither photo has.
    """
    ours, theirs = _quantiles(values), _quantiles(target)
    first = torch.searchsorted(ours, values - _EQUAL)
    last = torch.searchsorted(ours, values + _EQUAL, right=True)
    above = first.clamp(1, _LEVELS - 1)
    low, high = ours[above - 1], ours[above]
    share = ((values - low) / (high - low).clamp_min(1e-12)).clamp(0, 1)
    between = torch.lerp(theirs[above - 1], theirs[above], share)
    sums = F.pad(theirs.double().cumsum(0), (1, 0))
    covered = (sums[last] - sums[first]) / (last - first).clamp_min(1)
    return torch.where(last > first, covered.to(values), between)


def _quantiles(values: Tensor) -> Tensor:
    ordered = values.sort().values
    place = torch.linspace(0, len(ordered) - 1, _LEVELS, device=values.device, dtype=torch.float64)
    low = place.floor().long()
    high = (low + 1).clamp_max(len(ordered) - 1)
    return torch.lerp(ordered[low], ordered[high], (place - low).to(values))
