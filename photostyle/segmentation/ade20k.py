"""ADE20K's 150 classes (Zhou et al., CVPR 2017), a network that knows them, and our classes in their place."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from photostyle.errors import ParameterError, WeightsError
from photostyle.io.files import atomic_write
from photostyle.segmentation.network import CLASSES, Architecture
from photostyle.weights.download import fetch
from photostyle.weights.files import file_sha256

log = logging.getLogger(__name__)

NAME = "ade20k"
# In the order of the challenge's labels 1 to 150, by the first of each label's names.
ADE20K = tuple(
    """wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth, door,
    table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug, field, armchair,
    seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column, signboard,
    chest of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs, runway, case,
    pool table, pillow, screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet, flower, book,
    hill, bench, countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade machine, hovel,
    bus, towel, light, truck, tower, chandelier, awning, streetlight, booth, television, airplane, dirt track, apparel,
    pole, land, bannister, escalator, ottoman, bottle, buffet, poster, stage, van, ship, fountain, conveyer belt,
    canopy, washer, plaything, swimming pool, stool, barrel, basket, waterfall, tent, bag, minibike, cradle, oven,
    ball, food, step, tank, trade name, microwave, pot, animal, bicycle, lake, dishwasher, screen, blanket, sculpture,
    hood, sconce, vase, traffic light, tray, ashcan, fan, pier, crt screen, plate, monitor, bulletin board, shower,
    radiator, glass, clock, flag""".replace("\n", " ").split(",")
)
ADE20K = tuple(" ".join(name.split()) for name in ADE20K)

# Which of our classes each stands for; what is not named here is an object.
COARSE: dict[str, tuple[str, ...]] = {
    "sky": ("sky",),
    "vegetation": ("tree", "grass", "plant", "field", "flower", "palm"),
    "water": ("water", "sea", "river", "fountain", "swimming pool", "waterfall", "lake"),
    "building": (
        "building", "windowpane", "door", "house", "fence", "railing", "column", "skyscraper", "fireplace",
        "grandstand", "stairs", "screen door", "stairway", "bridge", "hovel", "tower", "awning", "booth", "bannister",
        "escalator", "stage", "canopy", "step", "pier",
    ),
    "ground": ("floor", "road", "sidewalk", "earth", "rug", "sand", "path", "runway", "dirt track", "land"),
    "mountain": ("mountain", "rock", "hill"),
    "person": ("person",),
    "wall": ("wall",),
    "ceiling": ("ceiling",),
}  # fmt: skip

ARCHITECTURE = Architecture("UPerNet", "tu-convnext_tiny", {"decoder_channels": 512}, ADE20K)


def coarse(probabilities: Tensor, classes: Sequence[str]) -> Tensor:
    """Probabilities of ADE20K's classes, or of ours, as those of our ten: each is the sum of what it stands for.

    Args:
        probabilities: (K, h, w).
        classes: names of the K channels, from `ADE20K` or our own.

    Returns:
        (10, h, w), in the order of `CLASSES`.

    Raises:
        ParameterError: a class that is in neither list, or not K of them.
    """
    if probabilities.dim() != 3 or len(classes) != probabilities.shape[0]:
        raise ParameterError(f"{len(classes)} classes for probabilities of shape {tuple(probabilities.shape)}")
    names = {fine: ours for ours, several in COARSE.items() for fine in several} | {name: name for name in CLASSES}
    targets = []
    for name in classes:
        if name not in names and name not in ADE20K:
            raise ParameterError(f"no coarse class is known for {name!r}: use the classes as they are")
        targets.append(CLASSES.index(names.get(name, "object")))
    result = probabilities.new_zeros(len(CLASSES), *probabilities.shape[1:])
    return result.index_add(0, torch.tensor(targets, device=probabilities.device), probabilities)


def ade20k_file() -> Path:
    """The checkpoint in the cache, downloaded if it is not there; held to the SHA-256 that it had when it first came.

    Its hash was not known when this was written, only revision and size. What came first is written down beside it.

    Raises:
        DownloadError: see `photostyle.weights.fetch`.
        WeightsError: the file is not the one that came first.
        OutputError: the hash cannot be written down.
    """
    path = fetch(NAME)
    digest, record = file_sha256(path), path.with_name(f"{path.name}.sha256")
    if not record.exists():
        with atomic_write(record, overwrite=True) as temporary:
            temporary.write_text(f"{digest}  {path.name}\n", "ascii")
        log.info("%s: SHA-256 %s, kept in %s", path, digest, record)
    elif record.read_text("ascii", "replace").split()[:1] != [digest]:
        raise WeightsError(f"{path} is not what was downloaded first (see {record.name}): delete both and run again")
    return path
