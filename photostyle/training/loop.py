"""The training loop: steps, validation, log, checkpoints and exact resume, on a CPU or a CUDA device."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import ParameterError, WeightsError
from photostyle.networks import WCT2, ModelConfig, WaveEncoder
from photostyle.training import data, losses
from photostyle.training.teachers import TeacherKind, make_teacher

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that determines a run, as read from its TOML file.

    Attributes:
        model: architecture (`ModelConfig` fields).
        photos: folder of training photos.
        teacher: ``pca`` (offline) or ``vgg19`` (torchvision, downloads).
        teacher_path: weights of the ``pca`` teacher.
        steps: optimisation steps in all.
        batch: crops a step.
        crop: side of a crop in pixels, a multiple of 8.
        learning_rate: peak of the one-cycle schedule.
        fast: factor on that rate for the colour layer, conv1_1 and the projections. Edges have a hundredth of the
            variance of brightness in natural patches, so their weights must grow large, and at the common rate do not.
        weight_decay: of AdamW.
        distillation, mse, l1: weights of the losses (L1 and squared error of the reconstruction).
        grade: how strongly crops are graded at random (0 not at all).
        seed: of everything random.
        validate_every, checkpoint_every: in steps.
    """

    photos: Path
    model: ModelConfig = field(default_factory=lambda: ModelConfig("small", (16, 32, 64, 96), "cat5", ll_gain=0.5))
    teacher: TeacherKind = "pca"
    teacher_path: Path | None = None
    steps: int = 2400
    batch: int = 8
    crop: int = 128
    learning_rate: float = 2e-3
    fast: float = 4.0
    weight_decay: float = 1e-4
    distillation: float = 1.0
    mse: float = 60.0
    l1: float = 2.0
    grade: float = 1.0
    seed: int = 0
    validate_every: int = 200
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        if self.crop % 8 or self.crop < 32:
            raise ParameterError(f"crop is {self.crop}; it must be a multiple of 8, at least 32")
        if min(self.steps, self.batch, self.validate_every, self.checkpoint_every) < 1:
            raise ParameterError("steps, batch, validate_every and checkpoint_every must be at least 1")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """From a parsed TOML table; raises ParameterError on unknown or missing fields."""
        values = dict(values)
        try:
            if "model" in values:
                model = dict(values["model"])
                values["model"] = ModelConfig(**{**model, "widths": tuple(model["widths"])})
            for name in ("photos", "teacher_path"):
                if name in values:
                    values[name] = Path(values[name])
            return cls(**values)
        except (TypeError, KeyError) as error:
            raise ParameterError(f"training configuration: {error}") from error


