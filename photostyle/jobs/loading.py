"""Photos brought from files to where the network is, and errors that say which file they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from photostyle.errors import ImageReadError, ImageSizeError, MaskError, MemoryLimitError, NumericalError
from photostyle.io import MIN_SIDE, Photo, as_seen, check_size, limit_size, read_photo
from photostyle.io.raw import RawBrightness
from photostyle.regions.regions import Regions, nearest_indices
from photostyle.transfer.grid import reduce

_VISIBLE = 1 / 255  # less alpha than this tells no colour


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
        alpha = None
        with explained(self.photo):
            image = reduce(self.image[None], None, pixels)[0][0]
            if self.photo.alpha is not None:
                full = torch.from_numpy(self.photo.alpha)[None]
                small = reduce(full[None], None, pixels)[0][0].clamp(0, 1)
                seen = small > _VISIBLE
                # Channel by channel, as all of them at once would be a second photo in memory.
                lit = torch.cat([reduce((channel * full)[None], None, pixels)[0][0] for channel in self.image])
                weighed = lit / small.where(seen, torch.ones(()))
                image, alpha = torch.where(seen, weighed, image), small[0].numpy()
        photo = replace(self.photo, pixels=image.permute(1, 2, 0).numpy(), alpha=alpha, hidden=None)
        return Loaded(photo, image, self.full_size)

    @property
    def plain(self) -> Tensor | None:
        """The image, where `reduced` made it without regard to alpha: as `photostyle.transfer.grid.reduce` does."""
        return self.image if self.photo.alpha is None else None

    @property
    def visible(self) -> Tensor | None:
        """How much each pixel counts where the photo is measured, (H, W) in [0, 1]; None counts all alike."""
        alpha = self.photo.alpha
        return None if alpha is None or alpha.min() == 1 or not alpha.any() else torch.from_numpy(alpha)

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

    def shared_regions(self, share: npt.NDArray[np.float32], names: Sequence[str]) -> Regions:
        """Two soft regions at the image's size: `share` (H, W) is of the second name, the rest of the first."""
        full = torch.from_numpy(share)
        both = Regions.from_weights({names[0]: 1 - full, names[1]: full})
        return both.resized((self.image.shape[-2], self.image.shape[-1]))


def weighed(photos: Sequence[Loaded], regions: Sequence[Regions] | None) -> Sequence[Regions] | None:
    """The photos' regions, one each or None, which then know how much can be seen of each pixel."""
    planes = [photo.visible for photo in photos]
    if all(plane is None for plane in planes) or (regions is not None and len(regions) != len(photos)):
        return regions
    given = regions if regions is not None else [Regions({}, hard=True)] * len(photos)
    full = [
        torch.ones(photo.photo.size) if plane is None else plane for photo, plane in zip(photos, planes, strict=True)
    ]
    return [each.through(plane) for each, plane in zip(given, full, strict=True)]


def check_visible(photo: Photo) -> None:
    """Raise ImageReadError where nothing of a style photo can be seen, so that it has no look."""
    if photo.alpha is not None and not photo.alpha.any():
        raise ImageReadError(f"{photo.path}: is transparent everywhere, so it has no look to take; take another photo")


def load(path: Path, side: int | None = None, raw_brightness: RawBrightness = "shot") -> Loaded:
    """Read a photo, its long side reduced to `side` if given, camera raw at a brightness (`photostyle.io.raw`).

    Raises:
        ImageReadError, ImageSizeError, ParameterError: it cannot be read or is too small.
    """
    whole = as_seen(read_photo(path, raw_brightness=raw_brightness))
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
