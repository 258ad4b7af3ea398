"""The features that the segmentation encoder is to predict besides labels: a VGG-19 distilled to a sixteenth.

A thousand labelled images teach few textures; what ImageNet taught VGG-19 comes along this way. The teacher sees the
plain view and the student the relit one, so what is learnt does not depend on the light.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.training.teachers import load_cd16


class Vgg16thTeacher:
    """relu4_1 and relu5_1 of Collaborative Distillation's small VGG-19 (Wang et al., CVPR 2020), standardised.

    Args:
        path: safetensors with ``encoder5.*``.
        calibration: images (B, 3, H, W) in [0, 1] over which every channel gets mean 0 and deviation 1, on the device
            to compute on.

    Raises:
        WeightsError: the file is missing or holds something else.
    """

    def __init__(self, path: Path, calibration: Tensor) -> None:
        self.encoder = load_cd16(path).to(calibration.device)
        self.channels = self.encoder.config.widths[3], self.encoder.config.widths[4]
        self.scales = [
            (x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True) + 1e-3) for x in self._plain(calibration)
        ]

    @torch.no_grad()
    def _plain(self, images: Tensor) -> list[Tensor]:
        return [x.float() for x in self.encoder(images, ("relu4_1", "relu5_1")).values()]

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Images (B, 3, H, W) in [0, 1] to relu4_1 at 1/8 and relu5_1 at 1/16 of their resolution."""
        return [(x - mean) / scale for x, (mean, scale) in zip(self._plain(images), self.scales, strict=True)]


class Heads(nn.Module):
    """1×1 projections from the student's features at 1/8, 1/16 and 1/32 to the teacher's; thrown away afterwards."""

    def __init__(self, student: list[int], teacher: tuple[int, int]) -> None:
        super().__init__()
        pairs = ((student[3], teacher[0]), (student[4], teacher[1]), (student[5], teacher[1]))
        self.layers = nn.ModuleList(nn.Conv2d(*pair, 1) for pair in pairs)

    def forward(self, features: list[Tensor], targets: list[Tensor]) -> Tensor:
        """Mean squared error of the predictions, 1 for predicting nothing but the mean."""
        pooled = [targets[0], targets[1], F.avg_pool2d(targets[1], 2)]
        predicted = [layer(x).float() for layer, x in zip(self.layers, features[3:6], strict=True)]
        errors = [F.mse_loss(p, t) for p, t in zip(predicted, pooled, strict=True)]
        return torch.stack(errors).mean()
