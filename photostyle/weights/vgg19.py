"""torchvision's ImageNet VGG-19 as a feature encoder, from the file that ``weights fetch vgg19`` brings."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from photostyle.errors import WeightsError
from photostyle.network.features import CONVOLUTIONS, FeatureConfig, FeatureEncoder
from photostyle.weights.registry import cache_dir, find_entry

WIDTHS = (64, 128, 256, 512, 512)
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def vgg19_file() -> Path:
    """Where the fetched file is, or would be."""
    return cache_dir() / find_entry("vgg19").file


def read_vgg19(path: Path | None = None, device: str | torch.device = "cpu") -> FeatureEncoder:
    """The encoder up to relu5_1: eval mode, float32, no gradients of its weights.

    Args:
        path: a checkpoint of torchvision's `vgg19`; None takes `vgg19_file`.
        device: where to put it.

    Raises:
        WeightsError: the file is missing, damaged, or of another network.
    """
    found = path or vgg19_file()
    if not found.is_file():
        raise WeightsError(
            f"no VGG-19 at {found}: run photostyle weights fetch vgg19, or take the embedded features (--features auto)"
        )
    try:
        tensors = torch.load(found, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{found} is damaged or no PyTorch checkpoint: fetch it again") from error
    if not isinstance(tensors, Mapping):
        raise WeightsError(f"{found} holds no weights of VGG-19: fetch it again")
    return from_torchvision(tensors, str(found)).to(device)


def from_torchvision(tensors: Mapping[str, Tensor], source: str, widths: tuple[int, ...] = WIDTHS) -> FeatureEncoder:
    """An encoder with the weights of torchvision's `vgg19` (``features.0.weight`` …), standardization in ``conv0``.

    Args:
        tensors: the state; more than is needed does no harm.
        source: what messages call it.
        widths: channels of the five blocks, for networks of the same layout.

    Raises:
        WeightsError: a tensor is missing, of another shape or type, or not finite.
    """
    first, second, third, fourth, fifth = widths
    encoder = FeatureEncoder(FeatureConfig("vgg19", (first, second, third, fourth, fifth)))
    mean, deviation = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_DEVIATION)
    state = {"conv0.weight": torch.diag(1 / deviation)[:, :, None, None], "conv0.bias": -mean / deviation}
    index = 0  # in torchvision's `features`: convolutions and rectifiers in turn, and a pooling after each block
    for block, count in CONVOLUTIONS.items():
        for i in range(1, count + 1):
            for part in ("weight", "bias"):
                tensor, wanted = (
                    tensors.get(f"features.{index}.{part}"),
                    encoder.state_dict()[f"conv{block}_{i}.{part}"],
                )
                if not isinstance(tensor, Tensor) or tensor.shape != wanted.shape or not tensor.isfinite().all():
                    raise WeightsError(f"{source} is not torchvision's VGG-19: features.{index}.{part} does not fit")
                state[f"conv{block}_{i}.{part}"] = tensor.float()
            index += 2
        index += 1
    encoder.load_state_dict(state)
    return encoder.eval().requires_grad_(False)
