"""What a person takes away from the photo tab: the result at full size and the look as a file.

Whatever is written is written by `photostyle.jobs`, from the uploaded files, as the command does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from photostyle.errors import ParameterError
from photostyle.jobs.loading import load
from photostyle.jobs.photo import apply_file, stylize_file
from photostyle.jobs.regions import Reference, RegionSettings, prepare
from photostyle.jobs.rendering import FIT_PIXELS, Rendering
from photostyle.jobs.style import make_style
from photostyle.network.wct2 import WCT2
from photostyle.transfer.presets import SUFFIX, save_style
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer
from photostyle.web.wishes import Source, Wishes, result_stem

Update = Callable[[int, int], None]
"""Told steps done and in all while a photo is rendered; what it raises ends the work."""


def prepared(styles: Sequence[Source], settings: RegionSettings) -> list[Reference]:
    """References as a result takes them. Raises ImageReadError."""
    references = [Reference(load(style.path).reduced(FIT_PIXELS), weight=style.weight) for style in styles]
    return prepare(references, settings)


def write_result(
    model: WCT2,
    content: Path,
    style: Transfer | Target | Sequence[Reference],
    output: Path,
    wishes: Wishes,
    settings: RegionSettings,
    mask: Path | None = None,
    update: Update | None = None,
) -> None:
    """A photo in a style, at full size, as the command writes it. Raises PhotostyleError."""
    options, how = wishes.options, Rendering(update=update)
    if isinstance(style, Transfer | Target):
        strengths = {**style.options.strengths, **options.strengths}
        apply_file(style, content, output, mask=mask, regions=settings, strength=options.strength, strengths=strengths,
                   rendering=how)  # fmt: skip
    else:
        stylize_file(model, content, style, output, options, masks=(mask, None), regions=settings, rendering=how)


def write_style(model: WCT2, styles: Sequence[Source], wishes: Wishes, settings: RegionSettings, folder: Path) -> Path:
    """The look of references as a file, fitted to each photo that it is applied to. Raises PhotostyleError."""
    if not styles:
        raise ParameterError("there are no references to make a style of: choose one first")
    made = make_style(
        model, [(style.path, style.weight) for style in styles], wishes.options,
        regions=RegionSettings(settings.segment),
    )  # fmt: skip
    path = folder / f"{result_stem(styles[0].path)}{SUFFIX}"
    save_style(made, path)
    return path
