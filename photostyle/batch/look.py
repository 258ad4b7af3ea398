"""One look for a whole shoot: a style fitted once to all photos together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from photostyle.batch.work import BatchOptions, Tools, prepare
from photostyle.errors import ImageReadError, ParameterError, PhotostyleError
from photostyle.io import atomic_write
from photostyle.jobs.fitting import fit
from photostyle.jobs.loading import Loaded, explained, load, weighed
from photostyle.jobs.regions import segmented
from photostyle.regions.labels import SPECK, check_named, match
from photostyle.regions.regions import Regions, side_by_side
from photostyle.transfer.presets import save_transfer
from photostyle.transfer.transfer import Transfer

logger = logging.getLogger(__name__)

PHOTO_PIXELS = 1 << 19  # of each photo: it is the shoot that the look is fitted to
SHOOT_PIXELS = 1 << 26  # of all photos together, which are held in memory: 0.8 GB
LEAST_PIXELS = 1 << 14
_MATCHED_SIDE = 256  # regions of photos of any size, side by side, to decide which style region serves which


def make_look(
    options: BatchOptions, contents: Sequence[Path], path: Path, update: Callable[[int], object] | None = None
) -> None:
    """Fit the styles of `options` to all contents together and write the look.

    Moments of the photos' features are pooled, each photo reduced to `PHOTO_PIXELS` or less, so that all photos count
    alike. Photos that cannot be read are left out.

    Args:
        options: how.
        contents: the shoot.
        path: the ``.style`` file to write or replace.
        update: called with the number of photos read.

    Raises:
        PhotostyleError: no photo can be read, or the styles do not fit.
    """
    if options.segment == "cluster":
        raise ParameterError("a look that is shared cannot have clusters for regions: no photo has those of another")
    tools = prepare(options)
    images, regions = _read(options, tools, contents, update)
    pixels = _pixels(options, len(contents))
    rendering = replace(tools.rendering, fit_pixels=pixels)
    how, found = _matched(options, tools, regions)
    with explained(tools.references[0].loaded.photo):
        styles = [reference.loaded.image for reference in tools.references]
        weights = [reference.weight for reference in tools.references]
        look: Transfer = fit(tools.model, images, styles, rendering, style_weights=weights, options=how, **found)
    with atomic_write(path, overwrite=True) as partial:
        save_transfer(look, partial, overwrite=True)


def _read(
    options: BatchOptions, tools: Tools, contents: Sequence[Path], update: Callable[[int], object] | None
) -> tuple[list[Any], list[Regions]]:
    pixels, images, regions = _pixels(options, len(contents)), [], []
    for number, content in enumerate(contents, 1):
        try:
            seen = load(content, options.side, options.raw_brightness).reduced(pixels)
            found = segmented(seen, tools.regions.segment) if tools.regions.segment else Regions({}, hard=True)
            visible = seen.visible
            if visible is None and not found.weights:
                visible = torch.ones(()).expand(seen.photo.size)
            regions.append(found.through(visible))
            images.append(_own(seen))
        except PhotostyleError as error:  # told when its turn comes
            logger.info("left out of the shared look: %s", error)
        if update:
            update(number)
    if not images:
        raise ImageReadError("no photo of the folder can be read, so no look can be fitted to them")
    return images, regions


def _own(seen: Loaded) -> Any:
    return seen.image.clone() if seen.image.is_contiguous() else seen.image.contiguous()


def _pixels(options: BatchOptions, count: int) -> int:
    each = max(LEAST_PIXELS, min(PHOTO_PIXELS, SHOOT_PIXELS // count))
    asked = options.rendering.fit_pixels if options.rendering else 0
    return min(each, asked) if asked else each


def _matched(options: BatchOptions, tools: Tools, regions: Sequence[Regions]) -> tuple[Any, dict[str, Any]]:
    """Options and regions for the fit, decided on all photos side by side."""
    loaded = [reference.loaded for reference in tools.references]
    if not any(found.weights for found in regions):
        return options.fit, {"content_regions": regions, "style_regions": weighed(loaded, None)}
    side = (_MATCHED_SIDE, _MATCHED_SIDE)
    shoot = side_by_side([Regions(found.at(side), found.hard) for found in regions])
    styles = [reference.regions for reference in tools.references if reference.regions]
    check_named(options.fit.strengths, shoot)
    sources = match(
        shoot,
        styles,
        owners=[reference.region for reference in tools.references],
        mapping=options.mapping,
        keep=options.keep,
        speck=SPECK,
    ).sources
    strengths = {**options.fit.strengths, **dict.fromkeys(options.keep, 0.0)}
    names = {"content_regions": regions, "style_regions": weighed(loaded, styles), "sources": sources}
    return replace(options.fit, strengths=strengths), names
