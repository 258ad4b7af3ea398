"""Regions without classes: what two or more photos have in common, found by clustering their features together.

Each photo's features at a quarter of its resolution, its colours and its height are standardised *within the photo*, so
that the bright half of a night photo meets the bright half of a day photo, and all photos' pixels are clustered by
k-means. Clusters that one photo has hardly any of go to the nearest that all have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.cluster.vq import kmeans2
from torch import Tensor

from photostyle.network.wct2 import MULTIPLE, WCT2, Skip
from photostyle.regions.regions import Regions

CLUSTERS = 6
_SIDE = 256  # long side of the photos that are clustered
_LEVEL = 3  # of the encoder; its features have a quarter of the resolution
_COLOUR, _HEIGHT = 1.0, 0.7  # weight of colour and of vertical position beside features of weight 1
_LEAST_SHARE = 0.02  # of a photo, that a cluster must have in every photo
_SAMPLES = 4096  # pixels of each photo that k-means sees
_SOFTNESS = 0.15  # of memberships, as a share of the mean distance between centres


@torch.no_grad()
def cluster(model: WCT2, images: Sequence[Tensor], clusters: int = CLUSTERS) -> list[Regions]:
    """Soft regions ``cluster1`` … that all photos share.

    Args:
        model: the network whose features tell surfaces apart.
        images: (3, H, W) in [0, 1], on any device.
        clusters: how many to look for; fewer are left where photos do not share them.

    Returns:
        For each image regions of (h, w), a quarter of a 256-pixel version of it, summing to one.
    """
    described = [_describe(model, image) for image in images]
    points = [x.flatten(1).T.double().cpu().numpy() for x in described]
    random = np.random.default_rng(0)
    sample = np.concatenate([p[random.choice(len(p), _SAMPLES, replace=len(p) < _SAMPLES)] for p in points])
    centres, _ = kmeans2(sample, min(clusters, len(sample)), minit="++", rng=random)
    centres = _shared(points, centres[np.isfinite(centres).all(1)])
    return [_memberships(p, centres, x) for p, x in zip(points, described, strict=True)]


def _describe(model: WCT2, image: Tensor) -> Tensor:
    """(D, h, w): standardised features, colour and height."""
    height, width = image.shape[-2:]
    scale = min(1.0, _SIDE / max(height, width))
    size = [max(2 * MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (height, width)]
    small = F.interpolate(image[None].float(), size=size, mode="bilinear", antialias=True, align_corners=False)
    x = small = small.to(next(model.parameters()).device)
    skips: dict[int, Skip] = {}
    for level in range(1, _LEVEL + 1):
        x = model.encoder.level(x, level, skips)
    features = _standardised(x[0]) / x.shape[1] ** 0.5
    colour = _standardised(F.adaptive_avg_pool2d(small, (x.shape[-2], x.shape[-1]))[0]) / 3**0.5
    rows = torch.linspace(-1, 1, x.shape[-2], device=x.device)[None, :, None].expand(1, *x.shape[-2:])
    return torch.cat([features, _COLOUR * colour, _HEIGHT * rows])


def _standardised(x: Tensor) -> Tensor:
    deviation, mean = torch.std_mean(x, (-2, -1), keepdim=True)
    return (x - mean) / deviation.clamp_min(1e-4)


Points = npt.NDArray[np.float64]


def _distances(points: Points, centres: Points) -> Points:
    """Squared distance of each point to each centre."""
    squares: Points = ((points[:, None] - centres[None]) ** 2).sum(-1)
    return squares


def _shared(points: Sequence[Points], centres: Points) -> Points:
    """The centres left when the one that some photo has least of is dropped until every photo has some of each."""
    while len(centres) > 1:
        shares = [np.bincount(_distances(p, centres).argmin(1), minlength=len(centres)) / len(p) for p in points]
        least = np.min(shares, axis=0)
        if least.min() >= _LEAST_SHARE:
            break
        centres = np.delete(centres, least.argmin(), axis=0)
    return centres


def _memberships(points: Points, centres: Points, described: Tensor) -> Regions:
    scale = _distances(centres, centres).sum() / max(1, len(centres) * (len(centres) - 1))
    chances = torch.softmax(torch.from_numpy(-_distances(points, centres)) / max(_SOFTNESS * scale, 1e-9), 1)
    maps = chances.T.reshape(len(centres), *described.shape[-2:]).to(described.device, torch.float32)
    return Regions({f"cluster{number}": weight for number, weight in enumerate(maps, 1)}, hard=False)
