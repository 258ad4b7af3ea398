"""The training loop: steps, validation, log, checkpoints and exact resume, on a CPU or a CUDA device."""

from __future__ import annotations

import csv
import logging
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import WeightsError
from photostyle.features import FeatureEncoder
from photostyle.finish import project
from photostyle.io.files import atomic_write, ensure_folder
from photostyle.networks import WCT2, WaveEncoder
from photostyle.training import data, labelled, losses, photorealism
from photostyle.training.batches import Batch, make_batch
from photostyle.training.config import TrainConfig
from photostyle.training.teachers import make_teacher
from photostyle.weights.files import one_line, read_model

log = logging.getLogger(__name__)

CALIBRATION_CROPS = 64  # to whiten the first layer and to standardize the teacher's features

# What torch.load and load_state_dict raise on files that are damaged or no checkpoint of this trainer.
_DAMAGE = (pickle.UnpicklingError, OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)


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


class Trainer:
    """One run: networks, optimiser, data and the folder `out` with ``log.csv`` and ``checkpoint.pt``."""

    def __init__(
        self, config: TrainConfig, out: Path, device: torch.device, photos: list[Tensor] | None = None
    ) -> None:
        self.config, self.out, self.device = config, out, device
        torch.manual_seed(config.seed)
        self.model = WCT2(config.model).to(device)
        self.training, self.held = data.split(data.load_photos(config.photos) if photos is None else photos)
        self.scenes = labelled.load_labelled(config.labelled) if config.masked and config.labelled else []
        generator = data.step_generator(config.seed, -1)
        calibration = data.random_crops(self.training, CALIBRATION_CROPS, 128, generator).to(device)
        whiten_first_layer(self.model.encoder, calibration)
        teacher = make_teacher(config.teacher, config.teacher_path, device)
        self.targets = losses.Targets(teacher, calibration)
        self.projections = losses.Projections(config.model.widths, teacher.channels).to(device)
        if config.init and config.init.suffix == ".safetensors":
            self._load_model(config.init)
        elif config.init:
            self._load(config.init, ("model", "projections"))
        first = [*self.model.encoder.conv0.parameters(), *self.model.encoder.conv1_1.parameters()]
        fast = [*first, *self.projections.parameters()]
        slow = [p for p in self.model.parameters() if all(p is not other for other in fast)]
        self.parameters = [*slow, *fast]
        rates = [config.learning_rate, config.learning_rate * config.fast]
        self.optimizer = torch.optim.AdamW(
            [{"params": slow}, {"params": fast}], lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rates, total_steps=config.steps, pct_start=min(0.9, max(0.1, 2 / config.steps))
        )
        self.step = 0
        self.stopping = False
        ensure_folder(out)

    @property
    def checkpoint(self) -> Path:
        """Where the run's state is kept."""
        return self.out / "checkpoint.pt"

    def save(self) -> None:
        """Write the whole state, atomically. Raises OutputError if that fails."""
        state = {
            "step": self.step,
            "config": repr(asdict(self.config)),
            "model": self.model.state_dict(),
            "projections": self.projections.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }
        with atomic_write(self.checkpoint, overwrite=True) as partial:
            torch.save(state, partial)

    def resume(self) -> None:
        """Continue from the checkpoint. Raises WeightsError if it is missing, damaged or of another configuration."""
        state = self._load(self.checkpoint, ("model", "projections", "optimizer", "schedule"), same_run=True)
        self.step = state["step"]

    def _load_model(self, path: Path) -> None:
        start = read_model(path, self.device)
        if start.config.widths != self.config.model.widths or start.config.unpool != self.config.model.unpool:
            raise WeightsError(f"{path} is of another network than the one to train: {start.config}")
        self.model.load_state_dict(start.state_dict())

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

    def batch(self, step: int) -> Batch:
        """The crops of a step. The same for the same seed and step."""
        return make_batch(self.config, self.training, self.scenes, step)

    def losses(self, batch: Batch, step: int = 0) -> dict[str, Tensor]:
        """Weighted terms of the loss on a batch."""
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
            height, width = photo.shape[-2:]
            side = min(256, height // 8 * 8, width // 8 * 8)
            top, left = (height - side) // 2, (width - side) // 2
            image = photo[None, :, top : top + side, left : left + side].to(self.device).float() / 255
            output, features = losses.walk_with_features(self.model, image)
            scores.append(losses.psnr(output.clamp(0, 1), image))
            errors.append(losses.distillation_loss(self.projections(features), self.targets(image)))
        return {"psnr": float(torch.cat(scores).mean()), "held_distillation": float(torch.stack(errors).mean())}

    def stop(self) -> None:
        """Let `run` end after the step that it is in, with a checkpoint."""
        self.stopping = True

    def _forget_later_rows(self, log_file: Path) -> None:
        # An interrupted run may have logged steps past its last checkpoint, which are about to be done again.
        with log_file.open(newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        kept = [row for row in rows if row and row[0].isdigit() and int(row[0]) <= self.step]
        if len(kept) < len(rows):
            with atomic_write(log_file, overwrite=True) as partial, partial.open("w", newline="") as file:
                csv.writer(file).writerows([header, *kept])

    def run(self, progress: Callable[[int, dict[str, float]], None] | None = None, until: float | None = None) -> None:
        """Train to the last step, or until `time.monotonic()` passes `until`; checkpoints and log on the way.

        The log's ``seconds`` count from the start of this call.
        """
        columns = ["step", "seconds", "loss", "distillation", "mse", "l1", "residual", "flat", "style", "colour"]
        columns += ["truth", "consistency", "psnr", "held_distillation"]
        started, c = time.monotonic(), self.config
        if (self.out / "log.csv").exists():
            self._forget_later_rows(self.out / "log.csv")
        with ThreadPoolExecutor(1) as pool, (self.out / "log.csv").open("a", newline="") as file:
            writer = csv.DictWriter(file, columns)
            if file.tell() == 0:
                writer.writeheader()
            upcoming = pool.submit(self.batch, self.step)
            while not self.stopping and self.step < c.steps and (until is None or time.monotonic() < until):
                batch = upcoming.result().to(self.device)
                upcoming = pool.submit(self.batch, self.step + 1)
                terms = self.losses(batch, self.step)
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
