"""Make the README's results, each photo beside what an embedded look makes of it: python scripts/figures/results.py

The pagoda and the rocket are the sample photos; the cat is Stefan van der Walt's (CC0), the coffee Rachel Michetti's
(CC0), both as shipped with scikit-image.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from readme import DOCS, run
from torch import Tensor

import photostyle

RESULTS = {"pagoda": "golden-hour", "rocket": "golden-hour", "cat": "neon", "coffee": "blue-hour"}
SIZE = (300, 450)  # of each half; what is cut off is cut off of both


def photos() -> dict[str, Tensor]:
    """The photos (3, H, W) in [0, 1] by name; wants scikit-image, of the `train` extra."""
    from skimage import data

    found = {"cat": data.chelsea(), "coffee": data.coffee()}  # type: ignore[no-untyped-call]
    shown = {name: torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255 for name, pixels in found.items()}
    samples = {"pagoda": "day.jpg", "rocket": "dusk.jpg"}
    return {**{name: photostyle.read_image(DOCS / "samples" / file) for name, file in samples.items()}, **shown}


def half(image: Tensor) -> Tensor:
    """The middle of an image at `SIZE`."""
    scale = max(SIZE[0] / image.shape[1], SIZE[1] / image.shape[2])
    size = (max(SIZE[0], round(image.shape[1] * scale)), max(SIZE[1], round(image.shape[2] * scale)))
    small = F.interpolate(image[None], size, mode="bicubic", antialias=True)[0]
    top, left = (size[0] - SIZE[0]) // 2, (size[1] - SIZE[1]) // 2
    return small[:, top : top + SIZE[0], left : left + SIZE[1]]


def main() -> None:
    """Write the pictures."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    (DOCS / "results").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stem, image in photos().items():
            before, after = folder / f"{stem}.png", folder / f"{stem}-styled.png"
            photostyle.write_image(before, image)
            run(folder, "photo", before, "--look", RESULTS[stem], "-o", after)
            sheet = torch.cat([half(image), torch.ones(3, SIZE[0], 6), half(photostyle.read_image(after))], 2)
            photostyle.write_image(DOCS / "results" / f"{stem}.jpg", sheet.clamp(0, 1), overwrite=True)


if __name__ == "__main__":
    main()
