"""Fit, then apply: a style fitted to a photo is a `Transfer`, and applying it is a plain feed-forward network.

A *site* is a place in the network where features can be mapped: ``encoder1`` … ``encoder4`` after each encoder level,
``skip1.lh`` … ``skip3.hh`` for the details of each pooling, ``decoder4`` … ``decoder1`` before each decoder level.
`photostyle.transfer.fitting` finds the maps; `Transfer.apply` walks the network with them and measures nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.edges.finish import project
from photostyle.errors import ImageSizeError, MaskError, NumericalError, ParameterError
from photostyle.network.wct2 import LEVELS, MIN_SIDE, MULTIPLE, WCT2, Skip
from photostyle.options import FitOptions, check_strength
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer.mapping import SiteMaps, map_features
from photostyle.transfer.smoothing import smooth


@dataclass(frozen=True)
class Transfer:
    """A fitted style: for each site and region one small affine map, and the network that they belong to.

    Attributes:
        model: the network.
        options: how it was fitted.
        maps: site name to region name to map. The region ``*`` serves all pixels that no other region claims.
        courses: the style's colours from foot to top of a sky and of water, (bands, 3), by the photo's region
            (`photostyle.transfer.course`).
    """

    model: WCT2 = field(repr=False)
    options: FitOptions
    maps: Mapping[str, SiteMaps]
    courses: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of all regions with a map somewhere."""
        return tuple(dict.fromkeys(name for site in self.maps.values() for name in site))

    @torch.no_grad()
    def apply(
        self,
        image: Tensor,
        regions: Regions | Tensor | None = None,
        strength: float | None = None,
        strengths: Mapping[str, float] | None = None,
    ) -> Tensor:
        """Stylize an image with the fitted maps; nothing is measured.

        Args:
            image: (3, H, W) or (B, 3, H, W) in [0, 1], any size from 16×16.
            regions: the image's own regions (or hard label map, (H, W) integers) where the style was fitted by region.
            strength: 0 to 1; None is the strength that the style was fitted with.
            strengths: regions with a strength of their own; None is those that the style was fitted with.

        Returns:
            The same shape as `image`, float32; not clamped, so values may lie slightly outside [0, 1].

        Raises:
            ImageSizeError, MaskError, NumericalError, ParameterError: the input does not fit.
        """
        batch = as_batch(image)
        resolved = as_regions(regions, batch)
        if not (resolved and resolved.weights) and WHOLE not in self.regions:
            raise MaskError(
                "this style was fitted by region and has no map for the whole photo: give the photo's regions"
            )
        amount = self.options.strength if strength is None else check_strength(strength)
        own = self.options.strengths if strengths is None else strengths
        for value in own.values():
            check_strength(value)
        padded, undo = pad(batch, resolved)

        def site(name: str, features: Tensor) -> Tensor:
            return map_features(features, self.maps.get(name, {}), padded[1], amount, own)

        result = run(self.model, padded[0], self.options.at, site)
        styled = finished(padded[0], result, self.options)
        return smoothed(batch, undo(styled), resolved, self.options, amount, own, self.courses).reshape(image.shape)


def walk(model: WCT2, image: Tensor, at: Sequence[str]) -> Generator[tuple[str, Tensor], Tensor, Tensor]:
    """One pass through the network that stops at every site: yields (name, features), is sent what to go on with.

    `image` is (B, 3, H, W), sides multiples of 8. Returns the image.
    """
    skips: dict[int, Skip] = {}
    # Convolutions of few channels are up to twice as fast with the channels last in memory.
    x = image.to(model.precision or image.dtype).contiguous(memory_format=torch.channels_last)
    for level in LEVELS:
        x = model.encoder.level(x, level, skips)
        if "encoder" in at:
            x = yield f"encoder{level}", x
    if "skip" in at:
        for number, skip in sorted(skips.items()):
            details = []
            for band, values in zip(("lh", "hl", "hh"), skip.split(), strict=True):
                details.append((yield f"skip{number}.{band}", values))
            skip.details = (details[0], details[1], details[2])
    for level in reversed(LEVELS):
        if "decoder" in at and not (level == LEVELS[-1] and "encoder" in at):
            x = yield f"decoder{level}", x
        x = model.decoder.level(x.to(image.dtype) if level == 1 else x, level, skips)
    return x


def site_groups(at: Sequence[str]) -> list[tuple[str, ...]]:
    """Sites in the order of `walk`; those that do not depend on each other's maps, as the skips, together."""
    groups: list[tuple[str, ...]] = []
    if "encoder" in at:
        groups += [(f"encoder{level}",) for level in LEVELS]
    if "skip" in at:
        groups.append(tuple(f"skip{number}.{band}" for number in (1, 2, 3) for band in ("lh", "hl", "hh")))
    if "decoder" in at:
        groups += [(f"decoder{level}",) for level in reversed(LEVELS) if level != LEVELS[-1] or "encoder" not in at]
    return groups


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


def finished(image: Tensor, result: Tensor, options: FitOptions) -> Tensor:
    """The network's result, both (B, 3, H, W) with sides multiples of 8, finished in windows if the options say so."""
    return project(image, result) if options.finish == "windows" else result


def smoothed(
    image: Tensor,
    styled: Tensor,
    regions: Regions | None,
    options: FitOptions,
    strength: float,
    strengths: Mapping[str, float],
    courses: Mapping[str, Tensor],
) -> Tensor:
    """What `finished` gave, both (B, 3, H, W) of the image's own size, made smooth if the options say so."""
    if options.finish != "smooth":
        return styled
    taken = courses if options.gradient else {}
    return smooth(image, styled, regions, strength, strengths, courses=taken, protect=options.protect)


def as_batch(image: Tensor) -> Tensor:
    """An image as (B, 3, H, W) float32. Raises ImageSizeError, NumericalError or ParameterError if unusable."""
    batch = image[None] if image.dim() == 3 else image
    if batch.dim() != 4 or batch.shape[1] != 3:
        raise ParameterError(f"an image must be (3, H, W) or (B, 3, H, W), got {tuple(image.shape)}")
    if min(batch.shape[-2:]) < MIN_SIDE:
        height, width = batch.shape[-2:]
        raise ImageSizeError(f"the image is {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed")
    if not torch.isfinite(batch).all():
        raise NumericalError("the image contains NaN or infinity")
    return batch.float()


def as_regions(regions: Regions | Tensor | None, image: Tensor) -> Regions | None:
    """Regions on the device of their (B, 3, H, W) image. Raises MaskError if the sizes differ."""
    if regions is None:
        return None
    found = Regions.from_labels(regions) if isinstance(regions, Tensor) else regions
    if found.size != tuple(image.shape[-2:]):
        (h, w), (height, width) = found.size, image.shape[-2:]
        raise MaskError(f"the regions are {w}×{h} pixels but their image is {width}×{height}: make them the same size")
    visible = None if found.visible is None else found.visible.to(image.device)
    return Regions({name: weight.to(image.device) for name, weight in found.weights.items()}, found.hard, visible)


def pad(
    image: Tensor, regions: Regions | None, multiple: int = MULTIPLE
) -> tuple[tuple[Tensor, Regions | None], Callable[[Tensor], Tensor]]:
    """Reflect the bottom and right borders up to multiples of 8, or another; the second result cuts them off again."""
    height, width = image.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if not bottom and not right:
        return (image, regions), lambda x: x
    padded = F.pad(image, (0, right, 0, bottom), mode="reflect")
    return (padded, regions.pad(bottom, right) if regions else None), lambda x: x[..., :height, :width]
