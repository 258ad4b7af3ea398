"""The training loop of the segmentation network: steps, validation, log, checkpoints and exact resume."""

from __future__ import annotations

import copy
import csv
import logging
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.errors import WeightsError
from photostyle.io.files import atomic_write, ensure_folder
from photostyle.segmentation.network import CLASSES, IGNORE, build, encoder_channels, logits_and_features, normalise
from photostyle.training import scenes as data
from photostyle.training.data import step_generator
from photostyle.training.scenes_config import SceneConfig
from photostyle.training.scenes_light import augment
from photostyle.training.scenes_measure import confusion, scores
from photostyle.training.scenes_teacher import Heads, Vgg16thTeacher
from photostyle.weights.files import one_line

log = logging.getLogger(__name__)

CALIBRATION_VIEWS = 48
_DAMAGE = (pickle.UnpicklingError, OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)
_COLUMNS = ("step", "seconds", "loss", "labels", "dice", "distillation", "consistency", "accuracy", "mean", *CLASSES)


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - soft Dice of (B, K, H, W) against (B, H, W), over the batch, mean over the classes that occur."""
    known = (labels != IGNORE)[:, None]
    truth = F.one_hot(labels.where(labels != IGNORE, 0), logits.shape[1]).permute(0, 3, 1, 2) * known
    guess = logits.softmax(1) * known
    both, sizes = (guess * truth).sum((0, 2, 3)), guess.sum((0, 2, 3)) + truth.sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    return (1 - (2 * both + 1) / (sizes + 1))[present].mean() if bool(present.any()) else logits.sum() * 0


class SceneTrainer:
    """One run: network, its average, heads, optimiser, data and the folder `out` with log.csv and checkpoint.pt."""

    def __init__(self, config: SceneConfig, out: Path, device: torch.device) -> None:
        self.config, self.out, self.device = config, out, device
        torch.manual_seed(config.seed)
        self.network = build(config.architecture).to(device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        sets = {name: data.load_scenes(config.scenes / name, config.long_side) for name in config.sets}
        sets[config.held], self.held = data.hold_out(sets[config.held], data.HELD)
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
        self.step, self.stopping = 0, False
        if config.init:
            self._load(config.init, self._PARTS)
        ensure_folder(out)

    @property
    def checkpoint(self) -> Path:
        """Where the run's state is kept."""
        return self.out / "checkpoint.pt"

    _PARTS = ("network", "average", "heads", "optimizer")

    def save(self) -> None:
        """Write the whole state, atomically. Raises OutputError if that fails."""
        state = {"step": self.step, "config": repr(asdict(self.config))}
        with atomic_write(self.checkpoint, overwrite=True) as partial:
            torch.save(state | {name: getattr(self, name).state_dict() for name in self._PARTS}, partial)

    def resume(self) -> None:
        """Continue from the checkpoint. Raises WeightsError if it is missing, damaged or of another configuration."""
        self.step = self._load(self.checkpoint, self._PARTS, same_run=True)["step"]

    def _load(self, checkpoint: Path, parts: Sequence[str], *, same_run: bool = False) -> dict[str, Any]:
        try:
            state: dict[str, Any] = torch.load(checkpoint, map_location=self.device, weights_only=True)
            if same_run and state["config"] != repr(asdict(self.config)):
                raise WeightsError(f"{checkpoint}: belongs to another configuration; train into another folder")
            for name in parts:
                getattr(self, name).load_state_dict(state[name])
            return state
        except _DAMAGE as error:
            raise WeightsError(f"{checkpoint}: missing, damaged or of another network ({one_line(error)})") from error

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        c = self.config
        falling = (c.steps - step) / (c.decay * c.steps) if c.decay else 1.0
        return c.learning_rate * min(1.0, (step + 1) / max(1, c.warm_up), falling)

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Plain views, relit views (B, 3, S, S) in [0, 1] and labels (B, S, S) of a step, labelled ones first."""
        c, generator = self.config, step_generator(self.config.seed, step)
        picks = torch.multinomial(self.rates, c.batch, generator=generator).tolist()
        pairs = [(self.scenes[i].image, self.scenes[i].labels) for i in picks]
        views = [data.crop(image, labels, c.side, generator, c.scales) for image, labels in pairs]
        for index in torch.randint(max(1, len(self.photos)), (c.unlabelled,), generator=generator).tolist():
            views.append(data.crop(self.photos[index], None, c.side, generator, c.scales))
        relit = [augment(view, labels, self.photos, generator, c.light) for view, labels in views]
        plain, labels = (torch.stack(x) for x in zip(*views, strict=True))
        return plain, torch.stack(relit), labels

    def losses(self, plain: Tensor, relit: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Weighted terms of the loss of a step."""
        c = self.config
        faded = max(0.0, 1 - self.step / c.distil_until) if c.distil_until and not self.step % c.distil_every else 0.0
        shaped = normalise(relit).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits, features = logits_and_features(self.network, shaped)
            distilled = c.distillation and faded and self.teacher
            targets = self.teacher(plain) if distilled and self.teacher else []
            error = self.heads(features, targets) if distilled else torch.zeros(())
            guess = None
            if c.unlabelled and c.consistency and self.step >= c.consistency_from:
                with torch.no_grad():
                    guess = self.average(normalise(plain[c.batch :])).float().softmax(1)
        logits = logits.float()
        known, truth = logits[: c.batch], labels[: c.batch]
        terms = {
            "labels": F.cross_entropy(known, truth, ignore_index=IGNORE, label_smoothing=c.smoothing),
            "dice": c.dice * dice_loss(known, truth),
        }
        if distilled:
            terms["distillation"] = c.distillation * faded * error
        if guess is not None:
            sure = (guess.amax(1) >= c.sure).float()
            apart = -(guess * logits[c.batch :].log_softmax(1)).sum(1)
            terms["consistency"] = c.consistency * (apart * sure).mean()
        return terms

    @torch.no_grad()
    def update_average(self) -> None:
        """One step of the exponential moving average of weights and statistics, shorter at the start."""
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for mine, theirs in zip(self._tensors(self.average), self._tensors(self.network), strict=True):
            mine.lerp_(theirs, 1 - decay)

    @staticmethod
    def _tensors(network: nn.Module) -> Sequence[Tensor]:
        return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]

    @torch.inference_mode()
    def predict(self, image: Tensor) -> Tensor:
        """Probabilities (K, h, w) of the averaged network for (3, H, W) in [0, 1] at the next multiple of 32."""
        size = [max(32, round(side / 32) * 32) for side in image.shape[1:]]
        shaped = F.interpolate(image[None].to(self.device), size=size, mode="bilinear", antialias=True)
        chances: Tensor = self.average(normalise(shaped)).float().softmax(1)[0].cpu()
        return chances

    def validate(self) -> dict[str, float]:
        """`scores` of the averaged network on the held scenes."""
        return scores(confusion(self.predict, self.held))

    def stop(self) -> None:
        """Let `run` end after the step that it is in, with a checkpoint."""
        self.stopping = True

    def run(self, progress: Callable[[int, dict[str, float]], None] | None = None, until: float | None = None) -> None:
        """Train to the last step, or until `time.monotonic()` passes `until`; checkpoints and log on the way."""
        started, c = time.monotonic(), self.config
        if (self.out / "log.csv").exists():
            self._forget_later_rows(self.out / "log.csv")
        with (self.out / "log.csv").open("a", newline="") as file:
            writer = csv.DictWriter(file, _COLUMNS)
            if file.tell() == 0:
                writer.writeheader()
            while not self.stopping and self.step < c.steps and (until is None or time.monotonic() < until):
                terms = self._advance()
                due = self.step % c.validate_every == 0 or self.step == c.steps
                if due or self.step % 50 == 0:
                    row = {name: float(term.detach()) for name, term in terms.items()}
                    row |= self.validate() if due else {}
                    row = {name: round(value, 4) for name, value in row.items()}
                    writer.writerow({"step": self.step, "seconds": round(time.monotonic() - started, 1), **row})
                    file.flush()
                    if progress:
                        progress(self.step, row)
                if self.step % c.checkpoint_every == 0 or self.step == c.steps:
                    self.save()
        self.save()

    def _forget_later_rows(self, log_file: Path) -> None:
        # An interrupted run may have logged steps past its last checkpoint, which are about to be done again.
        with log_file.open(newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        kept = [row for row in rows if row and row[0].isdigit() and int(row[0]) <= self.step]
        if len(kept) < len(rows):
            with atomic_write(log_file, overwrite=True) as partial, partial.open("w", newline="") as file:
                csv.writer(file).writerows([header, *kept])

    def _advance(self) -> dict[str, Tensor]:
        plain, relit, labels = (tensor.to(self.device) for tensor in self.batch(self.step))
        # The network draws for its dropout; seeded by the step, a resumed run draws the same.
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        terms = self.losses(plain, relit, labels)
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for p in self.network.parameters() if p.grad is not None], 2.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)
        self.optimizer.step()
        self.step += 1
        self.update_average()
        return {"loss": loss, **terms}
