"""Training of the style network: reconstruction, distillation and the transfer itself."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.edges.finish import project
from photostyle.errors import WeightsError
from photostyle.network.features import FeatureEncoder
from photostyle.network.wct2 import WCT2, WaveEncoder
from photostyle.training import data, losses, photorealism
from photostyle.training.batches import Batch, make_batch
from photostyle.training.config import TrainConfig
from photostyle.training.running import Run, one_cycle
from photostyle.training.scenes import load_scenes
from photostyle.training.teachers import make_teacher
from photostyle.weights import read_model

CALIBRATION_CROPS = 64  # to whiten the first layer and to standardize the teacher's features
LONG_SIDE = 400  # to which labelled scenes are reduced


@torch.no_grad()
def whiten_first_layer(encoder: WaveEncoder | FeatureEncoder, images: Tensor) -> None:
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


class Trainer(Run[TrainConfig, Batch]):
    """A run of the style network, its projections and their optimiser."""

    columns = ("distillation", "mse", "l1", "residual", "flat", "style", "colour", "truth", "consistency",
               "psnr", "held_distillation")  # fmt: skip
    parts = ("model", "projections", "optimizer", "schedule")

    def __init__(
        self, config: TrainConfig, out: Path, device: torch.device, photos: list[Tensor] | None = None
    ) -> None:
        super().__init__(config, out, device)
        self.model = WCT2(config.model).to(device)
        self.training, self.held = data.split(data.load_photos(config.photos) if photos is None else photos)
        self.scenes = load_scenes(config.labelled, LONG_SIDE) if config.masked and config.labelled else []
        generator = data.step_generator(config.seed, -1)
        calibration = data.random_crops(self.training, CALIBRATION_CROPS, 128, generator).to(device)
        whiten_first_layer(self.model.encoder, calibration)
        teacher = make_teacher(config.teacher, config.teacher_path, device)
        self.targets = losses.Targets(teacher, calibration)
        self.projections = losses.Projections(config.model.widths, teacher.channels).to(device)
        if config.init and config.init.suffix == ".safetensors":
            self._load_model(config.init)
        elif config.init:
            self.load(config.init, ("model", "projections"))
        first = [*self.model.encoder.conv0.parameters(), *self.model.encoder.conv1_1.parameters()]
        self.optimizer, self.schedule = one_cycle(
            self.model, [*first, *self.projections.parameters()], rate=config.learning_rate, factor=config.fast,
            weight_decay=config.weight_decay, steps=config.steps,
        )  # fmt: skip

    def _load_model(self, path: Path) -> None:
        start = read_model(path, self.device)
        if start.config.widths != self.config.model.widths or start.config.unpool != self.config.model.unpool:
            raise WeightsError(f"{path} is of another network than the one to train: {start.config}")
        self.model.load_state_dict(start.state_dict())

    def batch(self, step: int) -> Batch:
        """The crops of a step."""
        return make_batch(self.config, self.training, self.scenes, step)

    def losses(self, batch: Batch, step: int = 0) -> dict[str, Tensor]:
        """Weighted terms of the loss on a batch."""
        batch = batch.to(self.device)
        c, images = self.config, batch.images
        at = ("encoder", "decoder") if (step * 0.618034) % 1 < c.decoder_share else ("encoder",)
        moments: dict[str, list[photorealism.RegionMoments]] = {}
        untouched: dict[str, Tensor] = {}
        style_regions = [pair[1] if pair else None for pair in batch.regions]

        def site(name: str, features: Tensor) -> Tensor:
            untouched[name] = features
            moments[name] = photorealism.record_moments(features[c.pairs :], style_regions)
            return features

        with torch.no_grad():
            targets = self.targets(images)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            output, features = losses.walk_with_features(
                self.model, images, at if c.pairs else (), site if c.pairs else None
            )
            projected = self.projections(features)
        output = output.float()
        terms = {
            "distillation": c.distillation * losses.distillation_loss(projected, targets),
            "mse": c.mse * F.mse_loss(output, images),
            "l1": c.l1 * F.l1_loss(output, images),
        }
        if c.pairs:
            terms |= self._transfer_losses(batch, at, moments, targets)
        if c.consistency and "decoder" in at and c.pairs:
            terms["consistency"] = c.consistency * photorealism.consistency(untouched)
        return terms

    def _transfer_losses(
        self,
        batch: Batch,
        at: tuple[str, ...],
        moments: dict[str, list[photorealism.RegionMoments]],
        targets: list[Tensor],
    ) -> dict[str, Tensor]:
        c, (content, style) = self.config, batch.images.chunk(2)
        own = [pair[0] if pair else None for pair in batch.regions]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            output = photorealism.transfer(self.model, content, own, moments, at, c.matching, c.model.regularization)
        output = output.float()
        terms = {
            "residual": c.residual * photorealism.affine_residual(content, output),
            "flat": c.flat * photorealism.flat_deviation(content, output),
        }
        output = project(content, output) if c.finish else output
        real = slice(c.twins, c.pairs)
        if c.pairs > c.twins:
            wanted = [x[c.pairs :][real] for x in targets]
            regions = batch.regions[real]
            terms["style"] = c.style * photorealism.style_distance(self.targets(output[real]), wanted, regions)
            if c.colour:
                directions = F.normalize(torch.randn(3, 12, generator=data.step_generator(c.seed, self.step)), dim=0)
                terms["colour"] = c.colour * photorealism.colour_distance(
                    content[real], output[real], style[real], regions, directions.to(content)
                )
        if batch.truth is not None:
            terms["truth"] = c.truth * F.mse_loss(output[: c.twins], batch.truth)
        return terms

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Reconstruction PSNR (dB) and distillation error on the middle 256×256 of the held photos."""
        scores, errors = [], []
        for photo in self.held:
            image = data.middle(photo, multiple=8).to(self.device)
            output, features = losses.walk_with_features(self.model, image)
            scores.append(losses.psnr(output.clamp(0, 1), image))
            errors.append(losses.distillation_loss(self.projections(features), self.targets(image)))
        return {"psnr": float(torch.cat(scores).mean()), "held_distillation": float(torch.stack(errors).mean())}
