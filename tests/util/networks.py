"""Tiny networks, and pictures for them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from photostyle.network.wct2 import WCT2, ModelConfig
from photostyle.transfer.transfer import Transfer

TINY = ModelConfig("tiny", (6, 8, 10, 12), "cat5", ll_gain=0.5, regularization=1e-3)


def tiny_model(unpool: str = "cat5", seed: int = 0, widths: Sequence[int] = (6, 8, 10, 12)) -> WCT2:
    """A random network that runs in milliseconds."""
    torch.manual_seed(seed)
    config = ModelConfig("tiny", tuple(widths), unpool, ll_gain=0.5, regularization=1e-3)  # type: ignore[arg-type]
    return WCT2(config).eval().requires_grad_(False)


def copying_model() -> WCT2:
    """A ``sum`` network whose convolutions pass three channels on: only pooling and unpooling are left."""
    model = tiny_model("sum", widths=(3, 3, 3, 3))
    for name, layer in [*model.encoder.named_children(), *model.decoder.named_children()]:
        layer.weight.zero_()
        layer.bias.zero_()
        centre = 0 if name == "conv0" else 1
        for channel in range(3):
            layer.weight[channel, channel, centre, centre] = 1
    return model


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """A smooth colourful image (3, H, W) in [0, 1] with some texture; no two seeds alike."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.linspace(0, 1, height)[:, None].expand(height, width)
    x = torch.linspace(0, 1, width)[None].expand(height, width)
    phase = torch.rand(3, 3, generator=generator) * 6
    waves = [0.5 + 0.3 * torch.sin(p[0] + 5 * p[1] * x + 4 * p[2] * y) for p in phase]
    noise = torch.rand(3, height, width, generator=generator) * 0.1
    return (torch.stack(waves) + noise).clamp(0, 1)


def assert_same(one: Transfer, other: Transfer, tolerance: float = 0.0) -> None:
    """Two transfers have the same options, sites, regions and maps."""
    assert one.options == other.options
    assert {site: set(maps) for site, maps in one.maps.items()} == {s: set(maps) for s, maps in other.maps.items()}
    for site, maps in one.maps.items():
        for region, found in maps.items():
            expected = other.maps[site][region]
            for part in ("matrix", "bias"):
                values = getattr(found.affine, part), getattr(expected.affine, part)
                torch.testing.assert_close(*values, rtol=tolerance, atol=tolerance)
            assert abs(found.low - expected.low) <= tolerance
            assert abs(found.high - expected.high) <= tolerance


def halves(height: int, width: int, *values: int) -> Tensor:
    """A label map (H, W) of vertical stripes with the given labels."""
    columns = torch.arange(width) * len(values) // width
    return torch.tensor(values)[columns].expand(height, width).contiguous()
