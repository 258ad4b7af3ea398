"""A saved style on one photo: maps that were fitted already, or a target that is fitted to the photo first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from photostyle.errors import MaskError
from photostyle.io import Photo, read_mask
from photostyle.jobs.fitting import fit_and_render
from photostyle.jobs.guard import Trial, guarded, of_target
from photostyle.jobs.loading import Loaded, explained, weighed
from photostyle.jobs.regions import RegionPlan, RegionSettings, masked, segmented
from photostyle.jobs.rendering import Rendering, render
from photostyle.options import FitOptions
from photostyle.regions.labels import Decision, adapt, match
from photostyle.regions.regions import WHOLE, Regions
from photostyle.regions.sources import Source
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
        kept = dict.fromkeys(self.regions.keep, 0.0)
        return replace(style.options, strength=strength, strengths={**strengths, **kept})


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
        planned = _planned(style, loaded.photo, found, how, options)

        def rendered(plan: RegionPlan) -> tuple[Transfer, Tensor]:
            ours = weighed([seen], None if plan.content is None else [plan.content])
            return fit_and_render(
                style.model, loaded.image, style, rendering, content_regions=ours[0] if ours else None,
                sources=plan.sources, options=plan.options, known=seen.plain,
            )  # fmt: skip

        return _judged(loaded, planned, of_target(style), rendered, rendering, how)
    planned, whole = _adapted(style, found, how, options), WHOLE in style.regions

    def tried(photo: Tensor, plan: RegionPlan) -> Tensor:
        plain = style if plan.options.gradient else replace(style, courses={})
        return plain.apply(photo.to(next(style.model.parameters()).device), _joined(plan), strength, strengths)

    def applied_by(plan: RegionPlan) -> tuple[Transfer, Tensor]:
        regions = _joined(plan)
        return style, render(
            style, loaded.image, rendering, regions=regions, strength=strength, strengths=strengths, known=seen.plain
        )

    strength, strengths = options.strength, options.strengths
    # A region that is dropped has no strength of its own any more, nor a map if the style has none for the whole photo.
    keep = [d.region for d in planned.decisions if d.takes[0] in strengths or not whole]
    return _judged(loaded, planned, tried, applied_by, rendering, how, keep)


def _judged(
    loaded: Loaded,
    planned: RegionPlan,
    tried: Trial,
    rendered: Callable[[RegionPlan], tuple[Transfer, Tensor]],
    rendering: Rendering,
    how: Application,
    keep: Collection[str] = (),
) -> tuple[Transfer, Tensor]:
    """What is rendered under a guard over regions, unless they are the user's own."""
    with explained(loaded.photo):
        if how.mask:
            return rendered(planned)
        first = rendering.overwrites((loaded.image.shape[-2], loaded.image.shape[-1]))
        return guarded(loaded.image, planned, tried, rendered, first=first, keep=keep, decided=how.decided)


def _planned(style: Target, photo: Photo, found: Regions | None, how: Application, options: FitOptions) -> RegionPlan:
    """What the photo's regions take of a style that is fitted to it."""
    if found is None:
        return RegionPlan(None, None, None, (), options)
    settings = how.regions
    with explained(photo, how.mask):
        matched = match(found, [each.regions for each in style.styles], mapping=settings.mapping, keep=settings.keep)
    useful = (set(matched.sources) - {WHOLE}) | (set(options.strengths) & set(matched.regions.weights))
    _check(how, useful, matched.decisions)
    return RegionPlan(matched.regions, None, matched.sources, matched.decisions, options)


def _adapted(style: Transfer, found: Regions | None, how: Application, options: FitOptions) -> RegionPlan:
    """Which of a fitted style's regions serves which of the photo's."""
    if found is None:
        return RegionPlan(None, None, None, (), options)
    regions, decisions = adapt(found, {*style.regions, *options.strengths} - {WHOLE})
    _check(how, regions.weights, decisions)
    sources = {d.region: [Source(0, d.takes[0])] for d in decisions if d.takes[0] != WHOLE}
    return RegionPlan(found, None, {WHOLE: [Source(0, WHOLE)], **sources}, decisions, options)


def _joined(plan: RegionPlan) -> Regions | None:
    """The photo's regions under the names of the style's that serve them; None for none."""
    weights: dict[str, Tensor] = {}
    for name, weight in (plan.content.weights if plan.content else {}).items():
        for source in (plan.sources or {}).get(name, ()):
            weights[source.region] = weights[source.region] + weight if source.region in weights else weight
    return Regions(weights, plan.content.hard) if plan.content and weights else None


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
        return settings.known or segmented(loaded, settings.segment)
    return None


def _check(how: Application, useful: Collection[str], decisions: Sequence[Decision]) -> None:
    if how.mask and not useful:
        raise MaskError(
            f"{how.mask}: none of its regions is in the style; use the colours of the masks it was fitted with"
        )
    if how.decided:
        how.decided(decisions)
