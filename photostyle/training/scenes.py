"""Labelled scenes for training: loaded once, cropped anew for every step.

Not every set knows every class, so a label names the classes that a pixel may be of (`allowed`): one, all but one, or
an object that may be a person where nobody asked for people.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from photostyle.errors import ImageReadError, ParameterError
from photostyle.segmentation.network import CLASSES, IGNORE
from photostyle.training.data import load_photos, uniform

HELD: Mapping[str, int] = {"stanford": 100, "msrc": 53, "rooms": 65, "portraits": 74, "people": 30, "skylines": 7}
"""How many scenes of a set are held out; of all others none."""
HELD_SEED = 2013
DESCRIPTION = "classes.json"  # beside the sets: {"sets": {name: [first, last class that the set labels]}}
OBJECT_OR_PERSON, NOT_PERSON, NOT_SKY = 252, 253, 254
"""Labels beyond the classes: the first is made when a set is loaded that labels no people, the others are in files."""
RARE_FROM = 0.02  # share of an image that a rare class must have for the image to be drawn more often


@dataclass(frozen=True)
class Scene:
    """An image (3, H, W) uint8 and its labels (H, W) uint8: classes, `IGNORE` where unknown, or as in `allowed`."""

    name: str
    image: Tensor
    labels: Tensor


def allowed() -> Tensor:
    """Which classes a pixel of each label may be of, (256, K) bool. Labels that are none allow all."""
    count = len(CLASSES)
    table = torch.ones(256, count, dtype=torch.bool)
    table[:count] = torch.eye(count, dtype=torch.bool)
    table[OBJECT_OR_PERSON] = table[CLASSES.index("object")] | table[CLASSES.index("person")]
    table[NOT_PERSON] = ~table[CLASSES.index("person")]
    table[NOT_SKY] = ~table[CLASSES.index("sky")]
    return table


def load_set(folder: Path, long_side: int = 320) -> list[Scene]:
    """`load_scenes`; an object may be a person (`OBJECT_OR_PERSON`) if the set labels no people (`DESCRIPTION`).

    Raises:
        ParameterError: no images, or the description beside the set is none.
        ImageReadError: see `load_scenes`.
    """
    scenes, path = load_scenes(folder, long_side), folder.parent / DESCRIPTION
    if not path.is_file():
        return scenes
    try:
        first, last = json.loads(path.read_text("utf-8"))["sets"].get(folder.name, (0, len(CLASSES) - 1))
        people = first <= CLASSES.index("person") <= last
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ParameterError(f"{path}: no table of sets with their first and last class ({error})") from error
    if people:
        return scenes
    thing = CLASSES.index("object")
    return [Scene(s.name, s.image, torch.where(s.labels == thing, OBJECT_OR_PERSON, s.labels)) for s in scenes]


def load_scenes(folder: Path, long_side: int = 320) -> list[Scene]:
    """Every ``images/*.jpg`` under `folder` with the ``labels/*.png`` of its name, in order, at most `long_side` large.

    Raises:
        ParameterError: no images.
        ImageReadError: a label map is missing, unreadable or of another size, or has a label that is no class.
    """
    paths = sorted(folder.rglob("images/*.jpg"))
    if not paths:
        raise ParameterError(f"{folder}: no images/*.jpg to train on")
    return [_load(path, path.parent.parent / "labels" / f"{path.stem}.png", long_side) for path in paths]


def _load(path: Path, label_path: Path, long_side: int) -> Scene:
    try:
        image, labels = Image.open(path).convert("RGB"), Image.open(label_path).copy()
    except OSError as error:
        raise ImageReadError(f"cannot read {path} or {label_path} ({error}): get the data again") from error
    if image.size != labels.size:
        raise ImageReadError(f"{label_path} has size {labels.size}, its image {image.size}: get the data again")
    scale = long_side / max(image.size)
    if scale < 1:
        size = (round(image.width * scale), round(image.height * scale))
        image, labels = image.resize(size, Image.Resampling.BOX), labels.resize(size, Image.Resampling.NEAREST)
    tensors = [torch.from_numpy(np.array(x)) for x in (image, labels)]
    if bool(((tensors[1] >= len(CLASSES)) & (tensors[1] < NOT_PERSON)).any()):
        raise ImageReadError(
            f"{label_path} has labels from {len(CLASSES)} to {NOT_PERSON - 1}, which mean nothing: get it again"
        )
    return Scene(path.stem, tensors[0].permute(2, 0, 1).contiguous(), tensors[1])


def hold_out(scenes: Sequence[Scene], count: int, seed: int = HELD_SEED) -> tuple[list[Scene], list[Scene]]:
    """(training, held out): `count` scenes chosen by `seed` from their sorted names.

    Raises:
        ParameterError: not more than `count` scenes.
    """
    if len(scenes) <= count:
        raise ParameterError(f"{len(scenes)} scenes, of which {count} are to be held out: give more")
    order = torch.randperm(len(scenes), generator=torch.Generator().manual_seed(seed))[:count]
    chosen = set(order.tolist())
    return [s for i, s in enumerate(scenes) if i not in chosen], [scenes[i] for i in sorted(chosen)]


def load_reduced(folder: Path, long_side: int = 320) -> list[Tensor]:
    """Photos without labels, (3, H, W) uint8 of at most `long_side` pixels."""
    photos = []
    for photo in load_photos(folder):
        scale = long_side / max(photo.shape[1:])
        if scale < 1:
            size = [max(16, round(side * scale)) for side in photo.shape[1:]]
            reduced = F.interpolate(photo[None].float(), size=size, mode="bilinear", antialias=True)[0]
            photo = reduced.round().clamp(0, 255).to(torch.uint8)
        photos.append(photo)
    return photos


def rarity(scene: Scene, rare: Mapping[str, float]) -> float:
    """How often to draw a scene: 1, and what `rare` adds for each class that covers at least a fiftieth of it."""
    known = scene.labels[scene.labels != IGNORE]
    shares = torch.bincount(known.flatten().int(), minlength=256) / max(1, known.numel())
    return 1 + sum(more for name, more in rare.items() if shares[CLASSES.index(name)] >= RARE_FROM)


def crop(
    image: Tensor, labels: Tensor | None, side: int, generator: torch.Generator, scales: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """A random square view: (3, side, side) float32 in [0, 1] and (side, side) int64 (`IGNORE` without labels).

    The scale is drawn log-uniformly from `scales`, the window is cut off at the image's borders and squeezed into the
    square, and half of the views are flipped.
    """
    height, width = image.shape[1:]
    scale = math.exp(float(uniform(generator, math.log(scales[0]), math.log(scales[1]), 1)))
    stretch = math.exp(float(uniform(generator, -0.15, 0.15, 1)))
    h, w = min(height, max(16, int(side / scale * stretch))), min(width, max(16, int(side / scale / stretch)))
    top = int(torch.randint(height - h + 1, (1,), generator=generator))
    left = int(torch.randint(width - w + 1, (1,), generator=generator))
    window = (slice(top, top + h), slice(left, left + w))
    cut = image[:, window[0], window[1]][None].float() / 255
    view = F.interpolate(cut, size=(side, side), mode="bilinear", antialias=True)[0]
    if labels is None:
        target = torch.full((side, side), IGNORE)
    else:
        target = F.interpolate(labels[window][None, None].float(), size=(side, side), mode="nearest-exact")[0, 0].long()
    if torch.rand(1, generator=generator) < 0.5:
        view, target = view.flip(-1), target.flip(-1)
    return view, target


def paste(view: Tensor, labels: Tensor, ground: Tensor, ground_labels: Tensor) -> tuple[Tensor, Tensor]:
    """The people of one view (3, S, S) with labels (S, S) in front of another view, with a border a pixel soft."""
    person = labels == CLASSES.index("person")
    mask = F.avg_pool2d(person.float()[None, None], 3, 1, 1, count_include_pad=False)[0]
    return mask * view + (1 - mask) * ground, torch.where(person, labels, ground_labels)