@torch.no_grad()
def whiten_first_layer(encoder: WaveEncoder, images: Tensor) -> None:
    """Start conv1_1 from the principal components of 3×3 patches, each with both signs, scaled to unit variance.

    Brightness and fine edges then begin at one size; from random filters, edges take most of a run to grow.
    """
    encoder.conv0.load_state_dict({"weight": torch.eye(3)[:, :, None, None], "bias": torch.zeros(3)})
    weight, bias = encoder.conv1_1.weight, encoder.conv1_1.bias
    patches = F.unfold(images, 3).transpose(0, 1).flatten(1)[:, ::7].double()
    values, vectors = torch.linalg.eigh(torch.cov(patches))
    pairs = min(weight.shape[0] // 2, len(values))
    filters = (vectors / (values + 1e-5).sqrt())[:, -pairs:].T
    both = torch.cat([filters, -filters])
    weight[: 2 * pairs] = both.reshape(2 * pairs, 3, 3, 3).to(weight)
    if bias is not None:
        bias[: 2 * pairs] = -(both @ patches.mean(1)).to(bias)


class Trainer:
    """One run: networks, optimiser, data and the folder `out` with ``log.csv`` and ``checkpoint.pt``."""

    def __init__(
        self, config: TrainConfig, out: Path, device: torch.device, photos: list[Tensor] | None = None
    ) -> None:
        self.config, self.out, self.device = config, out, device
        torch.manual_seed(config.seed)
        self.model = WCT2(config.model).to(device)
        self.training, self.held = data.split(data.load_photos(config.photos) if photos is None else photos)
        calibration = data.random_crops(self.training, 64, 128, data.step_generator(config.seed, -1)).to(device)
        whiten_first_layer(self.model.encoder, calibration)
        teacher = make_teacher(config.teacher, config.teacher_path, device)
        self.targets = losses.Targets(teacher, calibration)
        self.projections = losses.Projections(config.model.widths, teacher.channels).to(device)
        first = [*self.model.encoder.conv0.parameters(), *self.model.encoder.conv1_1.parameters()]
        fast = [*first, *self.projections.parameters()]
        slow = [p for p in self.model.parameters() if all(p is not other for other in fast)]
        self.parameters = [*slow, *fast]
        rates = [config.learning_rate, config.learning_rate * config.fast]
        self.optimizer = torch.optim.AdamW(
            [{"params": slow}, {"params": fast}], lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rates, total_steps=config.steps, pct_start=0.1
        )
        self.step = 0
        out.mkdir(parents=True, exist_ok=True)

    @property
    def checkpoint(self) -> Path:
        """Where the run's state is kept."""
        return self.out / "checkpoint.pt"

    def save(self) -> None:
        """Write the whole state, atomically."""
        state = {
            "step": self.step,
            "config": repr(asdict(self.config)),
            "model": self.model.state_dict(),
            "projections": self.projections.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def resume(self) -> None:
        """Continue from the checkpoint. Raises WeightsError if it is missing, damaged or of another configuration."""
        try:
            state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        except (OSError, RuntimeError, EOFError) as error:
            raise WeightsError(f"{self.checkpoint}: cannot resume ({error})") from error
        if state["config"] != repr(asdict(self.config)):
            raise WeightsError(f"{self.checkpoint}: belongs to another configuration; train into another folder")
        self.step = state["step"]
        for name in ("model", "projections", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])

    def batch(self, step: int) -> Tensor:
        """The crops of a step, (B, 3, S, S) in [0, 1]; half of them graded. The same for the same seed and step."""
        generator = data.step_generator(self.config.seed, step)
        crops = data.random_crops(self.training, self.config.batch, self.config.crop, generator)
        if self.config.grade > 0:
            half = crops.shape[0] // 2
            crops[:half] = data.random_grade(crops[:half], generator, self.config.grade)
        return crops

    def losses(self, images: Tensor) -> dict[str, Tensor]:
        """Weighted terms of the loss on a batch."""
        c = self.config
        with torch.no_grad():
            targets = self.targets(images)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            output, features = losses.reconstruct_with_features(self.model, images)
            projected = self.projections(features)
        output = output.float()
        return {
            "distillation": c.distillation * losses.distillation_loss(projected, targets),
            "mse": c.mse * F.mse_loss(output, images),
            "l1": c.l1 * F.l1_loss(output, images),
        }

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Reconstruction PSNR (dB) and distillation error on the middle 256×256 of the held photos."""
        scores, errors = [], []
        for photo in self.held:
            height, width = photo.shape[-2:]
            side = min(256, height // 8 * 8, width // 8 * 8)
            top, left = (height - side) // 2, (width - side) // 2
            image = photo[None, :, top : top + side, left : left + side].to(self.device).float() / 255
            output, features = losses.reconstruct_with_features(self.model, image)
            scores.append(losses.psnr(output.clamp(0, 1), image))
            errors.append(losses.distillation_loss(self.projections(features), self.targets(image)))
        return {"psnr": float(torch.cat(scores).mean()), "held_distillation": float(torch.stack(errors).mean())}

    def run(self, progress: Callable[[int, dict[str, float]], None] | None = None, until: float | None = None) -> None:
        """Train to the last step, or until `time.monotonic()` passes `until`; checkpoints and log on the way."""
        columns = ["step", "seconds", "loss", "distillation", "mse", "l1", "psnr", "held_distillation"]
        started, c = time.monotonic(), self.config
        with ThreadPoolExecutor(1) as pool, (self.out / "log.csv").open("a", newline="") as file:
            writer = csv.DictWriter(file, columns)
            if file.tell() == 0:
                writer.writeheader()
            upcoming = pool.submit(self.batch, self.step)
            while self.step < c.steps and (until is None or time.monotonic() < until):
                images = upcoming.result().to(self.device, non_blocking=True)
                upcoming = pool.submit(self.batch, self.step + 1)
                terms = self.losses(images)
                loss = torch.stack(list(terms.values())).sum()
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
                self.optimizer.step()
                self.schedule.step()
                self.step += 1
                due = self.step % c.validate_every == 0 or self.step == c.steps
                if due or self.step % 50 == 0:
                    row = {name: float(term.detach()) for name, term in {"loss": loss, **terms}.items()}
                    row |= self.validate() if due else {}
                    writer.writerow({"step": self.step, "seconds": round(time.monotonic() - started, 1), **row})
                    file.flush()
                    if progress:
                        progress(self.step, row)
                if self.step % c.checkpoint_every == 0 or self.step == c.steps:
                    self.save()
        self.save()
