"""How a style is fitted: the options, their defaults and their meaning, free of heavy imports so that help is quick."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from photostyle.errors import ParameterError

Matching = Literal["wct", "monge", "adain", "cholesky"]
MATCHINGS: tuple[Matching, ...] = get_args(Matching)
Stage = Literal["encoder", "decoder", "skip"]
STAGES: tuple[str, ...] = get_args(Stage)
Unmatched = Literal["whole", "keep"]

Finish = Literal["smooth", "windows", "off"]
FINISHES: tuple[Finish, ...] = get_args(Finish)

PROTECTED = ("skin", "foliage", "vivid", "white")
"""Kinds of colours that stay what they are in the look's light (`photostyle.transfer.protect`)."""

WHOLE = "*"
"""The region of everything that no other region claims, in options, in memory and in saved styles."""
UNSURE = "unsure"
"""What a segmentation cannot tell; a region like others when it is read back from a mask that photostyle wrote."""


@dataclass(frozen=True)
class FitOptions:
    """How a style is fitted.

    Attributes:
        at: where features are mapped, any of ``encoder``, ``decoder``, ``skip`` (the paper's component-wise
            stylization). With ``encoder``, decoder level 4 is left out: its input has just been mapped.
        matching: see `photostyle.transfer.matching`.
        strength: 0 keeps the photo, 1 is the full style; features are blended at every site.
        regularization: ε of the covariances; None takes the model's own (``model.config.regularization``).
        unmatched: what becomes of pixels whose region the style lacks. ``whole``: they take the map between the two
            whole photos. ``keep``: they keep their features, as in the published program.
        strengths: region name to a strength of its own, in place of `strength`; 0 keeps the region as it is.
        shrinkage: k ≥ 0 of `photostyle.transfer.matching.shrink`: how far the statistics of small regions are drawn
            towards the whole photo's. No effect with ``unmatched="keep"``, which measures no whole photo; 0 switches it
            off.
        finish: what of the network's result is kept. ``smooth``: what is an affine map of the photo's colours that
            varies smoothly over place and colour (`photostyle.transfer.smoothing`), so that nearby pixels of one colour
            stay alike: no halo, no blotch, no border where the photo has none. ``windows``: what is affine in small
            windows (`photostyle.edges.finish`). ``off``: all of it, the plain network. True and
            False mean ``smooth`` and ``off``.
        gradient: whether sky and water take the reference's course of colour from horizon to zenith, where both have
            them and the finish is ``smooth`` (`photostyle.transfer.course`).
        protect: how far kinds of colours, any of `PROTECTED`, stay what they are in the look's light, 0 to 1, where the
            finish is ``smooth`` (`photostyle.transfer.protect`); those that are missing are not protected. Where any
            is, light keeps the photo's order, too (`photostyle.transfer.light`).
    """

    at: tuple[Stage, ...] = ("encoder", "decoder")
    matching: Matching = "monge"
    strength: float = 1.0
    regularization: float | None = None
    unmatched: Unmatched = "whole"
    strengths: Mapping[str, float] = field(default_factory=dict, hash=False)
    shrinkage: float = 1.0
    finish: Finish | bool = "smooth"
    gradient: bool = True
    protect: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(PROTECTED, 1.0), hash=False)

    def __post_init__(self) -> None:
        if isinstance(self.at, str):
            raise ParameterError(f"at is the string {self.at!r}; it must be a tuple of stages, such as ('encoder',)")
        unknown = [stage for stage in self.at if stage not in STAGES]
        if unknown or not self.at:
            raise ParameterError(f"at is {','.join(self.at)!r}; it must be one or more of {', '.join(STAGES)}")
        if self.matching not in MATCHINGS:
            raise ParameterError(f"matching is {self.matching!r}; it must be one of {', '.join(MATCHINGS)}")
        if self.unmatched not in get_args(Unmatched):
            raise ParameterError(f"unmatched is {self.unmatched!r}; it must be 'whole' or 'keep'")
        if self.regularization is not None and not 0 <= self.regularization < math.inf:
            raise ParameterError(f"regularization is {self.regularization}; it must be 0 or more, and finite")
        if not 0 <= self.shrinkage < math.inf:
            raise ParameterError(f"shrinkage is {self.shrinkage}; it must be 0 or more, and finite")
        if self.finish not in (*FINISHES, True, False):
            raise ParameterError(f"finish is {self.finish!r}; it must be one of {', '.join(FINISHES)}")
        if isinstance(self.finish, bool):
            object.__setattr__(self, "finish", "smooth" if self.finish else "off")
        if not isinstance(self.gradient, bool):
            raise ParameterError(f"gradient is {self.gradient!r}; it must be true or false")
        strange = [kind for kind in self.protect if kind not in PROTECTED]
        if strange:
            raise ParameterError(f"protect has {strange[0]!r}; its kinds are {', '.join(PROTECTED)}")
        for kind, amount in self.protect.items():
            if not 0 <= amount <= 1:
                raise ParameterError(f"protect has {kind}={amount:g}; it must be between 0 (not at all) and 1")
        check_strength(self.strength)
        for strength in self.strengths.values():
            check_strength(strength)
        object.__setattr__(self, "at", tuple(stage for stage in STAGES if stage in self.at))


def check_strength(strength: float) -> float:
    """`strength` itself. Raises ParameterError unless it is in [0, 1]."""
    if not 0 <= strength <= 1:
        raise ParameterError(f"strength is {strength:g}; it must be between 0 (the photo) and 1 (the full style)")
    return strength
