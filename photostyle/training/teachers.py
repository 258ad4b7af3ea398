"""Feature networks that a student is distilled from: four levels, relu1_1 to relu4_1, of VGG-19 or a likeness."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from photostyle.errors import ParameterError, WeightsError
from photostyle.network.features import FeatureConfig, FeatureEncoder
from photostyle.weights.vgg19 import IMAGENET_DEVIATION, IMAGENET_MEAN, from_torchvision

TeacherKind = Literal["pca", "vgg19"]


class Teacher(Protocol):
    """Images (B, 3, H, W) in [0, 1] to features at 1, 1/2, 1/4 and 1/8 of their resolution."""

    channels: tuple[int, int, int, int]

    def __call__(self, images: Tensor) -> list[Tensor]:
        """The four levels' features."""
        ...


class PcaTeacher(nn.Module):
    """VGG-19 in its principal components (PCA-KD, Chiu and Gurari, CVPR 2022), from its published weights.

    Args:
        path: safetensors with ``enc.B.L.kernel`` and ``.bias``; each block's pooling comes before its last layer.

    Raises:
        WeightsError: the file is missing or holds something else.
    """

    _LAYERS = (("enc.0.1",), ("enc.1.0", "pool", "enc.1.1"), ("enc.2.0", "pool", "enc.2.1"),
               ("enc.3.0", "enc.3.1", "enc.3.2", "pool", "enc.3.3"))  # fmt: skip

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            tensors, inputs = load_file(path), 3
            for name in ("enc.0.0", *(n for level in self._LAYERS for n in level if n != "pool")):
                kernel, bias = tensors[f"{name}.kernel"].float(), tensors[f"{name}.bias"].float()
                side = 1 if name == "enc.0.0" else 3
                if bias.dim() != 1 or kernel.shape != (len(bias), inputs, side, side):
                    raise WeightsError(
                        f"{path}: {name} has a kernel of shape {tuple(kernel.shape)}, which does not fit"
                    )
                self.register_buffer(f"{name}.kernel".replace(".", "_"), kernel)
                self.register_buffer(f"{name}.bias".replace(".", "_"), bias)
                inputs = len(bias)
        except (OSError, SafetensorError, KeyError) as error:
            raise WeightsError(f"{path}: not a PCA-distilled VGG-19 encoder ({error})") from error
        last = [self.get_buffer(f"{level[-1]}.bias".replace(".", "_")).numel() for level in self._LAYERS]
        self.channels = (last[0], last[1], last[2], last[3])

    def _conv(self, x: Tensor, name: str) -> Tensor:
        kernel = self.get_buffer(f"{name}.kernel".replace(".", "_"))
        bias = self.get_buffer(f"{name}.bias".replace(".", "_"))
        border = kernel.shape[-1] // 2
        return F.conv2d(F.pad(x, (border,) * 4, mode="reflect") if border else x, kernel, bias)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The four levels' features."""
        x, features = self._conv(images, "enc.0.0"), []
        for level in self._LAYERS:
            for name in level:
                x = F.max_pool2d(x, 2) if name == "pool" else torch.relu(self._conv(x, name))
            features.append(x)
        return features


def _torchvision_features() -> nn.Sequential:
    try:
        from torchvision.models import VGG19_Weights, vgg19
    except ImportError as error:
        raise WeightsError("the vgg19 teacher needs torchvision: pip install 'photostyle[train]'") from error
    features: nn.Sequential = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features
    return features


class Vgg19Teacher(nn.Module):
    """torchvision's ImageNet VGG-19 up to relu4_1 (downloaded by torchvision on first use; needs the `train` extra)."""

    channels = (64, 128, 256, 512)
    _ENDS = (1, 6, 11, 20)  # relu1_1, relu2_1, relu3_1, relu4_1 in torchvision's `features`

    def __init__(self) -> None:
        super().__init__()
        self.layers = _torchvision_features()[: self._ENDS[-1] + 1]
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION)[:, None, None])

    def forward(self, images: Tensor) -> list[Tensor]:
        """The four levels' features."""
        x, features = (images - self.get_buffer("mean")) / self.get_buffer("deviation"), []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self._ENDS:
                features.append(x)
        return features


def make_teacher(kind: TeacherKind, path: Path | None, device: torch.device) -> PcaTeacher | Vgg19Teacher:
    """A frozen teacher on `device`. Raises ParameterError for an unknown kind or a missing path."""
    if kind == "pca":
        if path is None:
            raise ParameterError("the pca teacher needs the path of its weights")
        teacher: PcaTeacher | Vgg19Teacher = PcaTeacher(path)
    elif kind == "vgg19":
        teacher = Vgg19Teacher()
    else:
        raise ParameterError(f"teacher is {kind!r}; it must be 'pca' or 'vgg19'")
    return teacher.to(device).eval().requires_grad_(False)


FEATURE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def load_cd16(path: Path) -> FeatureEncoder:
    """VGG-19 at a sixteenth of its size (Collaborative Distillation, Wang et al., CVPR 2020), from published weights.

    Args:
        path: safetensors with ``encoder5.conv1_1.weight`` and so on.

    Raises:
        WeightsError: the file is missing or holds something else.
    """
    encoder = FeatureEncoder(FeatureConfig("cd16", (16, 32, 64, 128, 128)))
    try:
        tensors = load_file(path)
        encoder.load_state_dict({name: tensors[f"encoder5.{name}"] for name in encoder.state_dict()})
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{path}: not a collaboratively distilled VGG-19 ({error})") from error
    return encoder.eval().requires_grad_(False)


def load_vgg19() -> FeatureEncoder:
    """torchvision's ImageNet VGG-19 (downloaded by torchvision on first use) as a `FeatureEncoder`."""
    state = {f"features.{name}": tensor for name, tensor in _torchvision_features().state_dict().items()}
    return from_torchvision(state, "torchvision's download")
