"""Any method of the family, from files to files."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor

from photostyle.errors import MemoryLimitError, ParameterError
from photostyle.io import check_encodable, check_output, write_photo
from photostyle.io.raw import RawBrightness
from photostyle.jobs.applying import Decided
from photostyle.jobs.loading import Loaded, explained, load, pixels_of
from photostyle.jobs.regions import Reference, RegionSettings, plan
from photostyle.memory import free_memory
from photostyle.methods import MethodInfo, smoothing
from photostyle.methods.base import Method, Progress, ShouldStop
from photostyle.methods.masks import restrict
from photostyle.network.features import CONVOLUTIONS, FeatureEncoder
from photostyle.network.wct2 import Unpool
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.weights import load_decoders, load_features, load_looks, load_model
from photostyle.weights.registry import EMBEDDED_NAME
from photostyle.weights.vgg19 import read_vgg19, vgg19_file

logger = logging.getLogger(__name__)

FeaturesName = Literal["auto", "vgg19", "embedded"]
SmoothName = Literal["off", "matting", "guided"]

_COPIES = 3.0  # of all features that a step holds at its peak: before and after rectification, padded, gradients
_IMAGES = 60  # that the history of L-BFGS holds, and the pyramid
_PASS_COPIES, _LOOKS_COPIES = 6.0, 8.0  # of the finest features, as measured


def find_features(name: str, device: torch.device) -> tuple[FeatureEncoder, str]:
    """The network that methods look through, and what it is in half a line.

    Args:
        name: ``"vgg19"``, ``"embedded"``, or ``"auto"`` for VGG-19 if it has been fetched.
        device: where to put it.

    Raises:
        ParameterError: another name.
        WeightsError: VGG-19 is asked for and not there, or a file is damaged.
    """
    if name not in get_args(FeaturesName):
        raise ParameterError(f"features is {name!r}; it must be one of {', '.join(get_args(FeaturesName))}")
    if name == "vgg19" or (name == "auto" and vgg19_file().is_file()):
        return read_vgg19(device=device), "VGG-19"
    found = load_features(device=device)
    fetch = "; photostyle weights fetch vgg19 gets VGG-19 itself" if name == "auto" else ""
    return found, f"the embedded student of VGG-19{fetch}"


def find_networks(
    info: MethodInfo,
    device: torch.device,
    *,
    features: str = "auto",
    looks: Path | None = None,
    model: str = EMBEDDED_NAME,
    unpool: Unpool | None = None,
) -> tuple[dict[str, Any], str]:
    """What a method needs, as `MethodInfo.create` takes it, and what it looks through, in half a line.

    Args:
        info: the method.
        device: where to put its networks.
        features: as of `find_features`. Decoders are those of the embedded encoder, so that methods with decoders look
            through no other.
        looks: file of a network of looks; None is the embedded one.
        model: of WCT2 (`photostyle.weights.load_model`).
        unpool: likewise.

    Raises:
        ParameterError: the method cannot look through these features.
        WeightsError: a file is missing or damaged.
    """
    networks: dict[str, Any] = {}
    what = ""
    if "decoders" in info.needs:
        if features == "vgg19":
            raise ParameterError(
                f"{info.name} decodes features, and VGG-19's have no decoders: take --features embedded"
            )
        networks["decoders"] = load_decoders(device=device)
    if "features" in info.needs:
        wanted = "embedded" if features == "auto" and "decoders" in info.needs else features
        networks["features"], what = find_features(wanted, device)
    if "looks" in info.needs:
        networks["looks"] = load_looks(looks, device)
    if "model" in info.needs:
        networks["model"] = load_model(model, unpool=unpool, device=device)
    return networks, what


@dataclass(frozen=True, eq=False)
class MethodRun:
    """A method and what goes with it, the same for all photos.

    Attributes:
        info: its line of the table.
        method: ready to run, its networks on `device`.
        device: where it runs.
        per_pixel: bytes that a run holds a pixel of the photo (`held_per_pixel`).
        smooth: what is done to the result (`photostyle.methods.smoothing`).
    """

    info: MethodInfo
    method: Method
    device: torch.device
    per_pixel: float = 0.0
    smooth: SmoothName = "off"


def method_file(
    run: MethodRun,
    content: Path,
    style: Reference | None,
    output: Path,
    *,
    masks: tuple[Path | None, Path | None] = (None, None),
    regions: RegionSettings | None = None,
    decided: Decided | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    side: int | None = None,
    bits: int | None = None,
    raw_brightness: RawBrightness = "shot",
    overwrite: bool = False,
) -> None:
    """Run a method on one photo and write the result.

    Args:
        run: the method.
        content: the photo.
        style: the style photo; None for a method that looks at none (`MethodInfo.styled`).
        output: where to write; the format follows the extension.
        masks: label maps of content and style, for methods with masks.
        regions: how regions are found and matched, likewise; None looks for none.
        decided: told what was decided on each region.
        progress: told of each step.
        should_stop: ends the run early; the best so far is written.
        side: work at this long side; the result is that small too.
        bits: 8 or 16 a sample; None takes those of the photo where the format has them.
        raw_brightness: of a camera's raw photo (`photostyle.io.raw`).
        overwrite: replace an existing output.

    Raises:
        PhotostyleError: anything wrong with the files, masks, options or memory; nothing is left half-written.
    """
    check_output(output, overwrite=overwrite)
    loaded = load(content, side, raw_brightness)
    check_encodable(output, loaded.photo.size, bits)
    check_memory(run.per_pixel, loaded, run.device)
    ours, theirs = regions_of(loaded, style, masks, regions, decided) if style and run.info.masks else (None, None)
    both = (loaded, style.loaded if style else loaded)
    for each in dict.fromkeys(x for x in both if x.visible is not None):
        logger.warning(
            "%s: %s counts what can hardly be seen as much as the rest, and continues what cannot be seen",
            each.photo.path, run.info.name,
        )  # fmt: skip
    with explained(loaded.photo):
        images = [x.image[None].to(run.device) for x in both]
        result = run.method.run(images[0], images[1], ours, theirs, progress, should_stop)
        pixels = pixels_of(smoothed(result, images[0], run.smooth)[0])
    write_photo(output, pixels, like=loaded.photo, bits=bits, dither=loaded.photo.bits > 8, overwrite=overwrite)


def regions_of(
    content: Loaded,
    style: Reference,
    masks: tuple[Path | None, Path | None],
    settings: RegionSettings | None,
    decided: Decided | None = None,
) -> tuple[Regions | None, Regions | None]:
    """Regions as methods take them: the content's under the names of the style's. Raises ImageReadError, MaskError."""
    planned = plan(content, [style], masks, settings or RegionSettings(), FitOptions())
    if planned.content is None or planned.styles is None or planned.sources is None:
        return None, None
    if decided:
        decided(planned.decisions)
    ours = restrict(planned.content, planned.sources)
    return (ours, planned.styles[0]) if ours.weights else (None, None)


def check_smooth(how: str) -> SmoothName:
    """`how` itself. Raises ParameterError unless there is such a way of smoothing."""
    for name in get_args(SmoothName):
        if how == name:
            return cast("SmoothName", how)
    raise ParameterError(f"smooth is {how!r}; it must be one of {', '.join(get_args(SmoothName))}")


def smoothed(result: Tensor, content: Tensor, how: SmoothName) -> Tensor:
    """A result (1, 3, H, W) smoothed as asked for. Raises ParameterError for another way than there is."""
    check_smooth(how)
    if how == "matting":
        return smoothing.matting(result, content)
    return smoothing.guided(result, content) if how == "guided" else result


def check_memory(per_pixel: float, content: Loaded, device: torch.device) -> None:
    """Refuse what cannot fit.

    Args:
        per_pixel: bytes, of `held_per_pixel`.
        content: the photo.
        device: where the method runs.

    Raises:
        MemoryLimitError: says to which size to reduce.
    """
    height, width = content.photo.size
    needed = per_pixel * height * width
    free = free_memory(device)
    if needed > free:
        fitting = int(max(height, width) * (free / needed) ** 0.5) // 16 * 16
        raise MemoryLimitError(
            f"{content.photo.path}: this method needs about {needed / 2**30:.1f} GiB for {width}x{height} pixels, and "
            f"{free / 2**30:.1f} GiB are to be had; try --size {max(16, fitting)}"
        )


def held_per_pixel(info: MethodInfo, networks: Mapping[str, Any]) -> float:
    """Bytes that a method holds a pixel of the photo; 0 for those that need little or look after it themselves.

    A descent on pixels keeps all features of the photo at once, a single pass those of its finest layer.
    """
    if "looks" in networks:
        return 4 * _LOOKS_COPIES * float(networks["looks"].config.widths[0])
    if "features" not in networks:
        return 0.0
    widths = networks["features"].config.widths
    if not info.iterative:
        wider = networks["decoders"].config.wider if "decoders" in networks else 1
        return 4 * _PASS_COPIES * float(widths[0] * wider)
    features: float = sum(
        count * width / 4**level for level, (count, width) in enumerate(zip(CONVOLUTIONS.values(), widths, strict=True))
    )
    return 4 * (_COPIES * features + 3 * _IMAGES)
