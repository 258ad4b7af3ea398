"""Feed-forward stylisation: one pass of a network that was trained for its looks (`photostyle.network.feedforward`).

The style lies in the weights, so that no style photo is looked at: a look is chosen by name, or several are blended by
the weighted mean of their scales and shifts (Dumoulin et al., ICLR 2017, section 3.3). `scripts/train/feedforward.py`
trains a network for any photos or paintings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.methods.base import Progress, ShouldStop, pair_of_images
from photostyle.network.feedforward import MULTIPLE, FeedForward
from photostyle.regions.regions import Regions
from photostyle.transfer.transfer import pad


@dataclass(frozen=True)
class FeedForwardOptions:
    """Which look.

    Attributes:
        look: a look's name, or several with weights: ``"dusk:0.7,waves:0.3"``. A number is a look's place, from 0,
            unless one has that name. Weights are divided by their sum. Empty for the network's first look.
    """

    look: str = ""

    def __post_init__(self) -> None:
        parse_looks(self.look)


class FeedForwardLooks:
    """A network of looks; `Method.run` says what goes in and comes out."""

    def __init__(self, options: FeedForwardOptions, looks: FeedForward) -> None:
        self.options, self.looks = options, looks
        self.weights = looks.weights_of(named(parse_looks(options.look), looks) or None)

    @torch.no_grad()
    def run(
        self,
        content: Tensor,
        style: Tensor,
        content_regions: Regions | None = None,
        style_regions: Regions | None = None,
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:
        """See `photostyle.methods.base.Method.run`; style and regions are not looked at, and there is one step."""
        content, _ = pair_of_images(content, style)
        (image, _), undo = pad(content, None, MULTIPLE)
        return undo(self.looks(image, self.weights))


def parse_looks(text: str) -> dict[str, float]:
    """``"dusk:0.7,waves:0.3"`` as {"dusk": 0.7, "waves": 0.3}; without a weight it is 1.

    Raises:
        ParameterError: a weight is no number from 0, or a look comes twice.
    """
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = (piece.strip() for piece in part.partition(":"))
        try:
            number = float(weight) if weight else 1.0
        except ValueError:
            number = math.nan
        if not name or name in found or not 0 <= number < math.inf:
            raise ParameterError(
                f"look is {text!r}; it is NAME, or NAME:WEIGHT,… with each look once, no weight negative"
            )
        found[name] = number
    return found


def named(chosen: dict[str, float], looks: FeedForward) -> dict[str, float]:
    """Weights by the looks' names, where places were given. Raises ParameterError for a look given in both ways."""
    names, found = looks.config.looks, dict[str, float]()
    for key, weight in chosen.items():
        by_place = key not in names and key.isascii() and key.isdigit() and int(key) < len(names)
        name = names[int(key)] if by_place else key
        if name in found:
            raise ParameterError(f"the look {name!r} is given twice, by name and by place")
        found[name] = weight
    return found
