"""Photos from files to files: fit a style to each, or apply a fitted one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from photostyle.errors import ImageSizeError, MaskError, MemoryLimitError, NumericalError, PhotostyleError
from photostyle.fitting import fit_and_apply
from photostyle.io import (
    MIN_SIDE,
    Photo,
    check_encodable,
    check_output,
    check_size,
    limit_size,
    read_label_pair,
    read_labels,
    read_photo,
    write_photo,
)
from photostyle.networks import WCT2
from photostyle.options import FitOptions
from photostyle.regions import WHOLE, Regions, nearest_indices
from photostyle.transfer import Transfer


@dataclass(frozen=True)
class Failure:
    """A photo that could not be done.

    Attributes:
        path: the content photo.
        error: why; its text is one line.
    """

    path: Path
    error: PhotostyleError


@dataclass(frozen=True, eq=False)
class Loaded:
    """A photo ready for the network.

    Attributes:
        photo: as read, reduced if that was asked for.
        image: its pixels, (3, H, W) float32 in [0, 1], on the network's device.
        full_size: (H, W) of the file before any reduction, which its mask must have.
    """

    photo: Photo
    image: Tensor
    full_size: tuple[int, int]

    def regions(self, labels: npt.NDArray[np.int64], mask: Path) -> Regions:
        """Regions of a full-size label map, brought to the image's size. Raises MaskError, which names `mask`."""
        map_ = torch.from_numpy(labels)
        height, width = self.image.shape[-2:]
        if (height, width) != self.full_size:
            map_ = map_[nearest_indices(map_.shape[0], height)][:, nearest_indices(map_.shape[1], width)]
        with _explained(self.photo, mask):
            return Regions.from_labels(map_)


def read_image(path: str | os.PathLike[str]) -> Tensor:
    """A photo as (3, H, W) float32 in [0, 1], EXIF orientation applied. Raises ImageReadError."""
    return _tensor(read_photo(path).pixels)


def write_image(path: str | os.PathLike[str], image: Tensor, *, overwrite: bool = False) -> None:
    """Write (3, H, W) in [0, 1] (clipped) in the format of the extension. Raises OutputError, NumericalError."""
    write_photo(path, _pixels(image), overwrite=overwrite)


def load(path: Path, model: WCT2, side: int | None = None) -> Loaded:
    """Read a photo for `model`, its long side reduced to `side` if given.

    Raises:
        ImageReadError, ImageSizeError, ParameterError: it cannot be read or is too small.
    """
    whole = read_photo(path)
    check_size(whole)
    photo = whole if side is None else limit_size(whole, side)
    if min(photo.size) < MIN_SIDE:
        height, width = photo.size
        raise ImageSizeError(
            f"{path}: {width}x{height} pixels remain of {whole.size[1]}x{whole.size[0]} with --size {side}, "
            f"which is too small; at least {MIN_SIDE}x{MIN_SIDE} must remain"
        )
    with _explained(photo):
        return Loaded(photo, _tensor(photo.pixels).to(next(model.parameters()).device), whole.size)


def stylize_file(
    model: WCT2,
    content: Path,
    style: Loaded,
    output: Path,
    options: FitOptions,
    *,
    masks: tuple[Path, Path] | None = None,
    side: int | None = None,
    overwrite: bool = False,
) -> Transfer:
    """Fit a style to one photo and write the result; returns what was fitted.

    Args:
        model: the network.
        content: the photo.
        style: the style photo (`load`).
        output: where to write; the format follows the extension.
        options: how to fit.
        masks: label maps of content and style.
        side: work at this long side, for previews; the result is that small too.
        overwrite: replace an existing output.

    Raises:
        PhotostyleError: anything wrong with the files, masks, options or memory; nothing is left half-written.
    """
    check_output(output, overwrite=overwrite)
    loaded = load(content, model, side)
    check_encodable(output, loaded.photo.size)
    regions: tuple[Regions | None, Regions | None] = (None, None)
    if masks:
        labels = read_label_pair(masks[0], loaded.full_size, masks[1], style.full_size)
        regions = (loaded.regions(labels[0], masks[0]), style.regions(labels[1], masks[1]))
    with _explained(loaded.photo):
        transfer, result = fit_and_apply(
            model, loaded.image, style.image, content_regions=regions[0], style_regions=regions[1], options=options
        )
        pixels = _pixels(result)
    write_photo(output, pixels, like=loaded.photo, overwrite=overwrite)
    return transfer


def apply_file(
    transfer: Transfer,
    content: Path,
    output: Path,
    *,
    mask: Path | None = None,
    strength: float | None = None,
    side: int | None = None,
    overwrite: bool = False,
) -> None:
    """Apply a fitted style to one photo and write the result; arguments and errors as `stylize_file`."""
    check_output(output, overwrite=overwrite)
    loaded = load(content, transfer.model, side)
    check_encodable(output, loaded.photo.size)
    regions = None
    if mask:
        regions = loaded.regions(read_labels(mask, size=loaded.full_size), mask)
        _check_shared(regions, transfer, mask)
    with _explained(loaded.photo):
        pixels = _pixels(transfer.apply(loaded.image, regions, strength))
    write_photo(output, pixels, like=loaded.photo, overwrite=overwrite)


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


def _tensor(pixels: npt.NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _pixels(image: Tensor) -> npt.NDArray[np.float32]:
    pixels: npt.NDArray[np.float32] = image.detach().permute(1, 2, 0).float().cpu().numpy()
    return pixels


def _check_shared(regions: Regions, transfer: Transfer, mask: Path) -> None:
    """Raise MaskError where a mask would change nothing."""
    fitted = set(transfer.regions) - {WHOLE}
    if not fitted:
        raise MaskError(f"{mask}: the style was fitted without masks, so this one would do nothing; leave it out")
    if not fitted & set(regions.weights):
        raise MaskError(f"{mask}: none of its regions is in the style; use the colours of the masks it was fitted with")


@contextmanager
def _explained(photo: Photo, source: Path | None = None) -> Iterator[None]:
    """Errors of the core, which knows no files, with the file's name; running out of memory, whoever reports it."""
    try:
        yield
    except (MaskError, NumericalError) as error:
        raise type(error)(f"{source or photo.path}: {error}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _too_large(photo) from error
    except RuntimeError as error:
        if "alloc" not in str(error).lower():  # torch's CPU allocator and CUDA's libraries have no class for this
            raise
        raise _too_large(photo) from error


def _too_large(photo: Photo) -> MemoryLimitError:
    height, width = photo.size
    smaller = min(4000, max(height, width) // 2)
    return MemoryLimitError(f"{photo.path}: not enough memory for {width}x{height} pixels; try --size {smaller}")
