"""Photos from files to files: fit a style to each, or apply a fitted one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from photostyle.errors import PhotostyleError
from photostyle.io import Photo, as_seen, check_encodable, check_output, read_photo, write_photo
from photostyle.io.raw import RawBrightness
from photostyle.io.writing import copy_photo
from photostyle.jobs.applying import Application, Decided, applied
from photostyle.jobs.fitting import fit_and_render
from photostyle.jobs.loading import Loaded, explained, load, pixels_of, tensor, weighed
from photostyle.jobs.regions import Reference, RegionSettings, plan
from photostyle.jobs.rendering import Rendering
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer


@dataclass(frozen=True)
class Failure:
    """A photo that could not be done.

    Attributes:
        path: the content photo.
        error: why; its text is one line.
    """

    path: Path
    error: PhotostyleError


def read_image(path: str | os.PathLike[str]) -> Tensor:
    """A photo as (3, H, W) float32 in [0, 1], upright, continued under alpha 0. Raises ImageReadError."""
    return tensor(as_seen(read_photo(path)).pixels)


def write_image(path: str | os.PathLike[str], image: Tensor, *, overwrite: bool = False) -> None:
    """Write (3, H, W) in [0, 1] (clipped) in the format of the extension. Raises OutputError, NumericalError."""
    write_photo(path, pixels_of(image), overwrite=overwrite)


def stylize_file(
    model: WCT2,
    content: Path,
    style: Loaded | Sequence[Reference],
    output: Path,
    options: FitOptions,
    *,
    masks: tuple[Path | None, Path | None] | None = None,
    regions: RegionSettings | None = None,
    decided: Decided | None = None,
    side: int | None = None,
    rendering: Rendering | None = None,
    bits: int | None = None,
    raw_brightness: RawBrightness = "shot",
    overwrite: bool = False,
) -> Transfer:
    """Fit a style to one photo and write the result; returns what was fitted.

    Args:
        model: the network.
        content: the photo.
        style: the style photo (`load`), or several, each for one of the photo's regions or for the rest.
        output: where to write; the format follows the extension.
        options: how to fit.
        masks: label maps of content and style.
        regions: how regions are found and matched; by default masks are refined and nothing is segmented.
        decided: told what was decided on each region, before the fit.
        side: work at this long side, for previews; the result is that small too.
        rendering: how photos of any size are done in bounded memory; None plans by itself.
        bits: 8 or 16 a sample; None takes those of the photo where the format has them. What had more than 8 is
            dithered down to 8.
        raw_brightness: of a camera's raw photo (`photostyle.io.raw`).
        overwrite: replace an existing output.

    Raises:
        PhotostyleError: anything wrong with the files, masks, options or memory; nothing is left half-written.
    """
    check_output(output, overwrite=overwrite)
    how = rendering or Rendering()
    loaded = load(content, side, raw_brightness)
    check_encodable(output, loaded.photo.size, bits)
    transfer, result = stylized(model, loaded, style, options, how, masks=masks, regions=regions, decided=decided)
    left = _leaves(options, options.strength, options.strengths)
    if not (left and _copied(loaded.photo, output, side, bits, overwrite=overwrite)):
        _write(output, result, loaded.photo, bits, overwrite=overwrite)
    return transfer


def stylized(
    model: WCT2,
    loaded: Loaded,
    style: Loaded | Sequence[Reference],
    options: FitOptions,
    rendering: Rendering,
    *,
    masks: tuple[Path | None, Path | None] | None = None,
    regions: RegionSettings | None = None,
    decided: Decided | None = None,
) -> tuple[Transfer, Tensor]:
    """`stylize_file` without the files: what was fitted, and the result (3, H, W); the photo may be overwritten."""
    references = [Reference(style)] if isinstance(style, Loaded) else list(style)
    seen = loaded.reduced(rendering.region_pixels(loaded.photo.size))
    planned = plan(seen, references, masks or (None, None), regions or RegionSettings(), options)
    if decided:
        decided(planned.decisions)
    ours = weighed([seen], None if planned.content is None else [planned.content])
    with explained(loaded.photo):
        return fit_and_render(
            model,
            loaded.image,
            [reference.loaded.image for reference in references],
            rendering,
            content_regions=ours[0] if ours else None,
            style_regions=weighed([reference.loaded for reference in references], planned.styles),
            style_weights=[reference.weight for reference in references],
            sources=planned.sources,
            options=planned.options,
        )


def apply_file(
    style: Transfer | Target,
    content: Path,
    output: Path,
    *,
    mask: Path | None = None,
    regions: RegionSettings | None = None,
    decided: Decided | None = None,
    strength: float | None = None,
    strengths: Mapping[str, float] | None = None,
    side: int | None = None,
    rendering: Rendering | None = None,
    bits: int | None = None,
    raw_brightness: RawBrightness = "shot",
    overwrite: bool = False,
) -> None:
    """Apply a saved style to one photo and write the result; arguments and errors as `stylize_file` and `applied`.

    A style that is not fitted yet (`Target`) is fitted to this photo.
    """
    check_output(output, overwrite=overwrite)
    how = rendering or Rendering()
    loaded = load(content, side, raw_brightness)
    check_encodable(output, loaded.photo.size, bits)
    application = Application(mask, regions or RegionSettings(), decided, strength, strengths)
    _, result = applied(style, loaded, how, application)
    amount = style.options.strength if strength is None else strength
    own = style.options.strengths if strengths is None else strengths
    if _leaves(style.options, amount, own) and _copied(loaded.photo, output, side, bits, overwrite=overwrite):
        return
    _write(output, result, loaded.photo, bits, overwrite=overwrite)


def each(
    contents: Iterable[Path], outputs: Iterable[Path], work: Callable[[Path, Path], object]
) -> Iterator[tuple[Path, Path, Failure | None]]:
    """Do ``work(content, output)`` for every photo, going on past those that fail; yields each as it is done."""
    for content, output in zip(contents, outputs, strict=True):
        failure = None
        try:
            work(content, output)
        except PhotostyleError as error:
            failure = Failure(content, error)
        yield content, output, failure


def _leaves(options: FitOptions, strength: float, strengths: Mapping[str, float]) -> bool:
    """Whether nothing is done to a photo; without a finish the network's own reconstruction is wanted."""
    return strength == 0 and not any(strengths.values()) and options.finish != "off"


def _copied(photo: Photo, output: Path, side: int | None, bits: int | None, *, overwrite: bool) -> bool:
    """Write the photo itself, to the bit, where its size, depth and format are those that are wanted."""
    if (side and max(photo.size) >= side) or bits not in (None, photo.bits):
        return False
    return copy_photo(photo.path, output, overwrite=overwrite)


def _write(output: Path, result: Tensor, photo: Photo, bits: int | None, *, overwrite: bool) -> None:
    with explained(photo):
        write_photo(output, pixels_of(result), like=photo, bits=bits, dither=photo.bits > 8, overwrite=overwrite)
