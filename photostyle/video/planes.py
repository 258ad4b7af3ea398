"""A frame's planes reduced, and changed at full size by maps of colour known at a reduced one. OpenCV and NumPy.

Y′CbCr is an affine function of R′G′B′, so an affine map of R, G, B is one of Y, Cb, Cr too. A locally affine map is
therefore applied to the planes as they are, without a conversion of the frame: luma at its own size takes one slope and
one offset a pixel, the offset being made of chroma where chroma lies. Luma is brought to chroma, and chroma to luma, by
the filters of `photostyle.colour.yuv`. Luma so lies within a code of 8 bits of a conversion there and back; chroma
keeps what going up and down again would have blurred.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2 as opencv
import numpy as np
import numpy.typing as npt
import torch

from photostyle.colour import yuv
from photostyle.video.info import Planes
from photostyle.video.motion import Floats

cv2: Any = opencv  # its stubs know no kind of sample
RADIUS = 3  # of the windows, in pixels of the reduced frame: as wide a share of it as in `photostyle.edges.colour_grid`
EPSILON = 1e-4
_SIMPLE = ((0, 0), (1, 0), (1, 1))  # chroma sampling that is done plane by plane


def reduced_rgb(planes: Planes, layout: yuv.Layout, size: tuple[int, int]) -> Floats:
    """R′G′B′ (3, h, w) in [0, 1] of a frame, at `size` (h, w), each pixel the mean of those that it covers."""
    height, width = planes[0].shape
    if height < 2 * size[0] or width < 2 * size[1]:  # chroma could be finer than what it is brought to
        tensors = [torch.from_numpy(plane) for plane in planes[: 1 if layout.grey else 3]]
        whole = yuv.to_rgb(tensors, layout).clamp(0, 1).numpy()
        return np.stack([_area(channel, size) for channel in whole])
    small = [_area(plane, size) for plane in planes[: 1 if layout.grey else 3]]
    if layout.shift_x and layout.left and not layout.grey:
        # Chroma samples lie half a luma sample to the left of the middle of what they stand for.
        share = (1 - 0.5**layout.shift_x) / 2 * size[1] / planes[1].shape[1]
        small[1:] = [
            cv2.addWeighted(c, 1 - share, np.concatenate([c[:, 1:], c[:, -1:]], 1), share, 0) for c in small[1:]
        ]
    rgb = yuv.to_rgb([torch.from_numpy(plane) for plane in small], _at_luma(layout)).clamp(0, 1).numpy()
    return np.ascontiguousarray(rgb)


def _area(plane: npt.NDArray[Any], size: tuple[int, int]) -> Floats:
    if plane.shape == size:
        return plane.astype(np.float32)
    # Of whole numbers OpenCV would give whole numbers: a first step to about twice the size keeps it quick.
    height, width = plane.shape
    if plane.dtype != np.float32 and height >= 4 * size[0] and width >= 4 * size[1]:
        plane = cv2.resize(plane, (2 * size[1], 2 * size[0]), interpolation=cv2.INTER_AREA)
    found: Floats = cv2.resize(plane.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    return found


def _at_luma(layout: yuv.Layout) -> yuv.Layout:
    return replace(layout, shift_x=0, shift_y=0)


def lab(image: Floats, *, soft: bool = True) -> Floats:
    """CIE L*a*b* (3, h, w) of R′G′B′ (3, h, w) in [0, 1], a little blurred against grain."""
    pixels = np.ascontiguousarray(np.moveaxis(image, 0, -1))
    if soft:
        pixels = cv2.GaussianBlur(pixels, (5, 5), 1.0)
    return np.ascontiguousarray(np.moveaxis(cv2.cvtColor(pixels, cv2.COLOR_RGB2Lab), -1, 0))


def windows(image: Floats, target: Floats, radius: int = RADIUS, epsilon: float = EPSILON) -> Floats:
    """Affine maps (12, h, w) that take a frame to a target, both (3, h, w), as `edges.colour_grid.fit_grid` finds them.

    Row by row what red, green, blue and 1 add to the three colours.
    """
    height, width = image.shape[-2:]
    reach = (min(radius, height - 1), min(radius, width - 1))
    counts = [np.minimum(np.arange(n) + r, n - 1) - np.maximum(np.arange(n) - r, 0) + 1
              for n, r in zip((height, width), reach, strict=True)]  # fmt: skip
    share = (1 / (counts[0][:, None] * counts[1])).astype(np.float32)

    def mean(x: Floats) -> Floats:
        size = (2 * reach[1] + 1, 2 * reach[0] + 1)
        found: Floats = cv2.boxFilter(x, cv2.CV_32F, size, normalize=False, borderType=cv2.BORDER_CONSTANT) * share
        return found

    r, g, b = image
    mean_i, mean_t = [mean(c) for c in image], [mean(c) for c in target]
    (xx, xy, xz, yy, yz, zz) = (
        mean(p * q) - m * n
        for p, q, m, n in (
            (r, r, mean_i[0], mean_i[0]), (r, g, mean_i[0], mean_i[1]), (r, b, mean_i[0], mean_i[2]),
            (g, g, mean_i[1], mean_i[1]), (g, b, mean_i[1], mean_i[2]), (b, b, mean_i[2], mean_i[2]),
        )
    )  # fmt: skip
    # LDLᵀ, as in `edges.guided`: with the ridge every pivot is ε at least.
    x = np.maximum(xx, 0) + epsilon
    yx, zx = xy / x, xz / x
    y = np.maximum(yy + epsilon - yx * xy, epsilon)
    rest = yz - zx * xy
    zy = rest / y
    z = np.maximum(zz + epsilon - zx * xz - zy * rest, epsilon)
    found = np.empty((4, 3, height, width), np.float32)
    for channel, t in enumerate(target):
        u, v, w = (mean(p * t) - m * mean_t[channel] for p, m in zip(image, mean_i, strict=True))
        v = v - yx * u
        w = (w - zx * u - zy * v) / z
        v = v / y - zy * w
        u = u / x - yx * v - zx * w
        offset = mean_t[channel] - u * mean_i[0] - v * mean_i[1] - w * mean_i[2]
        for row, values in enumerate((u, v, w, offset)):
            found[row, channel] = mean(values)
    return found.reshape(12, height, width)


@dataclass(frozen=True)
class PlaneMaps:
    """Maps of colour (12, h, w) applied to planes of one layout, giving planes of another.

    Attributes:
        source: what the frame's planes mean.
        target: what those that come out mean.
    """

    source: yuv.Layout
    target: yuv.Layout

    @property
    def direct(self) -> bool:
        """Whether planes are changed as they are; if not, `photostyle.colour.yuv` must convert them."""
        shifts = (self.source.shift_x, self.source.shift_y)
        return (
            not (self.source.grey or self.target.grey)
            and shifts == (self.target.shift_x, self.target.shift_y)
            and shifts in _SIMPLE
        )

    def apply(self, planes: Planes, maps: Floats) -> Planes:
        """The three planes of a frame of any size, each (H, W), changed."""
        codes = self._of_codes(maps)  # codes[i][j]: how much of plane j goes into plane i; j = 3 is the offset
        shifts, left = (self.source.shift_x, self.source.shift_y), self.source.left
        full, part = planes[0].shape, planes[1].shape
        luma = _halved(planes[0], shifts, left)
        chroma = [plane.astype(np.float32) for plane in planes[1:3]]
        out = []
        for i in (1, 2):
            total = _sized(codes[i][3], part)
            for values, slope in zip((luma, *chroma), codes[i][:3], strict=True):
                total = cv2.accumulateProduct(values, _sized(slope, part), total)
            out.append(_coded(total, None, self.target.bits))
        offset = _sized(codes[0][3], part)
        for values, slope in zip(chroma, codes[0][1:3], strict=True):
            offset = cv2.accumulateProduct(values, _sized(slope, part), offset)
        offset = _doubled(offset, shifts, left, full)
        slope = _sized(codes[0][0], full)
        product = cv2.multiply(planes[0], slope, slope, dtype=cv2.CV_32F)
        return [_coded(product, offset, self.target.bits), *out]

    def _of_codes(self, maps: Floats) -> list[list[Floats]]:
        """Maps of R′G′B′ as maps of the source's codes to the target's: (3, 4) maps (h, w)."""
        into, start = _linear(self.source)  # rgb = into @ codes + start
        back = np.linalg.inv(_linear(self.target)[0])
        end = -back @ _linear(self.target)[1]
        # All of it is one linear function of the twelve coefficients, and an offset.
        change = np.zeros((3, 4, 4, 3))
        change[:, :3, :3] = np.einsum("ic,jk->ikjc", back, into)
        change[:, 3, :3] = np.einsum("ic,j->ijc", back, start)
        change[:, 3, 3] = back
        whole = change.reshape(12, 12).astype(np.float32) @ maps.reshape(12, -1)
        whole = whole.reshape(3, 4, *maps.shape[-2:])
        whole[:, 3] += end.astype(np.float32)[:, None, None]
        return [list(row) for row in whole]


def _linear(layout: yuv.Layout) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """R′G′B′ as matrix and offset of a layout's three codes, read off `yuv.to_rgb` itself."""
    unit = 2.0**layout.bits
    codes = torch.cat([torch.zeros(3, 1), torch.eye(3) * unit], 1)[:, None]
    rgb = yuv.to_rgb(list(codes), _at_luma(layout))[:, 0].double().numpy()
    return (rgb[:, 1:] - rgb[:, :1]) / unit, rgb[:, 0]


