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
from photostyle.jobs.blending import Shares, blended_
from photostyle.jobs.fitting import fit_and_render
from photostyle.jobs.guard import guarded, of_photos
from photostyle.jobs.loading import Loaded, explained, load, pixels_of, tensor, weighed
from photostyle.jobs.regions import Reference, RegionPlan, RegionSettings, plan
from photostyle.jobs.rendering import Rendering
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer

ALL = Shares()


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
    shares: Shares = ALL,
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
        shares: how much of the change in colour and in brightness is kept (`photostyle.jobs.blending`).
        overwrite: replace an existing output.

    Raises:
        PhotostyleError: anything wrong with the files, masks, options or memory; nothing is left half-written.
    """
    check_output(output, overwrite=overwrite)
    how = rendering or Rendering()
    loaded = load(content, side, raw_brightness)
    check_encodable(output, loaded.photo.size, bits)
    before = _kept(loaded, shares)
    transfer, result = stylized(model, loaded, style, options, how, masks=masks, regions=regions, decided=decided)
    result = result if before is None else blended_(before, result, shares)
    left = shares.none or _leaves(options, options.strength, options.strengths)
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
    images, weights = [each.loaded.image for each in references], [each.weight for each in references]
    seen = loaded.reduced(rendering.region_pixels(loaded.photo.size))
    planned = plan(seen, references, masks or (None, None), regions or RegionSettings(), options)
    if decided:
        decided(planned.decisions)

    def rendered(how: RegionPlan) -> tuple[Transfer, Tensor]:
        ours = weighed([seen], None if how.content is None else [how.content])
        return fit_and_render(
            model,
            loaded.image,
            images,
            rendering,
            content_regions=ours[0] if ours else None,
            style_regions=weighed([reference.loaded for reference in references], how.styles),
            style_weights=weights,
            sources=how.sources,
            options=how.options,
            known=seen.plain,
        )

    with explained(loaded.photo):
        if any(masks or ()):
            return rendered(planned)
        first = rendering.overwrites((loaded.image.shape[-2], loaded.image.shape[-1]))
        trial = of_photos(model, images, weights)
        return guarded(loaded.image, planned, trial, rendered, first=first, decided=decided)


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
    shares: Shares = ALL,
    overwrite: bool = False,
) -> Transfer:
    """Apply a saved style to one photo and write the result; arguments and errors as `stylize_file` and `applied`.

    A style that is not fitted yet (`Target`) is fitted to this photo. Returns what was applied.
    """
    check_output(output, overwrite=overwrite)
    how = rendering or Rendering()
    loaded = load(content, side, raw_brightness)
    check_encodable(output, loaded.photo.size, bits)
    application = Application(mask, regions or RegionSettings(), decided, strength, strengths)
    before = _kept(loaded, shares)
    transfer, result = applied(style, loaded, how, application)
    result = result if before is None else blended_(before, result, shares)
    amount = style.options.strength if strength is None else strength
    own = style.options.strengths if strengths is None else strengths
    left = shares.none or _leaves(style.options, amount, own)
    if not (left and _copied(loaded.photo, output, side, bits, overwrite=overwrite)):
        _write(output, result, loaded.photo, bits, overwrite=overwrite)
    return transfer


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


def _kept(loaded: Loaded, shares: Shares) -> Tensor | None:
    """The photo as it was, where its change will be blended: a fit may write over its pixels."""
    return None if shares.all else loaded.image.clone()


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
