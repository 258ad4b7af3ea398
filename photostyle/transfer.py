"""Fit, then apply: a style fitted to a photo is a `Transfer`, and applying it is a plain feed-forward network.

A *site* is a place in the network where features can be mapped: ``encoder1`` … ``encoder4`` after each encoder level,
``skip1.lh`` … ``skip3.hh`` for the details of each pooling, ``decoder4`` … ``decoder1`` before each decoder level.
`fit` walks the network once, level by level; at each site it measures the content's features *as transformed so far*,
builds one affine map a region towards the style's features there, and applies it before going on (the progressive
stylization of WCT2, section 3.3). `Transfer.apply` walks the same way with the maps that were found and measures
nothing. `stylize` keeps the image that falls out of fitting.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle import matching as matching_
from photostyle.errors import ImageSizeError, MaskError, NumericalError, ParameterError
from photostyle.matching import MATCHINGS, AffineMap, Matching, Moments
from photostyle.networks import LEVELS, MIN_SIDE, MULTIPLE, WCT2, Skip
from photostyle.regions import WHOLE, Regions, common

Stage = Literal["encoder", "decoder", "skip"]
STAGES: tuple[str, ...] = get_args(Stage)
Unmatched = Literal["whole", "keep"]


@dataclass(frozen=True)
class FitOptions:
    """How a style is fitted.

    Attributes:
        at: where features are mapped, any of ``encoder``, ``decoder``, ``skip`` (the paper's component-wise
            stylization). With ``encoder``, decoder level 4 is left out: its input has just been mapped.
        matching: see `photostyle.matching`.
        strength: 0 keeps the photo, 1 is the full style; features are blended at every site.
        regularization: ε of the covariances; None takes the model's own (``model.config.regularization``).
        unmatched: what becomes of pixels whose region the style lacks. ``whole``: they take the map between the two
            whole photos. ``keep``: they keep their features, as in the published program.
    """

    at: tuple[Stage, ...] = ("encoder",)
    matching: Matching = "monge"
    strength: float = 1.0
    regularization: float | None = None
    unmatched: Unmatched = "whole"

    def __post_init__(self) -> None:
        unknown = [stage for stage in self.at if stage not in STAGES]
        if unknown or not self.at:
            raise ParameterError(f"at is {','.join(self.at)!r}; it must be one or more of {', '.join(STAGES)}")
        if self.matching not in MATCHINGS:
            raise ParameterError(f"matching is {self.matching!r}; it must be one of {', '.join(MATCHINGS)}")
        if self.unmatched not in get_args(Unmatched):
            raise ParameterError(f"unmatched is {self.unmatched!r}; it must be 'whole' or 'keep'")
        if self.regularization is not None and not self.regularization >= 0:
            raise ParameterError(f"regularization is {self.regularization}; it must be 0 or more")
        check_strength(self.strength)
        object.__setattr__(self, "at", tuple(stage for stage in STAGES if stage in self.at))


@dataclass(frozen=True)
class SiteMap:
    """The map of one region at one site: an affine map, then a clamp to the range of the features it was fitted on.

    Attributes:
        affine: (C, C) matrix and (C,) bias.
        low: least content feature, over all channels, that the map was fitted on.
        high: greatest such feature.
    """

    affine: AffineMap
    low: float
    high: float

    def __call__(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) features."""
        return self.affine(features).clamp(self.low, self.high)


SiteMaps = Mapping[str, SiteMap]  # region name to map


