"""What a fit measures, and the maps it builds from that; who walks which pixels when is the business of others.

`photostyle.fitting` walks whole images, `photostyle.tiling` walks tiles: both check their input with `job`, measure
with `measure`, and turn what they measured at a site into its maps with `site_maps`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from photostyle import matching
from photostyle.errors import MaskError, ParameterError, TransferMismatchError
from photostyle.matching import Moments
from photostyle.networks import MIN_SIDE, WCT2
from photostyle.options import FitOptions
from photostyle.regions import WHOLE, Regions
from photostyle.sources import Sources, check_sources, published_sources
from photostyle.targets import SiteMoments, StyleMoments, Target
from photostyle.transfer import SiteMap, as_batch, as_regions, site_groups

Images = Tensor | Sequence[Tensor]
RegionMaps = Regions | Tensor | Sequence[Regions | Tensor] | None
Range = tuple[float, float]


@dataclass(frozen=True)
class Measured:
    """What is known of one region's features at one site of one image.

    Attributes:
        moments: weighted by the region.
        inside: least and greatest feature where the region has weight above one half; None if it has nowhere.
        touched: the same where the region has any weight at all.
    """

    moments: Moments
    inside: Range | None
    touched: Range

    @property
    def range(self) -> Range:
        """Least and greatest feature of the region's own pixels, or of those that it shares if it owns none."""
        return self.inside or self.touched


@dataclass(frozen=True)
class Job:
    """A checked request for a fit.

    Attributes:
        contents: images (B, 3, H, W), not padded, with the regions that take part, or None.
        styles: the same.
        shares: weight of each style.
        options: with the regularization filled in.
        sources: which style regions each content region takes.
        with_whole: whether the whole images are measured, as the region ``*``: because something takes their
            statistics or is drawn towards them.
        known: moments of the styles where they were measured before; then there are no images of them.
    """

    contents: Sequence[tuple[Tensor, Regions | None]]
    styles: Sequence[tuple[Tensor, Regions | None]]
    shares: Sequence[float]
    options: FitOptions
    sources: Sources
    with_whole: bool
    known: Sequence[SiteMoments] | None = None


def job(
    model: WCT2,
    content: Images,
    style: Images | Target,
    content_regions: RegionMaps,
    style_regions: RegionMaps,
    style_weights: Sequence[float] | None,
    options: FitOptions | None,
    sources: Sources | None = None,
) -> Job:
    """Check what `photostyle.fitting.fit` is given. Raises what it documents, but for NaN and infinity in images."""
    known = _known(model, style, style_regions, style_weights, options) if isinstance(style, Target) else None
    contents, styles = _as_list(content), [] if isinstance(style, Target) else _as_list(style)
    region_c, region_s = _region_list(content_regions, contents), _region_list(style_regions, styles)
    if isinstance(style, Target):
        chosen, shares, count = options or style.options, [each.share for each in style.styles], len(style.styles)
        if region_c and sources is None:
            raise MaskError("regions of the content need sources where the style is a target: photostyle.labels.match")
        available: Sequence[Regions | Collection[str]] | None = [each.regions for each in style.styles]
    else:
        chosen, shares, count = options or FitOptions(), _shares(style_weights, len(styles)), len(styles)
        available = region_s
    if sources is None:
        sources = published_sources(region_c, region_s, count, with_whole=chosen.unmatched == "whole")
    else:
        check_sources(sources, region_c, available, count)
    needed_c = [*sources, *chosen.strengths]
    needed_s = [source.region for found in sources.values() for source in found]
    with_whole = WHOLE in {*needed_c, *needed_s} or chosen.unmatched == "whole"
    images = _zip(contents, region_c, needed_c), _zip(styles, region_s, needed_s)
    return Job(*images, shares, _regularized(chosen, model), sources, with_whole, known)


def _known(
    model: WCT2,
    target: Target,
    style_regions: RegionMaps,
    style_weights: Sequence[float] | None,
    options: FitOptions | None,
) -> Sequence[SiteMoments]:
    if style_regions is not None or style_weights is not None:
        raise ParameterError("a target has its regions and weights already: give it no others")
    if model is not target.model and model.fingerprint() != target.model.fingerprint():
        raise TransferMismatchError(
            f"the style was measured with model {target.model.config.name!r}, not with {model.config.name!r}; "
            "pass the model it was measured with, or measure it again"
        )
    at = (options or target.options).at
    needed = [site for group in site_groups(at) for site in group]
    if any(WHOLE not in style.sites.get(site, {}) for style in target.styles for site in needed):
        raise ParameterError(
            f"the style was measured at {','.join(target.options.at)}, which does not serve {','.join(at)}: measure "
            "it again"
        )
    return [style.sites for style in target.styles]


def target_job(
    model: WCT2,
    style: Images,
    style_regions: RegionMaps,
    style_weights: Sequence[float] | None,
    options: FitOptions | None,
) -> Job:
    """Check what `photostyle.fitting.measure_target` is given: a job without content."""
    styles = _as_list(style)
    region_s = _region_list(style_regions, styles)
    images = _zip(styles, region_s, [name for regions in region_s or () for name in regions.weights])
    chosen, shares = _regularized(options or FitOptions(), model), _shares(style_weights, len(styles))
    return Job([], images, shares, chosen, {}, with_whole=True)


