"""Make the embedded looks: synthetic scenes in a dozen lights, measured by the embedded network, and their pictures."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from _lights import LIGHTS, Light, light
from _scenes import REGIONS, SCENES, Plane, Scene
from PIL import Image
from torch import Tensor

import photostyle
from photostyle.jobs.applying import Application, applied
from photostyle.jobs.loading import load, pixels_of
from photostyle.jobs.regions import RegionSettings
from photostyle.jobs.rendering import Rendering
from photostyle.jobs.segment import find_segmentation
from photostyle.regions.regions import Regions
from photostyle.transfer import matching
from photostyle.transfer.matching import Moments
from photostyle.transfer.targets import StyleMoments, Target

ROOT = Path(__file__).parents[2]
SEEDS = (7, 19)
KEPT = ("sky", "vegetation", "water", "building", "ground", "person", "wall")  # others take the whole picture's look
_BITS = 14  # of mantissas: the rest is noise that no archive can pack
_WIDTH = 400  # of the pictures in docs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="looks to make; all without")
    parser.add_argument("--out", type=Path, default=ROOT / "photostyle" / "looks", help="folder of the .style files")
    parser.add_argument("--scenes", type=Path, help="folder to write the lit scenes to, to look at")
    parser.add_argument("--pictures", type=Path, default=ROOT / "docs" / "looks", help="folder of the pictures")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(LIGHTS))
    if unknown:
        parser.error(f"there is no {unknown[0]}; there is {', '.join(LIGHTS)}")
    model = photostyle.load_model()
    scenes = [make(seed) for seed in SEEDS for make in SCENES]
    for folder in (given.out, given.pictures, *([given.scenes] if given.scenes else [])):
        folder.mkdir(parents=True, exist_ok=True)
    for name in given.names or LIGHTS:
        lit = [light(scene, LIGHTS[name]) for scene in scenes]
        if given.scenes:
            sheet = np.concatenate([np.concatenate(lit[i : i + 3], 1) for i in range(0, len(lit), 3)])
            Image.fromarray((sheet * 255).round().astype(np.uint8)).save(given.scenes / f"{name}.png")
        path = given.out / f"{name}.style"
        photostyle.save_style(measured(model, name, scenes, lit), path, overwrite=True)
        picture(model, path, given.pictures / f"{name}.jpg")
        print(f"{path} written, {path.stat().st_size / 1000:.0f} kB: {LIGHTS[name].says}")


def measured(model: photostyle.WCT2, name: str, scenes: list[Scene], lit: list[Plane]) -> Target:
    """One style of all scenes: their moments at each site, pooled by region."""
    images = [torch.from_numpy(image).permute(2, 0, 1).float() for image in lit]
    target = photostyle.measure_target(model, images, style_regions=[_regions(scene) for scene in scenes])
    sites: dict[str, dict[str, Moments]] = {}
    for site in target.styles[0].sites:
        found: dict[str, list[Moments]] = {}
        for style in target.styles:
            for region, moments in style.sites[site].items():
                found.setdefault(region, []).append(moments)
        sites[site] = {region: _rounded(matching.pool(parts)) for region, parts in found.items()}
    drawn: dict[str, list[Tensor]] = {}
    for style in target.styles:
        for region, bands in style.courses.items():
            drawn.setdefault(region, []).append(bands)
    courses = {region: torch.stack(parts).mean(0) for region, parts in drawn.items()}
    return Target(model, target.options, (StyleMoments(name, 1.0, sites, courses),))


def picture(model: photostyle.WCT2, style: Path, path: Path) -> None:
    """What the look makes of the sample photo."""
    loaded = load(ROOT / "docs" / "samples" / "day.jpg", _WIDTH)
    settings = RegionSettings(find_segmentation("auto", None, torch.device("cpu")))
    target = photostyle.load_style(style, model)
    result = applied(target, loaded, Rendering(), Application(regions=settings))[1]
    pixels = (pixels_of(result).clip(0, 1) * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=88)


def _regions(scene: Scene) -> Regions:
    labels = torch.from_numpy(scene.labels)
    weights: Mapping[str, Tensor] = {
        name: (labels == REGIONS.index(name)).float() for name in KEPT if bool((labels == REGIONS.index(name)).any())
    }
    return Regions(weights, hard=True)


def _rounded(moments: Moments) -> Moments:
    mean, covariance = (_short(values) for values in (moments.mean, moments.covariance))
    return Moments(mean, covariance, moments.weight)


def _short(values: Tensor) -> Tensor:
    mantissa, exponent = torch.frexp(values)
    return torch.ldexp((mantissa * 2**_BITS).round() / 2**_BITS, exponent)


__all__ = ["Light", "measured", "picture"]


if __name__ == "__main__":
    main()
