"""What determines a training run of the segmentation network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photostyle.errors import ParameterError
from photostyle.segmentation.network import CLASSES, Architecture
from photostyle.training.scenes_light import Shares
from photostyle.training.settings import check_numbers, from_table


@dataclass(frozen=True)
class SceneConfig:
    """Everything that determines a run, as read from its TOML file.

    Attributes:
        scenes: folder with a folder of labelled scenes for each name in `sets`.
        sets: shares of the labelled views by set, most to the one nearest to users' photos.
        rare: by class, how much oftener a scene is drawn that shows it.
        light: shares of the views in other light.
        paste: share of the views with people whose people are put in front of another labelled view.
        photos: folder of photos without labels, for distillation and consistency; None for neither.
        teacher_path: weights of the distilled VGG-19; None for no distillation.
        architecture: of the network.
        steps: optimisation steps in all.
        batch, unlabelled: views a step with and without labels.
        side: of the square views in pixels, a multiple of 32.
        scales: least and greatest scale of the views.
        long_side: to which images are reduced when they are loaded.
        learning_rate: after a warm-up of `warm_up` steps.
        warm_up: steps in which the rate grows linearly.
        decay: share of the steps, at the end, in which the rate falls linearly to 0.
        init: checkpoint of another run to start from (its optimiser's state too) instead of fresh weights, or a
            .safetensors file of a network that knows no more classes: a new class starts as its nearest old one.
        weight_decay: of AdamW.
        stride: the losses see every so-manieth row and column, which saves a third of a step and says the same.
        smoothing: label smoothing of the cross-entropy.
        dice: weight of the soft Dice loss.
        distillation: weight of the distilled features' error at the start; falls linearly to 0 until `distil_until`.
        distil_until: step from which on there is no distillation.
        distil_every: distillation takes place in every so many steps, since the teacher is half the cost of one.
        consistency: weight of the agreement, on photos without labels, of the network's view of the relit photo with
            the averaged network's view of the plain one (Tarvainen and Valpola 2017), where that one is sure.
        consistency_from: step at which it begins.
        sure: least probability that counts as sure.
        average: decay of the averaged weights, which are the result.
        seed: of everything random.
        validate_every, checkpoint_every: in steps.
    """

    scenes: Path
    sets: dict[str, float] = field(default_factory=lambda: {"stanford": 0.65, "facade": 0.2, "camvid": 0.15})
    rare: dict[str, float] = field(default_factory=lambda: {"water": 1.0, "mountain": 2.0})
    light: Shares = field(default_factory=Shares)
    paste: float = 0.0
    photos: Path | None = None
    teacher_path: Path | None = None
    architecture: Architecture = field(default_factory=Architecture)
    steps: int = 5000
    batch: int = 8
    unlabelled: int = 4
    side: int = 192
    scales: tuple[float, float] = (0.5, 2.0)
    long_side: int = 320
    learning_rate: float = 2e-3
    warm_up: int = 100
    decay: float = 1.0
    init: Path | None = None
    weight_decay: float = 0.02
    stride: int = 1
    smoothing: float = 0.05
    dice: float = 0.5
    distillation: float = 1.0
    distil_until: int = 2000
    distil_every: int = 2
    consistency: float = 0.5
    consistency_from: int = 1000
    sure: float = 0.7
    average: float = 0.998
    seed: int = 0
    validate_every: int = 500
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        check_numbers(
            self, ("steps", "batch", "long_side", "distil_every", "stride", "validate_every", "checkpoint_every")
        )
        if self.side % 32 or self.side < 64:
            raise ParameterError(f"side is {self.side}; it must be a multiple of 32, at least 64")
        if len(self.scales) != 2 or not 0 < self.scales[0] <= self.scales[1]:
            raise ParameterError(f"scales is {self.scales}; it must be two positive numbers, the lesser first")
        if self.decay > 1:
            raise ParameterError(f"decay is {self.decay}; it is a share of the steps, at most 1")
        if not self.sets or not all(share > 0 for share in self.sets.values()):
            raise ParameterError(f"sets is {self.sets}; it must have positive shares")
        if self.paste > 1:
            raise ParameterError(f"paste is {self.paste}; it is a share, from 0 to 1")
        if not set(self.rare) <= set(CLASSES) or not all(more >= 0 for more in self.rare.values()):
            raise ParameterError(f"rare is {self.rare}; it must give numbers, not negative, for some of the classes")
        if self.unlabelled and not self.photos:
            raise ParameterError(
                f"unlabelled is {self.unlabelled}, but there is no folder photos; set one or the other"
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SceneConfig:
        """From a parsed TOML table; raises ParameterError on unknown or missing fields."""
        tables = {"architecture": lambda table: Architecture(**table), "light": lambda table: Shares(**table)}
        return from_table(cls, values, {**tables, "scales": tuple})
