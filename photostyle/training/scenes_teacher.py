"""The features that the segmentation encoder is to predict besides labels: a VGG-19 distilled to a sixteenth.

A thousand labelled images teach few textures; what ImageNet taught VGG-19 comes along this way. The teacher sees the
plain view and the student the relit one, so what is learnt does not depend on the light.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from photostyle.errors import WeightsError

_BLOCKS = (("conv1_1", "conv1_2"), ("conv2_1", "conv2_2"), ("conv3_1", "conv3_2", "conv3_3", "conv3_4"),
           ("conv4_1", "conv4_2", "conv4_3", "conv4_4"), ("conv5_1",))  # fmt: skip


class Vgg16thTeacher(nn.Module):
    """relu4_1 and relu5_1 of Collaborative Distillation's small VGG-19 (Wang et al., CVPR 2020), standardised.

    Args:
        path: safetensors with ``encoder5.*``.
        calibration: images (B, 3, H, W) in [0, 1] over which every channel gets mean 0 and deviation 1.

    Raises:
        WeightsError: the file is missing or holds something else.
    """

    def __init__(self, path: Path, calibration: Tensor) -> None:
        super().__init__()
        try:
            tensors = load_file(path)
            names = ("conv0", *(name for block in _BLOCKS for name in block))
            self.layers = {name: (tensors[f"encoder5.{name}.weight"].float(), tensors[f"encoder5.{name}.bias"].float())
                           for name in names}  # fmt: skip
        except (OSError, SafetensorError, KeyError) as error:
            raise WeightsError(f"{path}: not a VGG-19 distilled to a sixteenth ({error})") from error
        self.channels = (self.layers["conv4_1"][0].shape[0], self.layers["conv5_1"][0].shape[0])
        self.scales = [(torch.zeros(1), torch.ones(1))] * 2
        self.to_device(calibration.device)
        features = self(calibration)
        self.scales = [(x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True) + 1e-3) for x in features]

    def to_device(self, device: torch.device) -> None:
        """Move what is computed with."""
        self.layers = {name: (w.to(device), b.to(device)) for name, (w, b) in self.layers.items()}
        self.scales = [(mean.to(device), deviation.to(device)) for mean, deviation in self.scales]

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (B, 3, H, W) in [0, 1] to relu4_1 at 1/8 and relu5_1 at 1/16 of their resolution."""
        x, features = F.conv2d(images, *self.layers["conv0"]), []
        for number, block in enumerate(_BLOCKS):
            x = F.max_pool2d(x, 2) if number else x
            for name in block:
                x = torch.relu(F.conv2d(F.pad(x, (1,) * 4, mode="reflect"), *self.layers[name]))
                if name in ("conv4_1", "conv5_1"):
                    features.append(x.float())
        return [(x - mean) / deviation for x, (mean, deviation) in zip(features, self.scales, strict=True)]


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
