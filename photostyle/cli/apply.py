"""``photostyle apply``, to photos and to clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photostyle.cli import video
from photostyle.cli.grouping import grouped, without
from photostyle.cli.groups import Contents, Large, Output, Regions, SavedLook, StyleNetwork
from photostyle.cli.parameters import SEGMENT
from photostyle.cli.running import Report, run_each
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from photostyle.regions.labels import Decision


@grouped
def apply(
    style_file: Annotated[
        Path, typer.Argument(metavar="STYLE_FILE", help="Made by style make or --save-style.", show_default=False)
    ],
    contents: Contents,
    look: Annotated[SavedLook, without("finish", "matching", "at")],
    regions: Annotated[Regions, without("keep", "mapping", "style_mask")],
    large: Annotated[Large, without("fit_size")],
    output: Annotated[Output, without("save_style")],
    network: Annotated[StyleNetwork, without("unpool")],
) -> None:
    """Apply a saved style to photos or clips."""
    output.listen()
    common, own = look.strengths()
    regions.check_single(contents)
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
        return video.apply_to_clips(saved, contents, look, regions, large, output)
    outputs = output.of(contents, [regions.content_mask])
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
            bits=output.depth, raw_brightness=output.raw_brightness, overwrite=output.overwrite,
        )  # fmt: skip

    report = Report(output.report, decisions, output.overwrite)
    run_each(contents, outputs, output.out, work, output.quiet, report)
