"""Content/style pairs with masks, as the Deep Photo Style Transfer benchmark has them, and results made elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from photostyle.io import DPST_COLOURS
from photostyle.regions.regions import Regions

MULTIPLE = 16  # of both sides

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Pair:
    """One pair: photos (1, 3, H, W) in [0, 1], and the labels (H, W) of each pixel."""

    number: int
    content: Tensor
    style: Tensor
    content_labels: Labels
    style_labels: Labels

    @property
    def regions(self) -> tuple[Regions, Regions]:
        """Both masks as they are."""
        ours, theirs = (torch.from_numpy(x.astype(np.int64)) for x in (self.content_labels, self.style_labels))
        return Regions.from_labels(ours), Regions.from_labels(theirs)


def numbers(root: Path) -> list[int]:
    """Of the pairs in a folder with input/inN.*, style/tarN.* and segmentation/{in,tar}N.png."""
    return sorted(int(path.stem[2:]) for path in (root / "input").glob("in*.*"))


def read_pair(root: Path, number: int, side: int) -> Pair:
    """A pair, long sides reduced or enlarged to `side`."""
    content, style = (_photo(find(root, stem), side) for stem in (f"input/in{number}", f"style/tar{number}"))
    labels = [
        _labels(root / f"segmentation/{name}{number}.png", image) for name, image in (("in", content), ("tar", style))
    ]
    return Pair(number, content, style, labels[0], labels[1])


def read_timelapse(root: Path, side: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Day frames NAME-day.jpg at a long side, and the same view NAME-truth.jpg in another light, of their size."""
    for path in sorted(root.glob("*-day.jpg")):
        day = _photo(path, side)
        yield day, read_result(path.with_name(path.name.replace("-day", "-truth")), (day.shape[-2], day.shape[-1]))


def find(root: Path, stem: str) -> Path:
    """The file of that name, whatever its extension."""
    return sorted(root.glob(f"{stem}.*"))[0]


def read_result(path: Path, size: tuple[int, int]) -> Tensor:
    """A result made elsewhere, (1, 3, H, W), brought to (H, W)."""
    with Image.open(path) as image:
        resized = image.convert("RGB").resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(resized, np.float32) / 255).permute(2, 0, 1)[None]


def _photo(path: Path, side: int) -> Tensor:
    with Image.open(path) as image:
        scale = side / max(image.size)
        width, height = (max(MULTIPLE, round(x * scale / MULTIPLE) * MULTIPLE) for x in image.size)
    return read_result(path, (height, width))


def _labels(path: Path, photo: Tensor) -> Labels:
    """The nearest of the benchmark's colours; masks are blurred by JPEG now and then."""
    palette = np.array(DPST_COLOURS, np.int32)
    with Image.open(path) as image:
        small = image.convert("RGB").resize((photo.shape[-1], photo.shape[-2]), Image.Resampling.NEAREST)
    distances = np.abs(np.asarray(small, np.int32)[..., None, :] - palette).sum(-1)
    found: Labels = distances.argmin(-1).astype(np.uint8)
    return found
