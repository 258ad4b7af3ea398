"""What large photos cost in likeness: python scripts/evaluate/large_photos.py PAIRS [--enlarge 4] [--only 1 5 …]

PAIRS holds input/inN.* and style/tarN.*. For each pair, done as `photostyle photo` does it (regions found, finish on):
PSNR of grid rendering, which sees one pixel in `--seen`, against full rendering of the same fitted style, for several
windows and beside the network's answer enlarged; then PSNR of full rendering fitted to one pixel in `--measured`
against the fit to every pixel. Without `--enlarge` a photo carries detail down to the pixel, as a camera's does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.jobs.fitting import fit
from photostyle.jobs.loading import Loaded, load
from photostyle.jobs.regions import Reference, RegionSettings, plan, prepare
from photostyle.jobs.rendering import Rendering, render
from photostyle.jobs.segment import find_segmentation
from photostyle.options import FitOptions
from photostyle.training.losses import psnr
from photostyle.transfer import grid
from photostyle.transfer.transfer import Transfer
from photostyle.weights import load_model

WINDOWS = ((1, 1e-4), (2, 1e-4), (4, 1e-5), (4, 1e-4))
SIX = (1, 5, 13, 21, 33, 51)


def enlarged(loaded: Loaded, factor: int) -> Loaded:
    """The photo `factor` times as long and as wide, bicubic."""
    if factor == 1:
        return loaded
    image = F.interpolate(loaded.image[None], scale_factor=factor, mode="bicubic", align_corners=False)[0].clamp(0, 1)
    return Loaded(loaded.photo, image, (image.shape[-2], image.shape[-1]))


def measured(
    content: Loaded, style: Loaded, settings: RegionSettings, seen: float, shares: list[float]
) -> Iterator[tuple[str, float]]:
    """Figures of one pair by their names."""
    model, image = load_model("small"), content.image
    planned = plan(content, prepare([Reference(style)], settings), (None, None), settings, FitOptions())
    regions = planned.content

    def fitted(pixels: int) -> tuple[Transfer, Tensor]:
        transfer = fit(
            model,
            [image],
            [style.image],
            Rendering("full", fit_pixels=pixels),
            content_regions=[regions] if regions else None,
            style_regions=planned.styles,
            sources=planned.sources,
            options=planned.options,
        )
        return transfer, render(transfer, image.clone(), Rendering("full"), regions=regions)

    def decibels(result: Tensor) -> float:
        return float(psnr(result.clamp(0, 1).reshape(1, *image.shape), full.clamp(0, 1)[None]))

    pixels = image[0].numel()
    transfer, full = fitted(0)
    small, weights = grid.reduce(image[None], regions, round(pixels / seen))
    styled = transfer.apply(small, weights)
    for radius, epsilon in WINDOWS:
        result = grid.fit_grid(small, styled, radius, epsilon).apply_(image.clone()[None])
        yield f"window {radius}, {epsilon:g}", decibels(result)
    size = (image.shape[-2], image.shape[-1])
    yield "enlarged", decibels(F.interpolate(styled, size, mode="bicubic", align_corners=False))
    for share in shares:
        yield f"fit to 1/{share:g}", decibels(fitted(round(pixels / share))[1])


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--only", type=int, nargs="*", default=list(SIX), help="numbers of the pairs")
    parser.add_argument("--enlarge", type=int, default=1, help="make the content this many times as long")
    parser.add_argument("--seen", type=float, default=6, help="one pixel in so many is seen for the grid")
    parser.add_argument("--measured", type=float, nargs="*", default=[3, 12, 50], help="and for the fit")
    parser.add_argument("--segment", default="auto")
    given = parser.parse_args()
    settings = RegionSettings(find_segmentation(given.segment, None, torch.device("cpu")))
    rows: dict[str, list[float]] = {}
    for number in given.only:
        content, style = (next(given.pairs.glob(f"{kind}{number}.*")) for kind in ("input/in", "style/tar"))
        told = []
        for name, value in measured(enlarged(load(content), given.enlarge), load(style), settings, given.seen,
                                    given.measured):  # fmt: skip
            rows.setdefault(name, []).append(value)
            told.append(f"{value:.1f}")
        print(f"pair {number}: {' '.join(told)}", flush=True)
    for name, values in rows.items():
        print(f"{name:16} mean {sum(values) / len(values):5.1f} dB  least {min(values):5.1f} dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
