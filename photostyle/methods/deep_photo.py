"""Deep Photo Style Transfer (Luan, Paris, Shechtman & Bala, CVPR 2017).

Neural style transfer that stays a photo: styles are matched label by label, and the result is held to locally affine
functions of the content's colours.

    L = α Σ_l α_l L_content + Γ Σ_l β_l L_s+ + λ L_m
    L_s+ = Σ_c 1/(2 N²) Σ_ij (G_c[O] - G_c[S])²_ij      one Gram matrix a layer and label c, each over the label's area
    L_m  = 1/M Σ_rgb V[O]ᵀ 𝓜 V[O]                       𝓜 the matting Laplacian of the content (`matting`), M its pixels

Content is compared at relu4_2 (1/2 of the mean squared difference), style at relu1_1 … relu5_1 with β_l = 1/5. Labels
that the style lacks do not arise: the content's were restricted to the style's (`masks.restrict`).

The optimisation has two stages: first λ = 0, so that colours can change freely, then from that result with λ, which
would hold them back from the start. What a finite λ and a finite number of steps leave over is smoothed out at the end,
as in the authors' program: in windows of 11×11 pixels the change is fitted as an affine function of the content's
colours and replaced by what that says (`photostyle.edges.guided`).

Γ = 10² is the paper's; so would be λ = 10⁴, if L_m were summed over the photo's pixels and the features were those of
VGG-19 as it is, whose squared Gram entries run to millions. Here a channel's mean activation is 1 and L_m is per pixel
(values in [0, 1]), which means the same at any size; λ = 10⁶ then leaves the style its colours and holds the photo's
edges. Gram matrices of a label are divided by its area, and each counts by the label's share of the content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.edges.guided import guided_filter
from photostyle.errors import ParameterError
from photostyle.methods import masks
from photostyle.methods.backbone import CONTENT_LAYERS, POOLING, STYLE_LAYERS, normalised
from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.methods.gatys import content_loss
from photostyle.methods.gram import flat, gram, gram_loss
from photostyle.methods.masks import RegionPair
from photostyle.methods.matting import energy, laplacian
from photostyle.methods.optimise import (
    Loss,
    OptimizerName,
    Steps,
    check_optimizer,
    check_steps,
    check_weight,
    minimise,
)
from photostyle.network.features import FeatureEncoder
from photostyle.regions.regions import Regions

RADIUS, EPSILON = 5, 1e-4  # of the last fit, in pixels and squared pixel values


@dataclass(frozen=True)
class DeepPhotoOptions:
    """How far a photo follows a style and how much of a photo it stays.

    Attributes:
        content_weight: α.
        style_weight: Γ.
        photorealism_weight: λ, of the energy a pixel.
        optimizer: ``"lbfgs"`` as in the paper, or ``"adam"``.
        steps: evaluations of loss and gradient, over both stages.
        first_stage: share of the steps without the matting Laplacian, 0 to 1; half in the paper's program.
        affine: replace the result by its locally affine fit at the end.
        seed: nothing is drawn at random; here for all optimisation methods to take one.
    """

    content_weight: float = 1.0
    style_weight: float = 100.0
    photorealism_weight: float = 1e6
    optimizer: OptimizerName = "lbfgs"
    steps: int = 400
    first_stage: float = 0.5
    affine: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("content_weight", "style_weight", "photorealism_weight"):
            check_weight(name, getattr(self, name))
        check_optimizer(self.optimizer)
        check_steps(self.steps)
        if not 0 <= self.first_stage <= 1:
            raise ParameterError(f"first_stage is {self.first_stage}; it must be between 0 and 1")


class DeepPhoto:
    """Deep Photo Style Transfer; `Method.run` says what goes in and comes out."""

    def __init__(self, options: DeepPhotoOptions, features: FeatureEncoder) -> None:
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
        options = self.options
        regions = masks.pairs(content, style, content_regions, style_regions)
        encoder = normalised(self.features, [content, style])
        steps = Steps(options.steps, progress, should_stop)
        first = round(options.steps * options.first_stage)
        stylised = transfer_loss(encoder, content, style, regions, options)
        image = minimise(content, stylised, first, options.optimizer, steps) if first else content
        if first < options.steps and not steps.stopped:
            image = self._photographic(content, image, stylised, steps)
        if options.affine:  # what changed is fitted, so that a photo that nothing changed stays as it is
            image = content + guided_filter(content, image - content, RADIUS, EPSILON)
        return image.clamp(0, 1)

    def _photographic(self, content: Tensor, image: Tensor, stylised: Loss, steps: Steps) -> Tensor:
        """The second stage."""
        options = self.options
        unphotographic = energy(laplacian(content), content.device)

        def loss(image: Tensor) -> Tensor:
            return stylised(image) + options.photorealism_weight * unphotographic(image)

        return minimise(image, loss, options.steps - steps.done, options.optimizer, steps)


def transfer_loss(
    encoder: FeatureEncoder, content: Tensor, style: Tensor, regions: Sequence[RegionPair], options: DeepPhotoOptions
) -> Loss:
    """α L_content + Γ L_s+ of an image of the content's size, through a normalised encoder."""
    with torch.no_grad():
        targets = encoder(content, CONTENT_LAYERS, POOLING)
        styles = {
            name: [gram(flat(x), _weights(pair.style, x)) for pair in regions]
            for name, x in encoder(style, STYLE_LAYERS, POOLING).items()
        }

    def loss(image: Tensor) -> Tensor:
        found = encoder(image, (*CONTENT_LAYERS, *STYLE_LAYERS), POOLING)
        total = options.style_weight * augmented_style_loss(found, styles, regions)
        for name, target in targets.items():
            total = total + options.content_weight * content_loss(found[name], target)
        return total

    return loss


def augmented_style_loss(
    features: Mapping[str, Tensor], styles: Mapping[str, Sequence[Tensor]], regions: Sequence[RegionPair]
) -> Tensor:
    """Σ_l β_l L_s+ of features by layer, towards Gram matrices by layer and region; β_l = 1 / number of layers."""
    losses = []
    for name, targets in styles.items():
        x = features[name]
        for pair, target in zip(regions, targets, strict=True):
            losses.append(2 * pair.share * gram_loss(gram(flat(x), _weights(pair.content, x)), target))
    return torch.stack(losses).sum() / len(styles)


def _weights(region: Tensor, features: Tensor) -> Tensor:
    return masks.at(region, (features.shape[-2], features.shape[-1])).flatten()
