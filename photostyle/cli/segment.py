"""``photostyle segment``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photostyle.cli import console
from photostyle.cli.grouping import grouped, without
from photostyle.cli.groups import Large, Network, Running, out_option
from photostyle.cli.parameters import SEGMENT
from photostyle.errors import ParameterError


@grouped
def segment(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="Photo to find regions in.", show_default=False)],
    out: Annotated[Path, out_option("MASKS.png", "Label map to write.")],
    large: Annotated[Large, without("render", "memory", "fit_size")],
    running: Annotated[Running, without("preset", "verbose")],
    network: Annotated[Network, without("model", "unpool")],
    overlay: Annotated[
        Path | None,
        typer.Option(metavar="PICTURE", help="Also write the photo with its regions in colour.", show_default=False),
    ] = None,
    kind: Annotated[
        str, typer.Option("--segment", metavar="auto|ade20k|PATH", help="Which network finds the regions.")
    ] = SEGMENT,
) -> None:
    """Write a photo's regions as a label map, to be edited and given to --content-mask or --style-mask."""
    running.listen()
    if kind in ("off", "cluster"):
        raise ParameterError(f"--segment {kind} finds nothing in a single photo: give auto, ade20k or a network's path")

    from photostyle.io import output_paths
    from photostyle.jobs.segment import find_segmentation, segment_file

    where = network.where()
    # Neither output may be the photo or the other one, not even with --overwrite.
    output_paths([photo], out)
    if overlay:
        output_paths([photo], overlay, keep=[out])
    found = find_segmentation(kind, None, where)
    if found is None:
        raise ParameterError(f"--segment {kind} finds nothing: give auto, ade20k or a network's path")
    shares = segment_file(photo, out, found, overlay=overlay, side=large.size, overwrite=running.overwrite)
    if not running.quiet:
        listed = ", ".join(f"{name} {share:.0%}" for name, share in sorted(shares.items(), key=lambda item: -item[1]))
        console.say(f"{out} written: {listed}")
