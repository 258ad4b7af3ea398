"""CIELAB (CIE 15:2004) of sRGB colours (IEC 61966-2-1) and back, under the white D65."""

from __future__ import annotations

import torch
from torch import Tensor

_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = tuple(sum(row) for row in _TO_XYZ)
_KNEE = 6 / 29


def to_lab(image: Tensor) -> Tensor:
    """sRGB (B, 3, H, W) in [0, 1] as L* in [0, 100], a* and b*."""
    linear = torch.where(image <= 0.04045, image / 12.92, ((image.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)
    white = torch.tensor(_WHITE).to(image)[:, None, None]
    relative = torch.einsum("ij,bjhw->bihw", torch.tensor(_TO_XYZ).to(image), linear) / white
    root = torch.where(relative > _KNEE**3, relative.clamp_min(_KNEE**3) ** (1 / 3), relative / (3 * _KNEE**2) + 4 / 29)
    x, y, z = root.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def from_lab(lab: Tensor) -> Tensor:
    """sRGB of `to_lab`'s result; colours outside sRGB leave [0, 1]."""
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    root = torch.stack([y + a / 500, y, y - b / 200], 1)
    relative = torch.where(root > _KNEE, root**3, 3 * _KNEE**2 * (root - 4 / 29))
    inverse = torch.linalg.inv(torch.tensor(_TO_XYZ, dtype=torch.float64)).to(lab)
    linear = torch.einsum("ij,bjhw->bihw", inverse, relative * torch.tensor(_WHITE).to(lab)[:, None, None])
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)
