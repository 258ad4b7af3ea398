"""Known-truth pairs and noise gain: python scripts/evaluate/robustness.py PHOTOS [--model small]

Known truth: two overlapping crops of one held-out photo under two random grades; transferring the second crop's look to
the first must give the first under the second grade. PSNR to that, beside doing nothing and a Monge-Kantorovich map of
the pixels' colours.

Noise gain: how much Gaussian noise of 2/255 in a photo's flat patches (local deviation under 1.5/255) grows in the look
of another held-out photo, at full strength: deviation of the output's change over that of the noise, in luma.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.options import MATCHINGS, FitOptions
from photostyle.training import data
from photostyle.training.losses import psnr
from photostyle.transfer import matching
from photostyle.transfer.fitting import fit
from photostyle.weights import load_model

SIDE, NOISE, FLAT = 256, 2 / 255, 1.5 / 255


def colour_map(content: Tensor, style: Tensor) -> Tensor:
    """Monge-Kantorovich transfer of the colours of (3, H, W)."""
    return matching.affine_map(matching.moments(content[None]), matching.moments(style[None]), "monge", 1e-6)(content)


def luma(image: Tensor) -> Tensor:
    return (image * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0)


def flat_patches(image: Tensor, radius: int = 8) -> Tensor:
    """Where (3, H, W) hardly varies: (H, W) bool."""
    grey = F.pad(luma(image)[None, None], (radius,) * 4, mode="reflect")
    mean, square = (F.avg_pool2d(x, 2 * radius + 1, 1)[0, 0] for x in (grey, grey.square()))
    return (square - mean.square()).clamp_min(0).sqrt() < FLAT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default="small")
    parser.add_argument("--matching", default=FitOptions().matching, choices=MATCHINGS)
    parser.add_argument("--at", default=",".join(FitOptions().at))
    parser.add_argument("--regularization", type=float)
    parser.add_argument("--grades", type=int, default=3, help="pairs of grades a photo")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    options = FitOptions(tuple(arguments.at.split(",")), arguments.matching, 1.0, arguments.regularization)
    _, held = data.split(data.load_photos(arguments.photos))

    scores: dict[str, list[float]] = {"nothing": [], "colour map": [], "ours": []}
    for number in range(arguments.grades):
        generator = data.step_generator(7, number)
        for photo in held:
            first, second = data.twin_crops([photo], 1, SIDE, generator, zoom=1.5)
            content = data.random_grade(first, generator, 0.5)[0]
            truth, style = data.random_grade(torch.cat([first, second]), generator, 1.0, copies=2)
            results = {
                "nothing": content,
                "colour map": colour_map(content, style),
                "ours": fit(model, content, style, options=options).apply(content),
            }
            for name, result in results.items():
                scores[name].append(float(psnr(result.clamp(0, 1)[None], truth[None])))
    print(f"known truth, {len(scores['ours'])} pairs, dB:", end="")
    print("".join(f"  {name} {sum(values) / len(values):.2f}" for name, values in scores.items()))

    gains = []
    for index, photo in enumerate(held):
        content = photo.float() / 255
        style = held[(index + 1) % len(held)].float() / 255
        flat = flat_patches(content)
        if flat.float().mean() < 0.02:
            continue
        noisy = content + NOISE * torch.randn(content.shape, generator=data.step_generator(8, index))
        transfer = fit(model, noisy, style, options=options)
        change = luma(transfer.apply(noisy) - transfer.apply(content))[flat]
        gains.append(float(change.std() / luma(noisy - content)[flat].std()))
    gains.sort()
    print(
        f"noise gain, {len(gains)} photos with flat patches: mean {sum(gains) / len(gains):.2f}  "
        f"median {gains[len(gains) // 2]:.2f}  worst {gains[-1]:.2f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
