"""Which style regions each content region takes: the plan that a fit follows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from photostyle.errors import MaskError, ParameterError
from photostyle.regions.regions import WHOLE, Regions, common


@dataclass(frozen=True)
class Source:
    """Where a region's style comes from.

    Attributes:
        style: number of the style image, from 0.
        region: which of its regions; ``*`` is the whole image.
    """

    style: int
    region: str


Sources = Mapping[str, Sequence[Source]]
"""Content region to the style regions that it takes; ``*`` stands for what no other region claims."""


def published_sources(
    content: Sequence[Regions] | None, style: Sequence[Regions] | None, styles: int, *, with_whole: bool
) -> Sources:
    """The published program's rule: regions of one name on both sides (`photostyle.regions.regions.common`).

    Args:
        content: regions of each content image, or None.
        style: regions of each style image, or None.
        styles: how many style images there are.
        with_whole: what no region claims takes the whole images. Without regions everything does.

    Raises:
        MaskError: regions on one side only, or none in common.
    """
    if (content is None) != (style is None):
        raise MaskError("regions were given for one side only: give those of the content and of the style, or neither")
    names = common(content, style) if content and style else []
    if content and not names:
        raise MaskError(
            "content and style regions have no label in common that covers more than 10 pixels in both: "
            "give the same label to what shall match"
        )
    return {n: [Source(i, n) for i in range(styles)] for n in ([WHOLE] if with_whole or not names else []) + names}


def check_sources(
    sources: Sources,
    content: Sequence[Regions] | None,
    style: Sequence[Regions | Collection[str]] | None,
    styles: int,
) -> Sources:
    """`sources` itself. Raises MaskError or ParameterError if it names regions or styles that there are not."""
    if not sources or not all(sources.values()):
        raise MaskError("no region has a style to take: name at least one source for each region")
    for name, found in sources.items():
        if name != WHOLE and not any(name in regions.weights for regions in content or ()):
            raise MaskError(f"the region {name!r} is not in the content's regions")
        for source in found:
            if not 0 <= source.style < styles:
                raise ParameterError(f"the region {name!r} takes style {source.style}, but there are {styles}")
            if source.region != WHOLE and (style is None or source.region not in _names(style[source.style])):
                raise MaskError(f"the region {name!r} takes {source.region!r}, not a region of style {source.style}")
    return sources


def _names(regions: Regions | Collection[str]) -> Collection[str]:
    return regions.weights if isinstance(regions, Regions) else regions
