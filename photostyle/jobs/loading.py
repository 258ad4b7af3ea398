"""Photos brought from files to where the network is, and errors that say which file they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from photostyle.errors import ImageSizeError, MaskError, MemoryLimitError, NumericalError
from photostyle.io import MIN_SIDE, Photo, check_size, limit_size, read_photo
from photostyle.regions.regions import Regions, nearest_indices
from photostyle.transfer.grid import reduce


@dataclass(frozen=True, eq=False)
class Loaded:
    """A photo ready for the network.

    Attributes:
        photo: as read, reduced if that was asked for.
        image: its pixels, (3, H, W) float32 in [0, 1], in main memory, which they share with `photo` unless reduced.
        full_size: (H, W) of the file before any reduction, which its mask must have.
    """

    photo: Photo
    image: Tensor
    full_size: tuple[int, int]

    def reduced(self, pixels: int) -> Loaded:
        """The photo at about `pixels` pixels, if it has more; 0 leaves it as it is.

        It keeps nothing of the full size but `full_size`.
        """
        if not 0 < pixels < self.image[0].numel():
            return self
        with explained(self.photo):
            image = reduce(self.image[None], None, pixels)[0][0]
        return Loaded(replace(self.photo, pixels=image.permute(1, 2, 0).numpy(), alpha=None), image, self.full_size)

    def regions(self, labels: npt.NDArray[np.int64], mask: Path, names: Mapping[int, str] | None = None) -> Regions:
        """Regions of a full-size label map, brought to the image's size; `names` of labels other than their numbers.

        Raises MaskError, which names `mask`.
        """
        map_ = torch.from_numpy(labels)
        height, width = self.image.shape[-2:]
        if (height, width) != self.full_size:
            map_ = map_[nearest_indices(map_.shape[0], height)][:, nearest_indices(map_.shape[1], width)]
        with explained(self.photo, mask):
            regions = Regions.from_labels(map_)
        known = {str(label): name for label, name in (names or {}).items()}
        return Regions({known.get(name, name): weight for name, weight in regions.weights.items()}, hard=True)


def load(path: Path, side: int | None = None) -> Loaded:
    """Read a photo, its long side reduced to `side` if given.

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
    with explained(photo):
        return Loaded(photo, tensor(photo.pixels), whole.size)


def tensor(pixels: npt.NDArray[np.float32]) -> Tensor:
    """(H, W, 3) as (3, H, W) that shares its memory."""
    return torch.from_numpy(np.require(pixels, np.float32, "W")).permute(2, 0, 1)


def pixels_of(image: Tensor) -> npt.NDArray[np.float32]:
    """(3, H, W) as (H, W, 3), which shares its memory where it can."""
    pixels: npt.NDArray[np.float32] = image.detach().permute(1, 2, 0).float().cpu().numpy()
    return pixels


@contextmanager
def explained(photo: Photo, source: Path | None = None) -> Iterator[None]:
    """Errors of the core, which knows no files, with the file's name; running out of memory, whoever reports it."""
    height, width = photo.size
    smaller = min(4000, max(height, width) // 2)
    with memory_explained(f"{photo.path}: not enough memory for {width}x{height} pixels; try --size {smaller}"):
        try:
            yield
        except (MaskError, NumericalError) as error:
            raise type(error)(f"{source or photo.path}: {error}") from error


@contextmanager
def memory_explained(message: str) -> Iterator[None]:
    """Running out of memory, whoever reports it, as a MemoryLimitError with this message."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise MemoryLimitError(message) from error
    except RuntimeError as error:
        if "alloc" not in str(error).lower():  # torch's CPU allocator and CUDA's libraries have no class for this
            raise
        raise MemoryLimitError(message) from error
