"""Grids and weaves: what a network's up-sampling leaves at the highest frequencies.

Nearest neighbours and transposed convolutions repeat with a period of two pixels (Odena, Dumoulin & Olah 2016), which
is a line in the spectrum at half a cycle a pixel, along either axis. Photos have little there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from photostyle.errors import ImageSizeError

MIN_SIDE = 16
BAND = 0.45  # cycles a pixel; 0.5 is the Nyquist frequency
ROUNDING = 1 / 12 / 255**2  # variance of the noise of 8 bits, which every picture from a file has


def nyquist(photo: Tensor, result: Tensor) -> float:
    """Power of a result about the Nyquist frequencies, divided by the photo's.

    The periodogram under a Hann window (Welch 1967), mean over the channels and the frequencies from `BAND` up along
    either axis; both with what rounding to 8 bits adds, so that a photo without any grain is no divisor of 0.

    Args:
        photo: (1, 3, H, W) in [0, 1].
        result: of that shape; 1 is returned for the photo itself.

    Raises:
        ImageSizeError: the shapes differ or a side is under 16 pixels.
    """
    if photo.shape != result.shape or min(photo.shape[-2:]) < MIN_SIDE:
        raise ImageSizeError(
            f"{tuple(photo.shape)} and {tuple(result.shape)}: equal shapes with sides from {MIN_SIDE} are needed"
        )
    return _power(result) / _power(photo)


def _power(image: Tensor) -> float:
    height, width = image.shape[-2:]
    down, across = (torch.hann_window(size, dtype=torch.float64, device=image.device) for size in (height, width))
    window = down[:, None] * across
    spectrum = torch.fft.fft2(image.double() * window).abs().square() / window.square().sum()
    high = [torch.fft.fftfreq(size, device=image.device).abs() >= BAND for size in (height, width)]
    chosen = high[0][:, None] | high[1]
    return float(spectrum.mean((0, 1))[chosen].mean()) + ROUNDING
