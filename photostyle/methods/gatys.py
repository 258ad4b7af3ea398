"""Neural style transfer (Gatys, Ecker & Bethge, Image Style Transfer Using Convolutional Neural Networks, CVPR 2016).

The result x is found by descent on its pixels from the content p or elsewhere:

    L(x) = α L_content + β L_style [+ γ L_tv]
    L_content = 1/(2 N M) Σ_ij (F_ij - P_ij)²          features F of x and P of p at relu4_2
    L_style   = Σ_l w_l E_l,  w_l = 1/5                relu1_1, relu2_1, relu3_1, relu4_1, relu5_1
    E_l       = 1/(4 N² M²) Σ_ij (G_ij - A_ij)²        Gram matrices of x and of the style, or another of
                                                       `photostyle.methods.mmd.STYLE_LOSSES`

The paper's content loss is ½ Σ; here it is divided by the number of features, so that α/β means the same at any size.
Total variation is later practice (Mahendran & Vedaldi 2015) and off by default. Large images are done from coarse to
fine (Gatys et al., CVPR 2017, section 6): the style's strokes then are as large on the photo as they were on the style.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.methods import mmd
from photostyle.methods.backbone import (
    CONTENT_LAYERS,
    POOLING,
    STYLE_LAYERS,
    fitted,
    normalised,
    reduced,
    size_of,
)
from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.methods.gram import flat
from photostyle.methods.mmd import STYLE_LOSSES, StyleLossName
from photostyle.methods.optimise import (
    FRESH,
    Loss,
    OptimizerName,
    Steps,
    check_optimizer,
    check_steps,
    check_weight,
    coarse_to_fine,
    good_scales,
)
from photostyle.network.features import FeatureEncoder
from photostyle.regions.regions import Regions

Init = Literal["content", "style", "noise"]
INITS: tuple[Init, ...] = get_args(Init)
_FAINT = 0.02  # standard deviation of the noise to start from


@dataclass(frozen=True)
class GatysOptions:
    """How a photo is painted over.

    Attributes:
        content_weight: α.
        style_weight: β.
        tv_weight: γ of the mean squared difference of neighbouring pixels.
        style_loss: the distance of styles.
        optimizer: ``"lbfgs"`` as in the paper, or ``"adam"``, which ``mmd-gauss`` does not go with.
        steps: evaluations of loss and gradient, over all scales.
        init: where to start from; the paper starts from noise and finds that it hardly matters, but from the content
            it takes fewer steps.
        scales: from coarse to fine, each twice the one before; 0 takes as many as bring the long side to 512 pixels.
        seed: of the noise and of what is drawn.
    """

    content_weight: float = 5.0
    style_weight: float = 100.0
    tv_weight: float = 0.0
    style_loss: StyleLossName = "gram"
    optimizer: OptimizerName = "lbfgs"
    steps: int = 300
    init: Init = "content"
    scales: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("content_weight", "style_weight", "tv_weight"):
            check_weight(name, getattr(self, name))
        if not self.content_weight + self.style_weight > 0:
            raise ParameterError("content and style weight are both 0: nothing is left to look for")
        if self.style_loss not in STYLE_LOSSES:
            raise ParameterError(f"style loss is {self.style_loss!r}; it must be one of {', '.join(STYLE_LOSSES)}")
        if self.init not in INITS:
            raise ParameterError(f"init is {self.init!r}; it must be one of {', '.join(INITS)}")
        if self.scales < 0:
            raise ParameterError(f"scales is {self.scales}; it must be 1 or more, or 0 for as many as are good")
        check_steps(self.steps)
        check_optimizer(self.optimizer)
        if self.optimizer == "adam" and self.style_loss in mmd.RANDOM:
            raise ParameterError(f"{self.style_loss} draws anew too often for adam's small steps: use lbfgs")


class Gatys:
    """Neural style transfer; `Method.run` says what goes in and comes out."""

    def __init__(self, options: GatysOptions, features: FeatureEncoder) -> None:
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
        """See `photostyle.methods.base.Method.run`."""
        content, style = pair_of_images(content, style)
        options, size = self.options, size_of(content)
        generator = torch.Generator().manual_seed(options.seed)
        scales = options.scales or good_scales(size)
        encoder = normalised(self.features, [at_scale(x, 0.5 ** (scales - 1)) for x in (content, style)])

        def loss_at(scale: float) -> tuple[tuple[int, int], Loss]:
            here, there = at_scale(content, scale), at_scale(style, scale)
            return size_of(here), transfer_loss(encoder, here, there, options, generator)

        fresh = FRESH if options.style_loss in mmd.RANDOM else None
        first = start(options.init, content, style, generator)
        steps = Steps(options.steps, progress, should_stop)
        return coarse_to_fine(first, size, scales, loss_at, options.optimizer, steps, fresh).clamp(0, 1)


def transfer_loss(
    encoder: FeatureEncoder, content: Tensor, style: Tensor, options: GatysOptions, generator: torch.Generator
) -> Loss:
    """α L_content + β L_style + γ L_tv of an image of the content's size, through a normalised encoder."""
    with torch.no_grad():
        targets = encoder(content, CONTENT_LAYERS, POOLING)
    distance = style_loss(encoder, style, options.style_loss, generator)

    def loss(image: Tensor) -> Tensor:
        found = encoder(image, (*CONTENT_LAYERS, *STYLE_LAYERS), POOLING)
        total = options.style_weight * distance(found)
        for name, target in targets.items():
            total = total + options.content_weight * content_loss(found[name], target)
        return total + options.tv_weight * total_variation(image) if options.tv_weight else total

    return loss


def style_loss(
    encoder: FeatureEncoder, style: Tensor, name: StyleLossName, generator: torch.Generator
) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """Σ_l w_l E_l towards a style photo, as a function of an image's features by layer."""
    with torch.no_grad():
        layers = {
            layer: mmd.style_loss(name, flat(features), generator)
            for layer, features in encoder(style, STYLE_LAYERS, POOLING).items()
        }
    return lambda found: torch.stack([loss(flat(found[layer])) for layer, loss in layers.items()]).mean()


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """1/(2 N M) Σ (F - P)² of two sets of features of one shape."""
    return ((features - target) ** 2).mean() / 2


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbours, along both axes together, of (1, 3, H, W)."""
    down, across = image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]
    return (down**2).mean() + (across**2).mean()


def start(init: Init, content: Tensor, style: Tensor, generator: torch.Generator) -> Tensor:
    """The image to start from, of the content's size: itself, the style at that size, or faint noise."""
    if init == "content":
        return content
    if init == "style":
        return fitted(style, size_of(content))
    return noise(size_of(content), generator).to(content)


def at_scale(image: Tensor, scale: float) -> Tensor:
    """An image (1, 3, H, W) reduced to `scale`."""
    return fitted(image, reduced(size_of(image), scale))


def noise(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Grey with faint white noise, (1, 3, H, W).

    A narrow network does not see every pattern of 3×3 pixels, and what it does not see stays as it was at the start.
    """
    return 0.5 + _FAINT * torch.randn(1, 3, *size, generator=generator)
