"""One colour in one place has one owner: what a segmentation found, settled between pixels that look alike.

A network that is unsure tears a surface: half a wall becomes sky, half a house belongs to nobody. So its weights are
shared on a lattice over place and colour (`photostyle.edges.bilateral`), each pixel counting by how sure it is: what is
known of a part of a surface decides on the rest of it, and where opinions differ, the near majority wins. Borders that
the photo has stay where they are, since the colours beside them differ.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.edges import bilateral
from photostyle.regions.names import UNSURE
from photostyle.regions.regions import Regions

WORKING_SIDE = 256  # long side at which weights are shared
CELL = 0.2  # side of a cell, as a share of the long side: how far a surface is followed …
STEP = 8.0  # … and how alike its colours must be, in L*, a*, b*
PASSES = (2, 1)
DOUBT = 0.15  # how much a pixel counts of which nothing is known
CROWD = 5.0  # pixels of the working size from which on a cell counts no more for holding more of them
CONTRAST = 1.5  # exponent on the shared weights: the likelier owner gets more


@torch.no_grad()
def settle(regions: Regions, image: Tensor) -> Regions:
    """Weights that pixels of one surface share.

    Args:
        regions: soft regions of any size, as a network finds them; the region ``unsure``, and what no region claims,
            counts as not known.
        image: the photo (3, H, W) in [0, 1].

    Returns:
        Soft regions of the same names at a long side of at most 256, to be fitted to the photo by `refine`.

    Raises:
        MaskError: the regions' proportions are not the photo's.
    """
    regions.check_proportions((image.shape[-2], image.shape[-1]))
    if not regions.weights:
        return regions
    scale = min(1.0, WORKING_SIDE / max(image.shape[-2:]))
    size = (max(1, round(image.shape[-2] * scale)), max(1, round(image.shape[-1] * scale)))
    small = F.interpolate(image[None].float(), size, mode="bilinear", antialias=True, align_corners=False)[0]
    stack = torch.stack(list(regions.weights.values())).to(image.device, torch.float32)
    if stack.shape[-2:] != small.shape[-2:]:
        stack = F.interpolate(stack[None], size, mode="bilinear", antialias=True, align_corners=False)[0]
    rest = (1 - stack.sum(0)).clamp_min(0)
    names = list(regions.weights)
    unknown = rest + (stack[names.index(UNSURE)] if UNSURE in names else 0)
    lattice = bilateral.Lattice.of(small, max(size) * CELL, STEP)
    confidence = 1 - (1 - DOUBT) * unknown.clamp(0, 1)
    shared = bilateral.spread(torch.cat([stack, rest[None]]), confidence, lattice, PASSES, CROWD)
    shared = shared.pow(CONTRAST)
    shared = shared / shared.sum(0).clamp_min(1e-9)
    return Regions(dict(zip(names, shared[:-1], strict=True)), hard=False)
