"""Fitting: statistics measured and mapped, site by site.

`fit` walks the network once, level by level; at each site it measures the content's features *as transformed so far*,
builds one affine map a region towards the style's features there, and applies it before going on (the progressive
stylization of WCT2, section 3.3). `stylize` keeps the image that falls out of that pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.regions.sources import Sources
from photostyle.transfer import fit_job, measuring
from photostyle.transfer.fit_job import Images, Job, RegionMaps
from photostyle.transfer.mapping import SiteMap, map_features
from photostyle.transfer.measuring import Measured
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer, as_batch, finished, pad, site_groups, smoothed, walk


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
) -> Transfer:
    """Fit a style to one photo, or one look to several.

    Args:
        model: the network; images must be on its device.
        content: image (3, H, W) or (1, 3, H, W) in [0, 1], sides at least 16; or several, whose moments are pooled.
        style: the same; of several styles the moments are mixed (`photostyle.transfer.matching.mix`). Or what
            `measure_target` measured of them, with its regions and weights; then content regions need `sources`.
        content_regions: regions (or hard label map) of each content image; give both sides' or neither's.
        style_regions: the same for each style image.
        style_weights: share of each style in the mix; equal if None.
        sources: which style regions each content region takes, by the content region's name, ``*`` for what no other
            region claims (`photostyle.regions.labels.match` finds them). None is the published rule: regions of one
            name on both sides, and between the whole photos elsewhere unless ``unmatched="keep"``.
        options: see `FitOptions`; None takes the defaults, or those of a target.

    Raises:
        ImageSizeError, MaskError, NumericalError, ParameterError: the input does not fit.
        TransferMismatchError: a target belongs to another network.
    """
    return _fit(model, content, style, content_regions, style_regions, style_weights, sources, options, image=False)[0]


@torch.no_grad()
def measure_target(
    model: WCT2,
    style: Images,
    *,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    options: FitOptions | None = None,
) -> Target:
    """The style's side of `fit`, kept for photos that are still to come; arguments and errors as there.

    ``fit(model, content, target)`` gives what `fit` would give for the styles themselves.

    Args:
        model: the network.
        style: the style, or several.
        style_regions: regions of each style; those that are given are all measured.
        style_weights: share of each style.
        names: what the styles are called, for people.
        options: how they shall be fitted.
    """
    job = fit_job.target_job(model, style, style_regions, style_weights, options)
    measured = measuring.style_moments(job, lambda image, regions: _style_pass(model, image, regions, job))
    return measuring.target(model, job, names, measured)


def stylize(
    model: WCT2,
    content: Tensor,
    style: Images | Target,
    *,
    content_regions: Regions | Tensor | None = None,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    sources: Sources | None = None,
    options: FitOptions | None = None,
) -> Tensor:
    """Fit and apply in one progressive pass; arguments as `fit`, result as `Transfer.apply`."""
    return fit_and_apply(
        model,
        content,
        style,
        content_regions=content_regions,
        style_regions=style_regions,
        style_weights=style_weights,
        sources=sources,
        options=options,
    )[1]


@torch.no_grad()
def fit_and_apply(
    model: WCT2,
    content: Tensor,
    style: Images | Target,
    *,
    content_regions: Regions | Tensor | None = None,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    sources: Sources | None = None,
    options: FitOptions | None = None,
) -> tuple[Transfer, Tensor]:
    """`fit` and `stylize` at the cost of one."""
    transfer, outputs = _fit(model, content, style, content_regions, style_regions, style_weights, sources, options)
    return transfer, outputs[0].reshape(content.shape)


def _fit(
    model: WCT2,
    content: Images,
    style: Images | Target,
    content_regions: RegionMaps,
    style_regions: RegionMaps,
    style_weights: Sequence[float] | None,
    sources: Sources | None,
    options: FitOptions | None,
    *,
    image: bool = True,
) -> tuple[Transfer, list[Tensor]]:
    """The transfer and, if `image`, what the contents become; without, the walk ends at the last site."""
    job = fit_job.job(model, content, style, content_regions, style_regions, style_weights, options, sources)
    prepared_c = [pad(as_batch(image), regions) for image, regions in job.contents]
    styles = measuring.style_moments(job, lambda image, regions: _style_pass(model, image, regions, job))
    maps: dict[str, dict[str, SiteMap]] = {}
    walkers = [walk(model, padded, job.options.at) for (padded, _), _ in prepared_c]
    last = "" if image else site_groups(job.options.at)[-1][-1]
    outputs: list[Tensor] = []
    courses = measuring.taken_courses(job)
    # All content images reach a site before any goes on: what lies behind it depends on the map that they share.
    states = [next(walker) for walker in walkers]
    while not outputs:
        name = states[0][0]
        pairs = [(state[1], regions) for state, ((_, regions), _) in zip(states, prepared_c, strict=True)]
        contents = [measuring.measure(features, regions, job.with_whole) for features, regions in pairs]
        maps[name] = measuring.site_maps(contents, [style[name] for style in styles], job)
        states = []
        if name == last:
            break
        for walker, (features, regions), ((padded, _), undo) in zip(walkers, pairs, prepared_c, strict=True):
            mapped = map_features(features, maps[name], regions, job.options.strength, job.options.strengths)
            try:
                states.append(walker.send(mapped))
            except StopIteration as end:
                outputs.append(undo(finished(padded, end.value, job.options)))
    if outputs:
        how = job.options
        outputs = [
            smoothed(as_batch(image), styled, regions, how, how.strength, how.strengths, courses)
            for (image, regions), styled in zip(job.contents, outputs, strict=True)
        ]
    return Transfer(model, job.options, maps, courses), outputs


def _style_pass(model: WCT2, image: Tensor, regions: Regions | None, job: Job) -> dict[str, dict[str, Measured]]:
    """What is measured of a style image at every site and region, from one untransformed pass."""
    found: dict[str, dict[str, Measured]] = {}
    (padded, weights), _ = pad(as_batch(image), regions)

    walker = walk(model, padded, job.options.at)
    name, features = next(walker)
    found[name] = measuring.measure(features, weights, job.with_whole)
    while name != site_groups(job.options.at)[-1][-1]:
        name, features = walker.send(features)
        found[name] = measuring.measure(features, weights, job.with_whole)
    return found