def target(model: WCT2, request: Job, names: Sequence[str] | None, measured: Sequence[SiteMoments]) -> Target:
    """What was measured of the styles of a `target_job`, under their names."""
    called = [f"style {i}" for i in range(1, len(measured) + 1)] if names is None else names
    found = zip(called, request.shares, measured, strict=True)
    return Target(model, request.options, tuple(StyleMoments(*each) for each in found))


def style_moments(
    request: Job, measure_one: Callable[[Tensor, Regions | None], Mapping[str, Mapping[str, Measured]]]
) -> Sequence[SiteMoments]:
    """Moments of each style: those that are known, or what ``measure_one(image, regions)`` measures at every site."""
    if request.known is not None:
        return request.known
    return [
        {
            site: {name: part.moments for name, part in parts.items()}
            for site, parts in measure_one(image, regions).items()
        }
        for image, regions in request.styles
    ]


def measure(features: Tensor, regions: Regions | None, with_whole: bool) -> dict[str, Measured]:
    """Measure (B, C, h, w) features at one site, a region each and, `with_whole`, all together as ``*``."""
    flat = features.transpose(0, 1).flatten(1)
    measured: dict[str, Measured] = {}
    if with_whole:
        bounds = (float(flat.min()), float(flat.max()))
        measured[WHOLE] = Measured(matching.moments(flat), bounds, bounds)
    for name, weight in (regions.at((features.shape[-2], features.shape[-1])) if regions else {}).items():
        touched = weight.flatten() > 0
        if not touched.any():
            continue  # a thin region can vanish at a coarse site; its pixels are then served like unmatched ones
        x, w = flat[:, touched], weight.flatten()[touched]
        own = x[:, w > 0.5]
        inside = (float(own.min()), float(own.max())) if own.numel() else None
        measured[name] = Measured(matching.moments(x, w), inside, (float(x.min()), float(x.max())))
    return measured


def pool(parts: Sequence[Mapping[str, Measured]]) -> dict[str, Measured]:
    """What would have been measured of an image at once, from what was measured of its tiles."""
    pooled = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        here = [part[name] for part in parts if name in part]
        moments = matching.pool([m.moments for m in here])
        inside = [m.inside for m in here if m.inside]
        pooled[name] = Measured(moments, _union(inside) if inside else None, _union([m.touched for m in here]))
    return pooled


def site_maps(
    contents: Sequence[Mapping[str, Measured]], styles: Sequence[Mapping[str, Moments]], request: Job
) -> dict[str, SiteMap]:
    """The maps of one site from what was measured there of each content and each style."""
    maps = {}
    options = request.options
    for name, found in request.sources.items():
        here = [part for part in contents if name in part]
        there = [(styles[s.style], s.region, request.shares[s.style]) for s in found if s.region in styles[s.style]]
        there = [(style, region, share) for style, region, share in there if share > 0]
        if not here or not there:
            continue
        shares = [share for _, _, share in there]
        content = matching.pool([part[name].moments for part in here])
        style = matching.mix([part[region] for part, region, _ in there], shares)
        if name != WHOLE and request.with_whole:
            count = min(content.weight, style.weight)
            content = matching.shrink(content, _whole(here), count, options.shrinkage)
            whole = matching.mix([part[WHOLE] for part, _, _ in there], shares)
            style = matching.shrink(style, whole, count, options.shrinkage)
        affine = matching.affine_map(content, style, options.matching, options.regularization or 0.0)
        maps[name] = SiteMap(affine, *_union([part[name].range for part in here]))
    return maps


def _whole(parts: Sequence[Mapping[str, Measured]]) -> Moments:
    return matching.pool([part[WHOLE].moments for part in parts])


def _union(ranges: Sequence[Range]) -> Range:
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def shaped(image: Tensor) -> Tensor:
    """An image as (B, 3, H, W), its shape checked as by `as_batch` but its values left for later."""
    height, width = image.shape[-2:] if image.dim() >= 2 else (0, 0)
    if image.dim() not in (3, 4) or image.shape[-3] != 3 or min(height, width) < MIN_SIDE:
        return as_batch(image)  # which says what is wrong
    return image[None] if image.dim() == 3 else image


def _regularized(options: FitOptions, model: WCT2) -> FitOptions:
    given = options.regularization
    return replace(options, regularization=model.config.regularization if given is None else given)


def _shares(weights: Sequence[float] | None, styles: int) -> list[float]:
    shares = [1.0] * styles if weights is None else list(weights)
    if len(shares) != styles:
        raise ParameterError(f"{styles} styles but {len(shares)} style weights: give one a style")
    return shares


def _as_list(images: Images) -> list[Tensor]:
    batches = [shaped(image) for image in ([images] if isinstance(images, Tensor) else images)]
    if not batches:
        raise ParameterError("no image given")
    return batches


def _region_list(regions: RegionMaps, images: Sequence[Tensor]) -> list[Regions] | None:
    if regions is None:
        return None
    given = [regions] if isinstance(regions, (Regions, Tensor)) else list(regions)
    if len(given) != len(images):
        raise MaskError(f"{len(images)} images but {len(given)} region maps: give one an image")
    return [r for r in (as_regions(r, image) for r, image in zip(given, images, strict=True)) if r is not None]


def _zip(
    images: Sequence[Tensor], regions: Sequence[Regions] | None, names: Sequence[str]
) -> list[tuple[Tensor, Regions | None]]:
    chosen = [r.select(dict.fromkeys(names)) for r in regions] if regions else [None] * len(images)
    return [(image, r if r and r.weights else None) for image, r in zip(images, chosen, strict=True)]
