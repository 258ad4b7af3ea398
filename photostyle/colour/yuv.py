"""Y′CbCr planes to R′G′B′ and back, as tensors on any device (ITU-R BT.601, BT.709, BT.2020, H.273).

With luma weights Kr, Kb and Kg = 1 - Kr - Kb:

    Y = Kr R + Kg G + Kb B,    Cb = (B - Y) / (2 (1 - Kb)),    Cr = (R - Y) / (2 (1 - Kr))

with Y in [0, 1] and Cb, Cr in [-½, ½], coded at n bits as 2^(n-8) (16 + 219 Y) and 2^(n-8) (128 + 224 C) in limited
range, as (2^n - 1) Y and (2^n - 1) C + 2^(n-1) in full range. Values outside the nominal range (footroom, headroom) are
kept, so that what the network leaves alone comes back as it was.

Subsampled chroma is brought up by linear interpolation at the samples' true positions and down by the matching
triangle (co-sited) or box (midway) filter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.errors import ParameterError

# Luma weights (Kr, Kb) by H.273 matrix coefficients.
WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.470 BG (BT.601, 625 lines)
    6: (0.299, 0.114),  # SMPTE 170M (BT.601, 525 lines)
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
}
RGB = 0  # H.273: the planes are G, B, R


@dataclass(frozen=True)
class Layout:
    """What the numbers in a frame's planes mean.

    Attributes:
        bits: bits a sample, 8 to 16.
        matrix: H.273 matrix coefficients, a key of `WEIGHTS`, or `RGB` for planes G, B, R.
        full: full range (0 to 2^n - 1) rather than limited.
        shift_x, shift_y: log2 of the chroma subsampling.
        left: chroma lies on the left of its luma samples (MPEG-2, H.264, HEVC); if not, midway (JPEG, MPEG-1). Between
            lines it lies midway in all of them.
        grey: there is only one plane, luma.
    """

    bits: int = 8
    matrix: int = 1
    full: bool = False
    shift_x: int = 1
    shift_y: int = 1
    left: bool = True
    grey: bool = False

    def __post_init__(self) -> None:
        if self.matrix != RGB and self.matrix not in WEIGHTS:
            raise ParameterError(f"matrix coefficients {self.matrix} are not supported; {sorted(WEIGHTS)} and 0 are")
        if not 8 <= self.bits <= 16:
            raise ParameterError(f"{self.bits} bits a sample are not supported; 8 to 16 are")

    @property
    def _scales(self) -> tuple[float, float, float, float]:
        """Offset and scale of luma, then of chroma, in code values."""
        if self.full:
            return 0.0, 2.0**self.bits - 1, 2.0 ** (self.bits - 1), 2.0**self.bits - 1
        unit = 2.0 ** (self.bits - 8)
        return 16 * unit, 219 * unit, 128 * unit, 224 * unit


def to_rgb(planes: Sequence[Tensor], layout: Layout) -> Tensor:
    """Planes of code values to R′G′B′.

    Args:
        planes: luma (…, H, W) and two chroma planes (…, ⌈H/2^shift_y⌉, ⌈W/2^shift_x⌉); or G, B, R; or luma alone. Any
            dtype.
        layout: what they mean.

    Returns:
        (…, 3, H, W) float32, nominally [0, 1], beyond it where the codes are.
    """
    offset, scale, offset_c, scale_c = layout._scales
    luma = (planes[0].float() - offset) / scale
    if layout.grey:
        return torch.stack((luma, luma, luma), -3)
    if layout.matrix == RGB:
        green, blue, red = ((plane.float() - offset) / scale for plane in planes)
        return torch.stack((red, green, blue), -3)
    height, width = luma.shape[-2:]
    cb, cr = ((_up(plane.float(), layout, height, width) - offset_c) / scale_c for plane in planes[1:3])
    kr, kb = WEIGHTS[layout.matrix]
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return torch.stack((red, green, blue), -3)


def from_rgb(rgb: Tensor, layout: Layout) -> list[Tensor]:
    """R′G′B′ (…, 3, H, W) to planes of code values, rounded and clipped to what `bits` hold; the inverse of `to_rgb`.

    Returns:
        Planes as `to_rgb` takes them, uint8 at 8 bits, else int32.
    """
    offset, scale, offset_c, scale_c = layout._scales
    red, green, blue = rgb.float().unbind(-3)
    if layout.matrix == RGB:
        return [_code(plane * scale + offset, layout.bits) for plane in (green, blue, red)]
    kr, kb = WEIGHTS[layout.matrix]
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    planes = [_code(luma * scale + offset, layout.bits)]
    if not layout.grey:
        for colour, k in ((blue, kb), (red, kr)):
            chroma = (colour - luma) / (2 * (1 - k))
            planes.append(_code(_down(chroma, layout) * scale_c + offset_c, layout.bits))
    return planes


def _code(values: Tensor, bits: int) -> Tensor:
    return values.round().clamp(0, 2**bits - 1).to(torch.uint8 if bits == 8 else torch.int32)


def _up(plane: Tensor, layout: Layout, height: int, width: int) -> Tensor:
    for _ in range(layout.shift_x):
        plane = _double(plane, layout.left)
    for _ in range(layout.shift_y):
        plane = _double(plane.mT, False).mT
    return plane[..., :height, :width]


def _down(plane: Tensor, layout: Layout) -> Tensor:
    for _ in range(layout.shift_x):
        plane = _halve(plane, layout.left)
    for _ in range(layout.shift_y):
        plane = _halve(plane.mT, False).mT
    return plane


def _double(x: Tensor, cosited: bool) -> Tensor:
    """Twice as many samples along the last axis, borders repeated."""
    following = torch.cat((x[..., 1:], x[..., -1:]), -1)
    if cosited:
        pair = (x, (x + following) / 2)
    else:
        before = torch.cat((x[..., :1], x[..., :-1]), -1)
        pair = (0.75 * x + 0.25 * before, 0.75 * x + 0.25 * following)
    return torch.stack(pair, -1).flatten(-2)


def _halve(x: Tensor, cosited: bool) -> Tensor:
    """Half as many samples (rounded up) along the last axis."""
    if x.shape[-1] % 2:
        x = torch.cat((x, x[..., -1:]), -1)
    even, odd = x[..., ::2], x[..., 1::2]
    if not cosited:
        return (even + odd) / 2
    before = torch.cat((even[..., :1], odd[..., :-1]), -1)
    return even / 2 + (odd + before) / 4
