"""How a photo of any size is fitted and rendered within a memory budget: whole, in tiles, or by a grid."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor

from photostyle import fitting, grid, tiling
from photostyle.errors import ParameterError
from photostyle.measuring import shaped
from photostyle.memory import free_memory
from photostyle.networks import MULTIPLE, WCT2
from photostyle.options import FitOptions
from photostyle.regions import Regions
from photostyle.sources import Sources
from photostyle.targets import Target
from photostyle.transfer import Transfer

Mode = Literal["full", "grid", "auto"]
MODES: tuple[str, ...] = get_args(Mode)
FIT_PIXELS = 2_000_000
FULL_PIXELS = 6 << 20  # up to here, a camera's 6 MP, `auto` lets the network see every pixel
_Result = TypeVar("_Result")

logger = logging.getLogger(__name__)


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

    def region_pixels(self, size: tuple[int, int]) -> int:
        """Regions of a photo of `size` (H, W) are wanted at about this many pixels; 0 for its own size."""
        return self.fit_pixels and max(self.fit_pixels, grid.PIXELS) if self.mode_for(size) == "grid" else 0

    def budget(self, model: WCT2) -> int:
        """Bytes for the network's work."""
        return free_memory(next(model.parameters()).device) if self.memory is None else self.memory

    def tile(self, model: WCT2) -> int:
        """Side of a tile's core that the budget allows. Raises ParameterError where it allows none."""
        return tiling.tile_side(model.config, self.budget(model))

    def fits(self, model: WCT2, *images: Tensor) -> bool:
        """Whether the network can and should see these at once."""
        return tiling.fits(model.config, sum(image.shape[-2] * image.shape[-1] for image in images), self.budget(model))


