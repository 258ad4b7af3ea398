"""Regions: how they are found, and what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photostyle.cli.grouping import Group
from photostyle.cli.groups.look import Look, StylePhotos
from photostyle.cli.parameters import SEGMENT, Switch, parse_mapping, parse_names
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    import torch

    from photostyle.jobs.regions import RegionSettings
    from photostyle.network.wct2 import WCT2


MaskRefine = Annotated[Switch, typer.Option(help="Fit masks to the photo's edges.")]


def segment_option() -> Any:
    """``--segment``, whatever its default."""
    return typer.Option(
        metavar="off|auto|ade20k|cluster|PATH", help="How regions are found where there is no mask; PATH: own network."
    )


@dataclass(frozen=True, kw_only=True)
class Regions(Group, panel="Regions"):
    """How regions are found, and what is done with them."""

    segment: Annotated[str, segment_option()] = SEGMENT
    keep: Annotated[
        str | None, typer.Option(metavar="REGION,…", help="Regions that stay as they are.", show_default=False)
    ] = None
    mapping: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="REGION=REGION,…",
            help="Which style region serves which of the photo's.",
            show_default=False,
        ),
    ] = None
    content_mask: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="Label map (PNG) of the photo: one colour a region.", show_default=False),
    ] = None
    style_mask: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="Label map of the style photo, same colours.", show_default=False),
    ] = None
    mask_refine: MaskRefine = "on"

    @property
    def masks(self) -> tuple[Path | None, Path | None]:
        """Of the photo and of the style photo."""
        return self.content_mask, self.style_mask

    def pairs(self) -> dict[str, str]:
        """Content region to style region."""
        return parse_mapping(self.mapping)

    def kept(self) -> list[str]:
        """Regions that stay as they are."""
        return parse_names(self.keep)

    def check(self, look: Look | None = None, styles: StylePhotos | None = None) -> None:
        """Raise ParameterError where regions of one side are missing, or all where options name some."""
        own = look.strengths()[1] if look else {}
        placed = any(region for region, _ in styles.photos()) if styles else False
        if (self.content_mask is None) != (self.style_mask is None) and self.segment in ("off", "cluster"):
            given, missing = ("--content-mask", "--style-mask")[:: 1 if self.content_mask else -1]
            raise ParameterError(f"{given} needs {missing} beside it: regions are matched between the two photos")
        if self.segment == "off" and not self.content_mask and (self.pairs() or self.kept() or own or placed):
            raise ParameterError("options by region need regions: give masks, or --segment auto")

    def check_single(self, contents: Sequence[Path], styles: Sequence[object] = ()) -> None:
        """Raise ParameterError where a mask would be that of several photos."""
        if len(contents) > 1 and self.content_mask:
            raise ParameterError("--content-mask belongs to one photo: give one CONTENT")
        if len(styles) > 1 and self.style_mask:
            raise ParameterError("--style-mask belongs to one style photo: give one --style")

    def settings(self, network: WCT2 | None, where: torch.device, *, find: bool = True) -> RegionSettings:
        """What the jobs are told of regions.

        Args:
            network: whose features clusters are made of.
            where: the device of the segmentation.
            find: load what finds regions; without it none are looked for.

        Raises:
            PhotostyleError: the segmentation cannot be loaded.
        """
        from photostyle.jobs.regions import RegionSettings
        from photostyle.jobs.segment import find_segmentation

        found = find_segmentation(self.segment, network, where) if find else None
        return RegionSettings(found, self.mask_refine == "on", self.pairs(), self.kept())
