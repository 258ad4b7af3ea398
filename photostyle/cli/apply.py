"""``photostyle apply``, to photos and to clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photostyle.cli import video
from photostyle.cli.grouping import grouped, without
from photostyle.cli.groups import Contents, Kept, Large, Regions, SavedLook, ShownOutput, StyleNetwork
from photostyle.cli.naming import piped
from photostyle.cli.parameters import SEGMENT
from photostyle.cli.running import Report, run_each
from photostyle.cli.showing import check_shown, show_all
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from photostyle.regions.labels import Decision


@grouped
def apply(
    style_file: Annotated[
        Path, typer.Argument(metavar="STYLE_FILE", help="Made by style make or --save-style.", show_default=False)
    ],
    contents: Contents,
    look: Annotated[SavedLook, without("finish", "gradient", "protect", "matching", "at")],
    regions: Annotated[Regions, without("keep", "mapping", "style_mask")],
    kept: Kept,
    large: Annotated[Large, without("fit_size")],
    output: Annotated[ShownOutput, without("save_style")],
    network: Annotated[StyleNetwork, without("unpool")],
) -> None:
    """Apply a saved style to photos or clips."""
    output.listen()
    (common, own), parts = look.strengths(), kept.parts()
    regions.check_single(contents)
    check_shown(output, contents)
    rendering, clips = large.rendering(), any(map(video.is_clip, contents))
    if clips and (large.render != "auto" or large.memory or output.bits):
        raise ParameterError("--render, --memory and --bits are for photos, not for clips")

    from photostyle.io import CLASS_COLOURS
    from photostyle.jobs.photo import apply_file
    from photostyle.jobs.style import model_for
    from photostyle.transfer.presets import load_style

    where = network.where()
    saved = load_style(style_file, model_for(style_file, network.model, where))
    if clips:
        return video.apply_to_clips(saved, contents, look, regions, kept, large, output)
    from photostyle.jobs.blending import Shares

    shares = Shares(*parts)
    named = {*saved.regions, *saved.options.strengths, *own}
    # The embedded network knows the classes alone; whether one of the user's own fits is seen when it is loaded.
    useful = bool(named & set(CLASS_COLOURS)) or regions.segment != SEGMENT
    settings = regions.settings(None, where, find=useful and not regions.content_mask and regions.segment != "cluster")
    strengths = {**saved.options.strengths, **own} if own else None
    decisions: dict[Path, Sequence[Decision]] = {}

    def work(content: Path, target: Path) -> None:
        apply_file(
            saved, content, target, mask=regions.content_mask, regions=settings, strength=common, strengths=strengths,
            decided=lambda made: decisions.update({content: made}), side=large.size, rendering=rendering,
            bits=output.depth, raw_brightness=output.raw_brightness, shares=shares, overwrite=output.overwrite,
        )  # fmt: skip

    with piped(contents, output.out) as pipe:
        result = replace(output, out=pipe.out, quiet=output.quiet or pipe.quiet)
        outputs = result.of(pipe.contents, [style_file, regions.content_mask])
        report = Report(output.report, decisions, output.overwrite)
        run_each(pipe.contents, outputs, result.out, work, result.quiet, report)
    if not pipe.quiet:
        show_all(output, pipe.contents, outputs)
