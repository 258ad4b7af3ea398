"""Make the README's pictures from the sample photos and the embedded networks: python scripts/figures/readme.py"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

import photostyle
from photostyle.cli import main as photostyle_command
from photostyle.io import CLASS_COLOURS, read_mask
from photostyle.regions.refine import refine
from photostyle.regions.regions import Regions

DOCS = Path(__file__).parents[2] / "docs"
HEIGHT = 320
ROUGH = {  # polygons drawn over the sky of day.jpg, corners in pixels
    "water": [(0, 235), (640, 205), (640, 340), (0, 340)],
    "vegetation": [
        (0, 140),
        (60, 190),
        (80, 330),
        (330, 380),
        (560, 270),
        (580, 130),
        (640, 130),
        (640, 427),
        (0, 427),
    ],
    "building": [
        (190, 22),
        (222, 22),
        (226, 52),
        (338, 112),
        (330, 160),
        (346, 175),
        (338, 225),
        (368, 250),
        (352, 300),
        (392, 335),
        (330, 390),
        (300, 400),
        (70, 355),
        (50, 268),
        (78, 225),
        (70, 182),
        (102, 150),
        (80, 125),
        (178, 62),
    ],
}


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


def mask_sheet(folder: Path, photo: Path, style: Path, style_mask: Path) -> Tensor:
    """A mask of a few polygons, as drawn and refined, over the result of each; a part of the photo at 100 %."""
    image = photostyle.read_image(photo)
    drawn = Image.new("RGB", (image.shape[2], image.shape[1]), CLASS_COLOURS["sky"])
    for name, points in ROUGH.items():
        ImageDraw.Draw(drawn).polygon(points, CLASS_COLOURS[name])
    drawn.save(folder / "rough.png")
    labels = read_mask(folder / "rough.png", size=(image.shape[1], image.shape[2]))
    hard = Regions(
        {name: torch.from_numpy(labels.labels == value).float() for value, name in labels.names.items()}, hard=True
    )
    above, below = [], []
    for mode, regions in (("off", hard), ("on", refine(hard, image))):
        colours = {name: torch.tensor(CLASS_COLOURS[name])[:, None, None] / 255 for name in regions.weights}
        above.append(image / 2 + sum(colours[name] * weight for name, weight in regions.weights.items()) / 2)
        out = folder / f"refine-{mode}.png"
        masks = ("--content-mask", folder / "rough.png", "--style-mask", style_mask)
        run(folder, "photo", photo, "--style", style, "-o", out, *masks, "--mask-refine", mode)
        below.append(photostyle.read_image(out))
    gap = torch.ones(3, 214, 4)
    rows = [torch.cat([half[0][:, 20:234, 60:380], gap, half[1][:, 20:234, 60:380]], 2) for half in (above, below)]
    return torch.cat([rows[0], torch.ones(3, 4, rows[0].shape[2]), rows[1]], 1)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    day, dusk = (DOCS / "samples" / name for name in ("day.jpg", "dusk.jpg"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for mode in ("off", "auto"):
            run(folder, "photo", day, "--style", dusk, "-o", folder / f"{mode}.png", "--segment", mode)
        for photo in (day, dusk):
            mask, overlay = folder / f"{photo.stem}-mask.png", folder / f"{photo.stem}.png"
            run(folder, "segment", photo, "-o", mask, "--overlay", overlay)
        masks = mask_sheet(folder, day, dusk, folder / "dusk-mask.png")
        read = {path.stem: photostyle.read_image(path) for path in (day, dusk, folder / "off.png", folder / "auto.png")}
        found = [photostyle.read_image(folder / f"{photo.stem}.png") for photo in (day, dusk)]
    triptych = row([read["day"], read["dusk"], read["auto"]])
    photostyle.write_image(DOCS / "day-at-dusk-triptych.jpg", triptych.clamp(0, 1), overwrite=True)
    rows = [row(found), row([read["off"], read["auto"]])]
    width = min(x.shape[2] for x in rows)
    sheet = torch.cat([rows[0][..., :width], torch.ones(3, 8, width), rows[1][..., :width]], 1)
    photostyle.write_image(DOCS / "segment-auto.jpg", sheet.clamp(0, 1), overwrite=True)
    photostyle.write_image(DOCS / "masks-refined.jpg", masks.clamp(0, 1), overwrite=True)


if __name__ == "__main__":
    main()
