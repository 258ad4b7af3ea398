"""A clip from file to file: find its shots, fit a style to each, apply it to every frame, join, copy the sound.

The first pass decodes the clip once for cuts, timestamps and key frames, and fits; the second grades it segment by
segment (`photostyle.video.segments`). What both leave in ``OUT.parts`` lets a killed run go on.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import torch

from photostyle.errors import ParameterError
from photostyle.io import read_mask
from photostyle.jobs.loading import load
from photostyle.jobs.regions import masked
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.transfer.transfer import Transfer
from photostyle.video.looks import (
    Fitted,
    Given,
    StyleSide,
    key_size,
    reduced,
    reduced_regions,
)
from photostyle.video.options import VideoOptions
from photostyle.video.regions import Adapted, RegionSource
from photostyle.video.run import Report as Report
from photostyle.video.run import Run
from photostyle.video.segments import Progress
from photostyle.video.workers import Workers


def load_style(path: Path, model: WCT2, *, mask: Path | None = None, segment: RegionSource | None = None) -> StyleSide:
    """Read the reference photo for clips, reduced to what statistics need, and its regions.

    Raises:
        ImageReadError, ImageSizeError, MaskError: the photo or mask cannot be used.
    """
    loaded = load(path)
    size = key_size(loaded.image.shape[-2], loaded.image.shape[-1])
    image = reduced(loaded.image, size).clamp(0, 1).to(next(model.parameters()).device)
    if mask:
        regions = masked(loaded, mask, read_mask(mask, size=loaded.full_size), refined=True)
        return StyleSide(image, reduced_regions(regions, size))
    return StyleSide(image, segment.single(image, 0) if segment else None)


def stylize_clip(
    model: WCT2,
    clip: Path,
    style: StyleSide,
    output: Path,
    how: FitOptions,
    options: VideoOptions | None = None,
    *,
    regions: RegionSource | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> Report:
    """Fit a style to every shot of a clip and write the result.

    Args:
        model: the network.
        clip: the clip.
        style: the reference (`load_style`), with regions if `regions` are given.
        output: where to write; its extension decides the container.
        how: how to fit.
        options: how to treat the clip.
        regions: where the frames' regions come from.
        resume: go on with an interrupted run; without one, begin.
        overwrite: replace an existing output, or an interrupted run.
        progress: is told how far things are.
        workers: who grades, in this process's place; the first pass is done here.

    Raises:
        PhotostyleError: anything wrong with the files, options or memory. Segments that were finished stay, and the
            same call with `resume` goes on from there; under `output` stands nothing or what stood there before.
    """
    options = options or VideoOptions()
    if workers and options.fit == "frame":
        raise ParameterError("frames that are fitted one by one are not given to workers: take another --fit")
    identity = {
        "style": style.digest,
        "style mask": {name: _tensor_hash(weight) for name, weight in style.regions.weights.items()}
        if style.regions
        else None,
        "fit options": asdict(how),
    }
    run = Run(model, clip, output, options, identity, style, how, None, regions, resume, overwrite, progress, workers)
    preset = Given(None)
    return run.go(preset if options.fit == "frame" else Fitted(model, style, how, options, run.info.time_base))


def apply_clip(
    transfer: Transfer,
    clip: Path,
    output: Path,
    options: VideoOptions | None = None,
    *,
    strength: float | None = None,
    regions: RegionSource | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Apply a fitted style to a whole clip; arguments and errors as `stylize_clip`."""
    options = options or VideoOptions()
    identity = {
        "style": _maps_hash(transfer),
        "strength": strength,
        "strengths": dict(transfer.options.strengths),
        "fit options": asdict(replace(transfer.options, strengths={})),
    }
    if regions is not None:
        regions = Adapted(regions, transfer)
    run = Run(
        transfer.model, clip, output, options, identity, None, transfer.options, strength, regions, resume, overwrite,
        progress,
    )  # fmt: skip
    return run.go(Given(transfer, options.keyframes))


def _maps_hash(transfer: Transfer) -> str:
    """A hash of all that a style's maps do to features."""
    digest = hashlib.sha256()
    for site, maps in transfer.maps.items():
        for region, found in maps.items():
            digest.update(f"{site}/{region} {found.low} {found.high}".encode())
            digest.update(found.affine.matrix.cpu().numpy().tobytes() + found.affine.bias.cpu().numpy().tobytes())
    return digest.hexdigest()


def _tensor_hash(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.detach().float().cpu().contiguous().numpy().tobytes()).hexdigest()
