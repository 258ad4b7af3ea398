"""The options of ``photostyle photo --method NAME``, and which of them belong to which method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from photostyle.cli.grouping import Group
from photostyle.errors import ParameterError
from photostyle.methods import METHODS, MethodInfo, find

PANEL = "Other methods"
# Fields of options that have an option of the command line to themselves.
_FIELDS = {"trained_look": "look", "trained_looks": "looks"}  # those that the methods call otherwise
_OWN = ("steps", "content_weight", "style_weight", "optimizer", "init", "style_loss", "level", "multilevel",
        "trained_look",
        "seed")  # fmt: skip
_NETWORKS = ("features", "trained_looks")  # options that say which of the networks that a method needs
_SHARED = ("strength", "smooth")  # likewise, where a method has them; WCT2 and the results of all have them too
_MASKS = ("content_mask", "style_mask", "segment", "mask_refine", "mapping")
_WCT2 = ("strength", "at", "matching", "unpool", "finish", "gradient", "protect", "keep", "model", "render", "memory",
         "fit_size", "save_style", "look", "colour", "brightness")  # fmt: skip
# Not with a result that is smoothed afterwards.
_LATER = ("keep", "render", "memory", "fit_size", "save_style", "look", "colour", "brightness")


def _own(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, help=text, show_default="the method's own")


Features = Annotated[str, typer.Option(metavar="auto|vgg19|embedded", help="Network that methods look through.")]
Seed = Annotated[int | None, _own("N", "Of what is drawn at random.")]


@dataclass(frozen=True, kw_only=True)
class OtherMethods(Group, panel=PANEL):
    """Which method, and what those beside WCT2 can be told."""

    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help=f"One of {', '.join(info.name for info in METHODS)}.",
        ),
    ] = "wct2"
    smooth: Annotated[
        str | None,
        typer.Option(
            metavar="off|matting|guided",
            help="Smooth the result along the photo's edges (PhotoWCT's step).",
            show_default="off; photowct: by size",
        ),
    ] = None
    steps: Annotated[int | None, _own("N", "Evaluations of the loss at most.")] = None
    features: Features = "auto"
    content_weight: Annotated[float | None, _own("A", "Of the content in the loss.")] = None
    style_weight: Annotated[float | None, _own("B", "Of the style in the loss.")] = None
    optimizer: Annotated[str | None, _own("lbfgs|adam", "How the loss is brought down.")] = None
    init: Annotated[str | None, _own("content|style|noise", "Image to start from.")] = None
    style_loss: Annotated[str | None, _own("gram|mmd-linear|mmd-poly|mmd-gauss|bn", "Distance of styles.")] = None
    level: Annotated[int | None, _own("1…5", "Deepest layer, relu1_1 to relu5_1, whose features are changed.")] = None
    multilevel: Annotated[
        bool | None,
        typer.Option(
            "--multilevel/--single-level",
            help="Go on from that layer to relu1_1, or change that one only.",
            show_default="the method's own",
        ),
    ] = None
    trained_look: Annotated[
        str | None, _own("NAME:WEIGHT,…", "A look that the feed-forward network was trained for, or several blended.")
    ] = None
    trained_looks: Annotated[
        Path | None, typer.Option(metavar="FILE", help="That network, if not the embedded one.", show_default=False)
    ] = None
    seed: Seed = None


def check_styles(info: MethodInfo | None, style: Sequence[str] | None, look: Sequence[str] | None) -> None:
    """Raise where there is neither a style photo nor a look, and the method (None: WCT2) needs one, or both are given.

    Raises:
        typer.BadParameter: none is there.
        ParameterError: both are.
    """
    if style and look:
        raise ParameterError("give either --style PHOTO or --look NAME; style make and style mix mix styles")
    if not style and not look and (info is None or info.styled):
        raise typer.BadParameter(
            "it is missing: give the photo whose light and colour to take, or --look NAME (photostyle looks)",
            param_hint="--style",
        )


def wanted(context: typer.Context, other: OtherMethods) -> MethodInfo | None:
    """The method, if it is one for `run`: another than WCT2, or a smoothed WCT2.

    Raises:
        ParameterError: there is no such method, or an option was given that does not apply to it.
    """
    method = other.method
    info = find(method)
    given = [name for name in context.params if _given(context, name)]
    own, smoothed = _taken(info), other.smooth not in (None, "off")
    for name in given:
        option = _spelled(context, name)
        if name == "style" and not info.styled:
            raise ParameterError(
                f"{option} does not apply to --method {method}, which has looks of its own: see --trained-look"
            )
        if name in (*_OWN, *_NETWORKS) and name not in own:
            takes = ", ".join(_spelled(context, name) for name in own) or "none of its kind"
            raise ParameterError(f"{option} does not apply to --method {method}, which takes {takes}")
        if name in _MASKS and not info.masks:
            others = ", ".join(having.name for having in METHODS if having.masks)
            raise ParameterError(f"{option} does not apply to --method {method}, which knows no regions; {others} do")
        if name in _WCT2 and not _knows(info, name):
            others = ", ".join(having.name for having in METHODS if _knows(having, name))
            raise ParameterError(f"{option} does not apply to --method {method}, but to {others}")
        if name in _LATER and smoothed:
            raise ParameterError(f"{option} cannot be combined with --smooth: leave one of them out")
    return info if method != "wct2" or smoothed else None


def segmentation(context: typer.Context, info: MethodInfo, segment: str) -> str:
    """``--segment`` as given, and off by default for methods that regions do not belong to."""
    return segment if info.segmented or _given(context, "segment") else "off"


def options_of(context: typer.Context, info: MethodInfo, strength: float | None) -> Any:
    """The method's options from what was given on the command line; what was not keeps the method's default.

    Args:
        context: of the command.
        info: the method.
        strength: what ``--strength`` says of the whole photo.

    Raises:
        ParameterError: a value is out of range, or the strength is one by region.
    """
    values: dict[str, Any] = {**context.params, "strength": strength}
    names = [name for name in _taken(info) if name not in _NETWORKS]
    names += [name for name in _SHARED if name in fields_of(info)]
    chosen = {_FIELDS.get(name, name): values[name] for name in names if _given(context, name)}
    if "strength" in chosen and "=" in context.params["strength"]:
        raise ParameterError(f"--strength is one number for --method {info.name}: it has none by region")
    return info.options(**chosen)


def _taken(info: MethodInfo) -> list[str]:
    """Those of the methods' options that this one has."""
    if "model" in info.needs:
        return []
    return [name for name in _OWN if name in fields_of(info)] + [
        name for name in _NETWORKS if _FIELDS.get(name, name) in info.needs
    ]


def fields_of(info: MethodInfo) -> set[str]:
    """Names of the method's options; WCT2's are the command's own."""
    called = {field: option for option, field in _FIELDS.items()}
    return set() if "model" in info.needs else {called.get(field.name, field.name) for field in fields(info.options)}


def _knows(info: MethodInfo, name: str) -> bool:
    """Whether one of WCT2's options is the method's as well."""
    return "model" in info.needs or name in fields_of(info)


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _spelled(context: typer.Context, name: str) -> str:
    """How an option is written."""
    for parameter in context.command.params:
        if parameter.name == name:
            return max(parameter.opts, key=len)
    return name
