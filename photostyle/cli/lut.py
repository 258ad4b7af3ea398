"""``photostyle lut``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photostyle.cli import console
from photostyle.cli.parameters import (
    DEFAULTS,
    ContentMask,
    Device,
    DeviceOption,
    Overwrite,
    Quiet,
    Segment,
    StyleFile,
    StyleMask,
    Styles,
    Verbose,
    check_regions,
    parse_strength,
    parse_styles,
)
from photostyle.errors import ParameterError
from photostyle.options import FitOptions

if TYPE_CHECKING:
    from torch import Tensor

    from photostyle.jobs.loading import Loaded

_SIZE, _HALD_SIZE = 33, 36


def lut(
    content: Annotated[
        Path, typer.Argument(metavar="CONTENT", help="Photo that the look is fitted to.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="FILE", help="Table to write: .cube, or .png (Hald).", show_default=False),
    ],
    style: Styles = None,
    style_file: StyleFile = None,
    size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Colours along each side of the cube, 2 to 129. Pillow reads up to 65, OpenColorIO 129, FFmpeg 256.",
            show_default=f"{_SIZE}; {_HALD_SIZE} in a .png",
        ),
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(metavar="PHOTO", help="Write what the table makes of CONTENT.", show_default=False),
    ] = None,
    strength: Annotated[
        str | None,
        typer.Option(
            metavar="S,REGION=S,…", help="0 to 1; without it, 1 or that of the saved style.", show_default=False
        ),
    ] = None,
    content_mask: ContentMask = None,
    style_mask: StyleMask = None,
    segment: Segment = "off",
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="small|vgg19|PATH", help="Which network.", show_default="that of the style"),
    ] = None,
    device: DeviceOption = Device("auto"),
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the part of a look that is a matter of colour alone as a look-up table for other programs."""
    console.listen(quiet, verbose)
    if bool(style) == bool(style_file):
        raise ParameterError("give either --style PHOTO or --style-file FILE.style")
    if style_mask and (style_file or len(style or ()) > 1):
        raise ParameterError("--style-mask belongs to one --style PHOTO")
    common, own = parse_strength(strength) if strength is not None else (None, {})
    styles = parse_styles(style or ())
    if not style_file:
        check_regions(content_mask, style_mask, segment, by_region=bool(own or any(region for region, _ in styles)))

    from photostyle.device import resolve
    from photostyle.io import check_apart
    from photostyle.io.luts import too_large_for
    from photostyle.jobs.applying import Application, applied
    from photostyle.jobs.loading import load
    from photostyle.jobs.lut import POOR, check, lut_file
    from photostyle.jobs.photo import stylized
    from photostyle.jobs.regions import Reference, RegionSettings
    from photostyle.jobs.rendering import FIT_PIXELS, Rendering
    from photostyle.jobs.segment import find_segmentation
    from photostyle.jobs.style import model_for
    from photostyle.transfer.presets import load_style
    from photostyle.weights import load_model

    chosen = size if size is not None else _HALD_SIZE if out.suffix.lower() == ".png" else _SIZE
    check(out, chosen, preview, overwrite=overwrite)
    read = [content, content_mask, style_mask, style_file, *(path for _, path in styles)]
    check_apart([out, preview] if preview else [out], [path for path in read if path])
    where = resolve(device.value)
    grade: Callable[[Loaded], Tensor]
    if style_file:
        saved = load_style(style_file, model_for(style_file, model, where))
        regions = RegionSettings(find_segmentation(segment, None, where))
        strengths = {**saved.options.strengths, **own} if own else None
        how = Application(content_mask, regions, strength=common, strengths=strengths)
        name = style_file.name

        def grade(photo: Loaded) -> Tensor:
            return applied(saved, photo, Rendering(), how)[1]

    else:
        network = load_model(model or "small", device=where)
        references = [Reference(load(path).reduced(FIT_PIXELS), region) for region, path in styles]
        settings = RegionSettings(find_segmentation(segment, network, where))
        options = FitOptions(strength=DEFAULTS.strength if common is None else common, strengths=own)
        name = " and ".join(path.name for _, path in styles)

        def grade(photo: Loaded) -> Tensor:
            return stylized(
                network, photo, references, options, Rendering(), masks=(content_mask, style_mask), regions=settings
            )[1]

    title = f"{name} on {content.name}"
    found = lut_file(content, out, grade, chosen, title=title, preview=preview, overwrite=overwrite)
    if not quiet:
        console.say(
            f"{out} written: {found.table:.1f} dB from the full result; the photo itself is {found.untouched:.1f} dB "
            "from it"
        )
    unread = too_large_for(chosen)
    if unread and not quiet:
        console.say(
            f"warning: a table of {chosen} a side is too large for {', '.join(unread)} and others; 65 or less fits"
        )
    if found.poor and not quiet:
        console.say(
            f"warning: a table cannot show this look well (below {POOR:g} dB), as it knows colours but not where they "
            "are: regions and local changes need photostyle photo or apply"
        )
