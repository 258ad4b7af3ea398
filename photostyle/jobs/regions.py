"""Regions for a job: from masks or by segmentation, refined along the photo, and matched with those of the styles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from torch import Tensor

from photostyle.errors import MaskError
from photostyle.io import CLASS_COLOURS, LabelMap, read_mask, read_mask_pair
from photostyle.jobs.loading import Loaded, check_visible, explained
from photostyle.options import FitOptions
from photostyle.regions.labels import SPECK, TINY, Decision, check_named, match
from photostyle.regions.refine import refine
from photostyle.regions.regions import WHOLE, Regions
from photostyle.regions.settle import settle
from photostyle.regions.sources import Sources


class Segmentation(Protocol):
    """What finds regions in photos by itself; `photostyle.jobs.segment` has the kinds that there are.

    Attributes:
        joint: regions mean something only between photos that were segmented together.
        names: all regions that there can be; empty if `joint`.
    """

    @property
    def joint(self) -> bool: ...  # noqa: D102

    @property
    def names(self) -> Collection[str]: ...  # noqa: D102

    def __call__(self, images: Sequence[Tensor], *, sure: bool = True) -> list[Regions]:
        """Coarse soft regions of photos (3, H, W) in [0, 1] that shall be matched; of any size.

        Where what is found can be unsure (`photostyle.regions.refine.confident`), it is given up if `sure`.
        """
        ...


@dataclass(frozen=True, eq=False)
class Reference:
    """A style photo.

    Attributes:
        loaded: the photo.
        region: the content's region that it is meant for; None serves all that have no style of their own.
        regions: its own regions, where they are known already.
        weight: its share where several styles serve the same pixels.

    Raises:
        ImageReadError: nothing of it can be seen.
    """

    loaded: Loaded
    region: str | None = None
    regions: Regions | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_visible(self.loaded.photo)


@dataclass(frozen=True, eq=False)
class RegionSettings:
    """What a user wants of regions.

    Attributes:
        segment: finds regions where there is no mask; None does not look for any.
        refine_masks: fit masks to their photos' edges; segmentations always are.
        mapping: content region to style region, see `photostyle.regions.labels.match`.
        keep: regions that stay as they are.
        known: what `segment` found in the content and `fitted` made of it, where that is known already.
    """

    segment: Segmentation | None = None
    refine_masks: bool = True
    mapping: Mapping[str, str] = field(default_factory=dict)
    keep: Collection[str] = ()
    known: Regions | None = None


@dataclass(frozen=True, eq=False)
class RegionPlan:
    """What `photostyle.transfer.fitting.fit` needs to know of regions, and what was decided on the way.

    Attributes:
        content: regions of the content; None without any, then `styles` is as well.
        styles: regions of each style.
        sources: which style regions each content region takes.
        decisions: what became of each content region.
        options: those given, with the regions that stay as they are at strength 0.
    """

    content: Regions | None
    styles: Sequence[Regions] | None
    sources: Sources | None
    decisions: tuple[Decision, ...]
    options: FitOptions


def plan(
    content: Loaded,
    references: Sequence[Reference],
    masks: tuple[Path | None, Path | None],
    settings: RegionSettings,
    options: FitOptions,
) -> RegionPlan:
    """Find the regions of a photo and of its styles, and which serves which.

    Args:
        content: the photo.
        references: its styles.
        masks: label maps of the content and of the one style; what has none is segmented.
        settings: what is wanted.
        options: how the style is fitted.

    Raises:
        ImageReadError, MaskError: a mask cannot be read, does not fit, or shares no region with the other side.
    """
    found = _regions(content, references, masks, settings)
    if found is None:
        return RegionPlan(None, None, None, (), options)
    regions, styles = found
    with explained(content.photo, masks[0]):
        check_named(options.strengths, regions)
        matched = match(
            regions,
            styles,
            owners=[reference.region for reference in references],
            mapping=settings.mapping,
            keep=settings.keep,
            speck=SPECK if masks[0] is None or masks[1] is None else 0.0,
        )
        if masks != (None, None) and not settings.keep and set(matched.sources) <= {WHOLE}:
            raise MaskError(
                "no region of the photo has a counterpart in the style that covers more than 10 pixels and "
                f"{TINY:.1%} of it: give the same colour to what shall match"
            )
    strengths = {**options.strengths, **dict.fromkeys(settings.keep, 0.0)}
    return RegionPlan(
        matched.regions, styles, matched.sources, matched.decisions, replace(options, strengths=strengths)
    )


def prepare(references: Sequence[Reference], settings: RegionSettings) -> list[Reference]:
    """Segment styles once for many photos, where that can be done without the photos."""
    segment = settings.segment
    if segment is None or segment.joint:
        return list(references)
    return [
        reference if reference.regions else replace(reference, regions=segmented(reference.loaded, segment, sure=False))
        for reference in references
    ]


def fitted(regions: Regions, image: Tensor) -> Regions:
    """What a segmentation found in a photo (3, H, W), settled between pixels that look alike and fitted to edges."""
    return refine(settle(regions, image), image)


def segmented(photo: Loaded, segment: Segmentation, *, sure: bool = True) -> Regions:
    """The regions of one photo, refined; not `sure` for a style. Raises what the segmentation raises."""
    with explained(photo.photo):
        return fitted(segment([photo.image], sure=sure)[0], photo.image)


def masked(photo: Loaded, mask: Path, labels: LabelMap, *, refined: bool) -> Regions:
    """The regions of a mask at the photo's size; soft ones stay as painted. Raises MaskError, which names `mask`."""
    if labels.share is not None:
        return photo.shared_regions(labels.share, [labels.names[label] for label in sorted(labels.names)])
    regions = photo.regions(labels.labels, mask, labels.names)
    return refine(regions, photo.image) if refined else regions


