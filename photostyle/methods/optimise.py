"""Images found by descent on their pixels: the loop that optimisation methods share.

Pixels are poor coordinates for a descent: all of a sky must change for its light to change, and each of its pixels
matters little. So L-BFGS moves an image pyramid z instead, x = Σ_k up(z_k), where what is large has a coordinate of its
own. Losses and their minima are the same, and the minima are reached in far fewer steps. Adam, which scales every
coordinate by itself, gains nothing from that and moves the pixels.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import NumericalError, ParameterError
from photostyle.methods.backbone import fitted, size_of
from photostyle.methods.base import Progress, ShouldStop

OptimizerName = Literal["lbfgs", "adam"]
OPTIMIZERS: tuple[OptimizerName, ...] = get_args(OptimizerName)
LEARNING_RATE = 0.02  # of Adam, a step in pixel values; L-BFGS searches along its lines (strong Wolfe conditions)
FRESH = 25  # steps after which losses that draw at random draw anew: fewer than it takes to fit what was drawn
HISTORY = 20  # of L-BFGS, in steps

_COARSEST_LEVEL = 8  # least side of the pyramid's top
COARSEST = 512  # long side above which another, coarser scale comes first, unless told otherwise

Loss = Callable[[Tensor], Tensor]

_logger = logging.getLogger(__name__)


class Steps:
    """Counts the steps of a whole run, over all its stages, and tells of them.

    A step is one evaluation of loss and gradient, which costs the same with either optimiser.

    Attributes:
        done: steps so far.
        stopped: the run was asked to end early.
    """

    def __init__(self, total: int, progress: Progress | None, should_stop: ShouldStop | None) -> None:
        self.total, self._progress, self._should_stop = total, progress, should_stop
        self.done, self.stopped = 0, False

    def may_start(self) -> bool:
        """Whether another step shall be taken. Asked at the start of each."""
        self.stopped = self.stopped or bool(self._should_stop and self._should_stop())
        return not self.stopped

    def took(self, loss: float) -> None:
        """A step was taken."""
        self.done += 1
        if self._progress:
            self._progress(self.done, self.total, loss)


def check_steps(steps: int) -> None:
    """Raise ParameterError unless there is at least one step."""
    if steps < 1:
        raise ParameterError(f"steps is {steps}; it must be at least 1")


def check_optimizer(name: str) -> None:
    """Raise ParameterError unless there is such an optimiser."""
    if name not in OPTIMIZERS:
        raise ParameterError(f"optimizer is {name!r}; it must be one of {', '.join(OPTIMIZERS)}")


def check_weight(name: str, value: float) -> None:
    """Raise ParameterError unless a loss's weight is finite and not negative."""
    if not 0 <= value < math.inf:
        raise ParameterError(f"{name} is {value}; it must be 0 or more, and finite")


class _EnoughError(Exception):
    """Leaves an optimiser from inside its evaluation."""


def minimise(start: Tensor, loss: Loss, count: int, optimizer: OptimizerName, steps: Steps) -> Tensor:
    """The image of least loss that was met on the way down.

    Args:
        start: (1, 3, H, W).
        loss: of such an image, a differentiable scalar.
        count: evaluations at most; fewer if a minimum is reached to the last digit.
        optimizer: ``"lbfgs"`` or ``"adam"``.
        steps: of the whole run; its `should_stop` ends this stage too.

    Returns:
        (1, 3, H, W), not limited to [0, 1]; `start` itself if there was no step.

    Raises:
        NumericalError: the loss of `start` is not finite. If it stops being so later, the stage ends there.
    """
    pyramid = _pyramid(start) if optimizer == "lbfgs" else [start.detach().clone()]
    for level in pyramid:
        level.requires_grad_(True)
    best, least, taken = start.detach(), math.inf, 0

    def evaluate() -> Tensor:
        nonlocal best, least, taken
        if taken >= count or not steps.may_start():
            raise _EnoughError
        for level in pyramid:
            level.grad = None
        with torch.enable_grad():
            image = _joined(pyramid)
            value = loss(image)
            value.backward()  # type: ignore[no-untyped-call]
        number = float(value.detach())
        if not math.isfinite(number):
            if not taken:
                raise NumericalError("the loss is not finite at the start: check the photos and the network's weights")
            _logger.warning("the loss stopped being finite after %d steps; the best image so far is kept", taken)
            raise _EnoughError
        taken += 1
        if number < least:
            best, least = image.detach().clone(), number
        steps.took(number)
        return value.detach()

    try:
        if optimizer == "lbfgs":
            # The memory is in steps, the line search in evaluations, and `evaluate` ends both.
            descent: torch.optim.Optimizer = torch.optim.LBFGS(
                pyramid, max_iter=count, max_eval=2 * count, history_size=HISTORY,
                tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe",
            )  # fmt: skip
            descent.step(evaluate)  # type: ignore[arg-type]
        else:
            descent = torch.optim.Adam(pyramid, LEARNING_RATE)
            while True:
                evaluate()
                descent.step()
    except _EnoughError:
        pass
    return best


def _pyramid(image: Tensor) -> list[Tensor]:
    """An image and zeros for what each coarser level adds to it."""
    levels = [image.detach().clone(memory_format=torch.contiguous_format)]
    height, width = size_of(image)
    while min(height, width) > _COARSEST_LEVEL:
        height, width = -(-height // 2), -(-width // 2)
        levels.append(image.new_zeros(*image.shape[:2], height, width))
    return levels


def _joined(pyramid: Sequence[Tensor]) -> Tensor:
    size = size_of(pyramid[0])
    image = pyramid[0]
    for level in pyramid[1:]:
        image = image + F.interpolate(level, size=size, mode="bilinear", align_corners=False)
    return image


def coarse_to_fine(
    start: Tensor,
    size: tuple[int, int],
    scales: int,
    loss_at: Callable[[float], tuple[tuple[int, int], Loss]],
    optimizer: OptimizerName,
    steps: Steps,
    fresh: int | None = None,
) -> Tensor:
    """`minimise` at one scale after the other, each twice the one before and starting from what that found.

    Args:
        start: (1, 3, h, w) of any size.
        size: (H, W) of the result.
        scales: how many there are; the steps are shared out evenly, and the finest get what cannot be shared.
        loss_at: from a scale (1 the finest, 0.5, …) to the size (H, W) there and the loss of images of that size.
        optimizer: as for `minimise`.
        steps: of the whole run.
        fresh: steps after which a loss is made anew, for those that draw at random when they are made.
    """
    image = start
    for level in range(scales):
        left = (steps.total + level) // scales
        while left > 0 and not steps.stopped:
            count = min(left, fresh or left)
            here, loss = loss_at(0.5 ** (scales - 1 - level))
            image = minimise(fitted(image, here), loss, count, optimizer, steps)
            left -= count
    return fitted(image, size)


def good_scales(size: tuple[int, int]) -> int:
    """How many scales bring the long side of an image to `COARSEST` or less."""
    return 1 + max(0, math.ceil(math.log2(max(size) / COARSEST)))
