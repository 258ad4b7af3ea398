"""Frames through the network: planes in, planes out, on the network's device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from photostyle.colour import yuv
from photostyle.io import UNSURE
from photostyle.jobs.blending import Shares, blended_
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.transfer.transfer import Transfer
from photostyle.video.codecs import Encoding, encoding_for
from photostyle.video.info import FULL, Planes, VideoInfo
from photostyle.video.looks import Look, StyleSide, reduced
from photostyle.video.motion import Floats
from photostyle.video.options import PREVIEW_SIDE, VideoOptions
from photostyle.video.regions import Heard, RegionSource, upright
from photostyle.video.vote import Vote


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
        shares: how much of the change in colour and in brightness is kept.

    Attributes:
        size: (H, W) of what is written.
        shares: as above.
        input, output: what the planes of the clip mean, and those of the encoding.
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
        shares: Shares | None = None,
    ) -> None:
        self.shares = shares or Shares()
        self._model, self._style, self._how, self._strength, self._source = model, style, how, strength, regions
        self._device = next(model.parameters()).device
        if self._device.type == "cuda":
            model.precision = torch.float16
        self._info, self._encoding = info, encoding
        self.size = (encoding.height, encoding.width)
        self.input, self.output = input_layout(info), output_layout(info, encoding)
        self._upright, self._back = upright(info.rotation)

    def images(self, frames: Sequence[Planes]) -> Tensor:
        """Frames as (B, 3, H, W) R′G′B′ on the device, at the encoding's size."""
        planes = [self._sent(np.stack(plane)) for plane in list(zip(*frames, strict=True))[:3]]
        return reduced(yuv.to_rgb(planes, self.input), self.size)

    def _sent(self, plane: np.ndarray[tuple[int, ...], np.dtype[np.integer]]) -> Tensor:  # type: ignore[type-arg]
        tensor = torch.from_numpy(plane)
        if self._device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self._device, non_blocking=True)

    def sent(self, image: Floats) -> Tensor:
        """A reduced frame (3, h, w) as a tensor on the device."""
        return torch.from_numpy(image).to(self._device)

    def alpha(self, planes: Planes) -> Planes:
        """A frame's opacity as the encoding's last plane; none where that has none."""
        if not self._encoding.alpha:
            return []
        opacity = torch.from_numpy(planes[-1].astype(np.int32))[None].float() / (2**self._info.bits - 1)
        opacity = reduced(opacity, self.size)[0].clamp(0, 1) * (2**self._encoding.bits - 1)
        return [opacity.round().numpy().astype(np.uint8 if self._encoding.bits == 8 else np.uint16)]

    def single_regions(self, image: Tensor, index: int) -> Regions | None:
        """Regions of frame `index` (3, H, W) by itself; None if frames have none."""
        found = self.heard(image, index)
        return found.regions(None) if found else None

    def heard(self, image: Tensor, index: int) -> Heard | None:
        """Regions of frame `index` (3, H, W), whose shot is still to vote; None if frames have none."""
        if self._source is None:
            return None
        found = self._source.heard(self._upright(image), index)
        return Heard(found.ballot, lambda vote: self._turned(found.regions(vote), image))

    def follow(self, image: Tensor, index: int) -> Regions | None:
        """Regions of the frame after those followed since `restart`; None if frames have none."""
        return self._turned(self._source.follow(self._upright(image), index), image) if self._source else None

    def _turned(self, regions: Regions, image: Tensor) -> Regions:
        if not regions.weights:  # nothing is sure in this frame
            return Regions({UNSURE: torch.zeros_like(image[0])}, hard=True)
        return self._back(regions)

    def restart(self, vote: Vote | None = None) -> None:
        """A new shot or segment begins, of a shot that has voted so."""
        if self._source:
            self._source.restart(vote)

    @property
    def lead(self) -> int:
        """Frames before a segment that must be followed."""
        return self._source.lead if self._source else 0

    @property
    def by_region(self) -> bool:
        """Frames have regions of their own."""
        return self._source is not None

    @property
    def resizes(self) -> bool:
        """Frames are not written at their own size."""
        return self.size != (self._info.height, self._info.width)

    @property
    def rate(self) -> float:
        """Frames a second."""
        return float(self._info.rate)

    def smooth(self, look: Look) -> bool:
        """Whether a look's finish is the smooth one, for which the network sees reduced frames."""
        return self._options(look).finish == "smooth"

    def strengths(self, look: Look) -> tuple[float, Mapping[str, float]]:
        """That of a look's frames, and those of regions with one of their own."""
        options = self._options(look)
        return options.strength if self._strength is None else self._strength, options.strengths

    def _options(self, look: Look) -> FitOptions:
        return look.windows[0][1].transfer.options if look.windows else self._how

    @torch.no_grad()
    def graded(self, images: Tensor, look: Look, pts: int, regions: Regions | None) -> list[Planes]:
        """Images (B, 3, H, W), the first of tick `pts`, through a look, as planes of the encoding."""
        result = self._transfer(images[0], look, pts, regions).apply(images, regions, self._strength)
        for image, changed in zip(images, result, strict=True):
            blended_(image, changed, self.shares)
        planes = [plane.cpu().numpy() for plane in yuv.from_rgb(result, self.output)]
        return [list(frame) for frame in zip(*planes, strict=True)]

    @torch.no_grad()
    def answer(self, image: Tensor, look: Look, pts: int, regions: Regions | None) -> Tensor:
        """What the network makes of an image (3, h, w) of tick `pts` and its regions, unfinished."""
        image = image.to(self._device)
        transfer = self._transfer(image, look, pts, regions)
        return replace(transfer, options=replace(transfer.options, finish="off")).apply(image, regions, self._strength)

    def _transfer(self, image: Tensor, look: Look, pts: int, regions: Regions | None) -> Transfer:
        transfer = look.at(pts)
        if transfer is not None:
            return transfer
        if self._style is None:
            raise ValueError("frames are to be fitted one by one, but there is no style to fit")
        return self._style.fit(self._model, [image], [regions] if regions is not None else None, self._how)


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
