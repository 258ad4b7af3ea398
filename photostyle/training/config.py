"""What determines a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from photostyle.errors import ParameterError
from photostyle.network.wct2 import ModelConfig
from photostyle.options import Matching
from photostyle.training.settings import check_numbers, from_table
from photostyle.training.teachers import TeacherKind


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
        init: what to start from instead of fresh weights: another run's checkpoint, or a model (``.safetensors``); that
            has no projections, so they start fresh.
        pairs: content/style pairs a step that go through the transfer; 0 trains reconstruction and distillation only,
            on `batch` crops. With pairs, the crops are those of the pairs and `batch` is not used.
        twins: how many of the pairs are two crops of one photo under two grades, so that the truth is known.
        labelled: folder of labelled scenes, as of `load_scenes`, for `masked` pairs.
        masked: how many of the pairs that are no twins are labelled scenes, transferred region by region.
        masked_twins: how many of the twins are split into two regions with a grade each, so that borders are trained.
        noise: how noisy contents are: up to this many 255ths of Gaussian deviation, then JPEG compression.
        decoder_share: share of steps in which the decoder's sites are mapped as well.
        matching: of the transfer in training; its regularization is the model's.
        style, colour, residual, flat, truth, consistency: weights of the losses through the transfer
            (`photostyle.training.photorealism`).
        finish: measure style, colour and truth after the finish (`photostyle.edges.finish`), as users see them;
            residual and flatness are measured before it.
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
    init: Path | None = None
    pairs: int = 0
    twins: int = 0
    labelled: Path | None = None
    masked: int = 0
    masked_twins: int = 0
    noise: float = 0.0
    decoder_share: float = 0.0
    matching: Matching = "monge"
    style: float = 0.3
    colour: float = 0.0
    residual: float = 1.0
    flat: float = 0.02
    truth: float = 20.0
    consistency: float = 0.0
    finish: bool = False
    seed: int = 0
    validate_every: int = 200
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        check_numbers(self, ("steps", "batch", "validate_every", "checkpoint_every"))
        for name, kind in (("teacher", TeacherKind), ("matching", Matching)):
            if (value := getattr(self, name)) not in get_args(kind):
                raise ParameterError(f"{name} is {value!r}; it must be one of {', '.join(get_args(kind))}")
        if self.crop % 8 or self.crop < 32:
            raise ParameterError(f"crop is {self.crop}; it must be a multiple of 8, at least 32")
        if not 0 <= self.twins <= self.pairs:
            raise ParameterError(f"twins is {self.twins}; it must be between 0 and pairs ({self.pairs})")
        if self.masked_twins > self.twins or self.masked > self.pairs - self.twins:
            raise ParameterError("masked_twins must not exceed twins, nor masked the pairs that are no twins")
        if self.masked and self.labelled is None:
            raise ParameterError("masked pairs need the folder of labelled scenes: give labelled")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """From a parsed TOML table; raises ParameterError on unknown or missing fields."""
        return from_table(cls, values, {"model": _model})


def _model(table: dict[str, Any]) -> ModelConfig:
    return ModelConfig(**{**table, "widths": tuple(table["widths"])})