@dataclass(frozen=True)
class Transfer:
    """A fitted style: for each site and region one small affine map, and the network that they belong to.

    Attributes:
        model: the network.
        options: how it was fitted.
        maps: site name to region name to map. The region ``*`` serves all pixels that no other region claims.
    """

    model: WCT2 = field(repr=False)
    options: FitOptions
    maps: Mapping[str, SiteMaps]

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of all regions with a map somewhere."""
        return tuple(dict.fromkeys(name for site in self.maps.values() for name in site))

    @torch.no_grad()
    def apply(self, image: Tensor, regions: Regions | Tensor | None = None, strength: float | None = None) -> Tensor:
        """Stylize an image with the fitted maps; nothing is measured.

        Args:
            image: (3, H, W) or (B, 3, H, W) in [0, 1], any size from 16×16.
            regions: the image's own regions (or hard label map, (H, W) integers) where the style was fitted by region.
            strength: 0 to 1; None is the strength that the style was fitted with.

        Returns:
            The same shape as `image`, float32; not clamped, so values may lie slightly outside [0, 1].

        Raises:
            ImageSizeError, MaskError, NumericalError, ParameterError: the input does not fit.
        """
        batch = _as_batch(image)
        resolved = _as_regions(regions, batch)
        if resolved is None and WHOLE not in self.regions:
            raise MaskError("this style was fitted by region and has no map for the whole photo: give the photo's regions")
        amount = self.options.strength if strength is None else check_strength(strength)
        padded, undo = _pad(batch, resolved)

        def site(name: str, features: Tensor) -> Tensor:
            return _map_features(features, self.maps.get(name, {}), padded[1], amount)

        return undo(run(self.model, padded[0], self.options.at, site)).reshape(image.shape)


def walk(model: WCT2, image: Tensor, at: Sequence[str]) -> Generator[tuple[str, Tensor], Tensor, Tensor]:
    """One pass through encoder and decoder that stops at every site: yields (name, features), is sent what to go on with.

    `image` is (B, 3, H, W), sides multiples of 8. Returns the image.
    """
    skips: dict[int, Skip] = {}
    x = image
    for level in LEVELS:
        x = model.encoder.level(x, level, skips)
        if "encoder" in at:
            x = yield f"encoder{level}", x
    if "skip" in at:
        for number, skip in sorted(skips.items()):
            skip.lh = yield f"skip{number}.lh", skip.lh
            skip.hl = yield f"skip{number}.hl", skip.hl
            skip.hh = yield f"skip{number}.hh", skip.hh
    for level in reversed(LEVELS):
        if "decoder" in at and not (level == LEVELS[-1] and "encoder" in at):
            x = yield f"decoder{level}", x
        x = model.decoder.level(x, level, skips)
    return x


def run(model: WCT2, image: Tensor, at: Sequence[str], site: Callable[[str, Tensor], Tensor]) -> Tensor:
    """Walk to the end, with ``site(name, features)`` deciding what each site goes on with."""
    walker = walk(model, image, at)
    try:
        name, features = next(walker)
        while True:
            name, features = walker.send(site(name, features))
    except StopIteration as end:
        result: Tensor = end.value
        return result


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


@torch.no_grad()
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
    _, outputs = _fit(model, content, style, content_regions, style_regions, style_weights, options or FitOptions())
    return outputs[0].reshape(content.shape)


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
    with torch.no_grad():
        transfer, outputs = _fit(
            model, content, style, content_regions, style_regions, style_weights, options or FitOptions()
        )
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
    prepared_c = [_pad(image, r.select(names) if r else None) for image, r in _zip(contents, region_c)]
    prepared_s = [_pad(image, r.select(names) if r else None) for image, r in _zip(styles, region_s)]

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
        mapped = [_map_features(x, maps[name], r, options.strength) for x, r in zip(features, regions, strict=True)]
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
        measured[WHOLE] = (matching_.moments(flat), float(flat.min()), float(flat.max()))
    for name, weight in (regions.at((features.shape[-2], features.shape[-1])) if regions else {}).items():
        inside = weight.flatten() > 0
        if not inside.any():
            continue  # a thin region can vanish at a coarse site; its pixels are then served like unmatched ones
        x, w = flat[:, inside], weight.flatten()[inside]
        core = x[:, w > 0.5] if bool((w > 0.5).any()) else x
        measured[name] = (matching_.moments(x, w), float(core.min()), float(core.max()))
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
        target = matching_.mix([m for m, _ in there], [w for _, w in there])
        source = matching_.pool([m for m, _, _ in here])
        affine = matching_.affine_map(source, target, options.matching, options.regularization or 0.0)
        maps[name] = SiteMap(affine, min(low for _, low, _ in here), max(high for _, _, high in here))
    return maps


def _map_features(x: Tensor, maps: SiteMaps, regions: Regions | None, strength: float) -> Tensor:
    """Blend every region's map by its weight; what no region claims takes the map ``*`` or stays as it is."""
    if strength == 0 or not maps:
        return x
    if regions is None:
        mapped = maps[WHOLE](x) if WHOLE in maps else x
    else:
        weights = {n: w for n, w in regions.at((x.shape[-2], x.shape[-1])).items() if n in maps}
        rest = 1.0 - torch.stack(list(weights.values())).sum(0) if weights else torch.ones_like(x[0, 0])
        mapped = (maps[WHOLE](x) if WHOLE in maps else x) * rest
        for name, weight in weights.items():
            mapped = mapped + maps[name](x) * weight
    return mapped if strength == 1 else torch.lerp(x, mapped, strength)


