"""Which region of a style serves which region of a photo, when the two have not quite the same labels.

A content label that the style lacks is an *orphan* (Luan et al. 2017, section 3): it takes the nearest related label
(`RELATED`), or what the whole photos have in common. Regions of a speck's size merge into a neighbour. Every decision
is returned, to be shown and kept.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import MaskError
from photostyle.regions.names import RELATED as RELATED
from photostyle.regions.regions import MIN_PIXELS, UNSURE, WHOLE, Regions
from photostyle.regions.sources import Source, Sources

logger = logging.getLogger(__name__)

TINY = 0.002  # a smaller share of its photo is too little to measure or to be seen as a region of its own
SPECK = 0.005
"""Share of a style photo under which what a segmentation found there is too little for a region ten times its share."""
_BORDER_SIDE = 256  # neighbours are looked for on maps reduced to this long side


@dataclass(frozen=True)
class Decision:
    """What became of one region of the content.

    Attributes:
        region: its name.
        share: its share of the photo, 0 to 1.
        takes: names of the style regions that serve it, one for each style; ``*`` is a whole style photo. Empty: none.
        styles: numbers of those styles.
        reason: ``same name``, ``mapped``, ``related``, ``own style``, ``whole photo``, ``merged``, ``kept``,
            ``no style`` or ``torn``.
        into: the region that a merged one went into.
    """

    region: str
    share: float
    takes: tuple[str, ...]
    styles: tuple[int, ...]
    reason: str
    into: str | None = None

    def __str__(self) -> str:
        what = f"{self.region} ({self.share:.1%} of the photo)"
        if self.reason == "merged":
            return f"{what} is too small and joins {self.into}"
        if self.reason in ("kept", "no style"):
            return f"{what} stays as it is ({self.reason})"
        if self.reason == "torn":
            return f"{what} takes the whole style (a look of its own tears surfaces)"
        names = ", ".join(dict.fromkeys("the whole style" if name == WHOLE else name for name in self.takes))
        return f"{what} takes {names} ({self.reason})"


@dataclass(frozen=True)
class Match:
    """A plan for `photostyle.transfer.fitting.fit`.

    Attributes:
        regions: the content's regions, the tiny ones merged.
        sources: which style regions each of them takes.
        decisions: one for each region that the content had.
    """

    regions: Regions
    sources: Sources
    decisions: tuple[Decision, ...]


def match(
    content: Regions,
    styles: Sequence[Regions | Collection[str] | None],
    *,
    owners: Sequence[str | None] | None = None,
    mapping: Mapping[str, str] | None = None,
    keep: Collection[str] = (),
    speck: float = 0.0,
) -> Match:
    """Find each content region's style.

    In this order: a style of its own (`owners`), the `mapping`, the same name, a related name (`RELATED`), and else
    whatever serves the rest of the photo.

    Args:
        content: the photo's regions.
        styles: each style photo's regions, or names of regions that are known to be large enough; None counts as one
            with the whole photo only.
        owners: for each style, the content region that it is meant for; None serves all others. All None if left out.
        mapping: content region to style region, ``*`` for the whole style photo.
        keep: regions that stay as they are.
        speck: a style region of a smaller share serves no content region of ten times its share, by its name or a
            related one: segmentations find specks of anything (`SPECK`). 0 takes all.

    Raises:
        MaskError: `mapping` takes a region that no style has; or `mapping`, `owners` or `keep` name one that the photo
            does not have and that is no class (`RELATED`): a class that one of many photos lacks is no mistake.
    """
    meant = list(owners) if owners is not None else [None] * len(styles)
    wanted = dict(mapping or {})
    named = {*wanted, *keep, *(name for name in meant if name)}
    check_named(named, content)
    available = [sizeable(regions) for regions in styles]
    common = [number for number, owner in enumerate(meant) if owner is None]
    _check_mapping(wanted, [available[number] for number in common])
    area = content.size[0] * content.size[1]
    shares = {name: content.pixels(name) / area for name in content.weights}
    merged = _neighbours(content, [n for n, share in shares.items() if share < TINY and n not in named])
    sources: dict[str, list[Source]] = {WHOLE: [Source(number, WHOLE) for number in common]} if common else {}
    decisions = []
    for name, share in shares.items():
        if name in merged:
            decisions.append(Decision(name, share, (), (), "merged", merged[name]))
            continue
        if name in keep:
            decisions.append(Decision(name, share, (), (), "kept"))
            continue
        enough = [
            _large(regions, names, min(speck, share / 10)) for regions, names in zip(styles, available, strict=True)
        ]
        found, reason = _find(name, meant, common, available, wanted, enough)
        if found:
            sources[name] = found
        serving = found or sources.get(WHOLE, [])
        takes, numbers = tuple(s.region for s in serving), tuple(s.style for s in serving)
        decisions.append(Decision(name, share, takes, numbers, reason if serving else "no style"))
    for decision in decisions:
        logger.info("%s", decision)
    return Match(_join(content, merged), sources, tuple(decisions))


def adapt(content: Regions, fitted: Collection[str]) -> tuple[Regions, tuple[Decision, ...]]:
    """A photo's regions under the names that a style was fitted for: the same, a related one, or none.

    Regions without a counterpart are left out, so that they take the style's map for whole photos.
    """
    area = content.size[0] * content.size[1]
    names = {name: next((n for n in (name, *RELATED.get(name, ())) if n in fitted), None) for name in content.weights}
    decisions = []
    for name, found in names.items():
        reason = "same name" if found == name else "related" if found else "whole photo"
        decisions.append(Decision(name, content.pixels(name) / area, (found or WHOLE,), (0,), reason))
        logger.info("%s", decisions[-1])
    weights: dict[str, Tensor] = {}
    for name, found in names.items():
        if found:
            weights[found] = weights[found] + content.weights[name] if found in weights else content.weights[name]
    return Regions(weights, content.hard), tuple(decisions)


def _find(
    name: str,
    meant: Sequence[str | None],
    common: Sequence[int],
    available: Sequence[Collection[str]],
    mapping: Mapping[str, str],
    enough: Sequence[Collection[str]],
) -> tuple[list[Source], str]:
    own = [number for number, owner in enumerate(meant) if owner == name]
    if own:
        candidates = (mapping.get(name, name), *RELATED.get(name, ()))
        return [Source(n, next((c for c in candidates if c in available[n]), WHOLE)) for n in own], "own style"
    if name in mapping:
        target = mapping[name]
        return [Source(n, target) for n in common if target == WHOLE or target in available[n]], "mapped"
    # Two photos' unsure parts need have nothing in common, so they are no match for each other.
    for candidate in () if name == UNSURE else (name, *RELATED.get(name, ())):
        found = [Source(n, candidate) for n in common if candidate in enough[n]]
        if found:
            return found, "same name" if candidate == name else "related"
    return [], "whole photo"


def _large(regions: Regions | Collection[str] | None, names: Collection[str], share: float) -> Collection[str]:
    """Those of a style's names that have at least this share of it, where that is known."""
    if not isinstance(regions, Regions):
        return names
    area = regions.size[0] * regions.size[1]
    return {name for name in names if regions.pixels(name) >= share * area}


