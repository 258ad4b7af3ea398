"""What a preview is made of: a photo with references, or with a saved style, as the jobs that write results do it."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from photostyle.jobs.applying import Application, applied
from photostyle.jobs.fitting import fit_and_render
from photostyle.jobs.guard import guarded, of_photos
from photostyle.jobs.loading import Loaded
from photostyle.jobs.regions import Reference, RegionPlan, RegionSettings, plan, prepare, segmented
from photostyle.jobs.rendering import Rendering
from photostyle.network.wct2 import WCT2
from photostyle.regions.labels import Decision
from photostyle.regions.regions import Regions
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer
from photostyle.web.preview import Preview
from photostyle.web.progress import Wanted, always, go_on
from photostyle.web.wishes import Source, Wishes

Made = tuple[RegionPlan, Preview]


class Found:
    """Regions of a photo, found once for all its previews."""

    def __init__(self) -> None:
        self._known: tuple[Loaded, Regions] | None = None

    def told(self, settings: RegionSettings, content: Source) -> RegionSettings:
        """The settings with what is found in a photo. Raises what the segmentation raises."""
        if settings.segment is None or settings.segment.joint:
            return settings
        known = self._known
        if known is None or known[0] is not content.seen:
            self._known = known = (content.seen, segmented(content.seen, settings.segment))
        return replace(settings, known=known[1])


def of_references(
    model: WCT2,
    content: Source,
    styles: Sequence[Source],
    known: MutableMapping[str, Reference],
    settings: RegionSettings,
    wishes: Wishes,
    mask: Path | None,
    wanted: Wanted = always,
) -> Made:
    """A photo in the style of references.

    Args:
        model: the network.
        content: the photo.
        styles: the references, with their weights.
        known: references whose regions were found already, by key; new ones are added.
        settings: how regions are found and matched.
        wishes: how the style is fitted.
        mask: the photo's regions as they were corrected.
        wanted: asked between steps until there is something to show.

    Raises:
        PhotostyleError: as `photostyle.jobs.regions.plan`.
        Stopped: it is not `wanted` any more.
    """
    shown = False
    references = [Reference(style.seen, weight=style.weight) for style in styles]
    if settings.segment and not settings.segment.joint:
        for style, reference in zip(styles, references, strict=True):
            go_on(wanted)
            if style.key not in known:
                known[style.key] = prepare([reference], settings)[0]
        references = [
            replace(reference, regions=known[style.key].regions)
            for style, reference in zip(styles, references, strict=True)
        ]
    planned = plan(content.seen, references, (mask, None), settings, wishes.options)
    images = [reference.loaded.image for reference in references]
    better: list[Sequence[Decision]] = []  # what the guard over regions said of these shares, first at full strength
    total = sum(style.weight for style in styles)
    own = [style.weight / total for style in styles]

    trial = of_photos(model, images, own)

    def answer(strength: float, shares: Sequence[float] | None) -> Tensor:
        mix = own if shares is None else shares

        def rendered(how: RegionPlan) -> tuple[Transfer, Tensor]:
            if not shown:
                go_on(wanted)
            return fit_and_render(
                model, content.seen.image.clone(), images, _whole(), content_regions=how.content,
                style_regions=how.styles, sources=how.sources, style_weights=mix, options=how.options,
            )  # fmt: skip

        kept = dict.fromkeys(settings.keep, 0.0)
        how = replace(planned, options=replace(planned.options, strength=strength, strengths=kept))
        # What does not tear at full strength does not where it is weaker; of other shares nothing is known.
        if mask or (shares is None and strength < 1 and not better):
            return rendered(how)[1].cpu()
        # Judged in the shares that are rendered: what one reference tears can be whole in a mix.
        tried, decided = (trial, better.append) if shares is None else (of_photos(model, images, mix), None)
        return guarded(content.seen.image, how, tried, rendered, decided=decided)[1].cpu()

    preview = Preview(
        content.seen.image, content.shown.image, answer, styles=len(images), shares=own, regions=planned.content
    )
    preview.full()
    shown = True
    return replace(planned, decisions=tuple(better[0])) if better else planned, preview


def of_saved(style: Transfer | Target, content: Source, settings: RegionSettings, mask: Path | None) -> Made:
    """A photo in a saved style. Raises PhotostyleError."""
    decisions: list[Decision] = []

    def decided(made: Sequence[Decision]) -> None:
        decisions[:] = made

    def answer(strength: float, _shares: Sequence[float] | None) -> Tensor:
        how = Application(mask, settings, decided, strength, {})
        copy = replace(content.seen, image=content.seen.image.clone())
        return applied(style, copy, _whole(), how)[1].cpu()

    preview = Preview(content.seen.image, content.shown.image, answer)
    preview.full()
    return RegionPlan(None, None, None, tuple(decisions), style.options), preview


def _whole() -> Rendering:
    return Rendering(mode="full", fit_pixels=0)
