"""Label maps for every frame of a clip: a folder with one picture a frame, or a clip painted in regions' colours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from photostyle.errors import MaskError
from photostyle.io.masks import LabelMap, read_mask, read_painted
from photostyle.video.reading import Frame, VideoReader

_PICTURES = (".png", ".tif", ".tiff", ".bmp", ".gif")
_LOSSLESS = ("ffv1", "png", "rawvideo", "qtrle", "huffyuv", "ffvhuff", "utvideo", "apng")


class MaskFrames:
    """Masks by the number of the frame, from 0: the first belongs to the first frame that is worked on.

    A folder's pictures are taken in the order of their names and read as `photostyle.io.read_mask` reads a mask. In a
    clip of a lossless codec colours are exact; in any other each pixel takes the nearest known colour.

    Raises:
        MaskError: the folder holds no picture.
        VideoReadError: it is a file and no clip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in _PICTURES) if path.is_dir() else None
        if self._pictures == []:
            raise MaskError(f"{path}: holds no picture; give one PNG for every frame, named in their order")
        self._reader = None if self._pictures is not None else VideoReader(path)
        if self._reader is not None:
            self._reader.deinterlace = False  # labels have no values in between
        self._frames: Iterator[Frame] = iter(())
        self._next = -1

    def read(self, index: int, size: tuple[int, int]) -> LabelMap:
        """The mask of frame `index`, (H, W) = `size` as the clip is shown. Raises MaskError, ImageReadError."""
        if self._pictures is not None:
            if index >= len(self._pictures):
                raise MaskError(f"{self.path}: holds {len(self._pictures)} masks, but the clip has more frames")
            return read_mask(self._pictures[index], size=size)
        assert self._reader is not None
        if index < self._next or self._next < 0:
            self._frames, self._next = self._reader.frames(), 0
        frame = next(itertools.islice(self._frames, index - self._next, None), None)
        self._next = index + 1
        if frame is None:
            self._next = -1
            raise MaskError(f"{self.path}: holds fewer masks than the clip has frames")
        turned = np.rot90(frame.rgb(), round(self._reader.info.rotation / 90) % 4)
        if turned.shape[:2] != size:
            raise MaskError(
                f"{self.path}: its frames are {turned.shape[1]}x{turned.shape[0]} pixels but the clip's are "
                f"{size[1]}x{size[0]} as shown; make them the same size"
            )
        return read_painted(self.path, turned, lossy=self._reader.info.codec not in _LOSSLESS)