@torch.no_grad()
def fit_and_render(
    model: WCT2,
    content: Tensor,
    styles: Sequence[Tensor] | Target,
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
        content: (3, H, W) float32, anywhere; it may be overwritten with the result.
        styles: the same, but they stay; or what was measured of them.
        rendering: how.
        content_regions: as for `photostyle.fitting.fit`, as what follows; of any size where a grid is rendered.
        style_regions: of each style.
        style_weights: share of each style.
        sources: which style regions each content region takes.
        options: how to fit.

    Raises:
        ImageSizeError, MaskError, NumericalError, ParameterError: as `photostyle.fitting.fit`; or the budget is too
            small.
    """
    size = (content.shape[-2], content.shape[-1])
    names: dict[str, Any] = {"style_weights": style_weights, "sources": sources, "options": options}
    seen_c, regions_c = _seen([content], None if content_regions is None else [content_regions], rendering.fit_pixels)
    seen_s, regions_s = _seen_styles(styles, style_regions, rendering.fit_pixels)
    covered = tuple(seen_c[0].shape[-2:]) == size and rendering.mode_for(size) == "full"

    def apart(*, tiled: bool = False) -> tuple[Transfer, Tensor]:
        transfer = _fit(model, seen_c, seen_s, rendering, regions_c, regions_s, names, tiled=tiled)
        return transfer, render(transfer, content, rendering, regions=content_regions)

    def at_once() -> tuple[Transfer, Tensor]:
        transfer, result = fitting.fit_and_apply(
            model,
            _on_device(model, seen_c)[0],
            seen_s if isinstance(seen_s, Target) else _on_device(model, seen_s),
            content_regions=content_regions,
            style_regions=regions_s,
            **names,
        )
        return transfer, result.reshape(content.shape)

    if covered and all(rendering.fits(model, image) for image in (*seen_c, *_images(seen_s))):
        return _else(at_once, lambda: apart(tiled=True))
    return apart()


@torch.no_grad()
def fit(
    model: WCT2,
    contents: Sequence[Tensor],
    styles: Sequence[Tensor] | Target,
    rendering: Rendering,
    *,
    content_regions: Sequence[Regions] | None = None,
    style_regions: Sequence[Regions] | None = None,
    style_weights: Sequence[float] | None = None,
    sources: Sources | None = None,
    options: FitOptions | None = None,
) -> Transfer:
    """`photostyle.fitting.fit` on photos reduced to ``rendering.fit_pixels`` each, in tiles where memory is short."""
    seen_c, regions_c = _seen(contents, content_regions, rendering.fit_pixels)
    seen_s, regions_s = _seen_styles(styles, style_regions, rendering.fit_pixels)
    names: dict[str, Any] = {"style_weights": style_weights, "sources": sources, "options": options}
    return _fit(model, seen_c, seen_s, rendering, regions_c, regions_s, names)


@torch.no_grad()
def measure_target(
    model: WCT2,
    styles: Sequence[Tensor],
    rendering: Rendering,
    *,
    style_regions: Sequence[Regions] | None = None,
    style_weights: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    options: FitOptions | None = None,
) -> Target:
    """`photostyle.fitting.measure_target` on photos reduced as `fit` reduces them; arguments and errors as there."""
    seen, regions = _seen(styles, style_regions, rendering.fit_pixels)
    given: dict[str, Any] = {
        "style_regions": regions, "style_weights": style_weights, "names": names, "options": options
    }  # fmt: skip

    def at_once() -> Target:
        return fitting.measure_target(model, _on_device(model, seen), **given)

    def in_tiles() -> Target:
        return tiling.measure_target(model, seen, **given, tile=rendering.tile(model))

    return _else(at_once, in_tiles) if all(rendering.fits(model, image) for image in seen) else in_tiles()


def _fit(
    model: WCT2,
    contents: Sequence[Tensor],
    styles: Sequence[Tensor] | Target,
    rendering: Rendering,
    content_regions: Sequence[Regions] | None,
    style_regions: Sequence[Regions] | None,
    names: Mapping[str, Any],
    *,
    tiled: bool = False,
) -> Transfer:
    names = {"content_regions": content_regions, "style_regions": style_regions, **names}

    def at_once() -> Transfer:
        there = styles if isinstance(styles, Target) else _on_device(model, styles)
        return fitting.fit(model, _on_device(model, contents), there, **names)

    def in_tiles() -> Transfer:
        return tiling.fit(model, contents, styles, **names, tile=rendering.tile(model))

    # Contents are walked in step, styles one by one.
    if (
        not tiled
        and rendering.fits(model, *contents)
        and all(rendering.fits(model, style) for style in _images(styles))
    ):
        return _else(at_once, in_tiles)
    return in_tiles()


def _seen(
    images: Sequence[Tensor], regions: Sequence[Regions] | None, pixels: int
) -> tuple[list[Tensor], list[Regions] | None]:
    """What is measured of each image: (1, 3, h, w), and its regions."""
    pairs = [
        grid.reduce(shaped(image), regions[i] if regions else None, pixels or image.shape[-2] * image.shape[-1])
        for i, image in enumerate(images)
    ]
    found = [weights for _, weights in pairs if weights is not None]
    return [image for image, _ in pairs], found if regions is not None else None


def _seen_styles(
    styles: Sequence[Tensor] | Target, regions: Sequence[Regions] | None, pixels: int
) -> tuple[Sequence[Tensor] | Target, Sequence[Regions] | None]:
    return (styles, regions) if isinstance(styles, Target) else _seen(styles, regions, pixels)


def _images(styles: Sequence[Tensor] | Target) -> Sequence[Tensor]:
    return [] if isinstance(styles, Target) else styles


def _on_device(model: WCT2, images: Sequence[Tensor]) -> list[Tensor]:
    device = next(model.parameters()).device
    return [image.to(device).contiguous() for image in images]


def _else(at_once: Callable[[], _Result], in_tiles: Callable[[], _Result]) -> _Result:
    """What the first gives, or the second where the GPU's memory does not suffice for the first."""
    try:
        return at_once()
    except torch.OutOfMemoryError:
        logger.warning("out of memory on the GPU: once more in tiles")
    torch.cuda.empty_cache()
    return in_tiles()


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
    """`Transfer.apply` for photos of any size; `image` may be overwritten with the result.

    Args:
        transfer: the fitted style.
        image: (3, H, W) or (1, 3, H, W) float32, anywhere.
        rendering: how.
        regions: as for `Transfer.apply`, as what follows; of any size where a grid is rendered.
        strength: one for all regions.
        strengths: regions with a strength of their own.

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
        return grid.render_(transfer, image, regions, network=network, update=rendering.update)
    return network(image, regions)
