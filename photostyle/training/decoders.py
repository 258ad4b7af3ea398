"""Decoders of the feature encoder, all trained in one run: each step shows all of them the same crops.

``wct`` and ``photowct`` reconstruct (Li et al. 2017, equation 1): ‖I_o - I‖² + λ ‖Φ(I_o) - Φ(I)‖², Φ being the layer
that is decoded. ``adain`` is trained as it is used (Huang & Belongie 2017, equations 11 to 13): half of the crops take
the statistics of the other half, t = AdaIN(f(c), f(s)), and the loss is ‖f(g(t)) - t‖² + λ L_s with
L_s = Σ_l ‖μ(φ_l(g(t))) - μ(φ_l(s))‖² + ‖σ(φ_l(g(t))) - σ(φ_l(s))‖² over relu1_1 … relu4_1. Besides, which the paper has
not, it reconstructs the pixels of crops whose features stay as they are: through a narrow encoder, features alone say
too little about colours in a short training. Errors of features are in units of their layer's variance.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.network.decoders import SETS, Decoders, DecodersConfig, fingerprint
from photostyle.network.features import MIN_SIDE, FeatureEncoder
from photostyle.training import data
from photostyle.training.losses import psnr
from photostyle.training.running import Run, one_cycle
from photostyle.training.settings import check_numbers
from photostyle.training.teachers import FEATURE_LAYERS
from photostyle.training.widening import widen

CALIBRATION_CROPS = 48
NAMES = tuple(f"{name}{level}" for name, levels in SETS.items() for level in levels)
MULTIPLE = 16  # of a crop's side: four poolings lie before relu5_1
_ADAIN_LAYERS = FEATURE_LAYERS[:4]
_FLOOR = 1e-5  # of a variance, in units of the layer's


@dataclass(frozen=True)
class DecodersTraining:
    """Everything that determines a run.

    Attributes:
        steps: optimisation steps in all; the learning rate is one cycle over them.
        batch: crops a step, an even number; half of them are graded.
        crop: side of a crop in pixels, a multiple of 16.
        learning_rate: its peak.
        pixels: weight of the squared error of pixels in reconstruction.
        features: λ of reconstruction.
        style: λ of AdaIN; the paper's is 10.
        grade: how strongly graded crops are graded.
        only: the decoders to train, as ``"wct4"``; empty for all.
        wider: see `photostyle.network.decoders.DecodersConfig`.
        bfloat16: compute features and photos in bfloat16, which some processors multiply many times faster.
        average: decay of the averaged decoders, which are the result.
        seed: of everything random.
        validate_every, checkpoint_every: in steps.
    """

    steps: int = 1500
    batch: int = 4
    crop: int = 128
    learning_rate: float = 1e-3
    pixels: float = 40.0
    features: float = 1.0
    style: float = 10.0
    grade: float = 1.0
    only: tuple[str, ...] = ()
    wider: int = 1
    bfloat16: bool = False
    average: float = 0.998
    seed: int = 0
    validate_every: int = 200
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        check_numbers(self, ("steps", "batch", "validate_every", "checkpoint_every"))
        if self.batch % 2:
            raise ParameterError(f"batch is {self.batch}; it must be even: AdaIN takes crops in pairs")
        unknown = [name for name in self.only if name not in NAMES]
        if unknown:
            raise ParameterError(f"there is no decoder {unknown[0]!r}; there is {', '.join(NAMES)}")
        if self.crop % MULTIPLE or self.crop < MIN_SIDE:
            raise ParameterError(f"crop is {self.crop}; it must be a multiple of {MULTIPLE}, at least {MIN_SIDE}")


class DecodersTrainer(Run[DecodersTraining, Tensor]):
    """A run of all decoders of an encoder and their optimiser.

    Args:
        config: how to train.
        out: folder for log and checkpoint.
        encoder: the network to decode, frozen, on the device to train on.
        photos: (3, H, W) uint8, as of `photostyle.training.data.load_photos`; some are held out for validation.
    """

    columns = (
        "wct", "photowct", "content", "style", "pixels", *(f"psnr_{name}{level}" for name in ("wct", "photowct")
        for level in SETS[name]), "psnr_adain4", "held_content", "held_style",
    )  # fmt: skip
    parts = ("decoders", "average", "optimizer", "schedule")
    averaged = ("average", "decoders")

    def __init__(self, config: DecodersTraining, out: Path, encoder: FeatureEncoder, photos: Sequence[Tensor]) -> None:
        super().__init__(config, out, next(encoder.parameters()).device)
        self.photos, self.held = data.split(photos)
        self.encoder = encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        decoders = Decoders(DecodersConfig(encoder.config.widths, fingerprint(encoder), config.wider))
        self.decoders = decoders.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.decoders).requires_grad_(False)
        crops = data.random_crops(self.photos, CALIBRATION_CROPS, config.crop, data.step_generator(config.seed, -1))
        with torch.no_grad():
            found = self.encoder(crops.to(self.device), FEATURE_LAYERS)
        self.variances = {name: x.var((0, 2, 3)).mean() for name, x in found.items()}
        self.optimizer, self.schedule = one_cycle(
            self.decoders, [], rate=config.learning_rate, factor=1.0, weight_decay=1e-4, steps=config.steps
        )

    def batch(self, step: int) -> Tensor:
        """The crops of a step: contents of AdaIN, then its styles, of which every second is graded."""
        c, generator = self.config, data.step_generator(self.config.seed, step)
        images = data.random_crops(self.photos, c.batch, c.crop, generator)
        images[::2] = data.random_grade(images[::2], generator, c.grade)
        return images

    def start_from(self, decoders: Decoders) -> None:
        """Start as other decoders of the same encoder, which may be narrower.

        Raises:
            ParameterError: they are of another encoder, or too wide.
        """
        decoders.check(self.encoder)
        if decoders.config == self.decoders.config:
            self.decoders.load_state_dict(decoders.state_dict())
        else:
            generator = data.step_generator(self.config.seed, -2)
            for name in NAMES:
                widen(decoders.get_submodule(name), self.decoders.get_submodule(name), generator)
        self.average.load_state_dict(self.decoders.state_dict())

    def clipped(self) -> Iterable[Iterable[Tensor]]:
        """The parameters of each decoder, which are trained side by side and have nothing to do with each other."""
        return [self.decoders.get_submodule(name).parameters() for name in NAMES if self.trains(name)]

    def trains(self, name: str) -> bool:
        """Whether a decoder is among those to train."""
        return name in (self.config.only or NAMES)

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        """What each set adds."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            return self._losses(batch)

    def _losses(self, batch: Tensor) -> dict[str, Tensor]:
        images = batch.to(self.device, memory_format=torch.channels_last)
        locations: list[Tensor] = []
        with torch.no_grad():
            found = self.encoder(images, FEATURE_LAYERS, locations=locations)
        terms = {name: torch.zeros((), device=self.device) for name in ("wct", "photowct")}
        for level, layer in enumerate(FEATURE_LAYERS, 1):
            names = [name for name in terms if level in SETS[name] and self.trains(f"{name}{level}")]
            if not names:
                continue
            outputs = [self.decoders.get(name, level)(found[layer], locations) for name in names]
            again = self.encoder(torch.cat(outputs), [layer])[layer].chunk(len(outputs))
            for name, output, features in zip(names, outputs, again, strict=True):
                error = F.mse_loss(features, found[layer]) / self.variances[layer]
                terms[name] = terms[name] + self.config.pixels * F.mse_loss(output, images)
                terms[name] = terms[name] + self.config.features * error
        if not self.trains("adain4"):
            return terms
        content, style = self.adain_losses({name: found[name] for name in _ADAIN_LAYERS})
        again = self.decoders.get("adain", 4)(found["relu4_1"])
        pixels = self.config.pixels * F.mse_loss(again, images)
        return {**terms, "content": content, "style": self.config.style * style, "pixels": pixels}

    def adain_losses(self, found: Mapping[str, Tensor], decoders: Decoders | None = None) -> tuple[Tensor, Tensor]:
        """Content and style loss of the contents, the first half of a batch, in the style of the second half.

        Args:
            found: features of the batch in relu1_1 … relu4_1.
            decoders: to judge; None for those in training.
        """
        decoders = decoders or self.decoders
        content, style = found["relu4_1"].chunk(2)
        mean, deviation = _statistics(content)
        target_mean, target_deviation = _statistics(style)
        target = (content - mean) / deviation * target_deviation + target_mean
        again = self.encoder(decoders.get("adain", 4)(target), _ADAIN_LAYERS)
        distance = torch.zeros((), device=self.device)
        for name, features in again.items():
            ours, theirs = _statistics(features), _statistics(found[name].chunk(2)[1])
            error = sum((F.mse_loss(a, b) for a, b in zip(ours, theirs, strict=True)), torch.zeros_like(distance))
            distance = distance + error / self.variances[name]
        return F.mse_loss(again["relu4_1"], target) / self.variances["relu4_1"], distance

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """PSNR (dB) of the averaged decoders' reconstructions of held photos' middles, and AdaIN's losses on pairs."""
        large = [photo for photo in self.held if min(photo.shape[-2:]) >= MIN_SIDE]
        scores: dict[str, list[Tensor]] = {}
        squares = []
        for photo in large:
            image, locations = data.middle(photo, multiple=MULTIPLE).to(self.device), list[Tensor]()
            found = self.encoder(image, FEATURE_LAYERS, locations=locations)
            for name, levels in SETS.items():
                for level in levels:
                    output = self.average.get(name, level)(found[FEATURE_LAYERS[level - 1]], locations)
                    scores.setdefault(f"psnr_{name}{level}", []).append(psnr(output.clamp(0, 1), image))
            squares.append(data.middle(photo, 128, MULTIPLE))
        results = {name: float(torch.cat(values).mean()) for name, values in scores.items()}
        equal = [square for square in squares if square.shape == squares[0].shape]
        if len(equal) > 1:
            pairs = torch.cat(equal[: len(equal) // 2 * 2]).to(self.device)
            content, style = self.adain_losses(self.encoder(pairs, _ADAIN_LAYERS), self.average)
            results |= {"held_content": float(content), "held_style": float(style)}
        return results


def _statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations (B, C, 1, 1) of the channels."""
    variance, mean = torch.var_mean(features, (2, 3), keepdim=True)
    return mean, (variance + _FLOOR).sqrt()
