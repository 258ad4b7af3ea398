"""Styles between styles: targets mix in their moments, fitted transfers in their maps.

Targets keep their style photos apart, so a mix is all of them with smaller shares, and mixing mixes again is exact.

Maps average well where they start from the same photo: features then lie at the mean of where the styles would take
them. With ``monge`` those are optimal transport maps, and their mean is again one, to a distribution on the generalised
geodesic between the styles (McCann 1997; Ambrosio, Gigli & Savaré 2005, section 9.2). Between transfers that were
fitted to different photos it is a blend of two gradings and no more.

A style of strength s counts by its weight times s, because features are blended as x + s (A x + b - x): a mix of a full
and of a half style has three quarters of the strength, and twice as much of the full one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import torch

from photostyle.errors import ParameterError, TransferMismatchError
from photostyle.options import FitOptions
from photostyle.regions.regions import WHOLE
from photostyle.transfer.mapping import SiteMap
from photostyle.transfer.matching import AffineMap
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer


def mix_targets(targets: Sequence[Target], weights: Sequence[float] | None = None) -> Target:
    """The target between several of one network.

    Args:
        targets: with the same options but for the strength.
        weights: share of each; equal if None.

    Raises:
        ParameterError: weights are negative, all zero, or not as many as targets.
        TransferMismatchError: networks or options differ, or some have regions and others none.
    """
    options, shares, _ = _common(targets, weights)
    if len({len(target.regions) > 1 for target in targets}) > 1:
        raise TransferMismatchError("styles with regions and styles without do not mix: make one of them again")
    styles = [
        replace(style, share=share * part)
        for target, share in zip(targets, shares, strict=True)
        for style, part in zip(target.styles, target.shares, strict=True)
    ]
    return Target(targets[0].model, options, tuple(styles))


def mix_transfers(transfers: Sequence[Transfer], weights: Sequence[float] | None = None) -> Transfer:
    """The transfer between several of one network, with the same sites and regions; arguments and errors as above."""
    options, shares, even = _common(transfers, weights)
    first = transfers[0]
    if any(set(transfer.regions) != set(first.regions) for transfer in transfers):
        raise TransferMismatchError(
            "styles of different regions do not mix: "
            + " and ".join(dict.fromkeys(", ".join(sorted(transfer.regions)) for transfer in transfers))
        )
    maps: dict[str, Mapping[str, SiteMap]] = {}
    for site in dict.fromkeys(site for transfer in transfers for site in transfer.maps):
        # A small region may have no map at a coarse site; what serves it there is that style's map of the whole photo.
        here = [transfer.maps.get(site, {}) for transfer in transfers]
        maps[site] = {
            region: _mean(
                [found.get(region) or found[WHOLE] for found in here], even if region in options.strengths else shares
            )
            for region in dict.fromkeys(name for found in here for name in found)
            if all(region in found or WHOLE in found for found in here)
        }
    courses = {
        region: torch.stack([t.courses[region] * share for t, share in zip(transfers, shares, strict=True)]).sum(0)
        for region in first.courses
        if all(region in transfer.courses for transfer in transfers)
    }
    return Transfer(first.model, options, maps, courses)


def _mean(maps: Sequence[SiteMap], shares: Sequence[float]) -> SiteMap:
    pairs = list(zip(maps, shares, strict=True))
    matrix = torch.stack([found.affine.matrix * share for found, share in pairs]).sum(0)
    bias = torch.stack([found.affine.bias * share for found, share in pairs]).sum(0)
    low, high = (sum(getattr(found, end) * share for found, share in pairs) for end in ("low", "high"))
    return SiteMap(AffineMap(matrix, bias), low, high)


def _common(
    styles: Sequence[Target | Transfer], weights: Sequence[float] | None
) -> tuple[FitOptions, list[float], list[float]]:
    """Options of a mix, each style's share in it, and its share in regions that have a strength of their own."""
    given = [1.0] * len(styles) if weights is None else list(weights)
    if not styles or len(given) != len(styles) or min(given) < 0 or not 0 < sum(given) < float("inf"):
        raise ParameterError("style weights must be one a style, none negative and not all zero")
    first = styles[0]
    for style in styles[1:]:
        if style.model is not first.model and style.model.fingerprint() != first.model.fingerprint():
            raise TransferMismatchError(
                f"styles of different models do not mix: {first.model.config.name!r} and {style.model.config.name!r}"
            )
        for option in (option.name for option in fields(FitOptions) if option.name != "strength"):
            ours, theirs = getattr(first.options, option), getattr(style.options, option)
            if ours != theirs:
                raise TransferMismatchError(
                    f"styles of different options do not mix: {option} is {_said(ours)} and {_said(theirs)}; "
                    "make one of them again"
                )
    strengths = [style.options.strength * weight for style, weight in zip(styles, given, strict=True)]
    effective = strengths if any(strengths) else given
    options = replace(first.options, strength=min(1.0, sum(strengths) / sum(given)))
    return options, [share / sum(effective) for share in effective], [share / sum(given) for share in given]


def _said(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
