"""A guard over regions: where looks of their own tear what is one surface, they take the whole style's.

A result is judged at a reduced size by the share of nearby pixels of one colour that it shows in two
(`photostyle.evaluate.consistency`). Above `LIMIT` it is compared, at that size and without the courses of sky and
water, which tell one colour apart by its height on purpose, with what comes of fewer regions and of none. What comes of
a plan is told by a trial: of style photos (`of_photos`), or of what was measured of them (`of_target`).
`guarded` renders by a plan that was found good, so that photos, saved styles and previews are judged alike.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from torch import Tensor

from photostyle.evaluate.consistency import torn, torn_at
from photostyle.jobs.regions import RegionPlan
from photostyle.network.wct2 import WCT2
from photostyle.regions.labels import Decision
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer import grid
from photostyle.transfer.fitting import stylize
from photostyle.transfer.targets import Target

PIXELS = 60_000  # at which it is judged
LIMIT = 0.03  # share of torn pairs that is no matter
MARGIN = 0.02  # that regions may tear beside what the whole style does
_OURS = ("same name", "related")  # decisions that are not the user's

logger = logging.getLogger(__name__)

_Fitted = TypeVar("_Fitted")
Trial = Callable[[Tensor, RegionPlan], Tensor]
"""What comes of a reduced photo (3, h, w) by a plan, whose regions are reduced to it: (3, h, w)."""


@dataclass(frozen=True, eq=False)
class Guard:
    """What is kept of a photo to judge its result.

    Attributes:
        photo: (3, h, w), reduced.
        plan: of the regions that it is done with.
        ours: regions whose looks were not the user's choice, so that they may be dropped.
    """

    photo: Tensor
    plan: RegionPlan
    ours: tuple[str, ...]

    @classmethod
    def of(cls, image: Tensor, plan: RegionPlan, keep: Collection[str] = ()) -> Guard | None:
        """A guard for a photo (3, H, W); None where no region was decided on, or the finish is not the smooth one.

        Regions of `keep` are not dropped.
        """
        ours = tuple(d.region for d in plan.decisions if d.reason in _OURS and d.region not in keep)
        if plan.content is None or not ours or plan.options.finish != "smooth" or plan.options.strength == 0:
            return None
        return cls(_reduced(image)[0].clone(), plan, ours)  # the photo itself may be overwritten

    def better(self, tried: Trial, result: Tensor | None = None) -> RegionPlan | None:
        """A plan that tears less, or None where this one is good. Says what it found.

        Args:
            tried: what comes of a plan.
            result: (3, H, W), what came of this one; None where that is still to be tried.
        """
        if result is not None and torn(self.photo[None], _reduced(result)[0][None]) <= LIMIT:
            return None
        assert self.plan.content is not None
        content = self.plan.content.resized((self.photo.shape[-2], self.photo.shape[-1]))

        def trial(plan: RegionPlan) -> Tensor:
            how = replace(plan.options, gradient=False)
            return tried(self.photo, replace(plan, content=content, options=how)).to(self.photo)

        with_all = trial(self.plan)
        found = torn(self.photo[None], with_all[None])
        if found <= LIMIT:
            return None
        whole = torn(self.photo[None], trial(_without(self.plan, self.ours))[None])
        if found <= whole + MARGIN:
            return None
        blamed = self._blamed(with_all)
        *some, everything = (_without(self.plan, blamed[:count]) for count in range(1, len(blamed) + 1))
        plan = next((p for p in some if torn(self.photo[None], trial(p)[None]) <= whole + MARGIN), everything)
        dropped = [decision for decision in plan.decisions if decision.reason == "torn"]
        for decision in dropped:
            logger.info("%s", decision)
        logger.warning(
            "looks of their own would tear surfaces (%.0f%% of nearby pixels of one colour, %.0f%% without): %s take%s "
            "the whole style's; --segment off does without all",
            100 * found, 100 * whole, ", ".join(d.region for d in dropped), "s" if len(dropped) == 1 else "",
        )  # fmt: skip
        return plan

    def _blamed(self, result: Tensor) -> list[str]:
        """The regions that may be dropped, the one first whose pixels are torn oftenest."""
        apart, _ = torn_at(self.photo[None], result[None])
        assert self.plan.content is not None
        weights = self.plan.content.resized((result.shape[-2], result.shape[-1])).weights
        rate = {name: float((weight * apart).sum() / weight.sum().clamp_min(1)) for name, weight in weights.items()}
        return sorted(self.ours, key=lambda name: -rate.get(name, 0.0))


def guarded(
    image: Tensor,
    planned: RegionPlan,
    tried: Trial,
    rendered: Callable[[RegionPlan], tuple[_Fitted, Tensor]],
    *,
    first: bool = False,
    keep: Collection[str] = (),
    decided: Callable[[Sequence[Decision]], object] | None = None,
) -> tuple[_Fitted, Tensor]:
    """What is rendered of a photo by a plan, or by a better one where surfaces would tear.

    Args:
        image: the photo, (3, H, W).
        planned: the plan.
        tried: what comes of one at the reduced size.
        rendered: what comes of one at full size, (3, H, W), and what it was made with; it may overwrite the photo if
            `first`.
        first: judge before anything is rendered, which then is rendered once.
        keep: regions that are not dropped.
        decided: told what was decided on each region if another plan is taken.
    """
    guard = Guard.of(image, planned, keep)
    if guard is None:
        return rendered(planned)
    made = None if first else rendered(planned)
    better = guard.better(tried, None if made is None else made[1])
    if better is None:
        return made or rendered(planned)
    if decided:
        decided(better.decisions)
    return rendered(better)


def of_photos(model: WCT2, images: Sequence[Tensor], weights: Sequence[float] | None = None) -> Trial:
    """Trials with style photos (3, H, W), which are reduced once, and their shares."""
    device = next(model.parameters()).device
    known: list[tuple[Tensor, Regions | None]] = []

    def trial(photo: Tensor, plan: RegionPlan) -> Tensor:
        if not known:
            regions: Sequence[Regions | None] = plan.styles or [None] * len(images)
            known.extend(_reduced(image, its) for image, its in zip(images, regions, strict=True))
        return stylize(
            model,
            photo.to(device),
            [image.to(device) for image, _ in known],
            content_regions=plan.content,
            style_regions=[its for _, its in known if its],
            style_weights=weights,
            sources=plan.sources,
            options=plan.options,
        )

    return trial


def of_target(target: Target) -> Trial:
    """Trials with what was measured of styles."""
    device = next(target.model.parameters()).device

    def trial(photo: Tensor, plan: RegionPlan) -> Tensor:
        return stylize(
            target.model, photo.to(device), target, content_regions=plan.content, sources=plan.sources,
            options=plan.options,
        )  # fmt: skip

    return trial


def _without(plan: RegionPlan, names: Sequence[str]) -> RegionPlan:
    """The plan with some regions under the whole style."""
    sources = {name: found for name, found in (plan.sources or {}).items() if name not in names}
    serving = sources.get(WHOLE, ())
    decisions = tuple(
        replace(d, takes=tuple(s.region for s in serving), styles=tuple(s.style for s in serving), reason="torn")
        if d.region in names
        else d
        for d in plan.decisions
    )
    return replace(plan, sources=sources, decisions=decisions)


def _reduced(image: Tensor, regions: Regions | None = None) -> tuple[Tensor, Regions | None]:
    small, its = grid.reduce(image[None], regions, PIXELS)
    return small[0], its
