"""Styles made from photos, and shown: what becomes of some well-known colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.errors import ParameterError, TransferMismatchError, WeightsError
from photostyle.io import read_mask
from photostyle.io.swatches import Colour
from photostyle.jobs.fitting import fit, measure_target
from photostyle.jobs.loading import Loaded, check_visible, explained, load, weighed
from photostyle.jobs.regions import Reference, RegionSettings, masked, prepare
from photostyle.jobs.rendering import Rendering, render
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.labels import sizeable
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer.mixing import mix_targets, mix_transfers
from photostyle.transfer.presets import load_style, read_metadata
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer, site_groups
from photostyle.weights import load_model

COLOURS: tuple[tuple[str, tuple[int, int, int]], ...] = (
    *(("black", (12, 12, 12)), ("dark grey", (60, 60, 60)), ("middle grey", (119, 119, 119))),
    *(("light grey", (188, 188, 188)), ("white", (243, 243, 243)), ("snow in shade", (176, 196, 222))),
    *(("light skin", (236, 188, 160)), ("tan skin", (198, 140, 106)), ("dark skin", (104, 68, 52))),
    *(("sand", (212, 190, 150)), ("earth", (120, 92, 64)), ("brick", (156, 76, 58))),
    *(("pale sky", (176, 208, 236)), ("blue sky", (92, 148, 208)), ("deep sky", (40, 84, 150))),
    *(("water", (52, 104, 116)), ("foliage", (84, 112, 52)), ("autumn leaf", (200, 128, 44))),
    *(("red", (190, 48, 48)), ("green", (64, 148, 72)), ("blue", (52, 64, 160))),
    *(("yellow", (230, 200, 40)), ("magenta", (184, 80, 148)), ("cyan", (24, 140, 168))),
)
"""Names and sRGB values of the colours of `chart`, six a row."""
_ACROSS, _CELL, _READ = 6, 64, 24


@dataclass(frozen=True)
class Swatch:
    """A colour before and after, sRGB of 8 bits.

    Attributes:
        name: of the colour.
        before: the colour.
        after: what the style makes of it.
    """

    name: str
    before: Colour
    after: Colour


def make_style(
    model: WCT2,
    styles: Sequence[tuple[Path, float]],
    options: FitOptions,
    rendering: Rendering | None = None,
    *,
    contents: Sequence[Path] = (),
    masks: Sequence[Path] = (),
    regions: RegionSettings | None = None,
) -> Transfer | Target:
    """A style from one or several style photos.

    Args:
        model: the network.
        styles: photos with their weights.
        options: how they are fitted.
        rendering: how photos of any size are measured.
        contents: photos to fit to, taken together. Without any, the style is fitted to each photo it is applied to.
        masks: label maps of the style photos, one each; for a style that is fitted to each photo.
        regions: how their regions are found without masks, or masks treated; by default nothing is segmented.

    Raises:
        PhotostyleError: anything wrong with the files, options or memory.
    """
    found = regions or RegionSettings()
    if (found.segment or masks) and (contents or (found.segment and found.segment.joint)):
        raise ParameterError(
            "regions of a style that is fitted to given photos, or found together with a photo's, come from "
            "photostyle photo … --save-style"
        )
    if masks and len(masks) != len(styles):
        raise ParameterError(f"{len(styles)} style photos but {len(masks)} masks: give one a photo, in their order")
    how = rendering or Rendering()
    loaded = [load(path).reduced(how.fit_pixels) for path, _ in styles]
    for each in loaded:
        check_visible(each.photo)
    images, weights = [each.image for each in loaded], [weight for _, weight in styles]
    with explained(loaded[0].photo):
        if contents:
            # Of a photo nothing but what is measured is needed.
            there = [load(path).reduced(how.fit_pixels) for path in contents]
            return fit(
                model,
                [each.image for each in there],
                images,
                how,
                content_regions=weighed(there, None),
                style_regions=weighed(loaded, None),
                style_weights=weights,
                options=options,
            )
        return measure_target(
            model,
            images,
            how,
            style_regions=weighed(loaded, _regions(loaded, masks, found)),
            style_weights=weights,
            names=[path.name for path, _ in styles],
            options=options,
        )


def _regions(styles: Sequence[Loaded], masks: Sequence[Path], settings: RegionSettings) -> list[Regions] | None:
    """Those regions of each style photo that are large enough to be taken; None without any."""
    if masks:
        maps = [read_mask(mask, size=style.full_size) for style, mask in zip(styles, masks, strict=True)]
        found = [
            masked(style, mask, labels, refined=settings.refine_masks)
            for style, mask, labels in zip(styles, masks, maps, strict=True)
        ]
    elif settings.segment:
        references = prepare([Reference(style) for style in styles], settings)
        found = [reference.regions for reference in references if reference.regions]
    else:
        return None
    return [each.select(sorted(sizeable(each))) for each in found]


def model_for(path: Path, model: str | None, device: torch.device) -> WCT2:
    """The network that a saved style names, or `model`, a name or path, in its place.

    Raises:
        WeightsError: the style cannot be read, or there is no such network.
        TransferMismatchError: the style was written by a newer version.
    """
    metadata = read_metadata(path)
    if model is not None:
        return load_model(model, device=device)
    unpool: Any = metadata.get("unpool")
    try:
        return load_model(metadata.get("model", ""), unpool=unpool, device=device)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}; if it was made with a model of your own, give --model") from error


def mix_files(paths: Sequence[Path], weights: Sequence[float], network: WCT2) -> Transfer | Target:
    """A style between saved ones, all fitted or none.

    Raises:
        TransferMismatchError: they belong to different models, or do not mix (`photostyle.transfer.mixing`).
        ParameterError: weights are negative or all zero.
        WeightsError: a file cannot be read.
    """
    styles = [load_style(path, network) for path in paths]
    targets = [style for style in styles if isinstance(style, Target)]
    transfers = [style for style in styles if isinstance(style, Transfer)]
    if targets and transfers:
        kinds = dict(zip(map(type, styles), paths, strict=True))
        raise TransferMismatchError(
            f"{kinds[Transfer]} is fitted to a photo, {kinds[Target]} is fitted to each: styles of one kind mix"
        )
    return mix_targets(targets, weights) if targets else mix_transfers(transfers, weights)


def chart() -> Tensor:
    """The colours of `COLOURS` as a picture (3, H, W): fields lit from one side, as in photos nothing is flat."""
    colours = torch.tensor([colour for _, colour in COLOURS]).float().T.reshape(3, -1, _ACROSS) / 255
    fields = F.interpolate(colours[None], scale_factor=_CELL, mode="nearest")[0]
    across = torch.linspace(0.9, 1.1, _CELL).repeat(_ACROSS)
    down = torch.linspace(0.95, 1.05, _CELL).repeat(len(COLOURS) // _ACROSS)
    return (fields * across * down[:, None]).clamp(0, 1)


def swatches(style: Transfer | Target, content: Path | None = None, rendering: Rendering | None = None) -> list[Swatch]:
    """What becomes of the colours of `COLOURS`.

    Args:
        style: a fitted style is applied to `chart`.
        content: the photo that a style is fitted to which is not fitted yet; None fits it to the chart.
        rendering: how photos of any size are measured.

    Raises:
        PhotostyleError: the photo cannot be read, or memory is short.
    """
    how = rendering or Rendering()
    image = chart()
    if isinstance(style, Target):
        photo = load(content).reduced(how.fit_pixels) if content else None
        seen = weighed([photo], None) if photo else None
        style = fit(style.model, [photo.image if photo else image], style, how, content_regions=seen)
    result = render(style, image.clone(), how).clamp(0, 1)
    fields = result.reshape(3, -1, _CELL, _ACROSS, _CELL)
    edge = (_CELL - _READ) // 2
    colours = fields[:, :, edge:-edge, :, edge:-edge].mean((2, 4)).flatten(1).T
    after = [tuple(round(value * 255) for value in colour) for colour in colours.tolist()]
    return [Swatch(name, before, (r, g, b)) for (name, before), (r, g, b) in zip(COLOURS, after, strict=True)]


def described(path: Path, style: Transfer | Target) -> dict[str, Any]:
    """What is known of a saved style, as JSON values."""
    options, config = style.options, style.model.config
    target = style if isinstance(style, Target) else None
    sites = style.styles[0].sites if isinstance(style, Target) else style.maps
    return {
        "file": str(path),
        "kind": "fitted to each photo" if target else "fitted",
        "model": config.name,
        "unpool": config.unpool,
        "fingerprint": style.model.fingerprint(),
        "styles": [
            {"name": each.name, "share": share, "regions": list(each.regions)}
            for each, share in zip(target.styles, target.shares, strict=True)
        ]
        if target
        else [],
        "regions": [name for name in style.regions if name != WHOLE],
        "sites": [name for group in site_groups(options.at) for name in group if name in sites],
        "options": asdict(options),
    }
