"""Losses of segmentation where a label may say no more than what a pixel is not."""

from __future__ import annotations

import torch
from torch import Tensor


def partial_cross_entropy(logits: Tensor, possible: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean of -log of the probability that a pixel is of one of the classes that it may be of.

    For a pixel of one class this is the cross-entropy, for one that is only known not to be of class k it is
    -log(1 - p_k). Pixels that may be anything do not count.

    Args:
        logits: (B, K, H, W).
        possible: (B, K, H, W) bool, the classes that each pixel may be of, at least one.
        smoothing: label smoothing of the pixels of one class.
    """
    chances = logits.log_softmax(1)
    known = ~possible.all(1)
    loss = -chances.masked_fill(~possible, -torch.inf).logsumexp(1)
    if smoothing:
        loss = torch.where(possible.sum(1) == 1, (1 - smoothing) * loss - smoothing * chances.mean(1), loss)
    return torch.where(known, loss, 0.0).sum() / known.sum().clamp_min(1)


def dice_loss(logits: Tensor, possible: Tensor) -> Tensor:
    """1 - soft Dice, over the batch, mean over the classes that occur.

    A pixel counts for a class if it is known to be of it or known not to be; arguments as for `partial_cross_entropy`.
    """
    truth = possible & (possible.sum(1, keepdim=True) == 1)
    known = truth | ~possible
    guess = logits.softmax(1) * known
    both, sizes = (guess * truth).sum((0, 2, 3)), guess.sum((0, 2, 3)) + truth.sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    return (1 - (2 * both + 1) / (sizes + 1))[present].mean() if bool(present.any()) else logits.sum() * 0
