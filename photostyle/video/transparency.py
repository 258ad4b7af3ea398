"""What lies under alpha 0 in a clip: continued from what can be seen, as in photos, so that it decides nothing."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import numpy.typing as npt

from photostyle.io.transparency import uncovered
from photostyle.video.info import VideoInfo, rows

_NOTHING = 1.5 / 255  # alpha below this is 0: lossy codecs do not keep it exactly


def as_seen(picture: av.VideoFrame, info: VideoInfo) -> av.VideoFrame:
    """A picture of a clip with alpha, whose planes continue what can be seen; itself where all can."""
    if picture.format.name.replace("yuvj", "yuv") != info.format:
        picture = picture.reformat(format=info.format)
    bits = picture.format.components[0].bits
    planes: list[npt.NDArray[Any]] = [rows(plane, bits) for plane in picture.planes]
    alpha = planes[-1].astype(np.float32) / (2**bits - 1)
    alpha[alpha < _NOTHING] = 0
    if alpha.all():
        return picture
    seen = av.VideoFrame(picture.width, picture.height, info.format)
    for plane, target in zip(planes[:-1], seen.planes[:-1], strict=True):
        weight = _reduced(alpha, plane.shape)
        if weight.any():
            pixels, _ = uncovered(plane.astype(np.float32)[..., None], weight)
            rows(target, bits)[:] = np.rint(pixels[..., 0])
        else:
            rows(target, bits)[:] = 1 << (bits - 1)
    rows(seen.planes[-1], bits)[:] = planes[-1]
    seen.pts, seen.time_base, seen.duration = picture.pts, picture.time_base, picture.duration
    for name in ("color_range", "colorspace", "color_primaries", "color_trc"):
        setattr(seen, name, getattr(picture, name))
    return seen


def _reduced(alpha: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Alpha at the size of a plane of chroma: means of the pixels that share a sample."""
    down, across = -(-alpha.shape[0] // shape[0]), -(-alpha.shape[1] // shape[1])
    if (down, across) == (1, 1):
        return alpha
    missing = (shape[0] * down - alpha.shape[0], shape[1] * across - alpha.shape[1])
    padded = np.pad(alpha, ((0, missing[0]), (0, missing[1])), "edge")
    means: npt.NDArray[np.float32] = padded.reshape(shape[0], down, shape[1], across).mean((1, 3))
    return means
