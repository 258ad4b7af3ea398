"""Distillation of the feature encoder: all five levels of a student regressed on a teacher's at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.features import MIN_SIDE, FeatureConfig, FeatureEncoder
from photostyle.training import data
from photostyle.training.loop import whiten_first_layer
from photostyle.training.teachers import FEATURE_LAYERS

CALIBRATION_CROPS = 48
FAST = 4.0


class FeatureTrainer:
    """A student, its projections and optimiser; deterministic in the seed and the step, so that a run resumes exactly.

    Args:
        config: the student's widths.
        teacher: the network whose relu1_1 … relu5_1 are learned, frozen, on the device to train on.
        photos: training photos (3, H, W) uint8.
        steps: in all; the learning rate is one cycle over them.
    """

    def __init__(
        self,
        config: FeatureConfig,
        teacher: FeatureEncoder,
        photos: Sequence[Tensor],
        *,
        steps: int,
        batch: int = 8,
        crop: int = 128,
        learning_rate: float = 2e-3,
        seed: int = 0,
    ) -> None:
        self.teacher, self.photos, self.batch, self.crop, self.seed = teacher, photos, batch, crop, seed
        self.device = next(teacher.parameters()).device
        torch.manual_seed(seed)
        self.student = FeatureEncoder(config).to(self.device)
        for module in self.student.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                nn.init.kaiming_normal_(module.weight)  # activations keep their size through thirteen layers
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        crops = data.random_crops(photos, CALIBRATION_CROPS, crop, data.step_generator(seed, -1)).to(self.device)
        whiten_first_layer(self.student, crops)
        with torch.no_grad():
            features = self.teacher(crops, FEATURE_LAYERS)
        # A channel that hardly ever fires would otherwise be divided by almost nothing.
        self.means = [x.mean((0, 2, 3), keepdim=True) for x in features.values()]
        deviations = [x.std((0, 2, 3), keepdim=True) for x in features.values()]
        self.deviations = [x.clamp_min(0.1 * float(x.mean())) for x in deviations]
        self.heads = nn.ModuleList(
            nn.Conv2d(w, t, 1) for w, t in zip(config.widths, teacher.config.widths, strict=True)
        ).to(self.device)
        # As for the style network: edges are faint in photos, so what sees them must grow, and grow fast.
        fast = [*self.student.conv0.parameters(), *self.student.conv1_1.parameters(), *self.heads.parameters()]
        slow = [p for p in self.student.parameters() if all(p is not other for other in fast)]
        groups = [{"params": slow}, {"params": fast}]
        self.optimizer = torch.optim.AdamW(groups, lr=learning_rate, weight_decay=1e-4)
        rates = [learning_rate, FAST * learning_rate]
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, rates, total_steps=steps, pct_start=0.1)
        self.step = 0

    def errors(self, images: Tensor) -> Tensor:
        """Squared error of each layer, in units of the teacher's variance; (5,)."""
        with torch.no_grad():
            targets = self.teacher(images, FEATURE_LAYERS).values()
        found = self.student(images, FEATURE_LAYERS).values()
        levels = zip(found, targets, self.heads, self.means, self.deviations, strict=True)
        return torch.stack([F.mse_loss(head(x), (t - mean) / scale) for x, t, head, mean, scale in levels])

    def advance(self) -> float:
        """One step; its loss."""
        generator = data.step_generator(self.seed, self.step)
        images = data.random_crops(self.photos, self.batch, self.crop, generator)
        images[: self.batch // 2] = data.random_grade(images[: self.batch // 2], generator)
        loss = self.errors(images.to(self.device)).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(list(self.student.parameters()), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        return float(loss.detach())

    @torch.no_grad()
    def validate(self, held: Sequence[Tensor]) -> list[float]:
        """Error of each layer on the middle 256×256 of held photos: 0 is perfect, 1 no better than the means."""
        found = []
        for photo in held:
            height, width = photo.shape[-2:]
            side = min(256, height, width)
            if side < MIN_SIDE:
                continue
            top, left = (height - side) // 2, (width - side) // 2
            image = photo[None, :, top : top + side, left : left + side].to(self.device).float() / 255
            found.append(self.errors(image))
        return [float(x) for x in torch.stack(found).mean(0)]

    def state(self) -> dict[str, Any]:
        """Everything that `load` needs to go on exactly here."""
        parts = {name: getattr(self, name).state_dict() for name in ("student", "heads", "optimizer", "schedule")}
        return {**parts, "step": self.step}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for name in ("student", "heads", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]
