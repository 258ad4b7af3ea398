"""Draw docs/segment-classes.jpg, what the embedded network finds in a portrait, a room and a lake:
python scripts/figures/classes.py

The portrait is NASA's of the astronaut Eileen Collins (public domain), the room Daniel Scharstein's (CC0), both as
shipped with scikit-image; the lake is the sample photo.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from readme import DOCS, row, run
from torch import Tensor

import photostyle


def photos() -> dict[str, Tensor]:
    """The photos (3, H, W) in [0, 1] by name; wants scikit-image, of the `train` extra."""
    from skimage import data

    found = {
        "astronaut": data.astronaut(),  # type: ignore[no-untyped-call]
        "motorcycle": data.stereo_motorcycle()[0],  # type: ignore[no-untyped-call]
    }
    shown = {name: torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 for name, pixels in found.items()}
    return {**shown, "day": photostyle.read_image(DOCS / "samples" / "day.jpg")}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    above, below = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stem, image in photos().items():
            photo, overlay = folder / f"{stem}.png", folder / f"{stem}-overlay.png"
            photostyle.write_image(photo, image)
            run(folder, "segment", photo, "-o", folder / f"{stem}-mask.png", "--overlay", overlay)
            above.append(image)
            below.append(photostyle.read_image(overlay))
    rows = [row(above), row(below)]
    sheet = torch.cat([rows[0], torch.ones(3, 8, rows[0].shape[2]), rows[1]], 1)
    photostyle.write_image(DOCS / "segment-classes.jpg", sheet.clamp(0, 1), overwrite=True)


if __name__ == "__main__":
    main()
