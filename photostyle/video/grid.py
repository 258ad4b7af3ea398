"""A frame by way of its reduced copy: what the network sees of it, what is made of that, and the frame at full size.

The network sees anchors (`photostyle.video.anchors`) at `NETWORK_PIXELS`. What it answers becomes maps of colour by
place and colour (`photostyle.transfer.lasting`). They are read at each frame's own pixels, reduced to `FRAME_PIXELS`,
made locally affine in windows, and applied to its planes at full size (`photostyle.video.planes`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from photostyle.colour import yuv
from photostyle.edges.colour_grid import ColourGrid
from photostyle.jobs.blending import blended_
from photostyle.regions.regions import Regions
from photostyle.transfer.lasting import ColourMaps, Witness, mapped, pooled, witness
from photostyle.video.grade import Grader
from photostyle.video.info import Planes
from photostyle.video.looks import Keys, Look
from photostyle.video.motion import Floats
from photostyle.video.planes import PlaneMaps, lab, reduced_rgb, windows

NETWORK_PIXELS = 512 * 288
"""What the network sees of a frame, and what a shot is fitted to."""
FRAME_PIXELS = 60_000
"""At which each frame's maps are read."""
_WITNESS_PIXELS = 20_000
_LEAST = 16
_ASKED = 3  # of a shot's key frames that speak for it in the finish, at most
_SAME = np.concatenate([np.eye(3, dtype=np.float32).ravel(), np.zeros(3, np.float32)])[:, None, None]


def size_of(height: int, width: int, pixels: int) -> tuple[int, int]:
    """(h, w) of about so many pixels in the same proportions, never larger; a side has 16 where it can."""
    scale = math.sqrt(pixels / (height * width))
    if scale >= 1:
        return height, width
    return max(min(_LEAST, height), round(height * scale)), max(min(_LEAST, width), round(width * scale))


class ByGrid:
    """Grades frames by way of reduced copies.

    Args:
        grader: what knows the clip, the network and the regions.
    """

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        height, width = grader.size
        self._seen, self._small, self._witness = (
            size_of(height, width, pixels) for pixels in (NETWORK_PIXELS, FRAME_PIXELS, _WITNESS_PIXELS)
        )
        self._planes = PlaneMaps(grader.input, grader.output)
        # Frames that are written at another size are brought to it first.
        self._direct = self._planes.direct and not grader.resizes

    def seen(self, planes: Planes) -> Floats:
        """A frame as the network sees it, (3, h, w) R′G′B′ in [0, 1]."""
        return reduced_rgb(planes, self._grader.input, self._seen)

    def small(self, planes: Planes) -> Floats:
        """A frame as its maps are read, (3, h, w) R′G′B′ in [0, 1]."""
        return reduced_rgb(planes, self._grader.input, self._small)

    @torch.no_grad()
    def witness(self, seen: Floats, look: Look, pts: int, regions: Regions | None) -> Witness:
        """What an anchor has to say, from `seen` and its regions at that size."""
        answer = self._grader.answer(torch.from_numpy(seen), look, pts, regions)
        image, styled = (_area(each, self._witness) for each in (seen, answer.float().cpu().numpy()))
        weights = {name: weight.float().cpu() for name, weight in regions.at(self._witness).items()} if regions else {}
        return witness(torch.from_numpy(image), torch.from_numpy(lab(image)), torch.from_numpy(styled), weights)

    def shot_witness(self, keys: Keys, look: Look, pts: int) -> Witness:
        """What a shot's key frames, which are as the network sees frames, have to say together."""
        regions: Sequence[Regions | None] = keys.regions or [None] * len(keys.images)
        every = -(-len(keys.images) // _ASKED)  # as many as pay for the time that they take
        images = [image.cpu().numpy() for image in keys.images[::every]]
        said = [self.witness(image, look, pts, own) for image, own in zip(images, regions[::every], strict=True)]
        return pooled(said, [1.0] * len(said))

    @torch.no_grad()
    def graded(self, planes: Planes, small: Floats, maps: ColourMaps, kept: Tensor | None, gain: float = 1.0) -> Planes:
        """A frame at full size, through maps, as planes of the encoding.

        Args:
            planes: the frame's.
            small: the same, reduced, times `gain`.
            maps: of its time.
            kept: (h, w) by how much each pixel of `small` is left as it is.
            gain: factor on R′G′B′ before all else.
        """
        image, shares = torch.from_numpy(small), self._grader.shares
        target = blended_(image, mapped(maps.at(torch.from_numpy(lab(small))), image), shares)
        found = windows(small, target.numpy())
        if kept is not None:
            found += kept.numpy() * (_SAME - found)
        found[:9] *= gain
        if self._direct:
            return self._planes.apply(planes, found)
        whole = self._grader.images([planes])
        slopes = found[:9].reshape(3, 3, *found.shape[1:]).swapaxes(0, 1).reshape(9, *found.shape[1:])
        grid = ColourGrid(torch.from_numpy(np.concatenate([slopes, found[9:]]))[None])
        return [plane[0].cpu().numpy() for plane in yuv.from_rgb(grid.apply_(whole.contiguous()), self._grader.output)]

    def kept(self, regions: Regions | None, strength: float, strengths: Mapping[str, float]) -> Tensor | None:
        """How much of each pixel of a reduced frame is left alone because its strength is 0; None where nothing is."""
        if regions is None:
            return torch.ones(self._small) if strength == 0 else None
        weights = {name: weight.float().cpu() for name, weight in regions.at(self._small).items()}
        names = kept_regions(weights, strength, strengths)
        alone = [weights[name] for name in names]
        if strength == 0:
            alone.append((1 - sum(weights.values(), torch.zeros(self._small))).clamp_min(0))
        return torch.stack(alone).sum(0).clamp(0, 1) if alone else None


def kept_regions(names: Mapping[str, Tensor], strength: float, strengths: Mapping[str, float]) -> list[str]:
    """Those of the regions whose strength is 0."""
    return [name for name in names if strengths.get(name, strength) == 0]


def _area(image: Floats, size: tuple[int, int]) -> Floats:
    if image.shape[1:] == size:
        return np.ascontiguousarray(image)
    return np.stack([cv2.resize(channel, size[::-1], interpolation=cv2.INTER_AREA) for channel in image])
