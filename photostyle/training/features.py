"""Distillation of the feature encoder: all five levels of a student regressed on a teacher's at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.errors import ParameterError
from photostyle.network.features import MIN_SIDE, FeatureConfig, FeatureEncoder
from photostyle.training import data
from photostyle.training.loop import whiten_first_layer
from photostyle.training.running import Run, one_cycle
from photostyle.training.settings import check_numbers
from photostyle.training.teachers import FEATURE_LAYERS

CALIBRATION_CROPS = 48
FAST = 4.0


@dataclass(frozen=True)
class DistilConfig:
    """Everything that determines a run.

    Attributes:
        student: the network to train.
        teacher: name of the network whose relu1_1 … relu5_1 are learned.
        steps: optimisation steps in all; the learning rate is one cycle over them.
        batch: crops a step, half of them graded.
        crop: side of a crop in pixels.
        learning_rate: its peak.
        seed: of everything random.
        validate_every, checkpoint_every: in steps.
    """

    student: FeatureConfig = field(default_factory=FeatureConfig)
    teacher: str = "cd16"
    steps: int = 1500
    batch: int = 8
    crop: int = 128
    learning_rate: float = 2e-3
    seed: int = 0
    validate_every: int = 100
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        check_numbers(self, ("steps", "batch", "validate_every", "checkpoint_every"))
        if self.crop < MIN_SIDE:
            raise ParameterError(f"crop is {self.crop}; it must be at least {MIN_SIDE}")


class FeatureTrainer(Run[DistilConfig, Tensor]):
    """A run of a student, the projections of its layers and their optimiser.

    Args:
        config: what to train, and how.
        out: folder for log and checkpoint.
        teacher: the network to learn from, frozen, on the device to train on.
        photos: (3, H, W) uint8, as of `photostyle.training.data.load_photos`; some are held out for validation.
    """

    columns = FEATURE_LAYERS
    parts = ("student", "heads", "optimizer", "schedule")

    def __init__(self, config: DistilConfig, out: Path, teacher: FeatureEncoder, photos: Sequence[Tensor]) -> None:
        super().__init__(config, out, next(teacher.parameters()).device)
        self.teacher, (self.photos, self.held) = teacher, data.split(photos)
        self.student = FeatureEncoder(config.student).to(self.device)
        for module in self.student.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                nn.init.kaiming_normal_(module.weight)  # activations keep their size through thirteen layers
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        generator = data.step_generator(config.seed, -1)
        crops = data.random_crops(self.photos, CALIBRATION_CROPS, config.crop, generator).to(self.device)
        whiten_first_layer(self.student, crops)
        with torch.no_grad():
            features = self.teacher(crops, FEATURE_LAYERS)
        # A channel that hardly ever fires would otherwise be divided by almost nothing.
        self.means = [x.mean((0, 2, 3), keepdim=True) for x in features.values()]
        deviations = [x.std((0, 2, 3), keepdim=True) for x in features.values()]
        self.deviations = [x.clamp_min(0.1 * float(x.mean())) for x in deviations]
        self.heads = nn.ModuleList(
            nn.Conv2d(w, t, 1) for w, t in zip(config.student.widths, teacher.config.widths, strict=True)
        ).to(self.device)
        # As for the style network: edges are faint in photos, so what sees them must grow, and grow fast.
        fast = [*self.student.conv0.parameters(), *self.student.conv1_1.parameters(), *self.heads.parameters()]
        self.optimizer, self.schedule = one_cycle(
            self.student, fast, rate=config.learning_rate, factor=FAST, weight_decay=1e-4, steps=config.steps
        )

    def errors(self, images: Tensor) -> Tensor:
        """Squared error of each layer, in units of the teacher's variance; (5,)."""
        with torch.no_grad():
            targets = self.teacher(images, FEATURE_LAYERS).values()
        found = self.student(images, FEATURE_LAYERS).values()
        levels = zip(found, targets, self.heads, self.means, self.deviations, strict=True)
        return torch.stack([F.mse_loss(head(x), (t - mean) / scale) for x, t, head, mean, scale in levels])

    def batch(self, step: int) -> Tensor:
        """The crops of a step."""
        c, generator = self.config, data.step_generator(self.config.seed, step)
        images = data.random_crops(self.photos, c.batch, c.crop, generator)
        images[: c.batch // 2] = data.random_grade(images[: c.batch // 2], generator)
        return images

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        """The mean error of the layers, which is the whole loss."""
        return {"loss": self.errors(batch.to(self.device)).mean()}

    def clipped(self) -> Iterable[Iterable[Tensor]]:
        """The student's parameters."""
        return [self.student.parameters()]

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Error of each layer on the middle 256×256 of held photos: 0 is perfect, 1 no better than the means."""
        large = [photo for photo in self.held if min(photo.shape[-2:]) >= MIN_SIDE]
        found = [self.errors(data.middle(photo).to(self.device)) for photo in large]
        return dict(zip(FEATURE_LAYERS, torch.stack(found).mean(0).tolist(), strict=True)) if found else {}
