"""Training of the segmentation network: labels, a teacher's features, and agreement with its own average."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.errors import ParameterError, WeightsError
from photostyle.segmentation.files import read_network
from photostyle.segmentation.network import CLASSES, build, encoder_channels, logits_and_features, normalise
from photostyle.training import scenes as data
from photostyle.training.data import step_generator
from photostyle.training.running import Run
from photostyle.training.scenes_config import SceneConfig
from photostyle.training.scenes_light import augment
from photostyle.training.scenes_losses import dice_loss, partial_cross_entropy
from photostyle.training.scenes_measure import confusion, overlap, scores
from photostyle.training.scenes_teacher import Heads, Vgg16thTeacher
from photostyle.weights.files import SUFFIX, one_line

CALIBRATION_VIEWS = 48
NEAREST = {"person": "object", "wall": "building", "ceiling": "building"}  # what a new class starts as
LEAST_PERSON = 0.05  # share of a view that people must have to be put in front of another one
FIGURES = ("accuracy", "mean", *CLASSES, "inside")  # "inside": walls and ceilings as one
View = tuple[Tensor, Tensor]
Views = tuple[Tensor, Tensor, Tensor]


def extend(network: nn.Module, path: Path) -> None:
    """Fill a network from a file of `save_network` whose classes may be fewer.

    Raises:
        WeightsError: the file is missing or damaged, or its network has other layers.
        ParameterError: it has classes that are none of ours.
    """
    source, architecture, _ = read_network(path)
    if not set(architecture.classes) <= set(CLASSES):
        raise ParameterError(f"{path} is for the classes {', '.join(architecture.classes)}; give one for ours")
    rows = [name if name in architecture.classes else NEAREST.get(name, "object") for name in CLASSES]
    picked = torch.tensor([architecture.classes.index(name) for name in rows])
    state = {
        name: tensor[picked] if name.startswith("segmentation_head.") else tensor
        for name, tensor in source.state_dict().items()
    }
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"{path} has other layers ({one_line(error)}): give one of this architecture") from error


class SceneTrainer(Run[SceneConfig, Views]):
    """A run of the segmentation network, its average, the heads of the distillation and their optimiser."""

    columns: tuple[str, ...] = ("labels", "dice", "distillation", "consistency")
    parts = ("network", "average", "heads", "optimizer")
    averaged = ("average", "network")
    clip = 2.0

    def __init__(self, config: SceneConfig, out: Path, device: torch.device) -> None:
        super().__init__(config, out, device)
        self.network = build(config.architecture).to(device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.possible = data.allowed().to(device)
        sets = {name: data.load_set(config.scenes / name, config.long_side) for name in config.sets}
        self.held: dict[str, list[data.Scene]] = {}
        for name in sets.keys() & data.HELD.keys():
            sets[name], self.held[name] = data.hold_out(sets[name], data.HELD[name])
        self.columns = (*type(self).columns, *(f"{name} {what}" for name in sorted(self.held) for what in FIGURES))
        self.scenes = [scene for found in sets.values() for scene in found]
        rates = [torch.tensor([data.rarity(scene, config.rare) for scene in found]) for found in sets.values()]
        shares = zip(rates, config.sets.values(), strict=True)
        self.rates = torch.cat([rate / rate.sum() * share for rate, share in shares])
        self.photos = data.load_reduced(config.photos, config.long_side) if config.photos else []
        images = [scene.image for scene in self.scenes] + self.photos
        generator = step_generator(config.seed, -1)
        chosen = torch.randint(len(images), (CALIBRATION_VIEWS,), generator=generator).tolist()
        views = [data.crop(images[i], None, config.side, generator, (0.7, 1.0))[0] for i in chosen]
        path = config.teacher_path
        self.teacher = Vgg16thTeacher(path, torch.stack(views).to(device)) if path else None
        channels = self.teacher.channels if self.teacher else (1, 1)
        self.heads = Heads(encoder_channels(self.network), channels).to(device)
        parameters = [*self.network.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, config.learning_rate, weight_decay=config.weight_decay)
        if config.init and config.init.suffix == SUFFIX:
            extend(self.network, config.init)
            self.average.load_state_dict(self.network.state_dict())
        elif config.init:
            self.load(config.init, self.parts)

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        c = self.config
        falling = (c.steps - step) / (c.decay * c.steps) if c.decay else 1.0
        return c.learning_rate * min(1.0, (step + 1) / max(1, c.warm_up), falling)

    def batch(self, step: int) -> Views:
        """Plain views, relit views (B, 3, S, S) in [0, 1] and labels (B, S, S) of a step, labelled ones first."""
        c, generator = self.config, step_generator(self.config.seed, step)
        picks = torch.multinomial(self.rates, c.batch, generator=generator).tolist()
        pairs = [(self.scenes[i].image, self.scenes[i].labels) for i in picks]
        views = [data.crop(image, labels, c.side, generator, c.scales) for image, labels in pairs]
        views = [self._pasted(view, views, generator) for view in views]
        for index in torch.randint(max(1, len(self.photos)), (c.unlabelled,), generator=generator).tolist():
            views.append(data.crop(self.photos[index], None, c.side, generator, c.scales))
        relit = [augment(view, labels, self.photos, generator, c.light) for view, labels in views]
        plain, labels = (torch.stack(x) for x in zip(*views, strict=True))
        return plain, torch.stack(relit), labels

    def _pasted(self, view: View, others: Sequence[View], generator: torch.Generator) -> View:
        """`view`, or its people in front of one of the others."""
        chance, number = torch.rand(2, generator=generator).tolist()
        other = others[int(number * len(others))]
        share = float((view[1] == CLASSES.index("person")).float().mean())
        return data.paste(*view, *other) if chance < self.config.paste and share >= LEAST_PERSON else view

    def losses(self, batch: Views, step: int) -> dict[str, Tensor]:
        """Weighted terms of the loss of a step."""
        c, (plain, relit, labels) = self.config, (tensor.to(self.device) for tensor in batch)
        faded = max(0.0, 1 - step / c.distil_until) if c.distil_until and not step % c.distil_every else 0.0
        shaped = normalise(relit).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits, features = logits_and_features(self.network, shaped)
            distilled = c.distillation and faded and self.teacher
            targets = self.teacher(plain) if distilled and self.teacher else []
            error = self.heads(features, targets) if distilled else torch.zeros(())
            guess = None
            if c.unlabelled and c.consistency and step >= c.consistency_from:
                with torch.no_grad():
                    guess = self.average(normalise(plain[c.batch :]))[..., :: c.stride, :: c.stride].float().softmax(1)
        logits, labels = logits[..., :: c.stride, :: c.stride].float(), labels[..., :: c.stride, :: c.stride]
        known, possible = logits[: c.batch], self.possible[labels[: c.batch]].permute(0, 3, 1, 2)
        terms = {
            "labels": partial_cross_entropy(known, possible, c.smoothing),
            "dice": c.dice * dice_loss(known, possible),
        }
        if distilled:
            terms["distillation"] = c.distillation * faded * error
        if guess is not None:
            sure = (guess.amax(1) >= c.sure).float()
            apart = -(guess * logits[c.batch :].log_softmax(1)).sum(1)
            terms["consistency"] = c.consistency * (apart * sure).mean()
        return terms

    @torch.inference_mode()
    def predict(self, image: Tensor) -> Tensor:
        """Probabilities (K, h, w) of the averaged network for (3, H, W) in [0, 1] at the next multiple of 32."""
        size = [max(32, round(side / 32) * 32) for side in image.shape[1:]]
        shaped = F.interpolate(image[None].to(self.device), size=size, mode="bilinear", antialias=True)
        chances: Tensor = self.average(normalise(shaped)).float().softmax(1)[0].cpu()
        return chances

    def validate(self) -> dict[str, float]:
        """What the averaged network has of `FIGURES` on the held scenes, by set."""
        found: dict[str, float] = {}
        for name in sorted(self.held):
            matrix = confusion(self.predict, self.held[name])
            values = scores(matrix) | {"inside": overlap(matrix, ("wall", "ceiling"))}
            nowhere = {what for row, what in zip(matrix, CLASSES, strict=False) if not bool(row.any())}
            found |= {
                f"{name} {what}": values[what]
                for what in FIGURES
                if what not in nowhere and math.isfinite(values[what])
            }
        return found

    def clipped(self) -> Iterable[Iterable[Tensor]]:
        """The network's parameters; the heads may move as fast as they like."""
        return [self.network.parameters()]

    def advance(self, batch: Views) -> dict[str, Tensor]:
        """One step, at the rate that is its turn."""
        # The network draws for its dropout; seeded by the step, a resumed run draws the same.
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)
        return super().advance(batch)
