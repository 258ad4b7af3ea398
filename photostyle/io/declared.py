"""Colours declared otherwise than by an ICC profile: code points, a PNG's gamma and primaries, EXIF.

Each becomes a profile, so that everything after treats it as one: photos are converted by it, and results carry it.
What goes first is as each format's specification has it: in PNG cICP, iCCP, sRGB, gAMA with cHRM, eXIf (third edition,
4.3); in HEIC and AVIF a profile before the code points (ISO/IEC 23008-12, 6.5.5); elsewhere a profile before EXIF.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, PngImagePlugin

from photostyle.errors import ImageReadError
from photostyle.io import boxes
from photostyle.io.opening import DAMAGE, logged_warnings
from photostyle.io.profiles import is_srgb

logger = logging.getLogger(__name__)

HDR = {16: "PQ", 18: "HLG"}
"""Transfer characteristics of ITU-T H.273 that are refused, as in clips."""

_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # white, red, green, blue: x and y each
_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
_PRIMARIES = {
    1: ("BT.709", _SRGB),
    4: ("BT.470 M", (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08)),
    5: ("BT.470 BG", (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06)),
    6: ("SMPTE 170M", (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)),
    7: ("SMPTE 240M", (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)),
    8: ("film", (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049)),
    9: ("BT.2020", (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)),
    10: ("SMPTE 428", (1 / 3, 1 / 3, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0)),
    11: ("DCI-P3", (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
    12: ("Display P3", (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
    22: ("EBU 3213", (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077)),
}
# The camera curves of video are shown, like sRGB, on displays of about 2.2, and browsers take them for sRGB.
_LIKE_SRGB = (1, 2, 6, 7, 11, 12, 13, 14, 15)
_POWERS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_UNSPECIFIED = 2
_PNG_GAMMA = 0.45455  # what the specification has writers of sRGB put beside it
_BUILT_IN = ("sRGB built-in", "RGB built-in")  # as LittleCMS describes the profiles that it makes
_COLOURS = (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt", b"chad", b"chrm")
_GAMMA, _WHITE, _CHROMATICITIES = 0xA500, 0x013E, 0x013F  # EXIF and TIFF tags
_SRGB_SPACE, _ADOBE_SPACE, _UNCALIBRATED = 1, 2, 65535  # EXIF ColorSpace; 2 is no standard but is written


def of_image(image: Image.Image, icc: bytes | None, exif: Image.Exif, path: Path) -> tuple[bytes | None, bool]:
    """Return the profile that an opened image's colours are meant in, None for sRGB, and whether
    16 to 235 is its range.

    Args:
        image: as Pillow opened it.
        icc: its embedded profile.
        exif: its EXIF.
        path: its file.

    Raises:
        ImageReadError: PQ or HLG.
    """
    if image.format == "PNG":
        points = _png_code_points(path)
        if points is not None:
            return of_code_points(points[0], points[1], path), points[3] == 0
        if icc or "srgb" in image.info:
            return embedded(icc, path) or srgb(), False
        found = _png_gamma(image.info.get("gamma"), image.info.get("chromaticity"))
        if found is not None:
            return found[0], False
    if icc is None and image.format == "AVIF":
        described = boxes.avif(path.read_bytes()).code_points
        if described and described != (_UNSPECIFIED, _UNSPECIFIED):
            return of_code_points(*described, path), False
    if icc is None and image.format == "JPEG2000":
        icc = boxes.jpeg2000(path.read_bytes()).icc
    return embedded(icc, path) or of_exif(exif, path), False


def embedded(icc: bytes | None, path: Path) -> bytes | None:
    """Return the profile itself. Raises ImageReadError if its code points (ICC.1:2022, 9.2.17) say that it is HDR."""
    place = _tags(icc or b"").get(b"cicp")
    if icc and place:
        _check_sdr(int.from_bytes(icc[place.start + 9 : place.start + 10], "big"), path)
    return icc


def of_code_points(primaries: int, transfer: int, path: Path) -> bytes | None:
    """Return the profile of code points of ITU-T H.273, None for unspecified ones; unknown ones are logged.

    Raises:
        ImageReadError: PQ or HLG.
    """
    _check_sdr(transfer, path)
    name, colours = _PRIMARIES.get(primaries, _PRIMARIES[1])
    if primaries not in (*_PRIMARIES, _UNSPECIFIED) or transfer not in (*_LIKE_SRGB, *_POWERS):
        logger.warning("%s: colours of unknown code points %d and %d are taken for sRGB", path, primaries, transfer)
        return None
    if primaries == transfer == _UNSPECIFIED:
        return None
    return profile(name, colours, _POWERS.get(transfer)) or srgb()


def of_exif(exif: Image.Exif, path: Path) -> bytes | None:
    """Return the profile that EXIF means (DCF 2.0: Adobe RGB is "R03"), None for sRGB.

    Colours that EXIF says are another space without saying which are taken for sRGB, which is logged.
    """
    try:
        space, index = _colour_space(exif, path)
        if space == _ADOBE_SPACE or (index == "R03" and space != _SRGB_SPACE):
            return bytes(imagecodecs.cms_profile("adobergb"))
        white, points, gamma = exif.get(_WHITE), exif.get(_CHROMATICITIES), _camera(exif, path).get(_GAMMA)
        if space == _UNCALIBRATED and white and points and gamma:
            return profile("EXIF", (*map(float, white), *map(float, points)), float(gamma))
    except (imagecodecs.CmsError, *DAMAGE):
        return None  # what is damaged in it is told where it is kept
    if space == _UNCALIBRATED:
        logger.warning("%s: EXIF says its colours are not sRGB, but not what they are; taken for sRGB", path)
    return None


def of_result(icc: bytes | None, exif: Image.Exif, path: Path) -> bytes | None:
    """Return the profile of a result: `icc`, or that of sRGB where the EXIF that goes with it would say otherwise."""
    if icc is not None:
        return icc
    try:
        denied = _colour_space(exif, path)[0] in (_ADOBE_SPACE, _UNCALIBRATED)
    except DAMAGE:
        denied = False
    return srgb() if denied else None


def srgb() -> bytes:
    """Return the profile of sRGB, for results that must say that they are."""
    return bytes(imagecodecs.cms_profile("srgb"))


@functools.lru_cache(maxsize=16)
def profile(name: str, colours: tuple[float, ...], power: float | None) -> bytes | None:
    """Return an RGB profile, None if it means sRGB.

    Args:
        name: how it is described, at most 12 characters.
        colours: x and y of white, red, green and blue.
        power: exponent from values to light; None is the curve of sRGB.

    Raises:
        imagecodecs.CmsError, ValueError: there are no such colours.
    """
    white, primaries = [*colours[:2], 1.0], [part for i in (2, 4, 6) for part in (*colours[i : i + 2], 1.0)]
    power_law = bytes(imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, gamma=power or 1.0))
    # LittleCMS makes the curve of sRGB as a formula for its own sRGB only, which then takes the colours of the other.
    made = bytearray(power_law if power else imagecodecs.cms_profile("srgb"))
    for tag, place in _tags(bytes(made)).items():
        if tag in _COLOURS:
            made[place] = power_law[_tags(power_law)[tag]]
    for known in _BUILT_IN:  # texts of one length, so that the profile stays whole
        made = made.replace(known.encode("utf-16-be"), name[: len(known)].ljust(len(known)).encode("utf-16-be"))
    icc = bytes(made)
    return None if is_srgb(icc) else icc


def full_range(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return samples of a narrow range (16 to 235 of 8 bits) as floats in [0, 1]; floats are taken for 16 bits."""
    scale, full = (1, 255) if values.dtype == np.uint8 else (256, 65535)
    samples = values * np.float32(full) if values.dtype == np.float32 else values.astype(np.float32)
    wide: npt.NDArray[np.float32] = np.clip((samples - 16 * scale) / (219 * scale), 0, 1)
    return wide


