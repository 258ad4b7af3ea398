"""A wider network that starts as what a narrower one has learnt (Chen, Goodfellow, Shlens: Net2Net, ICLR 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from photostyle.errors import ParameterError

_NOISE = 0.05  # of a weight's deviation: copies that are wholly alike would be taught alike


@torch.no_grad()
def widen(narrow: nn.Module, wide: nn.Module, generator: torch.Generator) -> None:
    """Give `wide` the function of `narrow`, but for a little noise.

    Each channel is copied as often as there is room, and what comes after it shares its weight among the copies, in
    shares drawn at random: copies with equal shares would stay equal.

    Args:
        narrow: convolutions, one after the other, in the order of their names.
        wide: the same, each with a whole multiple of the channels.
        generator: of shares and noise, on the CPU.

    Raises:
        ParameterError: they do not have the same layers, or some channels of `wide` are no multiple.
    """
    pairs = list(zip(narrow.named_children(), wide.named_children(), strict=False))
    if len(pairs) != len(list(wide.children())) or any(one[0] != other[0] for one, other in pairs):
        raise ParameterError("a network can be widened only into one with the same layers")
    for (name, small), (_, large) in pairs:
        weight, bias = small.get_parameter("weight"), small.get_parameter("bias")
        target = large.get_parameter("weight")
        outputs, inputs = (there // here for here, there in zip(weight.shape[:2], target.shape[:2], strict=True))
        grown_to = (weight.shape[0] * outputs, weight.shape[1] * inputs, *weight.shape[2:])
        if not outputs * inputs or target.shape != grown_to:
            raise ParameterError(f"{name} of {tuple(weight.shape)} cannot be widened to {tuple(target.shape)}")
        grown = _shared(weight, inputs, generator).repeat_interleave(outputs, 0)
        if inputs * outputs > 1:
            grown = grown + _NOISE * float(grown.std()) * torch.randn(grown.shape, generator=generator).to(grown)
        target.copy_(grown)
        large.get_parameter("bias").copy_(bias.repeat_interleave(outputs))


def _shared(weight: Tensor, copies: int, generator: torch.Generator) -> Tensor:
    """Weights (O, C, h, w) for `copies` of each input, (O, C·copies, h, w), that sum to what they were."""
    if copies == 1:
        return weight
    shares = 0.5 + torch.rand(weight.shape[1], copies, dtype=torch.float64, generator=generator)
    shares = (shares / shares.sum(1, keepdim=True)).flatten().to(weight)
    return weight.repeat_interleave(copies, 1) * shares[:, None, None]
