"""Style as a distribution of features (Li, Wang, Liu & Hou, Demystifying Neural Style Transfer, IJCAI 2017).

The squared maximum mean discrepancy of two sets of feature vectors X (of the result) and S (of the style) under a
kernel k is

    MMD² = E k(x, x') + E k(s, s') - 2 E k(x, s)

With k(x, y) = (xᵀy)² that is ‖G - A‖² of the two Gram matrices divided by M, so that matching Gram matrices is matching
distributions. Other kernels make other styles:

``linear``   k = xᵀy: MMD² = ‖μ_x - μ_s‖², the means alone
``poly``     k = (xᵀy)²: the Gram loss
``gauss``    k = exp(-‖x - y‖² / 2σ²): all moments; σ² is the mean squared distance of the pairs. Estimated in linear
             time and without bias (Gretton et al. 2012, section 6) from random pairs, 2/M Σ_i h(z_i) with
             h(z_i) = k(x_2i-1, x_2i) + k(s_2i-1, s_2i) - k(x_2i-1, s_2i) - k(x_2i, s_2i-1)
``bn``       not a kernel: 1/N Σ_i (μ_x - μ_s)² + (σ_x - σ_s)², the statistics of batch normalisation

A layer's losses carry factors that bring them to the scale of the Gram loss: 1/(4 N²) for ``poly``, 1/N for ``linear``,
10 for ``gauss``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.methods.gram import gram, gram_loss

StyleLossName = Literal["gram", "mmd-linear", "mmd-poly", "mmd-gauss", "bn"]
STYLE_LOSSES: tuple[StyleLossName, ...] = get_args(StyleLossName)
RANDOM: tuple[StyleLossName, ...] = ("mmd-gauss",)  # pairs are drawn when the loss is made: make it anew now and then
_DRAWS = 4  # of all pairs; more are less easily fitted to
_GAUSSIAN = 10.0  # that kernel is at most 1

Kernel = Callable[[Tensor, Tensor], Tensor]
"""(N, K) and (N, K) to (K,): the kernel of each pair of columns."""
Loss = Callable[[Tensor], Tensor]


def linear(x: Tensor, y: Tensor) -> Tensor:
    """k = xᵀy."""
    return (x * y).sum(0)


def polynomial(x: Tensor, y: Tensor) -> Tensor:
    """k = (xᵀy)²."""
    return (x * y).sum(0) ** 2


def gaussian(variance: float | Tensor) -> Kernel:
    """k = exp(-‖x - y‖² / 2σ²) with σ² = `variance`."""
    return lambda x, y: torch.exp(((x - y) ** 2).sum(0) / (-2 * variance))


def linear_mmd(x: Tensor, s: Tensor) -> Tensor:
    """Exact MMD² of (N, M) and (N, M') under the linear kernel."""
    return torch.sum((x.mean(1) - s.mean(1)) ** 2)


def polynomial_mmd(x: Tensor, s: Tensor) -> Tensor:
    """Exact MMD² of (N, M) and (N, M') under the second-order polynomial kernel.

    The mean of (xᵀy)² over all pairs is the inner product of the two Gram matrices, which takes M N² instead of M² N.
    """
    g, a = gram(x), gram(s)
    return (g * g).sum() + (a * a).sum() - 2 * (g * a).sum()


def quadratic_mmd(x: Tensor, s: Tensor, kernel: Kernel) -> Tensor:
    """The unbiased estimate of MMD² from all pairs of (N, M) and (N, M'); M² kernel values, for small sets.

    Expected value 0 for two samples of one distribution, so it can be negative.
    """
    terms = []
    for a, b in ((x, x), (s, s), (x, s)):
        rows, columns = torch.meshgrid(torch.arange(a.shape[1]), torch.arange(b.shape[1]), indexing="ij")
        kept = rows != columns if a is b else torch.ones_like(rows, dtype=torch.bool)
        terms.append(kernel(a[:, rows[kept]], b[:, columns[kept]]).mean())
    return terms[0] + terms[1] - 2 * terms[2]


def linear_time_mmd(x: Tensor, s: Tensor, kernel: Kernel) -> Tensor:
    """The unbiased estimate of MMD² from pairs of neighbouring columns of (N, M) and (N, M); shuffle them before."""
    count = min(x.shape[1], s.shape[1]) // 2 * 2
    if not count:
        raise ParameterError("an estimate in linear time needs two features a side at least")
    x1, x2, s1, s2 = x[:, 0:count:2], x[:, 1:count:2], s[:, 0:count:2], s[:, 1:count:2]
    return (kernel(x1, x2) + kernel(s1, s2) - kernel(x1, s2) - kernel(x2, s1)).mean()


def bn_loss(x: Tensor, s: Tensor) -> Tensor:
    """1/N Σ (μ_x - μ_s)² + (σ_x - σ_s)² of (N, M) and (N, M')."""
    deviations = [(y.var(1, unbiased=False) + 1e-8).sqrt() for y in (x, s)]
    return ((x.mean(1) - s.mean(1)) ** 2 + (deviations[0] - deviations[1]) ** 2).mean()


def style_loss(name: StyleLossName, style: Tensor, generator: torch.Generator | None = None) -> Loss:
    """The loss of one layer towards a style's features.

    Args:
        name: one of `STYLE_LOSSES`.
        style: (N, M') features of the style.
        generator: draws the pairs of those in `RANDOM`, at the first call; on the CPU.

    Returns:
        A function of the result's features (N, M), with one M in all calls; differentiable.

    Raises:
        ParameterError: unknown name.
    """
    channels = len(style)
    if name == "gram":
        target = gram(style)
        return lambda x: gram_loss(gram(x), target)
    if name == "mmd-linear":
        return lambda x: linear_mmd(x, style) / channels
    if name == "mmd-poly":
        return lambda x: polynomial_mmd(x, style) / (4 * channels**2)
    if name == "mmd-gauss":
        return _gaussian_loss(style, generator)
    if name == "bn":
        return lambda x: bn_loss(x, style)
    raise ParameterError(f"style loss is {name!r}; it must be one of {', '.join(STYLE_LOSSES)}")


def _gaussian_loss(style: Tensor, generator: torch.Generator | None) -> Loss:
    draws: list[tuple[Tensor, Tensor]] = []

    def loss(x: Tensor) -> Tensor:
        if not draws:
            draws.extend((_order(x, generator), _order(style, generator)) for _ in range(_DRAWS))
        terms = []
        for ours, theirs in draws:
            count = min(len(ours), len(theirs))
            a, b = x[:, ours[:count]], style[:, theirs[:count]]
            variance = ((a.detach() - b) ** 2).sum(0).mean().clamp_min(1e-12)
            terms.append(linear_time_mmd(a, b, gaussian(variance)))
        return _GAUSSIAN * torch.stack(terms).mean()

    return loss


def _order(features: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randperm(features.shape[1], generator=generator).to(features.device)