def check_strength(strength: float) -> float:
    """`strength` itself. Raises ParameterError unless it is in [0, 1]."""
    if not 0 <= strength <= 1:
        raise ParameterError(f"strength is {strength:g}; it must be between 0 (the photo) and 1 (the full style)")
    return strength


def _as_batch(image: Tensor) -> Tensor:
    batch = image[None] if image.dim() == 3 else image
    if batch.dim() != 4 or batch.shape[1] != 3:
        raise ParameterError(f"an image must be (3, H, W) or (B, 3, H, W), got {tuple(image.shape)}")
    if min(batch.shape[-2:]) < MIN_SIDE:
        height, width = batch.shape[-2:]
        raise ImageSizeError(f"the image is {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed")
    if not torch.isfinite(batch).all():
        raise NumericalError("the image contains NaN or infinity")
    return batch.float()


def _as_regions(regions: Regions | Tensor | None, image: Tensor) -> Regions | None:
    if regions is None:
        return None
    found = Regions.from_labels(regions) if isinstance(regions, Tensor) else regions
    if found.size != tuple(image.shape[-2:]):
        (h, w), (height, width) = found.size, image.shape[-2:]
        raise MaskError(f"the regions are {w}×{h} pixels but their image is {width}×{height}: make them the same size")
    return Regions({name: weight.to(image.device) for name, weight in found.weights.items()}, found.hard)


def _as_list(images: Images) -> list[Tensor]:
    batches = [_as_batch(image) for image in ([images] if isinstance(images, Tensor) else images)]
    if not batches:
        raise ParameterError("no image given")
    return batches


def _region_list(regions: RegionMaps, images: Sequence[Tensor]) -> list[Regions] | None:
    if regions is None:
        return None
    given = [regions] if isinstance(regions, (Regions, Tensor)) else list(regions)
    if len(given) != len(images):
        raise MaskError(f"{len(images)} images but {len(given)} region maps: give one an image")
    return [r for r in (_as_regions(r, image) for r, image in zip(given, images, strict=True)) if r is not None]


def _zip(images: Sequence[Tensor], regions: Sequence[Regions] | None) -> list[tuple[Tensor, Regions | None]]:
    return list(zip(images, regions or [None] * len(images), strict=True))


def _pad(image: Tensor, regions: Regions | None) -> tuple[tuple[Tensor, Regions | None], Callable[[Tensor], Tensor]]:
    """Reflect the bottom and right borders up to multiples of 8; the second result cuts them off again."""
    height, width = image.shape[-2:]
    bottom, right = -height % MULTIPLE, -width % MULTIPLE
    if not bottom and not right:
        return (image, regions), lambda x: x
    padded = F.pad(image, (0, right, 0, bottom), mode="reflect")
    return (padded, regions.pad(bottom, right) if regions else None), lambda x: x[..., :height, :width]
