"""How a photo of any size is fitted and rendered within a memory budget: whole, in tiles, or by a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from photostyle import fitting, grid, tiling
from photostyle.errors import ParameterError
from photostyle.memory import free_memory
from photostyle.networks import WCT2
from photostyle.options import FitOptions
from photostyle.regions import Regions
from photostyle.sources import Sources
from photostyle.transfer import Transfer

Mode = Literal["full", "grid", "auto"]
MODES: tuple[str, ...] = get_args(Mode)
FIT_PIXELS = 2 << 20
FULL_PIXELS = 6 << 20  # up to here `auto` lets the network see every pixel


@dataclass(frozen=True)
class Rendering:
    """How large photos are done.

    Attributes:
        mode: ``full``: the network sees every pixel. ``grid``: it sees about a megapixel (`photostyle.grid`).
            ``auto``: full up to `FULL_PIXELS`.
        memory: bytes for the network's work, beside the photo itself; None plans with what is free.
        fit_pixels: statistics are measured on the photo reduced to this many pixels; 0 measures every pixel.
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

    def tile(self, model: WCT2) -> int:
        """Side of a tile's core that the budget allows. Raises ParameterError where it allows none."""
        budget = free_memory(next(model.parameters()).device) if self.memory is None else self.memory
        return tiling.tile_side(model.config, budget)


@torch.no_grad()
def fit_and_render(
    model: WCT2,
    content: Tensor,
    styles: Sequence[Tensor],
    rendering: Rendering,
    *,
    content_regions: Regions | None = None,
    style_regions: Sequence[Regions] | None = None,
    style_weights: Sequence[float] | None = None,
    sources: Sources | None = None,
    options: FitOptions | None = None,
) -> tuple[Transfer, Tensor]:
    """`photostyle.fitting.fit_and_apply` for photos of any size.

    Args:
        model: the network.
        content: (3, H, W) float32 in memory; it may be overwritten with the result.
        styles: the same; they stay.
        rendering: how.
        content_regions: as for `photostyle.fitting.fit`, as what follows.
        style_regions: of each style.
        style_weights: of each style.
        sources: which style regions each content region takes.
        options: how to fit.

    Raises:
        ImageSizeError, MaskError, NumericalError, ParameterError: as `photostyle.fitting.fit`.
    """
    transfer = fit(
        model,
        [content],
        styles,
        rendering,
        content_regions=None if content_regions is None else [content_regions],
        style_regions=style_regions,
        style_weights=style_weights,
        sources=sources,
        options=options,
    )
    return transfer, render(transfer, content, rendering, regions=content_regions)


@torch.no_grad()
def fit(
    model: WCT2,
    contents: Sequence[Tensor],
    styles: Sequence[Tensor],
    rendering: Rendering,
    *,
    content_regions: Sequence[Regions] | None = None,
    style_regions: Sequence[Regions] | None = None,
    style_weights: Sequence[float] | None = None,
    sources: Sources | None = None,
    options: FitOptions | None = None,
) -> Transfer:
    """`photostyle.fitting.fit` on photos reduced to ``rendering.fit_pixels`` each, in tiles where memory is short."""
    pixels = rendering.fit_pixels
    seen_c, regions_c = _seen(contents, content_regions, pixels)
    seen_s, regions_s = _seen(styles, style_regions, pixels)
    names = {"content_regions": regions_c, "style_regions": regions_s}
    tile, side = rendering.tile(model), max(max(image.shape[-2:]) for image in (*seen_c, *seen_s))
    if side <= tile and len(contents) == 1:
        device = next(model.parameters()).device
        seen_c, seen_s = ([image.to(device) for image in images] for images in (seen_c, seen_s))
        return fitting.fit(
            model, seen_c, seen_s, **names, style_weights=style_weights, sources=sources, options=options
        )
    return tiling.fit(
        model, seen_c, seen_s, **names, style_weights=style_weights, sources=sources, options=options, tile=tile
    )


def _seen(
    images: Sequence[Tensor], regions: Sequence[Regions] | None, pixels: int
) -> tuple[list[Tensor], list[Regions] | None]:
    if not pixels:
        return list(images), None if regions is None else list(regions)
    pairs = [
        grid.reduce(image[None] if image.dim() == 3 else image, regions[i] if regions else None, pixels)
        for i, image in enumerate(images)
    ]
    found = [weights for _, weights in pairs if weights is not None]
    return [image for image, _ in pairs], found if regions is not None else None


@torch.no_grad()
def render(
    transfer: Transfer,
    image: Tensor,
    rendering: Rendering,
    *,
    regions: Regions | None = None,
    strength: float | None = None,
    strengths: Mapping[str, float] | None = None,
) -> Tensor:
    """`Transfer.apply` for photos of any size; `image` may be overwritten with the result."""
    if rendering.mode_for((image.shape[-2], image.shape[-1])) == "grid":
        return grid.render_(transfer, image, regions, strength, strengths, update=rendering.update)
    tile = rendering.tile(transfer.model)
    return tiling.apply(transfer, image, regions, strength, strengths, tile=tile, update=rendering.update)
