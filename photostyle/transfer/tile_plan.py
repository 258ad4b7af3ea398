"""Where the tiles of a large image lie, and how large a memory budget allows them to be.

A tile's *core* lies on the grid of the poolings (multiples of 8); around it the network is given a *halo* of the real
image, so that reflection, the padding of every convolution, matters at the image's true borders only.
Counted inwards from the output, the decoder's 3×3 convolutions widen the input that a core depends on by 2 pixels at
full resolution, 2 at half, 4 at a quarter and 1 at an eighth; the encoder's by 1, 4, 2 and 2 on the way back. With
every pooling rounding up to whole blocks these are 62 pixels, so 64 is the least multiple of 8 that suffices. The
finish reads on beyond that (`photostyle.edges.finish.REACH`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from photostyle.edges.finish import REACH
from photostyle.errors import ParameterError
from photostyle.network.wct2 import MULTIPLE, ModelConfig

NETWORK_HALO = 64  # pixels
HALO = NETWORK_HALO + math.ceil(REACH / MULTIPLE) * MULTIPLE
SMALLEST, LARGEST = 64, 1536  # sides of a core: below, all is halo; above, nothing gets much faster
Slices = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """One tile of an image.

    Attributes:
        core: rows and columns of the image that the tile answers for.
        crop: the same with the halo, cut off at the image's borders.
    """

    core: Slices
    crop: Slices

    @property
    def inside(self) -> Slices:
        """Rows and columns of the core within the crop."""
        rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(self.core, self.crop, strict=True))
        return rows, columns


def tiles(size: tuple[int, int], side: int, halo: int = HALO) -> list[Tile]:
    """Tiles that cover an image of `size` (H, W), their cores at most `side` (a multiple of 8) and of like size."""
    rows, columns = (_spans(length, side, halo) for length in size)
    return [Tile((high[0], wide[0]), (high[1], wide[1])) for high in rows for wide in columns]


def _spans(length: int, side: int, halo: int) -> list[tuple[slice, slice]]:
    step = math.ceil(length / math.ceil(length / side) / MULTIPLE) * MULTIPLE
    starts = range(0, length, step)
    return [(slice(a, min(a + step, length)), slice(max(a - halo, 0), min(a + step + halo, length))) for a in starts]


def bytes_per_pixel(config: ModelConfig) -> int:
    """Peak memory of a walk through the network, in bytes a pixel; weights and the images do not count.

    The full-resolution features at the last unpooling decide it: five times (``cat5``) or once (``sum``) the width of
    block 1, several times over because reflection padding copies them. Fitted to measured peaks (docs/photos.md) and
    rounded up by a tenth.
    """
    return 300 + config.widths[0] * (88 if config.unpool == "cat5" else 28)


def fits(config: ModelConfig, pixels: int, budget: int) -> bool:
    """Whether an image of so many pixels can and should be done as one tile."""
    return pixels <= (LARGEST + 2 * HALO) ** 2 and pixels * bytes_per_pixel(config) <= budget


def tile_side(config: ModelConfig, budget: int) -> int:
    """Side of the largest tile core, a multiple of 8 from `SMALLEST` to `LARGEST`, that `budget` bytes allow.

    Raises:
        ParameterError: the smallest tile needs more than the budget.
    """
    side = int(math.sqrt(max(budget, 0) / bytes_per_pixel(config))) - 2 * HALO
    if side < SMALLEST:
        need = bytes_per_pixel(config) * (SMALLEST + 2 * HALO) ** 2
        raise ParameterError(
            f"a memory budget of {max(budget, 0) / 2**20:.0f} MiB is too small: beside the photo itself, the model "
            f"{config.name!r} needs {math.ceil(need / 2**20)} MiB; allow more, or take a smaller model"
        )
    return min(side, LARGEST) // MULTIPLE * MULTIPLE
