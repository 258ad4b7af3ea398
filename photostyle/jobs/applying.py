"""A saved style on one photo: maps that were fitted already, or a target that is fitted to the photo first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from photostyle.errors import MaskError
from photostyle.io import read_mask
from photostyle.jobs.fitting import fit_and_render
from photostyle.jobs.loading import Loaded, explained, weighed
from photostyle.jobs.regions import RegionSettings, masked, segmented
from photostyle.jobs.rendering import Rendering, render
from photostyle.options import FitOptions
from photostyle.regions.labels import Decision, adapt, match
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer

Decided = Callable[[Sequence[Decision]], None]


@dataclass(frozen=True, eq=False)
class Application:
    """How a saved style is applied.

    Attributes:
        mask: label map of the photo.
        regions: how regions are found; by default masks are refined and nothing is segmented.
        decided: told what was decided on each region.
        strength: 0 to 1; None is the strength that the style was made with.
        strengths: regions with a strength of their own; None is those that the style was made with.
    """

    mask: Path | None = None
    regions: RegionSettings = field(default_factory=RegionSettings)
    decided: Decided | None = None
    strength: float | None = None
    strengths: Mapping[str, float] | None = None

    def options(self, style: Transfer | Target) -> FitOptions:
        """The style's options with these strengths."""
        strength = style.options.strength if self.strength is None else self.strength
        strengths = style.options.strengths if self.strengths is None else self.strengths
        return replace(style.options, strength=strength, strengths=strengths)


def applied(
    style: Transfer | Target, loaded: Loaded, rendering: Rendering, how: Application
) -> tuple[Transfer, Tensor]:
    """What was applied to a photo, and the result, (3, H, W), not clamped; the photo's pixels may be overwritten.

    A style with regions finds those of the photo in its mask, or else by segmentation.

    Raises:
        PhotostyleError: anything wrong with the mask, the options or memory.
    """
    options = how.options(style)
    names = {*style.regions, *options.strengths} - {WHOLE}
    seen = loaded.reduced(rendering.region_pixels(loaded.photo.size))
    found = _found(names, seen, how)
    if isinstance(style, Target):
        sources = None
        if found is not None:
            matched = match(found, [each.regions for each in style.styles])
            found, sources = matched.regions, matched.sources
            useful = (set(sources) - {WHOLE}) | (set(options.strengths) & set(found.weights))
            _check(how, useful, matched.decisions)
        ours = weighed([seen], None if found is None else [found])
        found = ours[0] if ours else None
        with explained(loaded.photo):
            return fit_and_render(
                style.model, loaded.image, style, rendering, content_regions=found, sources=sources, options=options
            )
    if found is not None:
        found, decisions = adapt(found, names)
        _check(how, found.weights, decisions)
        found = found if found.weights else None
    with explained(loaded.photo):
        result = render(
            style, loaded.image, rendering, regions=found, strength=options.strength, strengths=options.strengths
        )
    return style, result


def _found(names: Collection[str], loaded: Loaded, how: Application) -> Regions | None:
    settings = how.regions
    if how.mask:
        if not names:
            raise MaskError(
                f"{how.mask}: the style was fitted without masks, so this one would do nothing; leave it out"
            )
        labels = read_mask(how.mask, size=loaded.full_size)
        return masked(loaded, how.mask, labels, refined=settings.refine_masks)
    if settings.segment and not settings.segment.joint and set(names) & set(settings.segment.names):
        return segmented(loaded, settings.segment)
    return None


def _check(how: Application, useful: Collection[str], decisions: Sequence[Decision]) -> None:
    if how.mask and not useful:
        raise MaskError(
            f"{how.mask}: none of its regions is in the style; use the colours of the masks it was fitted with"
        )
    if how.decided:
        how.decided(decisions)
