"""Photos for training: loaded once as bytes, cropped and graded anew for every step.

What a step sees depends only on the seed and the step's number, so a resumed run sees what an unbroken one would have.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from photostyle.errors import ImageReadError, ImageSizeError, ParameterError
from photostyle.io.images import check_size, read_photo

log = logging.getLogger(__name__)

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
HELD_OUT_EVERY = 40  # every 40th photo by name is for validation


def load_photos(folder: Path, limit: int | None = None) -> list[Tensor]:
    """All photos of a folder as (3, H, W) uint8, in order of their names.

    Unreadable photos, and those with a side of less than 16 pixels, are logged and left out.

    Raises:
        ParameterError: no readable photo.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)[:limit]
    # Reading catches warnings, which is process-wide and not meant for threads: restore the filters they may mix up.
    with warnings.catch_warnings(), ThreadPoolExecutor(4) as pool:
        photos = [photo for photo in pool.map(_load, paths) if photo is not None]
    if not photos:
        raise ParameterError(f"{folder}: no photo to train on")
    return photos


def _load(path: Path) -> Tensor | None:
    try:
        return load_photo(path)
    except (ImageReadError, ImageSizeError) as error:
        log.warning("left out: %s", error)
        return None


def load_photo(path: Path) -> Tensor:
    """One photo as (3, H, W) uint8. Raises ImageReadError, or ImageSizeError for a side of less than 16 pixels."""
    photo = read_photo(path)
    check_size(photo)
    return torch.from_numpy((photo.pixels * 255).round().astype(np.uint8)).permute(2, 0, 1).contiguous()


def split(photos: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """(training, held out): every 40th photo is held out, the first one included.

    Raises:
        ParameterError: fewer than two photos.
    """
    if len(photos) < 2:
        raise ParameterError(f"{len(photos)} photo to train on; give at least two, since one is held out")
    held = [photo for index, photo in enumerate(photos) if index % HELD_OUT_EVERY == 0]
    return [photo for index, photo in enumerate(photos) if index % HELD_OUT_EVERY], held


def middle(photo: Tensor, side: int = 256, multiple: int = 1) -> Tensor:
    """The middle square of a photo (3, H, W) uint8, as (1, 3, S, S) in [0, 1]: S is `side` or what the photo allows."""
    height, width = photo.shape[-2:]
    side = min(side, height // multiple * multiple, width // multiple * multiple)
    top, left = (height - side) // 2, (width - side) // 2
    return photo[None, :, top : top + side, left : left + side].float() / 255


def step_generator(seed: int, step: int) -> torch.Generator:
    """The source of all randomness of one step, on the CPU."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step + 1)


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Uniform numbers in [low, high)."""
    return torch.rand(*shape, generator=generator) * (high - low) + low


def random_crops(
    photos: Sequence[Tensor], count: int, side: int, generator: torch.Generator, zoom: float = 2.0
) -> Tensor:
    """`count` square crops of different photos (as far as there are so many), (count, 3, side, side) float32 in [0, 1].

    Each crop covers between `side` and ``zoom · side`` pixels of its photo (reduced with antialiasing) and is flipped
    half of the time. A photo too small for that is enlarged.
    """
    crops = [torch.zeros(0, 3, side, side)]
    rounds = max(1, -(-count // len(photos)))
    order = torch.cat([torch.randperm(len(photos), generator=generator) for _ in range(rounds)])
    for index in order[:count].tolist():
        photo = photos[index]
        height, width = photo.shape[-2:]
        wanted = int(side * float(uniform(generator, 1.0, zoom, 1)))
        size = min(wanted, height, width)
        top = int(torch.randint(height - size + 1, (1,), generator=generator))
        left = int(torch.randint(width - size + 1, (1,), generator=generator))
        crop = photo[:, top : top + size, left : left + size].float()[None] / 255
        if size != side:
            crop = F.interpolate(crop, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        if torch.rand(1, generator=generator) < 0.5:
            crop = crop.flip(-1)
        crops.append(crop)
    return torch.cat(crops)


def random_grade(images: Tensor, generator: torch.Generator, amount: float = 1.0, copies: int = 1) -> Tensor:
    """A random look for each image of (B, 3, H, W) in [0, 1]: tone curve, white balance, saturation, contrast.

    `amount` scales how far from neutral the looks are; the result stays in [0, 1]. With ``copies = n`` the batch is n
    stacked groups and the k-th image of every group gets the same look.
    """
    groups = images.shape[0] // copies

    def spread(scale: float, channels: int = 1) -> Tensor:
        numbers = torch.randn(groups, channels, 1, 1, generator=generator).clamp(-2, 2) * scale * amount
        return numbers.repeat(copies, 1, 1, 1).to(images)

    graded = images.clamp(1e-4, 1) ** (spread(0.35) + spread(0.12, 3)).exp()
    luma = (graded * torch.tensor([0.299, 0.587, 0.114]).to(images)[:, None, None]).sum(1, keepdim=True)
    graded = luma + (graded - luma) * spread(0.4).exp()
    graded = graded * (spread(0.15) + spread(0.12, 3)).exp() + spread(0.05) + spread(0.03, 3)
    return graded.clamp(0, 1)


def twin_crops(
    photos: Sequence[Tensor], count: int, side: int, generator: torch.Generator, zoom: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Two overlapping crops of each of `count` photos, each (count, 3, side, side): what one shows, the other shows.

    They are cut out of one larger crop and share at least half of their pixels.
    """
    return cut_twins(random_crops(photos, count, twin_side(side), generator, zoom), side, generator)


def twin_side(side: int) -> int:
    """Side of the crop out of which `cut_twins` cuts two of `side`."""
    return side * 5 // 4


def cut_twins(crops: Tensor, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two overlapping squares (B, C, side, side) out of each of (B, C, L, L), L = `twin_side`."""
    count, larger = crops.shape[0], crops.shape[-1]
    offsets = torch.randint(larger - side + 1, (2, count, 2), generator=generator).tolist()
    twins = [
        torch.stack([crop[:, y : y + side, x : x + side] for crop, (y, x) in zip(crops, pairs, strict=True)])
        for pairs in offsets
    ]
    return twins[0], twins[1]


def degrade(images: Tensor, generator: torch.Generator, noise: float) -> Tensor:
    """Camera noise and JPEG artefacts, differently strong for each image of (B, 3, H, W) in [0, 1].

    Gaussian noise of up to `noise` 255ths in deviation, grey and coloured, then JPEG at a quality between 40 and 100.
    Half of the images stay as they are.
    """
    results = []
    for image in images:
        chance, amount, share, quality = torch.rand(4, generator=generator).tolist()
        grey, colour = (torch.randn(n, *image.shape[1:], generator=generator) for n in (1, 3))
        if chance < 0.5:
            results.append(image)
            continue
        noisy = image + amount * noise / 255 * (share * grey + (1 - share) * colour)
        results.append(jpeg(noisy, 40 + int(60 * quality)))
    return torch.stack(results)


def jpeg(image: Tensor, quality: int) -> Tensor:
    """(3, H, W) in [0, 1] after JPEG compression at a quality of 1 to 100."""
    levels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as back:
        return torch.from_numpy(np.array(back)).permute(2, 0, 1).float() / 255
