"""What every method is to its callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.regions.regions import Regions
from photostyle.transfer.transfer import as_batch

Progress = Callable[[int, int, float], None]
"""Told ``(step, total, loss)`` after each step: steps count from 1, the loss is that of this step."""

ShouldStop = Callable[[], bool]
"""Asked before each step; once it says yes, a method ends with the best image so far."""


class Method(Protocol):
    """A way of giving a photo the style of another.

    Equal input, options (with their seed) and device give equal results.
    """

    def run(
        self,
        content: Tensor,
        style: Tensor,
        content_regions: Regions | None = None,
        style_regions: Regions | None = None,
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:
        """Transfer the style.

        Args:
            content: (1, 3, H, W) in [0, 1], on the device of the method's networks.
            style: (1, 3, h, w) in [0, 1], likewise.
            content_regions: regions of the content that take the style regions of the same name
                (`photostyle.methods.masks.restrict` makes them so); what they leave out takes the whole style.
                Methods without masks (`MethodInfo.masks`) do not look at them.
            style_regions: regions of the style; give both or neither.
            progress: told of every step by methods that go on in steps.
            should_stop: lets such methods end early.

        Returns:
            (1, 3, H, W) in [0, 1].

        Raises:
            ImageSizeError, MaskError, NumericalError, ParameterError: the input does not fit.
        """
        ...


def pair_of_images(content: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """Both as (1, 3, H, W) float32. Raises ImageSizeError, NumericalError or ParameterError if they are not that."""
    batches = as_batch(content), as_batch(style)
    for batch in batches:
        if batch.shape[0] != 1:
            raise ParameterError(f"methods take one image at a time, got a batch of {batch.shape[0]}")
    if batches[0].device != batches[1].device:
        raise ParameterError(f"content is on {batches[0].device} but style on {batches[1].device}; move one of them")
    return batches
