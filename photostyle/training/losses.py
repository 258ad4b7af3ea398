"""What the embedded network is trained for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.network.wct2 import WCT2
from photostyle.training.teachers import Teacher
from photostyle.transfer.transfer import run

Site = Callable[[str, Tensor], Tensor]

SITES = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")


class Projections(nn.Module):
    """A 1×1 convolution a level from the student's channels to the teacher's; used in training only."""

    def __init__(self, student: Sequence[int], teacher: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(s, t, 1) for s, t in zip(student, teacher, strict=True))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Project each level's (B, C, H, W) features."""
        return [layer(x) for layer, x in zip(self.layers, features, strict=True)]


def walk_with_features(
    model: WCT2, images: Tensor, at: Sequence[str] = (), site: Site | None = None
) -> tuple[Tensor, list[Tensor]]:
    """(result, [relu1_1, relu2_1, relu3_1, relu4_1]) of (B, 3, H, W), sides multiples of 8; without `site` no map.

    With ``sum`` unpooling these activations are inside levels, hence the hooks.
    """
    features: dict[str, Tensor] = {}
    hooks = [
        getattr(model.encoder, name).register_forward_hook(
            lambda _module, _inputs, output, name=name: features.__setitem__(name, torch.relu(output))
        )
        for name in SITES
    ]
    try:
        result = run(model, images, at, site or (lambda _name, x: x))
    finally:
        for hook in hooks:
            hook.remove()
    return result, [features[name] for name in SITES]


class Targets(nn.Module):
    """A teacher's features, centred and scaled so that each level's total variance is its number of channels.

    Distilled features have means many times their deviations; a student that had to learn those offsets through an
    optimiser's small steps would do little else.
    """

    def __init__(self, teacher: Teacher, images: Tensor) -> None:
        super().__init__()
        self.teacher = teacher
        with torch.no_grad():
            for level, x in enumerate(teacher(images)):
                self.register_buffer(f"mean{level}", x.mean((0, 2, 3), keepdim=True))
                self.register_buffer(f"scale{level}", x.var((0, 2, 3)).mean().sqrt())

    def forward(self, images: Tensor) -> list[Tensor]:
        """Standardized features of (B, 3, H, W) in [0, 1]."""
        features = self.teacher(images)
        return [(x - self.get_buffer(f"mean{i}")) / self.get_buffer(f"scale{i}") for i, x in enumerate(features)]


def distillation_loss(projected: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Mean over levels of the squared error to standardized targets: 0 is perfect, 1 no better than their means."""
    return torch.stack([F.mse_loss(x.float(), y) for x, y in zip(projected, targets, strict=True)]).mean()


def psnr(output: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each image of (B, 3, H, W) in [0, 1]."""
    return -10 * (output - target).square().mean((1, 2, 3)).clamp_min(1e-12).log10()
