"""The family that WCT2 comes from: every method behind one interface (`photostyle.methods.base.Method`).

    >>> from photostyle import methods
    >>> info = methods.find("gatys")
    >>> method = info.create(info.options(steps=200), features=encoder)
    >>> result = method.run(content, style)                     # (1, 3, H, W) in [0, 1]

The table below is all that is loaded until a method is used.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from photostyle.methods.base import Method


@dataclass(frozen=True)
class MethodInfo:
    """One line of the table of methods.

    Attributes:
        name: what people ask for.
        title: what it does, in half a line.
        paper: authors, title in short, venue and year.
        home: ``module:Class`` inside this package; the class is called with its options and what it `needs`.
        options_home: ``module:Class`` of its options, a frozen dataclass whose defaults are the method's own. Inside
            this package; a dot at the start counts from ``photostyle``.
        needs: what else its class takes, by keyword: ``features``, a `photostyle.network.features.FeatureEncoder`;
            ``model``, a `photostyle.network.wct2.WCT2`; ``decoders``, the `photostyle.network.decoders.Decoders` of the
            features; ``looks``, a `photostyle.network.feedforward.FeedForward`.
        masks: it looks at regions.
        segmented: regions belong to it, so that they are looked for where none are given.
        iterative: it goes on in steps, reports a loss at each, and can be stopped.
        styled: it looks at the style photo; one that does not has looks of its own.
    """

    name: str
    title: str
    paper: str
    home: str
    options_home: str
    needs: tuple[str, ...] = ()
    masks: bool = False
    segmented: bool = False
    iterative: bool = False
    styled: bool = True

    @property
    def options(self) -> type[Any]:
        """The class of its options."""
        return _class(self.options_home)

    def create(self, options: Any = None, **needed: object) -> Method:
        """The method, ready to run.

        Args:
            options: an instance of `options`; None takes all defaults.
            needed: the networks that it `needs`, all on one device, and nothing else.

        Raises:
            ParameterError: the options are another method's, or a network is missing or too many.
        """
        chosen = self.options() if options is None else options
        if not isinstance(chosen, self.options):
            raise ParameterError(f"{self.name} takes {self.options.__name__}, got {type(chosen).__name__}")
        if set(needed) != set(self.needs):
            wanted, given = (", ".join(sorted(names)) or "nothing" for names in (self.needs, needed))
            raise ParameterError(f"{self.name} needs {wanted}, got {given}")
        method: Method = _class(self.home)(chosen, **needed)
        return method


METHODS: tuple[MethodInfo, ...] = (
    MethodInfo(
        name="reinhard",
        title="mean and deviation of every colour channel",
        paper="Reinhard et al., Color Transfer between Images, IEEE CG&A 2001",
        home="colour:Reinhard",
        options_home="colour:ReinhardOptions",
        masks=True,
    ),
    MethodInfo(
        name="monge",
        title="mean and covariance of colours, moved least",
        paper="Pitié & Kokaram, The Linear Monge-Kantorovitch Linear Colour Mapping, CVMP 2007",
        home="colour:MongeKantorovich",
        options_home="colour:MongeOptions",
        masks=True,
    ),
    MethodInfo(
        name="sliced",
        title="the whole distribution of colours, axis by axis",
        paper="Pitié et al., N-Dimensional Probability Density Function Transfer, ICCV 2005",
        home="sliced:SlicedTransport",
        options_home="sliced:SlicedOptions",
        iterative=True,
    ),
    MethodInfo(
        name="texture",
        title="the style's texture from noise, without the content",
        paper="Gatys et al., Texture Synthesis Using Convolutional Neural Networks, NeurIPS 2015",
        home="texture:Texture",
        options_home="texture:TextureOptions",
        needs=("features",),
        iterative=True,
    ),
    MethodInfo(
        name="gatys",
        title="neural style: pixels changed until features have the style's statistics",
        paper="Gatys et al., Image Style Transfer Using Convolutional Neural Networks, CVPR 2016",
        home="gatys:Gatys",
        options_home="gatys:GatysOptions",
        needs=("features",),
        iterative=True,
    ),
    MethodInfo(
        name="deep-photo",
        title="neural style label by label, held to locally affine colours",
        paper="Luan et al., Deep Photo Style Transfer, CVPR 2017",
        home="deep_photo:DeepPhoto",
        options_home="deep_photo:DeepPhotoOptions",
        needs=("features",),
        masks=True,
        segmented=True,
        iterative=True,
    ),
    MethodInfo(
        name="feedforward",
        title="one pass of a network trained for its looks",
        paper="Johnson et al., ECCV 2016; Ulyanov et al., CVPR 2017; Dumoulin et al., ICLR 2017",
        home="feedforward:FeedForwardLooks",
        options_home="feedforward:FeedForwardOptions",
        needs=("looks",),
        styled=False,
    ),
    MethodInfo(
        name="adain",
        title="mean and deviation of deep features, decoded",
        paper="Huang & Belongie, Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization, ICCV 2017",
        home="adain:AdaIN",
        options_home="adain:AdainOptions",
        needs=("features", "decoders"),
        masks=True,
    ),
    MethodInfo(
        name="wct",
        title="whitening and colouring of features, from coarse to fine",
        paper="Li et al., Universal Style Transfer via Feature Transforms, NeurIPS 2017",
        home="wct:Wct",
        options_home="wct:WctOptions",
        needs=("features", "decoders"),
        masks=True,
    ),
    MethodInfo(
        name="photowct",
        title="the same with unpooling, then smoothed along the photo's edges",
        paper="Li et al., A Closed-form Solution to Photorealistic Image Stylization, ECCV 2018",
        home="photowct:PhotoWct",
        options_home="photowct:PhotoWctOptions",
        needs=("features", "decoders"),
        masks=True,
        segmented=True,
    ),
    MethodInfo(
        name="wct2",
        title="whitening and colouring at wavelet pooling, one pass",
        paper="Yoo et al., Photorealistic Style Transfer via Wavelet Transforms, ICCV 2019",
        home="wct2:Wct2",
        options_home=".options:FitOptions",
        needs=("model",),
        masks=True,
        segmented=True,
    ),
)


def find(name: str) -> MethodInfo:
    """The method of that name. Raises ParameterError, which names the nearest one, if there is none."""
    for info in METHODS:
        if info.name == name:
            return info
    names = [info.name for info in METHODS]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(names)}"
    raise ParameterError(f"no method is called {name!r}: {hint}")


def _class(home: str) -> type[Any]:
    module, name = home.split(":")
    within = "photostyle" if module.startswith(".") else "photostyle.methods."
    found: type[Any] = getattr(import_module(f"{within}{module}"), name)
    return found
