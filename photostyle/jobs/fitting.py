"""Fits of photos of any size within a memory budget: to reduced photos, and in tiles where memory is short."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from photostyle.jobs.rendering import Rendering, render
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.regions.sources import Sources
from photostyle.transfer import fitting, grid, tiling
from photostyle.transfer.fit_job import shaped
from photostyle.transfer.grid import fit_grid
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer

_Result = TypeVar("_Result")

logger = logging.getLogger(__name__)


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
    known: Tensor | None = None,
) -> tuple[Transfer, Tensor]:
    """`photostyle.transfer.fitting.fit_and_apply` for photos of any size.

    Args:
        model: the network.
        content: (3, H, W) float32, anywhere; it may be overwritten with the result.
        styles: the same, but they stay; or what was measured of them.
        rendering: how.
        content_regions: as for `photostyle.transfer.fitting.fit`, as what follows; of any size where a grid is
            rendered.
        style_regions: of each style.
        style_weights: share of each style.
        sources: which style regions each content region takes.
        options: how to fit.
        known: what the content was reduced to before, as for `photostyle.transfer.grid.reduce`.

    Raises:
        ImageSizeError, MaskError, NumericalError, ParameterError: as `photostyle.transfer.fitting.fit`; or the budget
            is too small.
    """
    size = (content.shape[-2], content.shape[-1])
    names: dict[str, Any] = {"style_weights": style_weights, "sources": sources, "options": options}
    pixels = rendering.measured_pixels(size)
    seen_c, regions_c = _seen([content], None if content_regions is None else [content_regions], pixels, known)
    seen_s, regions_s = _seen_styles(styles, style_regions, pixels)
    gridded = rendering.mode_for(size) == "grid"
    # One pass fits and renders where the network is to see for one what it sees for the other.
    covered = tuple(seen_c[0].shape[-2:]) == (grid.reduced_size(size, grid.PIXELS) if gridded else size)

    def apart(*, tiled: bool = False) -> tuple[Transfer, Tensor]:
        transfer = _fit(model, seen_c, seen_s, rendering, regions_c, regions_s, names, tiled=tiled)
        return transfer, render(transfer, content, rendering, regions=content_regions, known=known)

    def at_once() -> tuple[Transfer, Tensor]:
        transfer, result = fitting.fit_and_apply(
            model,
            _on_device(model, seen_c)[0],
            seen_s if isinstance(seen_s, Target) else _on_device(model, seen_s),
            content_regions=regions_c[0] if regions_c else None,
            style_regions=regions_s,
            **names,
        )
        if gridded:
            # What was seen is a view of the photo itself where nothing was to be reduced.
            seen = seen_c[0].to(result).clone()
            return transfer, fit_grid(seen, result).apply_(shaped(content), rendering.update).reshape(content.shape)
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
    """`photostyle.transfer.fitting.fit` on photos of ``rendering.fit_pixels`` each, in tiles where memory is short."""
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
    """`photostyle.transfer.fitting.measure_target` on photos reduced as by `fit`; arguments and errors as there."""
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
    images: Sequence[Tensor], regions: Sequence[Regions] | None, pixels: int, known: Tensor | None = None
) -> tuple[list[Tensor], list[Regions] | None]:
    """What is measured of each image: (1, 3, h, w), and its regions; `known` of one image, as for `grid.reduce`."""
    pairs = [
        grid.reduce(shaped(image), regions[i] if regions else None, pixels or image.shape[-2] * image.shape[-1], known)
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