def _colour_space(exif: Image.Exif, path: Path) -> tuple[object, str]:
    """EXIF's ColorSpace and interoperability index."""
    camera, index = _camera(exif, path), None
    if ExifTags.IFD.Interop in camera:
        index = _directory(exif, ExifTags.IFD.Interop, path).get(1)
    index = index.decode("latin-1") if isinstance(index, bytes) else index
    return camera.get(ExifTags.Base.ColorSpace), index.strip("\0 ") if isinstance(index, str) else ""


def _camera(exif: Image.Exif, path: Path) -> dict[int, Any]:
    return _directory(exif, ExifTags.IFD.Exif, path)


def _directory(exif: Image.Exif, which: int, path: Path) -> dict[int, Any]:
    with logged_warnings(path):
        return exif.get_ifd(which)


def _check_sdr(transfer: int, path: Path) -> None:
    if transfer in HDR:
        raise ImageReadError(
            f"{path}: is HDR ({HDR[transfer]}), for which the network is not made; convert it to SDR first"
        )


def _png_code_points(path: Path) -> bytes | None:
    """The four numbers of a PNG's cICP chunk, which Pillow leaves out."""
    try:
        with path.open("rb") as stream:
            stream.seek(8)
            chunks = PngImagePlugin.ChunkStream(stream)
            while True:
                name, _, length = chunks.read()
                if name in (b"IDAT", b"IEND"):
                    return None
                data = stream.read(length)
                stream.seek(4, 1)
                if name == b"cICP" and length == 4:
                    return data
    except DAMAGE:
        return None


def _png_gamma(gamma: float | None, colours: tuple[float, ...] | None) -> tuple[bytes | None] | None:
    """The profile of gAMA and cHRM in a tuple; None where neither says anything."""
    if not gamma and not colours:
        return None
    usual = gamma is not None and abs(gamma - _PNG_GAMMA) < 1e-4
    like_srgb = colours is None or np.allclose(colours, _SRGB, atol=1e-3)
    if like_srgb and (not gamma or usual):
        return (None,)
    try:
        return (profile("gAMA, cHRM", tuple(colours or _SRGB), 1 / gamma if gamma else None),)
    except (imagecodecs.CmsError, *DAMAGE):
        return None


def _tags(icc: bytes) -> dict[bytes, slice]:
    """Where the tags of a profile lie (ICC.1:2022, 7.3)."""
    found = {}
    for entry in range(132, 132 + 12 * min(int.from_bytes(icc[128:132], "big"), 100), 12):
        start, size = (int.from_bytes(icc[entry + 4 * i : entry + 4 * i + 4], "big") for i in (1, 2))
        found[icc[entry : entry + 4]] = slice(start, start + size)
    return found
