"""How a photo of any size is done within a memory budget: whole, in tiles, or by a grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.memory import free_memory
from photostyle.network.wct2 import MULTIPLE, WCT2
from photostyle.regions.regions import Regions
from photostyle.transfer import grid, tile_plan, tiling
from photostyle.transfer.transfer import Transfer

Mode = Literal["full", "grid", "auto"]
MODES: tuple[str, ...] = get_args(Mode)
FIT_PIXELS = 2_000_000
FULL_PIXELS = 2 << 20  # up to here, a screen's 2 MP, `auto` lets the network see every pixel


@dataclass(frozen=True)
class Rendering:
    """How large photos are done.

    Attributes:
        mode: ``full``: the network sees every pixel. ``grid``: it sees about a megapixel (`photostyle.transfer.grid`).
            ``auto``: full up to `FULL_PIXELS`.
        memory: bytes for the network's work, beside the photo itself; None plans with what is free.
        fit_pixels: statistics are measured on the photo reduced to this many pixels, or to what a grid is to be made
            of if that is less, so that one pass does both; 0 measures every pixel.
        update: called with steps done and in all while a photo is rendered.
    """

    mode: Mode = "auto"
    memory: int | None = None
    fit_pixels: int = FIT_PIXELS
    update: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ParameterError(f"render is {self.mode!r}; it must be one of {', '.join(MODES)}")
        if self.fit_pixels < 0 or 0 < self.fit_pixels < 256:
            raise ParameterError(f"fit size is {self.fit_pixels} pixels; it must be 0 (all) or at least 256")

    def mode_for(self, size: tuple[int, int]) -> Mode:
        """``full`` or ``grid`` for a photo of `size` (H, W)."""
        if self.mode != "auto":
            return self.mode
        return "full" if size[0] * size[1] <= FULL_PIXELS else "grid"

    def overwrites(self, size: tuple[int, int]) -> bool:
        """Whether a photo of `size` (H, W) is gone once it is rendered: a grid is applied where it lies."""
        return self.mode_for(size) == "grid"

    def measured_pixels(self, size: tuple[int, int]) -> int:
        """Of a photo of `size` (H, W) and its styles, about this many pixels are measured; 0 for every one."""
        return min(self.fit_pixels, grid.PIXELS) if self.mode_for(size) == "grid" else self.fit_pixels

    def region_pixels(self, size: tuple[int, int]) -> int:
        """Regions of a photo of `size` (H, W) are wanted at about this many pixels; 0 for its own size."""
        return self.fit_pixels and grid.PIXELS if self.mode_for(size) == "grid" else 0

    def budget(self, model: WCT2) -> int:
        """Bytes for the network's work."""
        return free_memory(next(model.parameters()).device) if self.memory is None else self.memory

    def tile(self, model: WCT2) -> int:
        """Side of a tile's core that the budget allows. Raises ParameterError where it allows none."""
        return tile_plan.tile_side(model.config, self.budget(model))

    def fits(self, model: WCT2, *images: Tensor) -> bool:
        """Whether the network can and should see these at once."""
        return tile_plan.fits(
            model.config, sum(image.shape[-2] * image.shape[-1] for image in images), self.budget(model)
        )


@torch.no_grad()
def render(
    transfer: Transfer,
    image: Tensor,
    rendering: Rendering,
    *,
    regions: Regions | None = None,
    strength: float | None = None,
    strengths: Mapping[str, float] | None = None,
    known: Tensor | None = None,
) -> Tensor:
    """`Transfer.apply` for photos of any size; `image` may be overwritten with the result.

    Args:
        transfer: the fitted style.
        image: (3, H, W) or (1, 3, H, W) float32, anywhere.
        rendering: how.
        regions: as for `Transfer.apply`, as what follows; of any size where a grid is rendered.
        strength: one for all regions.
        strengths: regions with a strength of their own.
        known: what the image was reduced to before, as for `photostyle.transfer.grid.reduce`.

    Returns:
        The shape of `image`, not clamped.

    Raises:
        ImageSizeError, MaskError, NumericalError, ParameterError: as `Transfer.apply`; or the budget is too small.
    """
    model = transfer.model

    def network(seen: Tensor, weights: Regions | None) -> Tensor:
        whole = math.ceil(max(seen.shape[-2:]) / MULTIPLE) * MULTIPLE
        tile = whole if rendering.fits(model, seen) else rendering.tile(model)
        update = rendering.update if seen is image else None
        return tiling.apply(transfer, seen, weights, strength, strengths, tile=tile, update=update)

    if rendering.mode_for((image.shape[-2], image.shape[-1])) == "grid":
        return grid.render_(
            transfer, image, regions, pixels=grid.PIXELS, network=network, known=known, update=rendering.update
        )
    return network(image, regions)
