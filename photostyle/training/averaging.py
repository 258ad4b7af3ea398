"""The moving average of a network in training, which is its result: steadier than where any step left it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """One step of the exponential moving average of weights and statistics, shorter at the start.

    Args:
        average: a copy of `network`, moved towards it.
        network: after `step` steps.
        decay: share of the average that stays, (1 + step) / (10 + step) at most.
        step: steps done.
    """
    decay = min(decay, (1 + step) / (10 + step))
    for mine, theirs in zip(_tensors(average), _tensors(network), strict=True):
        mine.lerp_(theirs, 1 - decay)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
