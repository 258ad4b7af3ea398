"""What a fit measures, and the maps it builds from that; who walks which pixels when is the business of others.

`photostyle.transfer.fitting` walks whole images, `photostyle.transfer.tiling` walks tiles: both measure with `measure`,
and turn what they measured at a site into its maps with `site_maps`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.network.wct2 import WCT2
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer import matching
from photostyle.transfer.course import mixed, style_courses
from photostyle.transfer.fit_job import Job
from photostyle.transfer.mapping import SiteMap
from photostyle.transfer.matching import Moments
from photostyle.transfer.targets import SiteMoments, StyleMoments, Target

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


def target(model: WCT2, request: Job, names: Sequence[str] | None, measured: Sequence[SiteMoments]) -> Target:
    """What was measured of the styles of a `target_job`, under their names."""
    called = [f"style {i}" for i in range(1, len(measured) + 1)] if names is None else names
    found = zip(called, request.shares, measured, courses(request), strict=True)
    return Target(model, request.options, tuple(StyleMoments(*each) for each in found))


def courses(request: Job) -> Sequence[Mapping[str, Tensor]]:
    """The courses of each style's sky and water: those that are known, or measured of its image."""
    if request.known_courses is not None:
        return request.known_courses
    if not request.options.gradient:
        return [{} for _ in request.styles]
    return [style_courses(image, regions) for image, regions in request.styles]


def taken_courses(request: Job) -> dict[str, Tensor]:
    """The course that each of the content's regions takes."""
    return mixed(courses(request), request.sources, request.shares)


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
    """Measure (B, C, h, w) features at one site, a region each and, `with_whole`, all together as ``*``.

    What cannot be seen of an image does not count (`Regions.visible`).
    """
    flat = matching.pixels(features)
    at_site, visible = regions.measured_at((features.shape[-2], features.shape[-1])) if regions else ({}, None)
    if visible is not None and with_whole:
        at_site = {WHOLE: visible, **at_site}
    # A thin region can vanish at a coarse site; its pixels are then served like unmatched ones.
    most = {name: float(weight.max()) for name, weight in at_site.items()}
    weights = {name: weight.flatten() for name, weight in at_site.items() if most[name] > 0}
    names = [*([WHOLE] if with_whole and visible is None else []), *weights]
    moments = matching.weighted_moments(flat, [weights.get(name) for name in names]) if names else []
    low, high = torch.aminmax(flat, dim=0) if weights else (flat, flat)  # over channels; used with weights only
    measured = {}
    for name, found in zip(names, moments, strict=True):
        if name not in weights:
            # Reductions of all of a tensor copy it unless it is contiguous, as one of the two is.
            least, greatest = torch.aminmax(flat if flat.is_contiguous() else flat.T)
            bounds = (float(least), float(greatest))
            measured[name] = Measured(found, bounds, bounds)
            continue
        inside = _range(low, high, weights[name] > 0.5) if most[name] > 0.5 else None
        measured[name] = Measured(found, inside, _range(low, high, weights[name] > 0))
    return measured


def _range(low: Tensor, high: Tensor, where: Tensor) -> Range:
    """The least of `low` and the greatest of `high` at some pixels."""
    return float(torch.where(where, low, torch.inf).min()), float(torch.where(where, high, -torch.inf).max())


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
