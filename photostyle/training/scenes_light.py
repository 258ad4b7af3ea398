"""Other light and other cameras for training views: grades, sunsets, nights with lamps, noise, blur and JPEG.

The labelled sets show hardly anything but days, and style transfer meets sunsets and nights. Where labels are known,
sky and land are relit apart, as the sun and lamps do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.segmentation.network import CLASSES, IGNORE
from photostyle.training.data import jpeg, random_grade, uniform
from photostyle.training.scenes import OBJECT_OR_PERSON


@dataclass(frozen=True)
class Shares:
    """Shares of the views that go through each change: `random_grade`, the functions of this module, and cameras'."""

    grade: float = 0.6
    sky: float = 0.15
    relight: float = 0.15
    night: float = 0.15
    noise: float = 0.3
    blur: float = 0.1
    jpeg: float = 0.2
    grey: float = 0.04

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            if not isinstance(share, (int, float)) or not 0 <= share <= 1:
                raise ParameterError(f"light.{name} is {share!r}; it is a share, from 0 to 1")


def augment(
    view: Tensor, labels: Tensor, skies: Sequence[Tensor], generator: torch.Generator, shares: Shares
) -> Tensor:
    """A view (3, S, S) in [0, 1] with labels (S, S) in other light; `skies` are photos (3, H, W) uint8 to take from."""

    def chance(share: float) -> bool:
        return bool(torch.rand(1, generator=generator) < share)

    known = bool((labels != IGNORE).any())
    if known and skies and chance(shares.sky):
        view = other_sky(view, labels, skies, generator)
    if known and chance(shares.relight):
        view = relight(view, labels, generator)
    if chance(shares.grade):
        view = random_grade(view[None], generator)[0]
    if chance(shares.night):
        view = night(view, labels, generator)
    if chance(shares.grey):
        view = view.mean(0, keepdim=True).expand(3, -1, -1)
    if chance(shares.blur):
        small = [int(side / float(uniform(generator, 1.2, 3, 1))) for side in view.shape[1:]]
        view = F.interpolate(view[None], size=small, mode="bilinear", antialias=True)
        view = F.interpolate(view, size=labels.shape, mode="bilinear")[0]
    if chance(shares.noise):
        view = view + float(uniform(generator, 0, 0.07, 1)) * torch.randn(view.shape, generator=generator)
    view = view.clamp(0, 1)
    if chance(shares.jpeg):
        quality = int(torch.randint(15, 80, (1,), generator=generator))
        view = jpeg(view, quality)
    return view


def soft_mask(labels: Tensor, label: int) -> Tensor:
    """Where `labels` (S, S) are `label`, (1, S, S) in [0, 1], a little blurred so that no new edge gives it away."""
    mask = (labels == label).float()[None, None]
    return F.avg_pool2d(mask, 3, 1, 1, count_include_pad=False)[0]


def other_sky(view: Tensor, labels: Tensor, skies: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """`view` with (mostly) the upper part of another photo for its sky, and the land in that sky's colour."""
    photo = skies[int(torch.randint(len(skies), (1,), generator=generator))]
    rows = max(16, int(photo.shape[1] * float(uniform(generator, 0.25, 0.5, 1))))
    sky = F.interpolate(photo[None, :, :rows].float() / 255, size=labels.shape, mode="bilinear", antialias=True)[0]
    if torch.rand(1, generator=generator) < 0.5:
        sky = sky.flip(-1)
    # The horizon's part of the photo belongs where the view's sky ends, the zenith where it begins.
    columns = labels == CLASSES.index("sky")
    bottom = int(columns.any(1).nonzero().max()) + 1 if columns.any() else labels.shape[0]
    sky = F.interpolate(sky[None], size=(bottom, labels.shape[1]), mode="bilinear", antialias=True)[0]
    sky = F.pad(sky, (0, 0, 0, labels.shape[0] - bottom))
    colour = sky[:, :bottom].mean((1, 2), keepdim=True)
    # From as it was to the heavy clouds of a storm.
    sky = (colour + (sky - colour) * float(uniform(generator, -0.2, 1.0, 1).exp())).clamp(0, 1)
    amount = float(uniform(generator, 0.6, 1, 1))
    land = view * (float(uniform(generator, 0.3, 1.2, 1)) * (0.3 + colour / colour.mean().clamp_min(0.02) * 0.7))
    mask = soft_mask(labels, CLASSES.index("sky"))
    return (mask * (amount * sky + (1 - amount) * view) + (1 - mask) * land).clamp(0, 1)


def relight(view: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """`view` with what is of one label in a light of its own, from silhouettes to a black sky over lit houses."""
    result = view.clamp(1e-3, 1)
    for label in torch.bincount(labels.flatten(), minlength=IGNORE)[:IGNORE].nonzero()[:, 0].tolist():
        low = -2.5 if label == CLASSES.index("sky") else -2.0
        gain = uniform(generator, low, 0.5, 1, 1, 1).exp() * (torch.randn(3, 1, 1, generator=generator) * 0.2).exp()
        mask = soft_mask(labels, label)
        result = result * (1 - mask + mask * gain)
    return result.clamp(0, 1)


def night(view: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """`view` at night: dark, in one cast, with lamps and their halos, and a glow over the horizon."""
    exposure = float(uniform(generator, -2.8, -0.7, 1).exp())
    casts = torch.tensor([[0.7, 0.85, 1.3], [1.3, 0.9, 0.55], [1.0, 1.0, 1.0], [0.9, 1.05, 0.9]])
    cast = casts[int(torch.randint(len(casts), (1,), generator=generator))]
    # Light adds and scales in linear intensity, not in code values.
    linear = view.clamp(0, 1) ** 2.2 * exposure * cast[:, None, None]
    y = torch.linspace(0, 1, labels.shape[0])[None, :, None]
    horizon = float(uniform(generator, 0.3, 0.8, 1))
    glow = torch.exp(-(((y - horizon) / 0.2) ** 2)) * float(uniform(generator, 0, 0.06, 1))
    linear = linear + glow * torch.tensor([1.0, 0.6, 0.3])[:, None, None]
    spots = torch.zeros(3, *labels.shape)
    count = int(torch.randint(0, 40, (1,), generator=generator))
    # Lamps and windows are on houses, streets and cars, not in the sky.
    lit = torch.tensor([CLASSES.index("building"), CLASSES.index("object"), OBJECT_OR_PERSON])
    wanted = torch.isin(labels, lit)
    places = (wanted if wanted.any() else (labels != CLASSES.index("sky"))).nonzero()
    if count and len(places):
        chosen = places[torch.randint(len(places), (count,), generator=generator)]
        warmth = torch.tensor([1.0, 0.8, 0.5]) ** uniform(generator, -0.3, 1.3, count, 1)
        spots[:, chosen[:, 0], chosen[:, 1]] = (warmth * uniform(generator, 2, 40, count, 1)).T
    for radius in (1, int(torch.randint(3, 8, (1,), generator=generator))):
        kernel = torch.exp(-((torch.arange(-radius, radius + 1) / (radius / 2)) ** 2))
        kernel = kernel / kernel.sum()
        halo = F.conv2d(spots[:, None], kernel[None, None, :, None], padding=(radius, 0))
        share = 0.3 if radius > 1 else 1.0
        linear = linear + share * F.conv2d(halo, kernel[None, None, None], padding=(0, radius))[:, 0]
    noise = torch.randn(view.shape, generator=generator) * float(uniform(generator, 0, 0.004, 1))
    return (linear + noise).clamp(1e-5, 1) ** (1 / 2.2)
