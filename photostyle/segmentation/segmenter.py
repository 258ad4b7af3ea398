"""From a photo to class probabilities at a working size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.errors import ImageSizeError, NumericalError, ParameterError, WeightsError
from photostyle.segmentation.network import normalise
from photostyle.weights.files import one_line

MINIMUM = 16  # the least side of an image, as everywhere in this package
_STRIDE = 32  # sides that every encoder takes
_LEAST_CHANCE = 1e-8  # whose logarithm is still finite
_LEAST_LONG_SIDE = 192  # smaller images are enlarged for the network, which has seen no smaller views


class Segmenter:
    """A segmentation network with what is needed to use it.

    Attributes:
        classes: names of the channels of `probabilities`.
        name: what `load_segmenter` knows it by.
        licence: of the weights.
        working_side: the long side in pixels to which larger images are reduced.
        temperatures: (K,) by which the results' logarithms are divided, so that probabilities mean what they say.
        scales: sizes, as shares of the working size, over whose results and their mirrored ones the mean is taken.
        network: normalised images (B, 3, H, W) with sides that are multiples of 32 to logits (B, K, H, W); in eval
            mode, on `device`. With K = 1 the one logit is that of the second of two classes.
    """

    def __init__(
        self,
        network: nn.Module,
        classes: tuple[str, ...],
        *,
        name: str,
        licence: str,
        working_side: int = 384,
        scales: tuple[float, ...] = (1.0,),
        temperatures: tuple[float, ...] | None = None,
        device: torch.device | None = None,
    ) -> None:
        if working_side < _STRIDE or not scales or min(scales) <= 0:
            raise ParameterError(f"working_side {working_side} and scales {scales}: give at least 32 and positive ones")
        if temperatures is not None and (len(temperatures) != len(classes) or min(temperatures) <= 0):
            raise ParameterError(f"temperatures {temperatures}: give a positive one for each of {len(classes)} classes")
        self.device = device or torch.device("cpu")
        # Channels last in memory, here and below: what most of its convolutions are fastest with.
        self.network = network.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.classes, self.name, self.licence = classes, name, licence
        self.working_side, self.scales, self.temperatures = working_side, scales, temperatures

    def probabilities(self, image: Tensor) -> Tensor:
        """Class probabilities of an image at reduced resolution.

        Args:
            image: (3, H, W) floating-point, sRGB in [0, 1] (values beyond are clipped), sides of 16 pixels or more,
                on any device.

        Returns:
            (K, h, w) float32 on the image's device, at least 0, summing to 1 at every pixel; ``max(h, w)`` is
            `working_side` or, for smaller images, the image's own. The same input gives the same output.

        Raises:
            ParameterError: not such a tensor.
            ImageSizeError: a side of less than 16 pixels.
            NumericalError: the image, or what the network makes of it, is not finite.
            WeightsError: the network cannot work on images of this size.
        """
        if image.dim() != 3 or image.shape[0] != 3 or not image.is_floating_point():
            raise ParameterError(f"image has shape {tuple(image.shape)} and {image.dtype}; it must be (3, H, W) floats")
        height, width = image.shape[1:]
        if min(height, width) < MINIMUM:
            raise ImageSizeError(f"the image has {width}×{height} pixels; segmentation needs {MINIMUM} a side or more")
        reduction = min(1.0, self.working_side / max(height, width))
        size = (max(1, round(height * reduction)), max(1, round(width * reduction)))
        with torch.inference_mode():
            small = _resize(image[None].to(self.device, torch.float32), size)
            if not bool(small.isfinite().all()):
                raise NumericalError("the image contains NaN or infinity: give finite values in [0, 1]")
            total = torch.zeros(len(self.classes), *size, device=self.device)
            for scale in self.scales:
                total += self._at_scale(small.clamp(0, 1), scale)
            if not bool(total.isfinite().all()):
                raise NumericalError(f"the segmentation network {self.name!r} gave NaN or infinity for this image")
            total /= total.sum(0, keepdim=True)
            if self.temperatures is not None:
                total = tempered(total, torch.tensor(self.temperatures, device=self.device))
        # A copy, since tensors made in inference mode cannot take part in a later differentiation.
        return total.to(image.device).clone()

    def _at_scale(self, image: Tensor, scale: float) -> Tensor:
        """Probabilities (K, h, w) of (1, 3, h, w), from its enlarged or reduced version and the mirrored one."""
        height, width = image.shape[2:]
        factor = scale * max(1.0, min(_LEAST_LONG_SIDE, self.working_side) / max(height, width))
        shape = tuple(max(_STRIDE, round(side * factor / _STRIDE) * _STRIDE) for side in (height, width))
        views = normalise(_resize(image, shape))
        try:
            both = torch.cat([views, views.flip(-1)]).contiguous(memory_format=torch.channels_last)
            logits = self.network(both).float()
        except (RuntimeError, ValueError, AssertionError) as error:
            what = f"{shape[1]}×{shape[0]} pixels ({one_line(error)})"
            raise WeightsError(f"the network {self.name!r} cannot work on {what}: use another one") from error
        if logits.shape[1] == 1:
            logits = torch.cat([-logits / 2, logits / 2], 1)  # whose softmax is the logit's logistic function
        chances = logits.softmax(1)
        mean = (chances[:1] + chances[1:].flip(-1)) / 2
        return _resize(mean, (height, width))[0]


def tempered(chances: Tensor, temperatures: Tensor) -> Tensor:
    """Probabilities (K, …) with the logarithm of each divided by its class's temperature (K,), summing to 1 again."""
    shape = (-1, *[1] * (chances.dim() - 1))
    return (chances.clamp_min(_LEAST_CHANCE).log() / temperatures.reshape(shape)).softmax(0)


def _resize(images: Tensor, size: tuple[int, ...]) -> Tensor:
    if tuple(images.shape[2:]) == tuple(size):
        return images
    return F.interpolate(images, size=list(size), mode="bilinear", antialias=True, align_corners=False)
