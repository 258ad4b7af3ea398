"""Large images in tiles, exactly: what comes out equals the whole image at once, up to float rounding.

Tiles overlap by what the network can reach (`photostyle.transfer.tile_plan`). `apply` needs one pass, as a `Transfer`
measures nothing. `fit` needs one pass a site, because what lies behind a site depends on its map: a pass walks every
tile up to the site, measures the core there, and pools the moments of all tiles.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.network.wct2 import MULTIPLE, WCT2
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.regions.sources import Sources
from photostyle.transfer import fit_job, measuring
from photostyle.transfer.fit_job import Images, Job, RegionMaps, shaped
from photostyle.transfer.mapping import SiteMap, map_features
from photostyle.transfer.measuring import Measured
from photostyle.transfer.targets import SiteMoments, Target
from photostyle.transfer.tile_plan import NETWORK_HALO, SMALLEST, Slices, tiles
from photostyle.transfer.transfer import Transfer, as_batch, as_regions, pad, site_groups, smoothed, walk

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


@torch.no_grad()
def apply(
    transfer: Transfer,
    image: Tensor,
    regions: Regions | Tensor | None = None,
    strength: float | None = None,
    strengths: Mapping[str, float] | None = None,
    *,
    tile: int,
    update: Callable[[int, int], None] | None = None,
) -> Tensor:
    """`Transfer.apply` in bounded memory: equal to it up to float rounding, for every `tile`.

    Args:
        transfer: the fitted style.
        image: (3, H, W) or (B, 3, H, W) in [0, 1], any size from 16×16, on any device: tiles are copied to the
            model's, and the result is where the image is.
        regions: as for `Transfer.apply`.
        strength: as for `Transfer.apply`.
        strengths: as for `Transfer.apply`.
        tile: side of a tile's core in pixels (`tile_side`), a multiple of 8; halved, with a warning, where a GPU runs
            out of memory.
        update: called with the number of tiles done and in all.

    Returns:
        The shape of `image`, float32, not clamped.

    Raises:
        ImageSizeError, MaskError, NumericalError, ParameterError: as `Transfer.apply`; or `tile` is no multiple of 8.
        torch.OutOfMemoryError: even the smallest tile does not fit.
    """
    batch = shaped(image)
    resolved = as_regions(regions, batch)
    device = next(transfer.model.parameters()).device
    # A smooth finish sees the whole image or nothing: tiles are the plain network's, and their sum is finished.
    how = transfer.options
    plain = replace(transfer, options=replace(how, finish="off")) if how.finish == "smooth" else transfer

    def render(side: int) -> Tensor:
        result = torch.empty(batch.shape, dtype=torch.float32, device=batch.device)
        plan = tiles(_size(batch), side)
        for number, part in enumerate(plan, 1):
            crop = batch[..., part.crop[0], part.crop[1]].to(device).contiguous()
            mapped = plain.apply(crop, _cut(resolved, part.crop), strength, strengths)
            result[..., part.core[0], part.core[1]] = mapped[..., part.inside[0], part.inside[1]].to(batch.device)
            if update:
                update(number, len(plan))
        amount = how.strength if strength is None else strength
        own = how.strengths if strengths is None else strengths
        return smoothed(batch, result, resolved, how, amount, own, transfer.courses).reshape(image.shape)

    return _with_smaller_tiles(render, tile)


@torch.no_grad()
def fit(
    model: WCT2,
    content: Images,
    style: Images | Target,
    *,
    content_regions: RegionMaps = None,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    sources: Sources | None = None,
    options: FitOptions | None = None,
    tile: int,
) -> Transfer:
    """`photostyle.transfer.fitting.fit` in bounded memory, equal to it up to rounding; one pass over the contents a
    site.

    Arguments and errors are those of `photostyle.transfer.fitting.fit` and, for `tile`, of `apply`. Images may be on
    any device.
    """
    job = fit_job.job(model, content, style, content_regions, style_regions, style_weights, options, sources)

    def build(side: int) -> Transfer:
        groups = site_groups(job.options.at)
        sites = [name for group in groups for name in group]
        known = measuring.style_moments(job, lambda image, r: _measure(model, image, r, job, {}, sites, side))
        maps: dict[str, dict[str, SiteMap]] = {}
        for group in groups:
            parts = [_measure(model, image, r, job, maps, group, side) for image, r in job.contents]
            for name in group:
                maps[name] = measuring.site_maps([part[name] for part in parts], [part[name] for part in known], job)
        return Transfer(model, job.options, maps, measuring.taken_courses(job))

    return _with_smaller_tiles(build, tile)


@torch.no_grad()
def measure_target(
    model: WCT2,
    style: Images,
    *,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    options: FitOptions | None = None,
    tile: int,
) -> Target:
    """`photostyle.transfer.fitting.measure_target` in bounded memory, equal to it up to rounding."""
    job = fit_job.target_job(model, style, style_regions, style_weights, options)
    sites = [name for group in site_groups(job.options.at) for name in group]

    def build(side: int) -> Sequence[SiteMoments]:
        return measuring.style_moments(job, lambda image, r: _measure(model, image, r, job, {}, sites, side))

    return measuring.target(model, job, names, _with_smaller_tiles(build, tile))


def _measure(
    model: WCT2,
    image: Tensor,
    regions: Regions | None,
    job: Job,
    maps: Mapping[str, Mapping[str, SiteMap]],
    wanted: Collection[str],
    side: int,
) -> dict[str, dict[str, Measured]]:
    """What is measured of one image at the wanted sites, under the maps that are known."""
    device = next(model.parameters()).device
    strength, strengths = job.options.strength, job.options.strengths
    found: dict[str, list[dict[str, Measured]]] = {name: [] for name in wanted}
    height, width = _size(image)
    # As in the whole image, the reflected rows and columns up to the next multiple of 8 count.
    for part in tiles((height + -height % MULTIPLE, width + -width % MULTIPLE), side, NETWORK_HALO):
        crop = as_batch(image[..., part.crop[0], part.crop[1]].to(device).contiguous())
        weights = as_regions(_cut(regions, part.crop), crop)
        (crop, weights), _ = pad(crop, weights)
        core = _cut(weights, part.inside)
        walker = walk(model, crop, job.options.at)
        left, send = len(wanted), None
        while left:
            name, features = next(walker) if send is None else walker.send(send)
            if name in found:
                scale = crop.shape[-1] // features.shape[-1]
                rows, columns = (slice(s.start // scale, s.stop // scale) for s in part.inside)
                found[name].append(measuring.measure(features[..., rows, columns], core, job.with_whole))
                left -= 1
            send = map_features(features, maps.get(name, {}), weights, strength, strengths)
        walker.close()
    return {name: measuring.pool(parts) for name, parts in found.items()}


def _cut(regions: Regions | None, slices: Slices) -> Regions | None:
    if regions is None:
        return None
    visible = None if regions.visible is None else regions.visible[slices]
    return Regions({name: weight[slices] for name, weight in regions.weights.items()}, regions.hard, visible)


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]


def _with_smaller_tiles(work: Callable[[int], _Result], tile: int) -> _Result:
    """Do `work` with this tile side, or with half of it and so on where the GPU's memory does not suffice."""
    if tile < MULTIPLE or tile % MULTIPLE:
        raise ParameterError(f"tile is {tile}; it must be a positive multiple of {MULTIPLE}")
    while True:
        try:
            return work(tile)
        except torch.OutOfMemoryError:
            if tile <= SMALLEST:
                raise
        tile = max(tile // 2 // MULTIPLE * MULTIPLE, SMALLEST)
        logger.warning("out of memory on the GPU: once more in tiles of %d pixels", tile)
        torch.cuda.empty_cache()
