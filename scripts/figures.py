"""Make the README's picture from the sample photos and the embedded network: python scripts/figures.py"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

import photostyle

DOCS = Path(__file__).parent.parent / "docs"
HEIGHT = 320


def main() -> None:
    content, style = (photostyle.read_image(DOCS / "samples" / name) for name in ("day.jpg", "dusk.jpg"))
    result = photostyle.stylize(photostyle.load_model(), content, style).clamp(0, 1)
    panels = []
    for image in (content, style, result):
        size = (HEIGHT, round(image.shape[2] * HEIGHT / image.shape[1]))
        panels.append(F.interpolate(image[None], size=size, mode="bicubic", antialias=True)[0])
        panels.append(torch.ones(3, HEIGHT, 8))
    photostyle.write_image(DOCS / "day-at-dusk-triptych.jpg", torch.cat(panels[:-1], 2), overwrite=True)


if __name__ == "__main__":
    main()