def sizeable(regions: Regions | Collection[str] | None) -> set[str]:
    """Names of the regions of a style photo that are large enough to be taken."""
    if not isinstance(regions, Regions):
        return set(regions or ())
    area = regions.size[0] * regions.size[1]
    return {name for name in regions.weights if regions.pixels(name) > max(TINY * area, MIN_PIXELS)}


def _neighbours(regions: Regions, tiny: Sequence[str]) -> dict[str, str]:
    """For each tiny region the larger one that most of its border touches; no entry where it touches none."""
    if not tiny or len(tiny) == len(regions.weights):
        return {}
    height, width = regions.size
    scale = min(1.0, _BORDER_SIDE / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    # By the greatest weight of each cell, as a speck would drown in an average.
    small = {n: F.adaptive_max_pool2d(w[None, None], size)[0, 0] for n, w in regions.weights.items()}
    found = {}
    for name in tiny:
        around = F.max_pool2d(small[name][None, None], 5, 1, 2)[0, 0] * (1 - small[name])
        touched = {n: float((w * around).sum()) for n, w in small.items() if n not in tiny}
        best = max(touched, key=lambda n: touched[n])
        if touched[best] > 0:
            found[name] = best
    return found


def _join(regions: Regions, merged: Mapping[str, str]) -> Regions:
    weights = {name: weight for name, weight in regions.weights.items() if name not in merged}
    for name, into in merged.items():
        weights[into] = torch.add(weights[into], regions.weights[name])
    return Regions(weights, regions.hard)


def check_named(names: Collection[str], regions: Regions) -> None:
    """Raise MaskError if there is a name among `names` that is neither one of the photo's regions nor a class."""
    for name in names:
        if name not in regions.weights and name not in (*RELATED, UNSURE):
            raise MaskError(f"the photo has no region {name!r}; it has {_listed(regions.weights)}")


def _check_mapping(mapping: Mapping[str, str], available: Sequence[Collection[str]]) -> None:
    everything = sorted(set().union(*available))
    for name, target in mapping.items():
        if target != WHOLE and target not in everything:
            raise MaskError(f"the style has no region {target!r} for {name!r}; it has {_listed(everything)}")


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "none"
