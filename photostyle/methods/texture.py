"""Texture synthesis (Gatys, Ecker & Bethge, Texture Synthesis Using Convolutional Neural Networks, NeurIPS 2015).

Noise is changed until the Gram matrices of its features are those of the example, Σ_l w_l E_l → 0: what is where is
lost, and what is left is texture. It is the style half of neural style transfer (`photostyle.methods.gatys`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.errors import ImageSizeError
from photostyle.methods.backbone import POOLING, STYLE_LAYERS, normalised, reduced, size_of
from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.methods.gatys import GatysOptions, at_scale, noise, style_loss
from photostyle.methods.mmd import RANDOM, StyleLossName
from photostyle.methods.optimise import FRESH, Loss, OptimizerName, Steps, coarse_to_fine, good_scales
from photostyle.network.features import MIN_SIDE, FeatureEncoder
from photostyle.regions.regions import Regions


@dataclass(frozen=True)
class TextureOptions:
    """How a texture is made.

    Attributes:
        size: (H, W) of the result; None takes the content's size, which is all that is looked at of the content.
        style_loss, optimizer, steps, scales, seed: see `photostyle.methods.gatys.GatysOptions`.
    """

    size: tuple[int, int] | None = None
    style_loss: StyleLossName = "gram"
    optimizer: OptimizerName = "lbfgs"
    steps: int = 300
    scales: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size and min(self.size) < MIN_SIDE:
            height, width = self.size
            raise ImageSizeError(f"a texture of {width}×{height} pixels is too small; at least {MIN_SIDE}×{MIN_SIDE}")
        _ = self.matching  # which checks the others

    @property
    def matching(self) -> GatysOptions:
        """The same as a style transfer without content."""
        return GatysOptions(
            content_weight=0, style_weight=100, style_loss=self.style_loss, optimizer=self.optimizer,
            steps=self.steps, init="noise", scales=self.scales, seed=self.seed,
        )  # fmt: skip


class Texture:
    """Texture synthesis; `Method.run` says what goes in and comes out."""

    def __init__(self, options: TextureOptions, features: FeatureEncoder) -> None:
        self.options, self.features = options, features

    def run(
        self,
        content: Tensor,
        style: Tensor,
        content_regions: Regions | None = None,
        style_regions: Regions | None = None,
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:
        """See `photostyle.methods.base.Method.run`; of `content` only the size counts, without ``options.size``."""
        (style,) = pair_of_images(style, style)[:1]
        options = self.options.matching
        size = self.options.size or size_of(content)
        generator = torch.Generator().manual_seed(options.seed)
        scales = options.scales or good_scales(size)
        encoder = normalised(self.features, [at_scale(style, 0.5 ** (scales - 1))])

        def loss_at(scale: float) -> tuple[tuple[int, int], Loss]:
            distance = style_loss(encoder, at_scale(style, scale), options.style_loss, generator)
            return reduced(
                size, scale
            ), lambda image: options.style_weight * distance(encoder(image, STYLE_LAYERS, POOLING))

        steps = Steps(options.steps, progress, should_stop)
        fresh = FRESH if options.style_loss in RANDOM else None
        first = noise(size, generator).to(style)
        return coarse_to_fine(first, size, scales, loss_at, options.optimizer, steps, fresh).clamp(0, 1)
