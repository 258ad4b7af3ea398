"""Make the README's pictures from the sample photos and the embedded networks: python scripts/figures.py"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import photostyle
from photostyle.cli import main as photostyle_command

DOCS = Path(__file__).parent.parent / "docs"
HEIGHT = 320


def run(folder: Path, *arguments: object) -> None:
    """A photostyle command, whose outputs go to `folder`."""
    sys.argv = ["photostyle", *map(str, arguments), "--quiet"]
    try:
        photostyle_command()
    except SystemExit as end:
        if end.code:
            raise


def row(images: list[Tensor]) -> Tensor:
    """Images side by side at one height, white between them."""
    panels = []
    for image in images:
        size = (HEIGHT, round(image.shape[2] * HEIGHT / image.shape[1]))
        panels += [F.interpolate(image[None], size=size, mode="bicubic", antialias=True)[0], torch.ones(3, HEIGHT, 8)]
    return torch.cat(panels[:-1], 2)


def main() -> None:
    day, dusk = (DOCS / "samples" / name for name in ("day.jpg", "dusk.jpg"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for mode in ("off", "auto"):
            run(folder, "photo", day, "--style", dusk, "-o", folder / f"{mode}.png", "--segment", mode)
        for photo in (day, dusk):
            mask, overlay = folder / f"{photo.stem}-mask.png", folder / f"{photo.stem}.png"
            run(folder, "segment", photo, "-o", mask, "--overlay", overlay)
        read = {path.stem: photostyle.read_image(path) for path in (day, dusk, folder / "off.png", folder / "auto.png")}
        found = [photostyle.read_image(folder / f"{photo.stem}.png") for photo in (day, dusk)]
    triptych = row([read["day"], read["dusk"], read["off"]])
    photostyle.write_image(DOCS / "day-at-dusk-triptych.jpg", triptych.clamp(0, 1), overwrite=True)
    rows = [row(found), row([read["off"], read["auto"]])]
    width = min(x.shape[2] for x in rows)
    sheet = torch.cat([rows[0][..., :width], torch.ones(3, 8, width), rows[1][..., :width]], 1)
    photostyle.write_image(DOCS / "segment-auto.jpg", sheet.clamp(0, 1), overwrite=True)


if __name__ == "__main__":
    main()
