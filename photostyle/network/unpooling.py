"""cat5 unpooling and the convolution after it as one convolution on the coarse grid.

The decoder of Yoo et al. (ICCV 2019, section 3.2) concatenates the four transposed Haar components and the features
before the pooling, 5C channels at full size, and convolves them with 3×3 filters. Every one of those channels is, pixel
by pixel, a fixed combination of the coarse LL and of the four pixels of the 2×2 block before the pooling: the details
are sums and differences of them. So for each of the four places in a block the 3×3 filters over 5C fine channels are
2×2 filters over 5C coarse ones. That is 2.25 times fewer multiplications, and the fine channels are never made.

A reflection by one pixel on the fine grid shows the neighbour within the same block, in the place that the pixel beyond
the border would have: on the coarse grid it is a replication.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

# Signs of LL, LH, HL, HH over the places (row, column) of a block (`photostyle.network.haar`).
_SIGNS = (((1, 1), (1, 1)), ((-1, 1), (-1, 1)), ((-1, -1), (1, 1)), ((1, -1), (-1, 1)))


def unpool_and_convolve(ll: Tensor, original: Tensor, weight: Tensor, bias: Tensor | None, ll_gain: float) -> Tensor:
    """A 3×3 convolution, padded by reflection, of what cat5 unpooling gives.

    Args:
        ll: (B, C, h, w), the decoder's features.
        original: (B, C, 2h, 2w), the features before the pooling; their own details are used.
        weight: (O, 5C, 3, 3), over LL, LH, HL, HH, each brought to full size, and `original`.
        bias: (O,) or None.
        ll_gain: what LL was multiplied with at the pooling.

    Returns:
        (B, O, 2h, 2w).
    """
    height, width = ll.shape[-2:]
    outputs = weight.shape[0]
    folded = fold(weight, ll_gain).to(ll.dtype)
    places = F.conv2d(_coarse(ll, original), folded, None if bias is None else bias.to(ll.dtype).repeat(4))
    size = (len(places), outputs, 2 * height, 2 * width)
    fine = torch.empty(size, dtype=places.dtype, device=places.device, memory_format=_format(places))
    # Row by row of the blocks: views that copies walk fastest, with (B, h, 2, w, 2, O) the fine grid.
    blocks = fine.permute(0, 2, 3, 1).view(len(places), height, 2, width, 2, outputs)
    found = places.permute(0, 2, 3, 1)
    for place in range(4):
        row, column = divmod(place, 2)
        own = found[..., place * outputs : (place + 1) * outputs]
        blocks[:, :, row, :, column] = own[:, row : row + height, column : column + width]
    return fine


def _coarse(ll: Tensor, original: Tensor) -> Tensor:
    """LL and the four places of the blocks, (B, 5C, h + 2, w + 2), the borders repeated."""
    if torch.is_grad_enabled():
        blocks = [original[..., row::2, column::2] for row in range(2) for column in range(2)]
        return F.pad(torch.cat([ll, *blocks], 1), (1, 1, 1, 1), mode="replicate")
    # Everything straight to its place, which saves three copies.
    batch, channels, height, width = ll.shape
    size = (batch, 5 * channels, height + 2, width + 2)
    padded = torch.empty(size, dtype=ll.dtype, device=ll.device, memory_format=_format(original))
    inside = padded[..., 1:-1, 1:-1]
    inside[:, :channels] = ll
    if _format(original) is torch.channels_last:
        # The two pixels of a row of a block lie side by side in memory: one copy for both.
        rows = original.permute(0, 2, 3, 1).reshape(batch, height, 2, width, 2 * channels)
        for row in range(2):
            first = channels * (1 + 2 * row)
            inside[:, first : first + 2 * channels] = rows[:, :, row].permute(0, 3, 1, 2)
    else:
        for place in range(4):
            first = channels * (1 + place)
            inside[:, first : first + channels] = original[..., place // 2 :: 2, place % 2 :: 2]
    for dim in (-2, -1):
        last = padded.shape[dim] - 1
        padded.narrow(dim, 0, 1).copy_(padded.narrow(dim, 1, 1))
        padded.narrow(dim, last, 1).copy_(padded.narrow(dim, last - 1, 1))
    return padded


def _format(x: Tensor) -> torch.memory_format:
    flat = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if flat else torch.contiguous_format


def fold(weight: Tensor, ll_gain: float) -> Tensor:
    """The (O, 5C, 3, 3) filters of `unpool_and_convolve` as (4 O, 5C, 2, 2) over LL and the blocks' places."""
    outputs, channels = weight.shape[0], weight.shape[1] // 5
    table = _table(ll_gain).to(weight)
    by_kind = weight.reshape(outputs, 5, channels, 9).permute(1, 3, 0, 2).reshape(45, outputs * channels)
    folded = (table @ by_kind).reshape(2, 2, 5, 2, 2, outputs, channels)
    return folded.permute(0, 1, 5, 2, 6, 3, 4).reshape(4 * outputs, 5 * channels, 2, 2)


@lru_cache(maxsize=8)
def _table(ll_gain: float) -> Tensor:
    """(2·2·5·2·2, 5·3·3): what each 3×3 tap over each kind of fine channel adds to each coarse 2×2 tap, by place."""
    signs = torch.tensor(_SIGNS, dtype=torch.float64)
    # What kind k of fine channel is at place (a, b) of its block, in terms of LL (0) and the block's pixels (1 to 4).
    made = torch.zeros(2, 2, 5, 5, dtype=torch.float64)
    made[:, :, 0, 0] = 0.5 / ll_gain
    for kind in (1, 2, 3):
        made[:, :, kind, 1:] = 0.25 * signs[kind][:, :, None] * signs[kind].flatten()
    for row in range(2):
        for column in range(2):
            made[row, column, 4, 1 + 2 * row + column] = 1
    # For the outputs at place p of their blocks, tap t of three lies in the coarse cell s of two, at its place a.
    taps = torch.zeros(2, 2, 3, 2, dtype=torch.float64)
    for p in range(2):
        for t in range(3):
            cell, place = divmod(p + t - 1, 2)
            taps[p, cell + 1 - p, t, place] = 1
    return torch.einsum("psya,qtxb,abkg->pqgstkyx", taps, taps, made).reshape(80, 45)
