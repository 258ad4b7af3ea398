"""Camera raw, developed by LibRaw through rawpy (extra ``raw``)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal, get_args

from PIL import Image

from photostyle.errors import ImageReadError, ParameterError
from photostyle.io.deep import Raster, damaged
from photostyle.io.metadata_sources import of_raw
from photostyle.io.opening import DAMAGE, check_pixels, logged_warnings

logger = logging.getLogger(__name__)

RAW_EXTENSIONS = frozenset((
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw",
    ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
))  # fmt: skip

RawBrightness = Literal["shot", "auto"]
"""``shot``: the sensor's white is white, so that exposures of one scene keep their distance. ``auto``: each photo is
brightened until a hundredth of its pixels is white."""
RAW_BRIGHTNESS: tuple[str, ...] = get_args(RawBrightness)
_LEAST_WHITE = 0.5  # of the greatest value: a lower white level in a file is taken for damage


def check_raw_brightness(brightness: str) -> None:
    """Raise ParameterError unless it is one of `RAW_BRIGHTNESS`."""
    if brightness not in RAW_BRIGHTNESS:
        raise ParameterError(f"raw brightness is {brightness!r}; it must be one of {', '.join(RAW_BRIGHTNESS)}")


def read_raw(path: Path, max_pixels: int, brightness: RawBrightness = "shot") -> Raster:
    """Return a camera's raw photo, developed by LibRaw: camera white balance, 16 bits, sRGB, turned upright.

    A file without a white balance is developed for daylight, which is logged.

    Raises:
        ImageReadError: damaged, too large, an unknown camera, or rawpy is not installed.
    """
    try:
        import rawpy
    except ImportError as error:
        raise ImageReadError(f"{path}: camera raw needs one more library; pip install 'photostyle[raw]'") from error
    try:
        with rawpy.imread(str(path)) as raw:
            check_pixels(raw.sizes.width, raw.sizes.height, path, max_pixels)
            # Of a missing one LibRaw tells zeros, but for a green of 1; a sensor without colours has none to miss.
            balanced = raw.num_colors < 3 or all(value > 0 for value in raw.camera_whitebalance[:3])
            values = raw.postprocess(
                use_camera_wb=balanced,
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=(2.4, 12.92),
                **({} if brightness == "auto" else _as_shot(raw)),
            )
            metadata = of_raw(path, raw)
    except (rawpy.LibRawError, *DAMAGE) as error:
        raise damaged(path, error) from error
    if not balanced:
        logger.warning("%s: has no white balance; developed for daylight", path)
    exif = Image.Exif()
    try:
        with logged_warnings(path), path.open("rb") as stream:
            exif.load_from_fp(stream)
    except DAMAGE:
        exif = Image.Exif()  # not every maker's raw is a TIFF inside
    return Raster(values, None, exif, None, None, turned=True, metadata=metadata)


def _as_shot(raw: Any) -> dict[str, Any]:
    """LibRaw's settings for a white that depends on the camera, never on what the photo shows."""
    settings: dict[str, Any] = {"no_auto_bright": True, "adjust_maximum_thr": 0.0}
    # Where the maker says from which value on the sensor is full: above it channels differ, and white would be pink.
    full = [value for value in raw.camera_white_level_per_channel or () if value > 0]
    if full and raw.white_level * _LEAST_WHITE < min(full) < raw.white_level:
        settings["user_sat"] = int(min(full))
    return settings
