"""What a style looks like to the network, before any photo has been seen: moments of its features at every site.

A `photostyle.transfer.transfer.Transfer` leads from one photo's features to a style's; on a photo in another light it
gives another look. A `Target` keeps the style's side alone. `photostyle.transfer.fitting.fit` takes it in place of
style photos and gives the very transfer that those would have given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from photostyle.errors import ParameterError
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.regions import WHOLE
from photostyle.transfer.matching import Moments

SiteMoments = Mapping[str, Mapping[str, Moments]]
"""Site name to region name to moments; ``*`` is the whole photo."""


@dataclass(frozen=True)
class StyleMoments:
    """What was measured of one style photo.

    Attributes:
        name: what it is called, for people.
        share: its weight among the styles of a target, at least 0.
        sites: its moments.
        courses: the colours of its sky and water from foot to top, (bands, 3) by region
            (`photostyle.transfer.course`).
    """

    name: str
    share: float
    sites: SiteMoments
    courses: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of its regions, without the whole photo."""
        names = dict.fromkeys(name for site in self.sites.values() for name in site)
        return tuple(name for name in names if name != WHOLE)


@dataclass(frozen=True)
class Target:
    """One or several styles, measured.

    Attributes:
        model: the network that measured them.
        options: how they are fitted to a photo; the sites of ``options.at`` were measured.
        styles: what was measured, a style photo each.
    """

    model: WCT2 = field(repr=False)
    options: FitOptions
    styles: tuple[StyleMoments, ...]

    def __post_init__(self) -> None:
        shares = [style.share for style in self.styles]
        if not shares or min(shares) < 0 or not 0 < sum(shares) < float("inf"):
            raise ParameterError("style weights must be one a style, none negative and not all zero")

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of all regions, ``*`` first."""
        return (WHOLE, *dict.fromkeys(name for style in self.styles for name in style.regions))

    @property
    def shares(self) -> Sequence[float]:
        """Weight of each style; they sum to 1."""
        total = sum(style.share for style in self.styles)
        return [style.share / total for style in self.styles]