def _sized(values: Floats, size: tuple[int, int]) -> Floats:
    """Coefficients at another size, interpolated between cells' centres."""
    if values.shape == size:
        return values.copy()
    found: Floats = cv2.resize(np.ascontiguousarray(values), size[::-1], interpolation=cv2.INTER_LINEAR)
    return found


def _halved(luma: npt.NDArray[Any], shifts: tuple[int, int], left: bool) -> Floats:
    """Luma where chroma lies, as `yuv.from_rgb` brings chroma down."""
    plane = luma
    if shifts[1]:
        if plane.shape[0] % 2:
            plane = np.concatenate([plane, plane[-1:]])
        plane = cv2.addWeighted(plane[::2], 0.5, plane[1::2], 0.5, 0, dtype=cv2.CV_32F)
    if shifts[0]:
        if plane.shape[1] % 2:
            plane = np.concatenate([plane, plane[:, -1:]], 1)
        even, odd = plane[:, ::2].astype(np.float32), plane[:, 1::2].astype(np.float32)
        if not left:
            found: Floats = cv2.addWeighted(even, 0.5, odd, 0.5, 0)
            return found
        before = np.concatenate([even[:, :1], odd[:, :-1]], 1)
        found = cv2.addWeighted(even, 0.5, cv2.add(odd, before), 0.25, 0)
        return found
    return plane.astype(np.float32)


