"""Motion between two frames: optical flow, warping along it, and where it can be trusted. OpenCV and NumPy only.

Flow is dense inverse search (Kroeger et al., ECCV 2016) as in OpenCV.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_LEAST_SIDE = 32  # pixels that the coarse levels of the search need


def flow(first: Floats, second: Floats) -> Floats:
    """Optical flow (H, W, 2), x then y in pixels, from each pixel of `first` to its place in `second`.

    Both are brightness (H, W) in [0, 1]; what lies outside is clipped.
    """
    a, b = ((np.clip(picture, 0, 1) * 255).round().astype(np.uint8) for picture in (first, second))
    below, right = (max(0, _LEAST_SIDE - side) for side in a.shape)
    if below or right:
        a, b = (np.pad(picture, ((0, below), (0, right)), mode="edge") for picture in (a, b))
    found = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(a, b, None)  # type: ignore[call-overload]
    result: Floats = np.asarray(found, np.float32)[: first.shape[0], : first.shape[1]]
    return result


def warp(stack: Floats, offsets: Floats) -> Floats:
    """Each (H, W) map of a (K, H, W) stack read at pixel + offset (H, W, 2), bilinear; 0 outside."""
    height, width = stack.shape[-2:]
    x = offsets[..., 0] + np.arange(width, dtype=np.float32)
    y = offsets[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    read = [cv2.remap(np.ascontiguousarray(layer), x, y, cv2.INTER_LINEAR, borderValue=0.0) for layer in stack]
    return np.stack(read).astype(np.float32)


def slip(there: Floats, back: Floats) -> Floats:
    """By how many pixels (H, W) going `there` and `back` again misses the start: large where something is occluded."""
    returned = warp(np.moveaxis(back, -1, 0), there)
    missed: Floats = np.linalg.norm(np.moveaxis(returned, 0, -1) + there, axis=-1)
    return missed
