"""Colour profiles: every photo is brought to one working space and back to its own by a colour-management library.

The working space is sRGB without its bounds, as scRGB has it: colours of a wider gamut (Display P3, Adobe RGB,
ProPhoto) lie a little under 0 or over 1 rather than being cut off, and come back unchanged. Conversions run in 32-bit
floats through LittleCMS (imagecodecs); linear light is encoded with the sRGB curve, mirrored below zero.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import ImageCms

from photostyle.io.opening import DAMAGE
from photostyle.threads import available

FloatArray = npt.NDArray[np.float32]

_BAND = 1 << 20  # pixels converted at a time
_CHANNELS = {"RGB": "rgb", "GRAY": "gray", "CMYK": "cmyk"}
_PROBE = np.stack(np.meshgrid(*[np.linspace(0, 1, 6, dtype=np.float32)] * 3), -1).reshape(1, -1, 3)
_SAME = 1.0 / 255  # a profile that moves no colour further than this is sRGB under another name


def profile_space(icc: bytes) -> str | None:
    """Return the colour space of an ICC profile ("RGB", "GRAY", "CMYK", ...) or None for a damaged one."""
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(icc))
        return profile.profile.xcolor_space.strip()
    except (ImageCms.PyCMSError, *DAMAGE):
        return None


@functools.lru_cache(maxsize=16)
def is_srgb(icc: bytes) -> bool:
    """Whether an RGB profile means sRGB, so that its photos need no conversion and keep every value."""
    try:
        return bool(np.abs(_decoded(_PROBE, icc) - _PROBE).max() < _SAME)
    except (imagecodecs.CmsError, *DAMAGE):
        return False


@functools.lru_cache(maxsize=16)
def goes_both_ways(icc: bytes) -> bool:
    """Whether an RGB profile can be converted from and to; scanners' input profiles have one direction only."""
    try:
        _encoded(_decoded(_PROBE, icc), icc)
        return True
    except (imagecodecs.CmsError, *DAMAGE):
        return False


def to_working(values: npt.NDArray[Any], icc: bytes, space: str) -> FloatArray:
    """Return device values as working RGB (H, W, 3), in bands over all processor cores.

    Args:
        values: (H, W, C) uint8, uint16, or float32 in [0, 1]; C is 3 for RGB, 1 for GRAY, 4 for CMYK (full ink is the
            type's maximum).
        icc: the profile of these values.
        space: ``"RGB"``, ``"GRAY"`` or ``"CMYK"``.

    Raises:
        imagecodecs.CmsError: the profile cannot be used.
    """
    result = np.empty((*values.shape[:2], 3), np.float32)

    def convert(rows: slice) -> None:
        result[rows] = _decoded(values[rows], icc, space)

    _in_bands(convert, values.shape)
    return result


def from_working(values: FloatArray, icc: bytes) -> FloatArray:
    """Return working RGB (h, W, 3) as values of an RGB profile; what it cannot show lies outside [0, 1] or is clipped.

    Raises:
        imagecodecs.CmsError: the profile cannot be used.
    """
    result = np.empty_like(values)

    def convert(rows: slice) -> None:
        result[rows] = _encoded(values[rows], icc)

    _in_bands(convert, values.shape)
    return result


def _in_bands(convert: Any, shape: tuple[int, ...]) -> None:
    with ThreadPoolExecutor(available()) as pool:
        for _ in pool.map(convert, bands(shape[0], shape[1])):
            pass


def bands(height: int, width: int) -> Iterator[slice]:
    """Rows in bands of about a megapixel, so that work on them needs little memory."""
    step = max(1, _BAND // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


@functools.lru_cache(maxsize=1)
def _linear() -> bytes:
    """Linear light with the primaries and white of sRGB (IEC 61966-2-1)."""
    primaries = [0.64, 0.33, 1.0, 0.30, 0.60, 1.0, 0.15, 0.06, 1.0]
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.3290, 1.0], primaries=primaries, gamma=1.0))


def _transform(values: npt.NDArray[Any], source: bytes, target: bytes, space: str) -> FloatArray:
    converted: FloatArray = imagecodecs.cms_transform(
        np.ascontiguousarray(values[..., 0] if space == "GRAY" else values),
        source,
        target,
        colorspace=_CHANNELS[space],
        outcolorspace="rgb",
        outdtype="float32",
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
    )
    return converted


def _decoded(values: npt.NDArray[Any], icc: bytes, space: str = "RGB") -> FloatArray:
    linear = _transform(values, icc, _linear(), space)
    size = np.abs(linear)
    encoded = np.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** np.float32(1 / 2.4) - np.float32(0.055))
    return np.copysign(encoded, linear)


def _encoded(values: FloatArray, icc: bytes) -> FloatArray:
    size = np.abs(values)
    linear = np.where(size <= 0.04045, size / 12.92, ((size + np.float32(0.055)) / 1.055) ** np.float32(2.4))
    return _transform(np.copysign(linear, values).astype(np.float32), _linear(), icc, "RGB")
