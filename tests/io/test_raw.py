"""Camera raw: exposed as it was shot, brightened only on request, its missing white balance said."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from photostyle.errors import ParameterError
from photostyle.io import read_photo

pytest.importorskip("rawpy", reason="rawpy is not installed")
WHITE = 16383
IDENTITY = [3.2405, -1.5371, -0.4985, -0.9693, 1.876, 0.0416, 0.0556, -0.204, 1.0572]


def dng(path: Path, exposure: float, *, neutral: bool = True, least: float = 0.1, most: float = 0.6) -> Path:
    """A scene from `least` to `most` of the sensor's white, times an exposure, seen by a Bayer sensor."""
    y, x = np.mgrid[0:96, 0:128]
    scene = least + (most - least) * (x / 127 + y / 95) / 2
    rationals = lambda values: [part for v in values for part in (round(v * 10000), 10000)]  # noqa: E731
    tags = [
        (50706, 1, 4, (1, 4, 0, 0), True), (50708, 2, 0, "Test Camera", True), (271, 2, 0, "Test", True),
        (272, 2, 0, "Camera", True), (33421, 3, 2, (2, 2), True), (33422, 1, 4, (0, 1, 1, 2), True),
        (50717, 4, 1, WHITE, True), (50714, 4, 1, 0, True), (50721, 10, 9, rationals(IDENTITY), True),
        (50778, 3, 1, 21, True),
    ]  # fmt: skip
    if neutral:
        tags.append((50728, 5, 3, rationals([1, 1, 1]), True))
    mosaic = np.rint(scene * exposure * WHITE).astype(np.uint16)
    tifffile.imwrite(path, mosaic, photometric=32803, extratags=tags, metadata=None, subfiletype=0)
    return path


def light(path: Path, **options: object) -> float:
    """Mean light of a photo, 1 is white (IEC 61966-2-1)."""
    values = read_photo(path, **options).pixels.astype(np.float64)  # type: ignore[arg-type]
    return float(np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).mean())


def test_two_stops_stay_two_stops(tmp_path):
    normal, under = (light(dng(tmp_path / f"{ev}.dng", 2.0**-ev)) for ev in (0, 2))
    assert normal == pytest.approx(0.35, rel=0.02)  # the scene's mean, of the sensor's white
    assert normal / under == pytest.approx(4, rel=0.02)


def test_a_bright_scene_that_is_not_clipped_keeps_its_distance_too(tmp_path):
    bright = light(dng(tmp_path / "a.dng", 1, most=0.95))  # above three quarters LibRaw would take its best for white
    assert bright / light(dng(tmp_path / "b.dng", 0.5, most=0.95)) == pytest.approx(2, rel=0.02)


def test_automatic_brightness_is_asked_for(tmp_path):
    paths = [dng(tmp_path / f"{ev}.dng", 2.0**-ev) for ev in (0, 2)]
    normal, under = (light(path, raw_brightness="auto") for path in paths)
    assert normal == pytest.approx(under, rel=0.05)
    assert normal > 1.3 * light(paths[0])
    with pytest.raises(ParameterError, match="raw brightness is 'bright'"):
        light(paths[0], raw_brightness="bright")


def test_a_missing_white_balance_is_said(tmp_path, caplog):
    read_photo(dng(tmp_path / "a.dng", 1))
    assert not caplog.records
    read_photo(dng(tmp_path / "b.dng", 1, neutral=False))
    assert "b.dng: has no white balance; developed for daylight" in caplog.text
