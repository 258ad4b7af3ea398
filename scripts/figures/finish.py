"""The picture of docs/finish.md, from the sample photos: python scripts/figures/finish.py"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import photostyle
from photostyle.edges import bilateral
from photostyle.io import CLASS_COLOURS
from photostyle.jobs.segment import find_segmentation
from photostyle.regions.labels import SPECK, match
from photostyle.regions.refine import refine
from photostyle.regions.regions import Regions
from photostyle.regions.settle import settle

DOCS = Path(__file__).parents[2] / "docs"
GAP = 6


def coloured(regions: Regions, image: Tensor) -> Tensor:
    """A photo under its regions' colours."""
    unsure = (70, 70, 70)
    weights = {name: F.interpolate(w[None, None], image.shape[-2:], mode="bilinear")[0, 0]
               for name, w in regions.weights.items()}  # fmt: skip
    tint = torch.stack([torch.tensor(CLASS_COLOURS.get(name, unsure))[:, None, None] / 255 * weight
                        for name, weight in weights.items()]).sum(0)  # fmt: skip
    return 0.4 * image + 0.6 * tint


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    day, dusk = (photostyle.read_image(DOCS / "samples" / name) for name in ("day.jpg", "dusk.jpg"))
    model = photostyle.load_model()
    segment = find_segmentation("auto", model, torch.device("cpu"))
    assert segment is not None
    raw = segment([day, dusk])
    found = [refine(settle(regions, image), image) for regions, image in zip(raw, (day, dusk), strict=True)]
    matched = match(found[0], found[1:], speck=SPECK)
    given = {"content_regions": matched.regions, "style_regions": [found[1]], "sources": matched.sources}
    results = {
        finish: photostyle.stylize(
            model,
            day,
            dusk,
            options=replace(photostyle.FitOptions(), finish=finish),
            **given,  # type: ignore[arg-type]
        ).clamp(0, 1)
        for finish in ("off", "windows", "smooth")
    }
    fitted = bilateral.affine(
        day, results["off"], bilateral.Lattice.of(day, max(day.shape[-2:]) * bilateral.CELL)
    ).clamp(0, 1)
    above = [coloured(raw[0], day), coloured(found[0], day), results["off"]]
    below = [results["windows"], fitted, results["smooth"]]
    gap = torch.ones(3, day.shape[1], GAP)
    rows = [torch.cat([x for image in images for x in (image, gap)][:-1], 2) for images in (above, below)]
    sheet = torch.cat([rows[0], torch.ones(3, GAP, rows[0].shape[2]), rows[1]], 1)
    size = (round(sheet.shape[1] * 1200 / sheet.shape[2]), 1200)
    small = F.interpolate(sheet[None], size, mode="bicubic", antialias=True)[0]
    photostyle.write_image(DOCS / "finish-steps.jpg", small.clamp(0, 1), overwrite=True)


if __name__ == "__main__":
    main()
