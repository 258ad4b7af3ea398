"""The library for people: photos given as paths, PIL images, arrays or tensors, and results that can be looked at.

`photostyle.transfer.fitting` knows tensors alone; what is here turns what people have into those, and calls it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union, overload

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.io import as_seen, read_photo
from photostyle.jobs.loading import pixels_of, tensor
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.regions.sources import Sources
from photostyle.transfer import fitting
from photostyle.transfer.fit_job import RegionMaps
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer

Picture = Union[Tensor, "str | os.PathLike[str]", Image.Image, "npt.NDArray[Any]"]
"""A photo: (3, H, W) or (1, 3, H, W) tensor in [0, 1], a path, a PIL image, or an array (H, W, 3) of uint8, uint16 or
floats in [0, 1]."""

_SHOWN = 1200  # long side of what notebooks show: they keep it in their file


def as_image(picture: Picture) -> Tensor:
    """A photo as (3, H, W) float32 in [0, 1], as it is seen: upright, in sRGB.

    Args:
        picture: a path (read as `photostyle.read_image`), a PIL image (its orientation and colour profile are heeded),
            an array (H, W, 3) or (H, W) of uint8, uint16 or floats, or a tensor, which is returned as it is.

    Raises:
        ImageReadError: a file cannot be read.
        ParameterError: it is none of these.
    """
    if isinstance(picture, Tensor):
        return picture
    if isinstance(picture, Image.Image):
        return _of_pil(picture)
    if isinstance(picture, np.ndarray):
        return _of_array(picture)
    if isinstance(picture, (str, os.PathLike)):
        return tensor(as_seen(read_photo(picture)).pixels)
    raise ParameterError(
        f"a photo is a path, a PIL image, an array (H, W, 3) or a tensor (3, H, W), not {type(picture).__name__}"
    )


def _of_pil(picture: Image.Image) -> Tensor:
    """Through a TIFF in memory, so that profiles, alpha, palettes and depths mean what they mean in files."""
    picture.load()
    if picture.mode == "F":
        return _of_array(np.asarray(picture, np.float32))
    deep = picture.mode.startswith("I")
    if deep:
        return _of_array(np.asarray(picture).clip(0, 65535).astype(np.uint16))
    kept = picture if picture.mode in ("RGB", "RGBA", "L", "LA", "CMYK") else picture.convert("RGBA")
    stream = io.BytesIO()
    kept.save(stream, "TIFF", icc_profile=picture.info.get("icc_profile"), exif=picture.getexif())
    from tempfile import TemporaryDirectory  # readers take paths alone

    with TemporaryDirectory(prefix="photostyle-") as folder:
        path = os.path.join(folder, "picture.tif")
        with open(path, "wb") as file:
            file.write(stream.getbuffer())
        return tensor(as_seen(read_photo(path)).pixels)


def _of_array(values: npt.NDArray[Any]) -> Tensor:
    pixels = np.repeat(values[..., None], 3, 2) if values.ndim == 2 else values
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ParameterError(f"an array of a photo is (H, W, 3) or (H, W), not {values.shape}")
    if pixels.dtype in (np.uint8, np.uint16):
        return tensor(pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max))
    if np.issubdtype(pixels.dtype, np.floating):
        return tensor(np.array(pixels, np.float32))
    raise ParameterError(f"an array of a photo holds uint8, uint16 or floats in [0, 1], not {pixels.dtype}")


@overload
def _images(given: Target) -> Target: ...
@overload
def _images(given: Picture | Sequence[Picture]) -> Tensor | list[Tensor]: ...
def _images(given: Any) -> Any:
    if isinstance(given, Target):
        return given
    if isinstance(given, Sequence) and not isinstance(given, str):
        return [as_image(each) for each in given]
    return as_image(given)


def fit(
    model: WCT2,
    content: Picture | Sequence[Picture],
    style: Picture | Sequence[Picture] | Target,
    *,
    content_regions: RegionMaps = None,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    sources: Sources | None = None,
    options: FitOptions | None = None,
) -> Transfer:
    """Fit a style to one photo, or one look to several: `photostyle.transfer.fitting.fit`.

    Args:
        model: the network; tensors must be on its device.
        content: a photo (`as_image`), sides at least 16, or several, whose moments are pooled.
        style: the same; of several the moments are mixed. Or a target, such as `load_look` gives.
        content_regions: regions (or hard label map) of each photo; give both sides' or neither's.
        style_regions: the same for each style.
        style_weights: share of each style in the mix; equal if None.
        sources: which style regions each content region takes.
        options: see `FitOptions`; None takes the defaults, or those of a target.

    Raises:
        ImageReadError: a file cannot be read.
        ImageSizeError, MaskError, NumericalError, ParameterError: the input does not fit.
        TransferMismatchError: a target belongs to another network.
    """
    return fitting.fit(
        model, _images(content), _images(style), content_regions=content_regions, style_regions=style_regions,
        style_weights=style_weights, sources=sources, options=options,
    )  # fmt: skip


def measure_target(
    model: WCT2,
    style: Picture | Sequence[Picture],
    *,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    options: FitOptions | None = None,
) -> Target:
    """The style's side of `fit`, kept for photos that are still to come; arguments and errors as there.

    ``fit(model, content, target)`` gives what `fit` would give for the styles themselves. `names` is what the styles
    are called, for people.
    """
    return fitting.measure_target(
        model, _images(style), style_regions=style_regions, style_weights=style_weights, names=names, options=options
    )


def stylize(
    model: WCT2,
    content: Picture,
    style: Picture | Sequence[Picture] | Target,
    *,
    content_regions: Regions | Tensor | None = None,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    sources: Sources | None = None,
    options: FitOptions | None = None,
) -> Tensor:
    """A photo in the light and colour of another: fit and apply in one pass; arguments and errors as `fit`.

    Returns:
        (3, H, W), about [0, 1], not clamped; `show` shows it in a notebook, `write_image` writes it.
    """
    return fit_and_apply(
        model, content, style, content_regions=content_regions, style_regions=style_regions,
        style_weights=style_weights, sources=sources, options=options,
    )[1]  # fmt: skip


def fit_and_apply(
    model: WCT2,
    content: Picture,
    style: Picture | Sequence[Picture] | Target,
    *,
    content_regions: Regions | Tensor | None = None,
    style_regions: RegionMaps = None,
    style_weights: Sequence[float] | None = None,
    sources: Sources | None = None,
    options: FitOptions | None = None,
) -> tuple[Transfer, Tensor]:
    """`fit` and `stylize` at the cost of one."""
    return fitting.fit_and_apply(
        model, as_image(content), _images(style), content_regions=content_regions, style_regions=style_regions,
        style_weights=style_weights, sources=sources, options=options,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture, or several beside each other, that notebooks show by themselves.

    Attributes:
        image: of all of them, RGB.
    """

    image: Image.Image

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.image.save(stream, "PNG")
        return stream.getvalue()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it with Pillow, in the format of the extension; to write results, `write_image` is the better one."""
        self.image.save(path)


def show(*pictures: Picture) -> Shown:
    """Photos and results beside each other, for a notebook: ``photostyle.show("day.jpg", result)`` is before and after.

    Args:
        pictures: as `as_image` takes them; all are shown at the height of the first, of 1200 pixels a side at most.

    Raises:
        ParameterError: there is none, or one is no photo.
        ImageReadError: a file cannot be read.
    """
    if not pictures:
        raise ParameterError("there is nothing to show: give photos or results")
    found = [_small(as_image(picture)) for picture in pictures]
    height = found[0].height
    found = [each if each.height == height else _at(each, height) for each in found]
    gap = 8
    whole = Image.new("RGB", (sum(each.width for each in found) + gap * (len(found) - 1), height), (255, 255, 255))
    left = 0
    for each in found:
        whole.paste(each, (left, 0))
        left += each.width + gap
    return Shown(whole)


def _small(image: Tensor) -> Image.Image:
    plain = image[0] if image.dim() == 4 else image
    pixels = pixels_of(torch.nan_to_num(plain).clamp(0, 1))
    picture = Image.fromarray((pixels * 255).round().astype(np.uint8))
    picture.thumbnail((_SHOWN, _SHOWN), Image.Resampling.LANCZOS)
    return picture


def _at(picture: Image.Image, height: int) -> Image.Image:
    size = max(1, round(picture.width * height / picture.height)), height
    return picture.resize(size, Image.Resampling.LANCZOS)
