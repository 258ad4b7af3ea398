"""Metadata of files that Pillow does not open: HEIF, and camera raw, whose makers keep it in many ways."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

from photostyle.io import parts
from photostyle.io.directories import read_header
from photostyle.io.metadata import Extras, Metadata, gathered, logger, settled
from photostyle.io.opening import DAMAGE


def of_heif(path: Path, info: dict[str, Any]) -> Metadata:
    """Return what a HEIF file carries, as pillow-heif tells it; its orientation is applied already."""
    return settled(path, info.get("exif"), info.get("xmp"), Extras(gone=parts.of_heif(path, info)))


def of_raw(path: Path, raw: Any) -> Metadata:
    """Return the EXIF of a camera raw that is a TIFF inside, else that of the preview in it; `raw` is rawpy's."""
    with path.open("rb") as stream:
        try:
            _, first = read_header(stream)
        except (ValueError, OSError):
            first = 0
        if first:
            orientation, block = gathered(stream, [first], path)
            if block is not None:
                return Metadata(orientation or 1, block)
    from rawpy import LibRawError

    found = Metadata()
    try:
        preview = raw.extract_thumb()
        with Image.open(io.BytesIO(preview.data), formats=["JPEG", "MPO"]) as image:
            found = settled(path, image.info.get("exif"), None)
    except (LibRawError, *DAMAGE):
        pass
    if found.exif is None:
        logger.warning("%s: its camera data (EXIF) cannot be read and is not kept", path)
    return found
