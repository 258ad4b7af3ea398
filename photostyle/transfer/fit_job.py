"""What a fit is asked for, checked before anything is measured.

`photostyle.transfer.fitting` walks whole images and `photostyle.transfer.tiling` walks tiles; both do a `Job`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from photostyle.errors import MaskError, ParameterError, TransferMismatchError
from photostyle.network.wct2 import MIN_SIDE, WCT2
from photostyle.options import FitOptions
from photostyle.regions.regions import WHOLE, Regions
from photostyle.regions.sources import Sources, check_sources, published_sources
from photostyle.transfer.targets import SiteMoments, Target
from photostyle.transfer.transfer import as_batch, as_regions, site_groups

Images = Tensor | Sequence[Tensor]
RegionMaps = Regions | Tensor | Sequence[Regions | Tensor] | None


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
        known_courses: then, the courses of their sky and water.
    """

    contents: Sequence[tuple[Tensor, Regions | None]]
    styles: Sequence[tuple[Tensor, Regions | None]]
    shares: Sequence[float]
    options: FitOptions
    sources: Sources
    with_whole: bool
    known: Sequence[SiteMoments] | None = None
    known_courses: Sequence[Mapping[str, Tensor]] | None = None


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
    """Check what `photostyle.transfer.fitting.fit` is given. Raises what it documents, but for values not finite."""
    known = _known(model, style, style_regions, style_weights, options) if isinstance(style, Target) else None
    contents, styles = _as_list(content), [] if isinstance(style, Target) else _as_list(style)
    region_c, region_s = _region_list(content_regions, contents), _region_list(style_regions, styles)
    named_c, named_s = _named(region_c), _named(region_s)
    if isinstance(style, Target):
        chosen, shares, count = options or style.options, [each.share for each in style.styles], len(style.styles)
        if named_c and sources is None:
            raise MaskError(
                "regions of the content need sources where the style is a target: photostyle.regions.labels.match"
            )
        available: Sequence[Regions | Collection[str]] | None = [each.regions for each in style.styles]
    else:
        chosen, shares, count = options or FitOptions(), _shares(style_weights, len(styles)), len(styles)
        available = region_s
    if sources is None:
        sources = published_sources(named_c, named_s, count, with_whole=chosen.unmatched == "whole")
    else:
        check_sources(sources, region_c, available, count)
    needed_c = [*sources, *chosen.strengths]
    needed_s = [source.region for found in sources.values() for source in found]
    with_whole = WHOLE in {*needed_c, *needed_s} or chosen.unmatched == "whole"
    images = _zip(contents, region_c, needed_c), _zip(styles, region_s, needed_s)
    courses = [each.courses for each in style.styles] if isinstance(style, Target) else None
    return Job(*images, shares, _regularized(chosen, model), sources, with_whole, known, courses)


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
    """Check what `photostyle.transfer.fitting.measure_target` is given: a job without content."""
    styles = _as_list(style)
    region_s = _region_list(style_regions, styles)
    images = _zip(styles, region_s, [name for regions in region_s or () for name in regions.weights])
    chosen, shares = _regularized(options or FitOptions(), model), _shares(style_weights, len(styles))
    return Job([], images, shares, chosen, {}, with_whole=True)


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


def _named(regions: list[Regions] | None) -> list[Regions] | None:
    """None where there is nothing but what can be seen of the images."""
    return regions if regions and any(each.weights for each in regions) else None


def _zip(
    images: Sequence[Tensor], regions: Sequence[Regions] | None, names: Sequence[str]
) -> list[tuple[Tensor, Regions | None]]:
    chosen = [r.select(dict.fromkeys(names)) for r in regions] if regions else [None] * len(images)
    return [
        (image, r if r and (r.weights or r.visible is not None) else None)
        for image, r in zip(images, chosen, strict=True)
    ]
