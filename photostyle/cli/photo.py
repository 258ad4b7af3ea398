"""``photostyle photo``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photostyle.cli import methods
from photostyle.cli.grouping import grouped
from photostyle.cli.groups import Contents, Large, Look, Network, Output, Regions, StylePhotos, style_option
from photostyle.cli.methods_running import Request, run
from photostyle.cli.running import Report, run_each
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from photostyle.regions.labels import Decision


@dataclass(frozen=True, kw_only=True)
class Styles(StylePhotos):
    """The style photos of a method that looks at some."""

    style: Annotated[list[str] | None, style_option(callback=methods.check_style)] = None


@grouped
def photo(
    context: typer.Context,
    contents: Contents,
    styles: Styles,
    look: Look,
    regions: Regions,
    large: Large,
    output: Output,
    network: Network,
    other: methods.OtherMethods,
) -> None:
    """Give photos the light and colour of a reference photo."""
    output.listen()
    options, photos = look.fit_options(), styles.photos()
    regions.check(look, styles)
    if len(contents) > 1 and output.save_style:
        raise ParameterError("--save-style keeps the style fitted to one photo: give one CONTENT")
    regions.check_single(contents, photos)
    rendering = large.rendering()
    method = methods.wanted(context, other)
    if method:
        regions = replace(regions, segment=methods.segmentation(context, method, regions.segment))
        how = options if other.method == "wct2" else methods.options_of(context, method, look.strengths()[0])
        return run(method, how, Request(contents, photos, regions, large, output, network, other))

    from photostyle.jobs.loading import load
    from photostyle.jobs.photo import stylize_file
    from photostyle.jobs.regions import Reference, prepare
    from photostyle.transfer.presets import save_transfer

    outputs = output.of(contents, [*styles.paths(), *regions.masks])
    where = network.where()
    model = network.load(where)
    # Of a style nothing but what is measured is needed.
    references = [
        Reference(load(path, large.size, output.raw_brightness).reduced(rendering.fit_pixels), region)
        for region, path in photos
    ]
    settings = regions.settings(model, where, find=not all(regions.masks))
    if regions.style_mask is None:
        references = prepare(references, settings)
    decisions: dict[Path, Sequence[Decision]] = {}

    def work(content: Path, target: Path) -> None:
        transfer = stylize_file(
            model, content, references, target, options, masks=regions.masks, regions=settings,
            decided=lambda made: decisions.update({content: made}), side=large.size, rendering=rendering,
            bits=output.depth, raw_brightness=output.raw_brightness, overwrite=output.overwrite,
        )  # fmt: skip
        if output.save_style:
            save_transfer(transfer, output.save_style, overwrite=output.overwrite)

    report = Report(output.report, decisions, output.overwrite)
    run_each(contents, outputs, output.out, work, output.quiet, report)
