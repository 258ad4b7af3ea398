"""What a machine can do at most, measured, and what a network asks of it, counted."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.network.wct2 import WCT2, ModelConfig, share_of_pixels


def timed(work: Callable[[], object], device: str, repeat: int) -> list[float]:
    """Seconds of each of `repeat` runs."""
    seconds = []
    for _ in range(repeat):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return seconds


def ceilings(device: str, dtype: torch.dtype = torch.float32) -> dict[str, float]:
    """Multiply-accumulates (GMAC/s) of a large matrix product, bytes (GB/s) of a large copy: medians of five.

    The product is taken both as such and as a 3×3 convolution of 256 channels, and the faster counts: on a CPU they are
    the business of two libraries, one of which makes little of processors of another make.
    """
    side = 8192 if device == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    grid = torch.randn(1, 256, 258, 258, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
    filters = torch.randn(256, 256, 3, 3, device=device).to(dtype)
    source = torch.randn(1 << (28 if device == "cuda" else 25), device=device)
    target = torch.empty_like(source)
    timed(lambda: (a @ b, target.copy_(source)), device, 1)
    ways = ((lambda: a @ b, side**3), (lambda: F.conv2d(grid, filters), 256**4 * 9))
    product = max(macs / statistics.median(timed(way, device, 6)[1:]) for way, macs in ways)
    copy = statistics.median(timed(lambda: target.copy_(source), device, 5))
    return {"gmac_s": product / 1e9, "gb_s": 2 * source.numel() * 4 / copy / 1e9}


def work_per_pixel(config: ModelConfig) -> dict[str, float]:
    """What applying a fitted style asks for: multiply-accumulates and bytes (float32) a pixel.

    Convolutions as they are computed (those after cat5 unpooling folded), one matrix product a site at encoder and
    decoder. Bytes: every layer reads its input and writes its output once, weights not counted.
    """
    macs = values = 0.0
    model = WCT2(config)
    folded = config.unpool == "cat5"
    for half in (model.encoder, model.decoder):
        for name, layer in half.named_children():
            weight = layer.weight
            if not isinstance(weight, Tensor) or name == "conv0":  # conv0 is part of conv1_1
                continue
            unpooled = folded and half is model.decoder and name in ("conv1_2", "conv2_2", "conv3_4")
            pixels = share_of_pixels(name)
            macs += weight.numel() * pixels / (2.25 if unpooled else 1)
            # Folded: a fifth of the channels comes at a quarter of the pixels, the details are never made.
            read = weight.shape[1] / 5 * 1.25 if unpooled else weight.shape[1]
            values += (read + weight.shape[0]) * pixels
    for i, width in enumerate(config.widths):
        sites = 1 if i == len(config.widths) - 1 else 2
        macs += sites * width**2 / 4**i
        values += sites * 2 * width / 4**i
    return {"macs": macs, "bytes": 4 * values}
