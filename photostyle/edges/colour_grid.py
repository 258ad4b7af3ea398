"""An affine map of colours for every window of a small photo, carried to the same photo at any size.

A reduced photo and what became of it are fitted with an affine colour map in every window (the colour-guided filter's
regression, He, Sun & Tang 2010). Its coefficients, averaged over the windows that contain a pixel, are smooth;
interpolated to full size and applied to the full-size photo, as in the fast guided filter (He & Sun 2015) and bilateral
guided upsampling (Chen et al. 2016), they give every detail of the photo and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.edges.guided import affine_windows, box_mean, enlarged_rows
from photostyle.errors import ParameterError

RADIUS = 4  # of the windows, in pixels of the reduced photo
EPSILON = 1e-4  # ridge in squared units of the photo
_STRIP = 1 << 18  # pixels of a strip: twelve coefficients each make 12 MB; larger ones leave the processor's cache


@dataclass(frozen=True)
class ColourGrid:
    """An affine colour map for every cell of a grid over a photo.

    Attributes:
        coefficients: (B, 12, h, w) float32: row by row the slopes of red, green and blue, then the three intercepts.
    """

    coefficients: Tensor

    def apply_(self, image: Tensor, update: Callable[[int, int], None] | None = None) -> Tensor:
        """Map an image in place, strip by strip, the coefficients interpolated bilinearly between cell centres.

        Args:
            image: (B, 3, H, W) float32, contiguous or not, any size; it is overwritten and returned.
            update: called with the rows done and in all.
        """
        height, width = image.shape[-2:]
        rows, cells = max(1, _STRIP // width), self.coefficients.to(image.device)
        for top in range(0, height, rows):
            part = image[..., top : top + rows, :]
            wide = enlarged_rows(cells, top, part.shape[-2], (height, width))
            colours = part.clone(memory_format=torch.contiguous_format)
            for channel in range(3):
                mapped = wide[:, 9 + channel]
                for source in range(3):
                    mapped.addcmul_(wide[:, 3 * channel + source], colours[:, source])
                part[:, channel] = mapped
            if update:
                update(min(top + rows, height), height)
        return image


def fit_grid(photo: Tensor, styled: Tensor, radius: int = RADIUS, epsilon: float = EPSILON) -> ColourGrid:
    """The grid that takes a (reduced) photo to its stylized version.

    Args:
        photo: (B, 3, h, w).
        styled: the same shape.
        radius: of the windows; smaller follows the network more closely, larger is smoother.
        epsilon: ridge of the regression: where the photo varies by less than √ε the map only shifts colours.

    Raises:
        ParameterError: shapes do not match, radius below 1 or epsilon not positive.
    """
    if photo.dim() != 4 or photo.shape[1] != 3 or photo.shape != styled.shape:
        raise ParameterError(f"photo and styled must be (B, 3, h, w) both, got {photo.shape} and {styled.shape}")
    if radius < 1 or not epsilon > 0:
        raise ParameterError(f"radius must be at least 1 and epsilon above 0, got {radius} and {epsilon}")
    slope, intercept = affine_windows(photo, styled, radius, epsilon)
    return ColourGrid(box_mean(torch.cat([slope.flatten(1, 2), intercept], 1), radius))
