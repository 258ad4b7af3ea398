"""Grid rendering: the network at about one megapixel, its effect at full size as a locally affine map of the photo.

The reduced photo and the network's answer to it are fitted with an affine colour map in every window (the colour-guided
filter's regression, He, Sun & Tang 2010). Its coefficients, averaged over the windows that contain a pixel, are smooth;
interpolated to full size and applied to the full-size photo, as in the fast guided filter (He & Sun 2015) and bilateral
guided upsampling (Chen et al. 2016), they give every detail of the photo and no other: output is photorealistic in the
sense of Deep Photo Style Transfer (Luan et al. 2017), locally affine in colour, and edges cannot move.

Only the coefficients at low resolution and one strip of rows are held beside the photo itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.edges.colour_grid import ColourGrid as ColourGrid
from photostyle.edges.colour_grid import fit_grid as fit_grid
from photostyle.errors import ParameterError
from photostyle.network.wct2 import MIN_SIDE
from photostyle.regions.regions import Regions
from photostyle.transfer.fit_job import shaped
from photostyle.transfer.transfer import Transfer

PIXELS = 1 << 20  # that the network sees


@torch.no_grad()
def render_(
    transfer: Transfer,
    image: Tensor,
    regions: Regions | Tensor | None = None,
    strength: float | None = None,
    strengths: Mapping[str, float] | None = None,
    *,
    pixels: int = PIXELS,
    network: Callable[[Tensor, Regions | None], Tensor] | None = None,
    known: Tensor | None = None,
    update: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Stylize an image of any size in place, at the cost of a small one.

    Args:
        transfer: the fitted style.
        image: (3, H, W) or (B, 3, H, W) float32 in [0, 1], from 16×16; overwritten with the result and returned.
        regions: as for `Transfer.apply`, of any size with the image's proportions.
        strength: as for `Transfer.apply`.
        strengths: as for `Transfer.apply`.
        pixels: about how many pixels the network sees.
        network: what the reduced image (B, 3, h, w) becomes; None is ``transfer.apply``.
        known: as for `reduce`.
        update: called with the rows done and in all.

    Raises:
        ImageSizeError, MaskError, NumericalError, ParameterError: as `Transfer.apply`; `image` is not float32.
    """
    if image.dtype != torch.float32:
        raise ParameterError(f"an image that is changed in place must be float32, got {image.dtype}")
    batch = shaped(image)
    found = Regions.from_labels(regions) if isinstance(regions, Tensor) else regions
    small, weights = reduce(batch, found, pixels, known)
    small = small.to(next(transfer.model.parameters()).device)
    styled = network(small, weights) if network else transfer.apply(small, weights, strength, strengths)
    fit_grid(small, styled).apply_(batch, update)
    return image


def reduced_size(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """(h, w) of about `pixels` pixels with the proportions of `size`; never larger.

    Raises:
        ParameterError: `pixels` is too few for 16 pixels a side.
    """
    scale = (pixels / (size[0] * size[1])) ** 0.5
    if scale >= 1:
        return size
    if pixels < MIN_SIDE**2:
        raise ParameterError(f"{pixels} pixels are too few for the network; {MIN_SIDE**2} are the least")
    # At least, for a panorama far longer than high.
    return max(MIN_SIDE, round(size[0] * scale)), max(MIN_SIDE, round(size[1] * scale))


def reduce(
    image: Tensor, regions: Regions | None, pixels: int, known: Tensor | None = None
) -> tuple[Tensor, Regions | None]:
    """An image (B, 3, H, W) and its regions, antialiased down to about `pixels` pixels; never enlarged.

    Regions may have another size than the image, and are brought to the size that it gets. `known`, (B, 3, h, w) or
    (3, h, w), is what this made of the image before: it is taken where it has that size, as a large image takes long.

    Raises:
        MaskError: the regions' proportions are not the image's.
        ParameterError: `pixels` is too few for 16 pixels a side.
    """
    full = (image.shape[-2], image.shape[-1])
    if regions:
        regions.check_proportions(full)
    size = reduced_size(full, pixels)
    if size == full:
        return image, regions and regions.resized(full)
    if known is not None and tuple(known.shape[-2:]) == size:
        small = shaped(known)
    else:
        small = F.interpolate(image.float(), size, mode="bilinear", antialias=True, align_corners=False)
    return small, regions and regions.resized(size)
