"""``photostyle photo --method NAME``: the methods that WCT2 comes from, and smoothing of any method's result."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photostyle.cli import console
from photostyle.cli.running import Report
from photostyle.errors import ParameterError
from photostyle.methods import METHODS, MethodInfo, find

if TYPE_CHECKING:
    from photostyle.regions.labels import Decision

_PANEL = "Other methods"
# Fields of options that have an option of the command line to themselves.
_OWN = ("steps", "content_weight", "style_weight", "optimizer", "init", "style_loss", "level", "multilevel", "look",
        "seed")  # fmt: skip
_NETWORKS = ("features", "looks")  # options that say which of the networks that a method needs
_SHARED = ("strength", "smooth")  # likewise, where a method has them; WCT2 and the results of all have them too
_MASKS = ("content_mask", "style_mask", "segment", "mask_refine", "mapping")
_WCT2 = ("strength", "at", "matching", "unpool", "finish", "keep", "model", "render", "memory", "fit_size",
         "save_style")  # fmt: skip
_LATER = ("keep", "render", "memory", "fit_size", "save_style")  # not with a result that is smoothed afterwards

MethodName = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="NAME",
        help=f"One of {', '.join(info.name for info in METHODS)}.",
        is_eager=True,  # whether there must be a --style depends on it
    ),
]
Smooth = Annotated[
    str | None,
    typer.Option(
        metavar="off|matting|guided",
        help="Smooth the result along the photo's edges (PhotoWCT's step).",
        show_default="off; photowct: by size",
    ),
]


def _own(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, help=text, show_default="the method's own", rich_help_panel=_PANEL)


Steps = Annotated[int | None, _own("N", "Evaluations of the loss at most.")]
ContentWeight = Annotated[float | None, _own("A", "Of the content in the loss.")]
StyleWeight = Annotated[float | None, _own("B", "Of the style in the loss.")]
Optimizer = Annotated[str | None, _own("lbfgs|adam", "How the loss is brought down.")]
Init = Annotated[str | None, _own("content|style|noise", "Image to start from.")]
StyleLoss = Annotated[str | None, _own("gram|mmd-linear|mmd-poly|mmd-gauss|bn", "Distance of styles.")]
Level = Annotated[int | None, _own("1…5", "Deepest layer, relu1_1 to relu5_1, whose features are changed.")]
Multilevel = Annotated[
    bool | None,
    typer.Option(
        "--multilevel/--single-level",
        help="Go on from that layer to relu1_1, or change that one only.",
        show_default="the method's own",
        rich_help_panel=_PANEL,
    ),
]
Seed = Annotated[int | None, _own("N", "Of what is drawn at random.")]
Look = Annotated[str | None, _own("NAME:WEIGHT,…", "A look of the feed-forward network, or several blended.")]
Looks = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="That network, if not the embedded one.", show_default=False, rich_help_panel=_PANEL
    ),
]
Features = Annotated[
    str,
    typer.Option(metavar="auto|vgg19|embedded", help="Network that methods look through.", rich_help_panel=_PANEL),
]


def check_style(context: typer.Context, value: list[str] | None) -> list[str] | None:
    """`value`, the style photos. Raises typer.BadParameter if there are none, and the method looks at one."""
    method = context.params.get("method")
    styled = all(info.styled for info in METHODS if info.name == method)
    if not value and styled:
        raise typer.BadParameter("it is missing: give the photo whose light and colour to take", param_hint="--style")
    return value


def wanted(context: typer.Context, method: str, smooth: str | None) -> MethodInfo | None:
    """The method, if it is one for `run`: another than WCT2, or a smoothed WCT2.

    Raises:
        ParameterError: there is no such method, or an option was given that does not apply to it.
    """
    info = find(method)
    given = [name for name in context.params if _given(context, name)]
    own, smoothed = _taken(info), smooth not in (None, "off")
    for name in given:
        option = _spelled(context, name)
        if name == "style" and not info.styled:
            raise ParameterError(
                f"{option} does not apply to --method {method}, which has looks of its own: see --look"
            )
        if name in (*_OWN, *_NETWORKS) and name not in own:
            takes = ", ".join(_spelled(context, other) for other in own) or "none of its kind"
            raise ParameterError(f"{option} does not apply to --method {method}, which takes {takes}")
        if name in _MASKS and not info.masks:
            others = ", ".join(other.name for other in METHODS if other.masks)
            raise ParameterError(f"{option} does not apply to --method {method}, which knows no regions; {others} do")
        if name in _WCT2 and "model" not in info.needs and name not in _fields(info):
            others = ", ".join(other.name for other in METHODS if "model" in other.needs or name in _fields(other))
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
    names += [name for name in _SHARED if name in _fields(info)]
    chosen = {name: values[name] for name in names if _given(context, name)}
    if "strength" in chosen and "=" in context.params["strength"]:
        raise ParameterError(f"--strength is one number for --method {info.name}: it has none by region")
    return info.options(**chosen)


def run(
    info: MethodInfo,
    options: Any,
    contents: Sequence[Path],
    styles: Sequence[tuple[str | None, Path]],
    out: Path,
    *,
    features: str,
    looks: Path | None,
    model: str,
    unpool: Any,
    smooth: str | None,
    masks: tuple[Path | None, Path | None],
    segment: str,
    mask_refine: bool,
    mapping: Mapping[str, str],
    device: str,
    size: int | None,
    bits: int | None,
    raw_brightness: Any,
    report: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Run a method on every photo; Ctrl-C writes the best so far of the photo at hand and ends."""
    if info.styled and (len(styles) > 1 or styles[0][0]):
        raise ParameterError(f"--method {info.name} takes one --style for the whole photo")
    from photostyle.device import resolve
    from photostyle.io import check_output, ensure_folder, output_paths
    from photostyle.jobs.loading import load
    from photostyle.jobs.methods import MethodRun, check_smooth, find_networks, held_per_pixel, method_file
    from photostyle.jobs.photo import each
    from photostyle.jobs.regions import Reference, RegionSettings
    from photostyle.jobs.segment import find_segmentation

    after = check_smooth("off" if smooth is None or "smooth" in _fields(info) else smooth)
    outputs = output_paths(contents, out, keep=[path for path in (*(path for _, path in styles), *masks) if path])
    if report:
        check_output(report, overwrite=overwrite, extensions=(".json",))
    where = resolve(device)
    style = Reference(load(styles[0][1], size, raw_brightness)) if info.styled else None
    networks, through = find_networks(info, where, features=features, looks=looks, model=model, unpool=unpool)
    if through and not quiet:
        console.say(f"{info.name} looks through {through}")
    settings = None
    if info.masks:
        found = None if all(masks) else find_segmentation(segment, networks.get("model"), where)
        settings = RegionSettings(found, mask_refine, mapping)
    job = MethodRun(info, info.create(options, **networks), where, held_per_pixel(info, networks), after)
    if outputs[0] != out:
        ensure_folder(out)
    decisions: dict[Path, Sequence[Decision]] = {}
    failures, told = [], []
    steps = int(getattr(options, "steps", 1)) if info.iterative else 1
    with console.progress("photos", steps * len(contents), quiet) as update, stoppable() as stop:
        done = 0

        def work(content: Path, output: Path) -> None:
            began, taken = time.monotonic(), 0

            def progress(step: int, _total: int, loss: float) -> None:
                nonlocal taken
                taken = step
                update(done * steps + step, f"{output.name}: loss {loss:.4g}")

            method_file(
                job, content, style, output, masks=masks, regions=settings,
                decided=lambda made: decisions.update({content: made}), progress=progress, should_stop=stop,
                side=size, bits=bits, raw_brightness=raw_brightness, overwrite=overwrite,
            )  # fmt: skip
            seconds = time.monotonic() - began
            told.append({"content": str(content), "output": str(output), "seconds": seconds, "error": None})
            if stop():
                console.say(f"{output} holds the best of {taken} of {steps} steps")
                raise KeyboardInterrupt
            if not quiet:
                console.say(f"{output} written in {seconds:.1f} s")

        for content, output, failure in each(contents, outputs, work):
            done += 1
            if failure:
                failures.append(failure)
                told.append({"content": str(content), "output": str(output), "seconds": 0.0,
                             "error": str(failure.error)})  # fmt: skip
            update(done * steps, output.name)
    Report(report, decisions, overwrite).write(told)
    console.finish(failures, len(contents))


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Yields whether Ctrl-C has been pressed; a second time it ends the program as ever."""
    pressed = threading.Event()

    def press(_number: int, _frame: FrameType | None) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()
        console.say("photostyle: stopping; once more gives up the result so far")

    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _taken(info: MethodInfo) -> list[str]:
    """Those of the methods' options that this one has."""
    if "model" in info.needs:
        return []
    return [name for name in _OWN if name in _fields(info)] + [name for name in _NETWORKS if name in info.needs]


def _fields(info: MethodInfo) -> set[str]:
    """Of the method's options; WCT2's are the command's own."""
    return set() if "model" in info.needs else {field.name for field in fields(info.options)}


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _spelled(context: typer.Context, name: str) -> str:
    """How an option is written."""
    for parameter in context.command.params:
        if parameter.name == name:
            return max(parameter.opts, key=len)
    return name
