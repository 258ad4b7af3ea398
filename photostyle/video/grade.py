"""Frames through the network: planes in, planes out, on the network's device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from photostyle.colour import yuv
from photostyle.io import UNSURE
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.transfer.transfer import Transfer
from photostyle.video.codecs import Encoding, encoding_for
from photostyle.video.info import FULL, Planes, VideoInfo
from photostyle.video.looks import Look, StyleSide, reduced
from photostyle.video.options import PREVIEW_SIDE, VideoOptions
from photostyle.video.regions import RegionSource, upright


class Grader:
    """A clip's frames to tensors, through a look, and to the planes of an encoding.

    Args:
        model: the network; its device is where all of this happens. On CUDA it runs in half precision.
        info: the clip.
        encoding: what is written; frames are resized to it.
        style: the reference, for looks that fit every frame by itself; None if there are none.
        how: the same.
        strength: 0 to 1; None is the look's own.
        regions: where the frames' regions come from.
    """

    def __init__(
        self,
        model: WCT2,
        info: VideoInfo,
        encoding: Encoding,
        style: StyleSide | None,
        how: FitOptions,
        strength: float | None,
        regions: RegionSource | None,
    ) -> None:
        self._model, self._style, self._how, self._strength, self._source = model, style, how, strength, regions
        self._device = next(model.parameters()).device
        if self._device.type == "cuda":
            model.precision = torch.float16
        self._info, self._encoding = info, encoding
        self._size = (encoding.height, encoding.width)
        self._in, self._out = input_layout(info), output_layout(info, encoding)
        self._upright, self._back = upright(info.rotation)

    def images(self, frames: Sequence[Planes]) -> Tensor:
        """Frames as (B, 3, H, W) R′G′B′ on the device, at the encoding's size."""
        planes = [self._sent(np.stack(plane)) for plane in list(zip(*frames, strict=True))[:3]]
        return reduced(yuv.to_rgb(planes, self._in), self._size)

    def _sent(self, plane: np.ndarray[tuple[int, ...], np.dtype[np.integer]]) -> Tensor:  # type: ignore[type-arg]
        tensor = torch.from_numpy(plane)
        if self._device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self._device, non_blocking=True)

    def alpha(self, planes: Planes) -> Planes:
        """A frame's opacity as the encoding's last plane; none where that has none."""
        if not self._encoding.alpha:
            return []
        opacity = torch.from_numpy(planes[-1].astype(np.int32))[None].float() / (2**self._info.bits - 1)
        opacity = reduced(opacity, self._size)[0].clamp(0, 1) * (2**self._encoding.bits - 1)
        return [opacity.round().numpy().astype(np.uint8 if self._encoding.bits == 8 else np.uint16)]

    def single_regions(self, image: Tensor, index: int) -> Regions | None:
        """Regions of frame `index` (3, H, W) by itself; None if frames have none."""
        return self._turned(self._source.single(self._upright(image), index), image) if self._source else None

    def follow(self, image: Tensor, index: int) -> Regions | None:
        """Regions of the frame after those followed since `restart`; None if frames have none."""
        return self._turned(self._source.follow(self._upright(image), index), image) if self._source else None

    def _turned(self, regions: Regions, image: Tensor) -> Regions:
        if not regions.weights:  # nothing is sure in this frame
            return Regions({UNSURE: torch.zeros_like(image[0])}, hard=True)
        return self._back(regions)

    def restart(self) -> None:
        """A new shot or segment begins."""
        if self._source:
            self._source.restart()

    @property
    def lead(self) -> int:
        """Frames before a segment that must be followed."""
        return self._source.lead if self._source else 0

    @property
    def by_region(self) -> bool:
        """Frames have regions of their own."""
        return self._source is not None

    @torch.no_grad()
    def graded(self, images: Tensor, look: Look, pts: int, regions: Regions | None) -> list[Planes]:
        """Images (B, 3, H, W), the first of tick `pts`, through a look, as planes of the encoding."""
        transfer = look.at(pts)
        if transfer is not None:
            result = _in_windows(transfer).apply(images, regions, self._strength)
        else:
            result = self._fitted(images, regions)
        planes = [plane.cpu().numpy() for plane in yuv.from_rgb(result, self._out)]
        return [list(frame) for frame in zip(*planes, strict=True)]

    def _fitted(self, images: Tensor, regions: Regions | None) -> Tensor:
        if self._style is None:
            raise ValueError("frames are to be fitted one by one, but there is no style to fit")
        found = [regions] if regions is not None else None
        transfer = self._style.fit(self._model, [images[0]], found, self._how)
        return _in_windows(transfer).apply(images, regions, self._strength)


def input_layout(info: VideoInfo) -> yuv.Layout:
    """What a clip's planes mean."""
    return yuv.Layout(
        info.bits, info.matrix, info.full, info.shift_x, info.shift_y, left=not info.centred, grey=info.grey
    )


def output_layout(info: VideoInfo, encoding: Encoding) -> yuv.Layout:
    """What an encoding's planes mean: the clip's own colour system, in the encoding's sampling and depth."""
    if encoding.rgb:
        return yuv.Layout(encoding.bits, yuv.RGB, True, 0, 0)
    matrix = encoding.colour.matrix if info.rgb else info.matrix
    full = info.full if encoding.colour.range_ == 0 else encoding.colour.range_ == FULL
    return yuv.Layout(encoding.bits, matrix, full, *encoding.shifts, grey=encoding.format.startswith("gray"))


def chosen_encoding(info: VideoInfo, output: Path, options: VideoOptions) -> Encoding:
    """What a clip is written as. Raises ParameterError."""
    size = None
    scale = PREVIEW_SIDE / max(info.width, info.height)
    if options.preview and scale < 1:
        height, width = (max(16, 2 * round(side * scale / 2)) for side in (info.height, info.width))
        size = (height, width)
    return encoding_for(info, output.suffix, options.codec, options.crf, size=size, preview=options.preview)


def _in_windows(transfer: Transfer) -> Transfer:
    """A smooth finish is fitted to one picture, and would be to every frame; windows are steadier and cost less."""
    options = transfer.options
    return replace(transfer, options=replace(options, finish="windows")) if options.finish == "smooth" else transfer
