"""What lies under alpha 0 is nobody's picture: it is kept for the file, and nothing else may look at it.

The pixels there are continued from what can be seen: premultiplied averages on ever coarser levels, and the way back up
by interpolation where a level has nothing of its own (push and pull, Gortler et al., The Lumigraph, 1996). What was
there decides nothing, so that two files that look alike give the same result.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

FloatArray = npt.NDArray[np.float32]

_NOTHING = np.float32(0.5)  # where nothing at all can be seen


def uncovered(pixels: FloatArray, alpha: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    """Return pixels (H, W, C) that what lies under alpha (H, W) 0 had no say in, and the samples (N, C) from there.

    The samples are in the order of rows, or None where there are none. `pixels` may be overwritten.
    """
    covered = alpha == 0
    if not covered.any():
        return pixels, None
    pixels = np.require(pixels, np.float32, "W")
    hidden = pixels[covered]
    if covered.all():
        pixels[:] = _NOTHING
        return pixels, hidden
    levels = [_coarser(pixels, alpha)]
    while (levels[-1][1] == 0).any():
        levels.append(_coarser(*levels[-1]))
    below = levels[-1][0]
    for colours, weight in reversed(levels[:-1]):
        empty = weight == 0
        for channel in range(pixels.shape[2]):
            colours[..., channel][empty] = _enlarged(below[..., channel], weight.shape)[empty]
        below = colours
    for channel in range(pixels.shape[2]):
        pixels[..., channel][covered] = _enlarged(below[..., channel], alpha.shape)[covered]
    return pixels, hidden


def premultiplied_resize(pixels: FloatArray, alpha: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return pixels (H, W, 3) at `size` (h, w) by Lanczos, each counting by its alpha (H, W); not clipped.

    Where next to nothing can be seen, pixels count alike.
    """
    weight = resized(alpha, size)
    seen = weight > 1 / 255
    planes = []
    for channel in range(3):
        plane = pixels[..., channel]
        weighed = resized(plane * alpha, size) / np.where(seen, weight, 1)
        planes.append(np.where(seen, weighed, resized(plane, size)))
    return np.stack(planes, axis=-1)


def resized(plane: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return a plane (H, W) at `size` (h, w) by Lanczos, which overshoots at edges."""
    image = Image.fromarray(np.ascontiguousarray(plane)).resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.float32)


def _coarser(colours: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return colours (h, w, C) and weights (h, w) of half the size: means of two by two by weight."""
    height, width = weight.shape
    total = np.zeros((-(-height // 2), -(-width // 2)), np.float32)
    summed = np.zeros((*total.shape, colours.shape[2]), np.float32)
    for top, left in np.ndindex(2, 2):
        part = weight[top::2, left::2]
        rows, columns = part.shape
        total[:rows, :columns] += part
        summed[:rows, :columns] += colours[top::2, left::2] * part[..., None]
    summed /= np.maximum(total, np.finfo(np.float32).tiny)[..., None]
    weights: FloatArray = (total / 4).astype(np.float32)
    return summed, weights


def _enlarged(plane: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    image = Image.fromarray(np.ascontiguousarray(plane)).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32)
