"""WCT2 the plain way, layer by layer as the paper draws it: what speed is measured against, and an oracle in float64.

Same layers, weights, sites and formulas as `photostyle`, none of its short cuts: padded copies before every
convolution, Haar filters as grouped convolutions, concatenation before the decoder's wide convolutions, singular value
decompositions in the features' own precision, every feature map kept as it is in memory. With VGG-19's widths this is
the work that the published program does (Yoo et al., ICCV 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photostyle.network.wct2 import WCT2

_HAAR = torch.tensor([[[1, 1], [1, 1]], [[-1, 1], [-1, 1]], [[-1, -1], [1, 1]], [[1, -1], [-1, 1]]]) / 2


def _convolve(half: nn.Module, name: str, x: Tensor) -> Tensor:
    layer: nn.Conv2d = getattr(half, name)
    if layer.kernel_size == (3, 3):
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")
    return F.conv2d(x, layer.weight, layer.bias)


def _filters(x: Tensor) -> list[Tensor]:
    return [band.to(x).expand(x.shape[1], 1, 2, 2) for band in _HAAR]


def _pool(x: Tensor) -> list[Tensor]:
    return [F.conv2d(x, band, stride=2, groups=x.shape[1]) for band in _filters(x)]


def _unpool(bands: Sequence[Tensor]) -> list[Tensor]:
    found = zip(bands, _filters(bands[0]), strict=True)
    return [F.conv_transpose2d(x, band, stride=2, groups=x.shape[1]) for x, band in found]


def whiten_and_colour(content: Tensor, style: Tensor, epsilon: float) -> Tensor:
    """WCT (Li et al. 2017) of (1, C, H, W) features by singular values, clamped to the content's range."""
    x, y = content[0].flatten(1), style[0].flatten(1)
    mean_x, mean_y = x.mean(1, keepdim=True), y.mean(1, keepdim=True)
    identity = epsilon * torch.eye(len(x)).to(x)
    u, s, _ = torch.linalg.svd((x - mean_x) @ (x - mean_x).T / (x.shape[1] - 1) + identity)
    v, t, _ = torch.linalg.svd((y - mean_y) @ (y - mean_y).T / (y.shape[1] - 1) + identity)
    white = (u * s.rsqrt()) @ u.T @ (x - mean_x)
    coloured = (v * t.sqrt()) @ v.T @ white + mean_y
    clamped: Tensor = coloured.clamp(x.min(), x.max())
    return clamped.reshape(content.shape)


@torch.no_grad()
def stylize(model: WCT2, content: Tensor, style: Tensor, at: Sequence[str], epsilon: float) -> Tensor:
    """The result (1, 3, H, W) for photos (1, 3, H, W), sides multiples of 8, one map a site; ``wct``, no finish.

    Args:
        model: a network with `cat5` unpooling, in the precision to compute in.
        content, style: of the same precision.
        at: any of ``encoder``, ``skip``, ``decoder``.
        epsilon: added to the covariances' diagonals.
    """
    kept: dict[str, Tensor] = {}
    with_decoder = "decoder" in at
    _walk(model, style, lambda name, x: kept.setdefault(name, x), decode=with_decoder)
    sites = {name for name in kept if name.rstrip("0123456789.lh") in at}

    def site(name: str, x: Tensor) -> Tensor:
        return whiten_and_colour(x, kept[name], epsilon) if name in sites else x

    if "encoder" in at:
        sites.discard("decoder4")  # the same features as encoder4
    return _walk(model, content, site)


def _walk(model: WCT2, image: Tensor, site, decode: bool = True) -> Tensor:  # type: ignore[no-untyped-def]
    encoder, decoder, gain = model.encoder, model.decoder, model.config.ll_gain
    skips: dict[int, tuple[list[Tensor], Tensor]] = {}

    def pool(number: int, x: Tensor) -> Tensor:
        ll, *details = _pool(x)
        skips[number] = (details, x)
        return ll * gain

    x = torch.relu(_convolve(encoder, "conv1_1", _convolve(encoder, "conv0", image)))
    x = site("encoder1", x)
    for level, before in ((2, ("conv1_2",)), (3, ("conv2_2",)), (4, ("conv3_2", "conv3_3", "conv3_4"))):
        for name in before:
            x = torch.relu(_convolve(encoder, name, x))
        x = torch.relu(_convolve(encoder, f"conv{level}_1", pool(level - 1, x)))
        x = site(f"encoder{level}", x)
    for number, (details, _) in skips.items():
        names = [f"skip{number}.{band}" for band in ("lh", "hl", "hh")]
        details[:] = [site(name, band) for name, band in zip(names, details, strict=True)]
    after: Mapping[int, tuple[str, ...]] = {4: ("conv3_4", "conv3_3", "conv3_2"), 3: ("conv2_2",), 2: ("conv1_2",)}
    for level in (4, 3, 2, 1) if decode else ():
        x = _convolve(decoder, f"conv{level}_1", site(f"decoder{level}", x))
        if level == 1:
            return x
        details, original = skips[level - 1]
        x = torch.cat([*_unpool([torch.relu(x) / gain, *details]), original], 1)
        for name in after[level]:
            x = torch.relu(_convolve(decoder, name, x))
    return x