def _regions(
    content: Loaded,
    references: Sequence[Reference],
    masks: tuple[Path | None, Path | None],
    settings: RegionSettings,
) -> tuple[Regions, list[Regions]] | None:
    segment, refined = settings.segment, settings.refine_masks
    mask_c, mask_s = masks
    if mask_c and mask_s:
        style = references[0].loaded
        free = bool(settings.mapping or settings.keep)
        pair = read_mask_pair(mask_c, content.full_size, mask_s, style.full_size, need_common=not free)
        return masked(content, mask_c, pair[0], refined=refined), [masked(style, mask_s, pair[1], refined=refined)]
    if segment is None:
        return None
    if mask_c is None and mask_s is None and segment.joint:
        photos = [content, *(reference.loaded for reference in references)]
        with explained(content.photo):
            found = segment([photo.image for photo in photos])
            refined_all = [fitted(regions, photo.image) for regions, photo in zip(found, photos, strict=True)]
        return refined_all[0], refined_all[1:]
    styles = [reference.regions for reference in prepare(references, settings)]
    if mask_s:
        labels = _of_classes(mask_s, references[0].loaded, "--style-mask", "--content-mask")
        styles = [masked(references[0].loaded, mask_s, labels, refined=refined)]
    if mask_c:
        labels = _of_classes(mask_c, content, "--content-mask", "--style-mask")
        return masked(content, mask_c, labels, refined=refined), [regions for regions in styles if regions]
    return settings.known or segmented(content, segment), [regions for regions in styles if regions]


def _of_classes(mask: Path, photo: Loaded, given: str, other: str) -> LabelMap:
    """A mask that has no counterpart: it must name classes, as only those can be found in the other photo."""
    labels = read_mask(mask, size=photo.full_size)
    if not set(labels.names.values()) & set(CLASS_COLOURS):
        raise MaskError(
            f"{mask}: {given} needs {other} beside it: the colours of this mask are no classes that could be looked for"
        )
    return labels
