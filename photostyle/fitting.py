"""Fitting: the only place that measures statistics.

`fit` walks the network once, level by level; at each site it measures the content's features *as transformed so far*,
builds one affine map a region towards the style's features there, and applies it before going on (the progressive
stylization of WCT2, section 3.3). `stylize` keeps the image that falls out of that pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from photostyle import matching
from photostyle.errors import MaskError, ParameterError
from photostyle.matching import Moments
from photostyle.networks import WCT2
from photostyle.options import FitOptions
from photostyle.regions import WHOLE, Regions, common
from photostyle.transfer import SiteMap, Transfer, as_batch, as_regions, map_features, pad, run, walk

Images = Tensor | Sequence[Tensor]
RegionMaps = Regions | Tensor | Sequence[Regions | Tensor] | None


@torch.no_grad()
def fit(
    model: WCT2,
    content: Images,
    style: Images,
    *,
    content_regions: RegionMaps = None,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    options: FitOptions | None = None,
) -> Transfer:
    """Fit a style to one photo, or one look to several.

    Args:
        model: the network; images must be on its device.
        content: image (3, H, W) or (1, 3, H, W) in [0, 1], sides at least 16; or several, whose moments are pooled.
        style: the same; of several styles the moments are mixed (`photostyle.matching.mix`).
        content_regions: regions (or hard label map) of each content image; give both sides' or neither's.
        style_regions: the same for each style image.
        style_weights: share of each style in the mix; equal if None.
        options: see `FitOptions`.

    Raises:
        ImageSizeError, MaskError, NumericalError, ParameterError: the input does not fit.
    """
    return _fit(model, content, style, content_regions, style_regions, style_weights, options or FitOptions())[0]


def stylize(
    model: WCT2,
    content: Tensor,
    style: Images,
    *,
    content_regions: Regions | Tensor | None = None,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
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
        options=options,
    )[1]


@torch.no_grad()
def fit_and_apply(
    model: WCT2,
    content: Tensor,
    style: Images,
    *,
    content_regions: Regions | Tensor | None = None,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    options: FitOptions | None = None,
) -> tuple[Transfer, Tensor]:
    """`fit` and `stylize` at the cost of one."""
    chosen = options or FitOptions()
    transfer, outputs = _fit(model, content, style, content_regions, style_regions, style_weights, chosen)
    return transfer, outputs[0].reshape(content.shape)


def _fit(
    model: WCT2,
    content: Images,
    style: Images,
    content_regions: RegionMaps,
    style_regions: RegionMaps,
    style_weights: Sequence[float] | None,
    options: FitOptions,
) -> tuple[Transfer, list[Tensor]]:
    contents, styles = _as_list(content), _as_list(style)
    region_c, region_s = _region_list(content_regions, contents), _region_list(style_regions, styles)
    if (region_c is None) != (region_s is None):
        raise MaskError("regions were given for one side only: give those of the content and of the style, or neither")
    names = common(region_c, region_s) if region_c and region_s else []
    if region_c and not names:
        raise MaskError(
            "content and style regions have no label in common that covers more than 10 pixels in both: "
            "give the same label to what shall match"
        )
    if options.regularization is None:
        options = replace(options, regularization=model.config.regularization)
    weights = [1.0] * len(styles) if style_weights is None else list(style_weights)
    if len(weights) != len(styles):
        raise ParameterError(f"{len(styles)} styles but {len(weights)} style weights: give one a style")
    with_whole = not names or options.unmatched == "whole"
    prepared_c = [pad(image, r.select(names) if r else None) for image, r in _zip(contents, region_c)]
    prepared_s = [pad(image, r.select(names) if r else None) for image, r in _zip(styles, region_s)]

    style_moments = [_style_pass(model, image, r, options.at, with_whole) for (image, r), _ in prepared_s]
    maps: dict[str, dict[str, SiteMap]] = {}
    walkers = [walk(model, image, options.at) for (image, _), _ in prepared_c]
    outputs: list[Tensor] = []
    # All content images reach a site before any goes on: what lies behind it depends on the map that they share.
    states = [next(walker) for walker in walkers]
    while not outputs:
        name = states[0][0]
        features = [state[1] for state in states]
        regions = [r for (_, r), _ in prepared_c]
        maps[name] = _site_maps(features, regions, [m[name] for m in style_moments], weights, options, with_whole)
        mapped = [map_features(x, maps[name], r, options.strength) for x, r in zip(features, regions, strict=True)]
        states = []
        for walker, x, (_, undo) in zip(walkers, mapped, prepared_c, strict=True):
            try:
                states.append(walker.send(x))
            except StopIteration as end:
                outputs.append(undo(end.value))
    return Transfer(model, options, maps), outputs


def _style_pass(
    model: WCT2, image: Tensor, regions: Regions | None, at: Sequence[str], with_whole: bool
) -> dict[str, dict[str, Moments]]:
    """Moments of a style image at every site and region, from one untransformed pass."""
    found: dict[str, dict[str, Moments]] = {}

    def record(name: str, features: Tensor) -> Tensor:
        found[name] = {k: m for k, (m, _, _) in _measure(features, regions, with_whole).items()}
        return features

    run(model, image, at, record)
    return found


Measured = dict[str, tuple[Moments, float, float]]  # region to moments, least and greatest feature


def _measure(features: Tensor, regions: Regions | None, with_whole: bool) -> Measured:
    flat = features.transpose(0, 1).flatten(1)
    measured: Measured = {}
    if with_whole:
        measured[WHOLE] = (matching.moments(flat), float(flat.min()), float(flat.max()))
    for name, weight in (regions.at((features.shape[-2], features.shape[-1])) if regions else {}).items():
        inside = weight.flatten() > 0
        if not inside.any():
            continue  # a thin region can vanish at a coarse site; its pixels are then served like unmatched ones
        x, w = flat[:, inside], weight.flatten()[inside]
        core = x[:, w > 0.5] if bool((w > 0.5).any()) else x
        measured[name] = (matching.moments(x, w), float(core.min()), float(core.max()))
    return measured


def _site_maps(
    features: Sequence[Tensor],
    regions: Sequence[Regions | None],
    styles: Sequence[Mapping[str, Moments]],
    style_weights: Sequence[float],
    options: FitOptions,
    with_whole: bool,
) -> dict[str, SiteMap]:
    measured = [_measure(x, r, with_whole) for x, r in zip(features, regions, strict=True)]
    maps = {}
    for name in dict.fromkeys(name for part in measured for name in part):
        here = [part[name] for part in measured if name in part]
        there = [(m[name], w) for m, w in zip(styles, style_weights, strict=True) if name in m and w > 0]
        if not there:
            continue
        target = matching.mix([m for m, _ in there], [w for _, w in there])
        source = matching.pool([m for m, _, _ in here])
        affine = matching.affine_map(source, target, options.matching, options.regularization or 0.0)
        maps[name] = SiteMap(affine, min(low for _, low, _ in here), max(high for _, _, high in here))
    return maps


def _as_list(images: Images) -> list[Tensor]:
    batches = [as_batch(image) for image in ([images] if isinstance(images, Tensor) else images)]
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


def _zip(images: Sequence[Tensor], regions: Sequence[Regions] | None) -> list[tuple[Tensor, Regions | None]]:
    return [(image, regions[i] if regions else None) for i, image in enumerate(images)]
