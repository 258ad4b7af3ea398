"""Styles that drift: one fit a window of a long take, and between windows the maps of interpolated moments.

Maps themselves do not average: the mean of two whitening-colouring matrices matches neither window. Moments do.
Between two windows content of mean (1-t) μ₀ + t μ₁ and covariance (1-t) Σ₀ + t Σ₁ is expected, and the map is the one
from there to the style (`matching.affine_map`). What the style is, a fitted map and the moments it was fitted on tell:
with Σ̂ = Σ + ε I, every matching gives A Σ̂_c Aᵀ = Σ̂_s (``adain`` on the diagonal) and A μ_c + b = μ_s.

A site's features were measured as mapped by the sites before it. Between windows those maps lie between the windows'
own, so the same rule serves every site.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.errors import ParameterError, TransferMismatchError
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer import matching
from photostyle.transfer.mapping import SiteMap, map_features
from photostyle.transfer.matching import Moments
from photostyle.transfer.transfer import Transfer, as_batch, as_regions, pad, run

SiteMoments = Mapping[str, Moments]  # region name to moments


@dataclass(frozen=True)
class Window:
    """A style fitted to one stretch of a take.

    Attributes:
        transfer: what was fitted.
        moments: site name to region name to the content's moments in front of that map.
    """

    transfer: Transfer
    moments: Mapping[str, SiteMoments]


@torch.no_grad()
def measure(transfer: Transfer, contents: Sequence[Tensor], regions: Sequence[Regions | None] | None = None) -> Window:
    """The moments that `transfer` meets at each of its maps on the images that it was fitted to.

    Args:
        transfer: fitted to exactly these contents and regions, with no shrinkage (`FitOptions`) if there are regions.
        contents: images (3, H, W) in [0, 1].
        regions: the regions of each.

    Raises:
        ImageSizeError, MaskError, NumericalError, ParameterError: the input does not fit.
    """
    if not contents:
        raise ParameterError("no image given")
    parts: dict[str, dict[str, list[Moments]]] = {}
    for image, given in zip(contents, regions or [None] * len(contents), strict=True):
        batch = as_batch(image)
        (padded, padded_regions), _ = pad(batch, as_regions(given, batch))

        def site(name: str, features: Tensor, here: Regions | None = padded_regions) -> Tensor:
            maps = transfer.maps.get(name, {})
            weights = here.at((features.shape[-2], features.shape[-1])) if here else {}
            own = {r: weights[r].flatten() for r in maps if r in weights and bool((weights[r] > 0).any())}
            present = [region for region in maps if region == WHOLE or region in own]
            found = matching.weighted_moments(features, [own.get(region) for region in present])
            for region, moments in zip(present, found, strict=True):
                parts.setdefault(name, {}).setdefault(region, []).append(moments)
            return map_features(features, maps, here, transfer.options.strength, transfer.options.strengths)

        run(transfer.model, padded, transfer.options.at, site)
    return Window(transfer, {s: {r: matching.pool(m) for r, m in found.items()} for s, found in parts.items()})


def interpolate(first: Window, second: Window, share: float) -> Transfer:
    """The transfer that lies `share` (0 to 1) of the way from one window to the next.

    A region that only one of them knows keeps that one's map. At 0 and 1 the result is the window's own transfer.

    Raises:
        ParameterError: `share` is outside [0, 1].
        TransferMismatchError: the windows belong to different models or options.
    """
    if not 0 <= share <= 1:
        raise ParameterError(f"share is {share:g}; it must be between 0 (the first window) and 1 (the second)")
    a, b = first.transfer, second.transfer
    if a.options != b.options or a.model is not b.model:
        raise TransferMismatchError("only windows that were fitted with one model and the same options interpolate")
    if share in (0.0, 1.0) or first is second:
        return a if share < 1 else b
    maps: dict[str, dict[str, SiteMap]] = {}
    for site in dict.fromkeys((*a.maps, *b.maps)):
        maps[site] = {**b.maps.get(site, {}), **a.maps.get(site, {})}
        for region in maps[site]:
            ends = [(w.transfer.maps.get(site, {}).get(region), w.moments.get(site, {}).get(region))
                    for w in (first, second)]  # fmt: skip
            (map_a, moments_a), (map_b, moments_b) = ends
            if map_a and map_b and moments_a and moments_b:
                maps[site][region] = _between(a, (map_a, moments_a), (map_b, moments_b), share)
    courses = {n: torch.lerp(bands, b.courses[n], share) for n, bands in a.courses.items() if n in b.courses}
    return Transfer(a.model, a.options, maps, courses)


def _between(
    transfer: Transfer, first: tuple[SiteMap, Moments], second: tuple[SiteMap, Moments], share: float
) -> SiteMap:
    shares = (1 - share, share)
    epsilon = transfer.options.regularization or 0.0
    content = matching.mix([first[1], second[1]], shares)
    style = matching.mix([_target(*end, epsilon) for end in (first, second)], shares)
    affine = matching.affine_map(content, style, transfer.options.matching, epsilon)
    low, high = (
        end_a * shares[0] + end_b * shares[1]
        for end_a, end_b in ((first[0].low, second[0].low), (first[0].high, second[0].high))
    )
    return SiteMap(affine, low, high)


def _target(site_map: SiteMap, content: Moments, epsilon: float) -> Moments:
    """The style's moments, from a map and the moments that it was fitted on."""
    matrix, bias = site_map.affine.matrix, site_map.affine.bias
    identity = epsilon * torch.eye(len(bias), dtype=matrix.dtype, device=matrix.device)
    covariance = matrix @ (content.covariance + identity) @ matrix.mT - identity
    return Moments(matrix @ content.mean + bias, (covariance + covariance.mT) / 2, content.weight)