def _doubled(values: Floats, shifts: tuple[int, int], left: bool, size: tuple[int, int]) -> Floats:
    """What is known where chroma lies, where luma lies, as `yuv.to_rgb` brings chroma up."""
    height, width = values.shape
    if shifts[1]:
        values = cv2.resize(values, (width, 2 * height), interpolation=cv2.INTER_LINEAR)[: size[0]]
    if shifts[0] and not left:
        values = cv2.resize(values, (2 * width, values.shape[0]), interpolation=cv2.INTER_LINEAR)
    elif shifts[0]:
        wide = np.empty((values.shape[0], 2 * width), np.float32)
        wide[:, ::2] = values
        wide[:, 1:-1:2] = cv2.addWeighted(values[:, :-1], 0.5, values[:, 1:], 0.5, 0)
        wide[:, -1] = values[:, -1]
        values = wide
    return np.ascontiguousarray(values[:, : size[1]])


def _coded(values: Floats, offset: Floats | None, bits: int) -> npt.NDArray[Any]:
    """Their sum as codes, rounded and clipped."""
    kind = cv2.CV_8U if bits == 8 else cv2.CV_16U
    codes: npt.NDArray[Any] = cv2.add(values, 0 if offset is None else offset, dtype=kind)
    most = np.uint16(2**bits - 1)
    clipped: npt.NDArray[Any] = codes if bits in (8, 16) else np.minimum(codes, most)
    return clipped
