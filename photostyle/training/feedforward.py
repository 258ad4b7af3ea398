"""Image transformation networks, trained with the losses of Johnson et al. (ECCV 2016).

Each step shows crops of photos, every one of which is to take a look drawn for it (Dumoulin et al., ICLR 2017):

    L = α L_content + β L_style + γ L_tv + δ L_flat
    L_content = ‖F(y) - F(x)‖² / E‖F - E F‖²             features of result y and photo x at relu3_1
    L_style   = mean over l of ‖G_l(y) - A_l‖² / ‖A_l‖²  Gram matrices at relu1_1 … relu4_1, A those of the look's photo
    L_tv      = mean ‖∇y‖²                               total variation
    L_flat    = mean exp(-‖∇x‖²/2σ²) ‖∇y‖²               the same where the photo is flat

The last one is none of that paper's: a Gram matrix asks for strokes and does not say where, and what serves it most
cheaply is a bright rim along a silhouette and a weave on a wall. Where the photo has an edge, a stroke costs nothing.

The first two are without a unit, so that α/β means the same for every look and encoder. The encoder is used as it is:
with the weights of `photostyle.methods.backbone.normalised`, channels that fire on few photos give Gram matrices
thousands of times a look's, and little else is learned.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.methods.backbone import fitted, reduced, size_of
from photostyle.methods.gatys import total_variation
from photostyle.methods.gram import flat, gram, gram_loss
from photostyle.network.features import MIN_SIDE, FeatureEncoder
from photostyle.network.feedforward import MULTIPLE, FeedForward, FeedForwardConfig, Norm
from photostyle.training import data
from photostyle.training.running import Run, one_cycle
from photostyle.training.settings import check_numbers, from_table

CALIBRATION_CROPS = 48
EDGE = 0.03  # σ, a difference of neighbours in [0, 1]: above the grain of photos, below their edges
LOOK_RATE = 4.0  # times the learning rate for scales and shifts: each look sees a fraction of the crops
CONTENT_LAYER = "relu3_1"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
_LAYERS = tuple(sorted({CONTENT_LAYER, *STYLE_LAYERS}))


@dataclass(frozen=True)
class FeedForwardTraining:
    """Everything that determines a run.

    Attributes:
        photos: folder of the photos to train on.
        styles: the photo or painting of each look, by the look's name.
        features: the file of another encoder than the embedded one to look through.
        init: checkpoint of another run of as many looks, whose network is started from instead of fresh weights.
        steps: optimisation steps in all; the learning rate is one cycle over them.
        batch: crops a step.
        crop: side of a crop in pixels, a multiple of 4, at least 32.
        style_side: long side in pixels that styles are reduced to; the smaller, the finer are strokes on a photo.
        learning_rate: its peak.
        content, style, variation, flat: α, β, γ and δ.
        widths, blocks, norm: of the network (`photostyle.network.feedforward.FeedForwardConfig`).
        average: decay of the averaged network, which is the result.
        seed: of everything random.
        validate_every, checkpoint_every: in steps.
    """

    photos: Path
    styles: Mapping[str, Path]
    features: Path | None = None
    init: Path | None = None
    steps: int = 3500
    batch: int = 4
    crop: int = 112
    style_side: int = 256
    learning_rate: float = 2e-3
    content: float = 1.0
    style: float = 3.0
    variation: float = 5.0
    flat: float = 0.0
    widths: tuple[int, int, int] = (16, 32, 48)
    blocks: int = 4
    norm: Norm = "instance"
    average: float = 0.998
    seed: int = 0
    validate_every: int = 500
    checkpoint_every: int = 250

    def __post_init__(self) -> None:
        check_numbers(self, ("steps", "batch", "validate_every", "checkpoint_every"))
        if self.crop % MULTIPLE or self.crop < MIN_SIDE:
            raise ParameterError(f"crop is {self.crop}; it must be a multiple of {MULTIPLE}, at least {MIN_SIDE}")
        if self.style_side < MIN_SIDE:
            raise ParameterError(f"style_side is {self.style_side}; it must be at least {MIN_SIDE}")
        if not self.content + self.style > 0:
            raise ParameterError("content and style weigh nothing: there is nothing to learn")
        self.network()

    def network(self) -> FeedForwardConfig:
        """What is trained. Raises ParameterError if there is no such network."""
        return FeedForwardConfig(tuple(self.styles), self.widths, self.blocks, self.norm)


def parse_training(values: Mapping[str, Any]) -> FeedForwardTraining:
    """A configuration from a TOML table. Raises ParameterError as `photostyle.training.settings.from_table`."""
    made: dict[str, Callable[[Any], Any]] = {"widths": tuple, "styles": _paths, "norm": str}
    return from_table(FeedForwardTraining, values, made)


def _paths(table: Any) -> dict[str, Path]:
    if not isinstance(table, Mapping) or not all(isinstance(path, str) for path in table.values()):
        raise TypeError("styles is no table of paths by the looks' names")
    return {str(name): Path(path) for name, path in table.items()}


class FeedForwardTrainer(Run[FeedForwardTraining, tuple[Tensor, Tensor]]):
    """A run of one network and its optimiser.

    Args:
        config: how to train.
        out: folder for log and checkpoint.
        encoder: to look through, on the device to train on.
        photos: (3, H, W) uint8, as of `photostyle.training.data.load_photos`; some are held out for validation.
        styles: (3, H, W) uint8, one for each of the configuration's looks.

    Raises:
        ParameterError: there are too few photos, or a style too many or too few.
        WeightsError: ``config.init`` is missing, damaged or of another network.
    """

    columns = ("content", "style", "variation", "flat", "held_content", "held_style")
    parts = ("network", "average", "optimizer", "schedule")
    averaged = ("average", "network")

    def __init__(
        self,
        config: FeedForwardTraining,
        out: Path,
        encoder: FeatureEncoder,
        photos: Sequence[Tensor],
        styles: Sequence[Tensor],
    ) -> None:
        super().__init__(config, out, next(encoder.parameters()).device)
        if len(styles) != len(config.styles):
            raise ParameterError(f"there are {len(styles)} styles for {len(config.styles)} looks")
        self.photos, self.held = data.split(photos)
        crops = data.random_crops(self.photos, CALIBRATION_CROPS, config.crop, data.step_generator(config.seed, -1))
        self.encoder = encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():
            content = self.encoder(crops.to(self.device), [CONTENT_LAYER])[CONTENT_LAYER]
            self.variance = content.var((0, 2, 3)).mean()
            self.grams = [
                {name: gram(flat(x)) for name, x in self.encoder(self._style(style), STYLE_LAYERS).items()}
                for style in styles
            ]
        network = FeedForward(config.network())
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.init:
            self.load(config.init, ("network",))
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        looks = [p for name, p in self.network.named_parameters() if name.endswith(("norm.scale", "norm.shift"))]
        self.optimizer, self.schedule = one_cycle(
            self.network, looks, rate=config.learning_rate, factor=LOOK_RATE, weight_decay=0.0, steps=config.steps
        )

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The crops of a step and the number of each one's look."""
        c, generator = self.config, data.step_generator(self.config.seed, step)
        crops = data.random_crops(self.photos, c.batch, c.crop, generator)
        return crops, torch.randint(len(c.styles), (c.batch,), generator=generator)

    def losses(self, batch: tuple[Tensor, Tensor], step: int) -> dict[str, Tensor]:
        """The weighted terms of a batch."""
        images, looks = batch
        images = images.to(self.device, memory_format=torch.channels_last)
        result = self.network(images, torch.eye(len(self.grams), device=self.device)[looks.to(self.device)])
        content, style = self.distances(result, images, looks.tolist())
        c = self.config
        terms = {"content": c.content * content, "style": c.style * style}
        if c.variation:
            terms["variation"] = c.variation * total_variation(result)
        if c.flat:
            terms["flat"] = c.flat * flat_variation(result, images)
        return terms

    def distances(self, result: Tensor, images: Tensor, looks: Sequence[int]) -> tuple[Tensor, Tensor]:
        """L_content and L_style of (B, 3, H, W) from the photos that they were, each towards its look."""
        with torch.no_grad():
            target = self.encoder(images, [CONTENT_LAYER])[CONTENT_LAYER]
        found = self.encoder(result, _LAYERS)
        content = F.mse_loss(found[CONTENT_LAYER], target) / self.variance
        errors = [
            gram_loss(gram(features.flatten(1)), self.grams[look][name])
            / gram_loss(torch.zeros_like(self.grams[look][name]), self.grams[look][name])
            for name in STYLE_LAYERS
            for features, look in zip(found[name], looks, strict=True)
        ]
        return content, torch.stack(errors).mean()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The distances on the middles of the held photos, mean over photos and looks; of the averaged network."""
        side = self.config.crop
        squares = [data.middle(photo, side) for photo in self.held if min(photo.shape[-2:]) >= side]
        self.average.eval()
        found = []
        for image in squares:
            image = image.to(self.device)
            for look, weights in enumerate(torch.eye(len(self.grams), device=self.device)):
                result = self.average(image, weights[None])
                found.append(torch.stack(self.distances(result, image, [look])))
        if not found:
            return {}
        content, style = torch.stack(found).mean(0).tolist()
        return {"held_content": content, "held_style": style}

    def _style(self, style: Tensor) -> Tensor:
        image = style[None].to(self.device).float() / 255
        size = size_of(image)
        return fitted(image, reduced(size, min(1.0, self.config.style_side / max(size))))


def flat_variation(result: Tensor, photo: Tensor) -> Tensor:
    """L_flat of results (B, 3, H, W) of photos of that shape, both in [0, 1]."""
    along = []
    for axis in (-2, -1):
        slope = photo.diff(dim=axis).square().sum(1, keepdim=True)
        along.append((torch.exp(-slope / (2 * EDGE**2)) * result.diff(dim=axis).square()).mean())
    return torch.stack(along).sum()
