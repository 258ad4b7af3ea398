"""Large images in tiles, exactly: what comes out equals the whole image at once, up to float rounding.

A tile's *core* lies on the grid of the poolings (multiples of 8); around it the network is given a *halo* of the real
image, so that reflection, the padding of every convolution, matters at the image's true borders only.
Counted inwards from the output, the decoder's 3×3 convolutions widen the input that a core depends on by 2 pixels at
full resolution, 2 at half, 4 at a quarter and 1 at an eighth; the encoder's by 1, 4, 2 and 2 on the way back. With
every pooling rounding up to whole blocks these are 62 pixels, so 64 is the least multiple of 8 that suffices. The
finish reads on beyond that (`photostyle.finish.REACH`).

`apply` needs one pass, as a `Transfer` measures nothing. `fit` needs one pass a site, because what lies behind a site
depends on its map: a pass walks every tile up to the site, measures the core there, and pools the moments of all tiles.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from photostyle import measuring
from photostyle.errors import ParameterError
from photostyle.finish import REACH
from photostyle.measuring import Images, Job, Measured, RegionMaps
from photostyle.networks import MULTIPLE, WCT2, ModelConfig
from photostyle.options import FitOptions
from photostyle.regions import Regions
from photostyle.sources import Sources
from photostyle.targets import SiteMoments, Target
from photostyle.transfer import SiteMap, Transfer, as_batch, as_regions, map_features, pad, site_groups, walk

logger = logging.getLogger(__name__)

NETWORK_HALO = 64  # pixels
HALO = NETWORK_HALO + math.ceil(REACH / MULTIPLE) * MULTIPLE
SMALLEST, LARGEST = 64, 1536  # sides of a core: below, all is halo; above, nothing gets much faster
_Result = TypeVar("_Result")
_Slices = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """One tile of an image.

    Attributes:
        core: rows and columns of the image that the tile answers for.
        crop: the same with the halo, cut off at the image's borders.
    """

    core: _Slices
    crop: _Slices

    @property
    def inside(self) -> _Slices:
        """Rows and columns of the core within the crop."""
        rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(self.core, self.crop, strict=True))
        return rows, columns


def tiles(size: tuple[int, int], side: int, halo: int = HALO) -> list[Tile]:
    """Tiles that cover an image of `size` (H, W), their cores at most `side` (a multiple of 8) and of like size."""
    rows, columns = (_spans(length, side, halo) for length in size)
    return [Tile((high[0], wide[0]), (high[1], wide[1])) for high in rows for wide in columns]


def _spans(length: int, side: int, halo: int) -> list[tuple[slice, slice]]:
    step = math.ceil(length / math.ceil(length / side) / MULTIPLE) * MULTIPLE
    starts = range(0, length, step)
    return [(slice(a, min(a + step, length)), slice(max(a - halo, 0), min(a + step + halo, length))) for a in starts]


def bytes_per_pixel(config: ModelConfig) -> int:
    """Peak memory of a walk through the network, in bytes a pixel; weights and the images do not count.

    The full-resolution features at the last unpooling decide it: five times (``cat5``) or once (``sum``) the width of
    block 1, several times over because reflection padding copies them. Fitted to measured peaks (docs/photos.md) and
    rounded up by a tenth.
    """
    return 300 + config.widths[0] * (88 if config.unpool == "cat5" else 28)


def fits(config: ModelConfig, pixels: int, budget: int) -> bool:
    """Whether an image of so many pixels can and should be done as one tile."""
    return pixels <= (LARGEST + 2 * HALO) ** 2 and pixels * bytes_per_pixel(config) <= budget


def tile_side(config: ModelConfig, budget: int) -> int:
    """Side of the largest tile core, a multiple of 8 from `SMALLEST` to `LARGEST`, that `budget` bytes allow.

    Raises:
        ParameterError: the smallest tile needs more than the budget.
    """
    side = int(math.sqrt(max(budget, 0) / bytes_per_pixel(config))) - 2 * HALO
    if side < SMALLEST:
        need = bytes_per_pixel(config) * (SMALLEST + 2 * HALO) ** 2
        raise ParameterError(
            f"a memory budget of {max(budget, 0) / 2**20:.0f} MiB is too small: beside the photo itself, the model "
            f"{config.name!r} needs {math.ceil(need / 2**20)} MiB; allow more, or take a smaller model"
        )
    return min(side, LARGEST) // MULTIPLE * MULTIPLE


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
    batch = measuring.shaped(image)
    resolved = as_regions(regions, batch)
    device = next(transfer.model.parameters()).device

    def render(side: int) -> Tensor:
        result = torch.empty(batch.shape, dtype=torch.float32, device=batch.device)
        plan = tiles(_size(batch), side)
        for number, part in enumerate(plan, 1):
            crop = batch[..., part.crop[0], part.crop[1]].to(device).contiguous()
            mapped = transfer.apply(crop, _cut(resolved, part.crop), strength, strengths)
            result[..., part.core[0], part.core[1]] = mapped[..., part.inside[0], part.inside[1]].to(batch.device)
            if update:
                update(number, len(plan))
        return result.reshape(image.shape)

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
    """`photostyle.fitting.fit` in bounded memory, equal to it up to rounding; one pass over the contents a site.

    Arguments and errors are those of `photostyle.fitting.fit` and, for `tile`, of `apply`. Images may be on any device.
    """
    job = measuring.job(model, content, style, content_regions, style_regions, style_weights, options, sources)

    def build(side: int) -> Transfer:
        groups = site_groups(job.options.at)
        sites = [name for group in groups for name in group]
        known = measuring.style_moments(job, lambda image, r: _measure(model, image, r, job, {}, sites, side))
        maps: dict[str, dict[str, SiteMap]] = {}
        for group in groups:
            parts = [_measure(model, image, r, job, maps, group, side) for image, r in job.contents]
            for name in group:
                maps[name] = measuring.site_maps([part[name] for part in parts], [part[name] for part in known], job)
        return Transfer(model, job.options, maps)

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
    """`photostyle.fitting.measure_target` in bounded memory, equal to it up to rounding."""
    job = measuring.target_job(model, style, style_regions, style_weights, options)
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


def _cut(regions: Regions | None, slices: _Slices) -> Regions | None:
    if regions is None:
        return None
    return Regions({name: weight[slices] for name, weight in regions.weights.items()}, regions.hard)


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
