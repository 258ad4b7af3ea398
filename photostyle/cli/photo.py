"""``photostyle photo``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photostyle.cli import methods
from photostyle.cli.batch import run_folder
from photostyle.cli.grouping import grouped
from photostyle.cli.groups import (
    Contents,
    Kept,
    Large,
    Look,
    Network,
    Regions,
    ShownOutput,
    StylePhotos,
    look_option,
)
from photostyle.cli.methods_running import Request, run
from photostyle.cli.naming import piped
from photostyle.cli.parameters import parse_looks
from photostyle.cli.running import Report, run_each
from photostyle.cli.showing import check_shown, show_all
from photostyle.cli.stages import Stages, staged
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    from photostyle.jobs.applying import Decided
    from photostyle.jobs.regions import RegionSettings
    from photostyle.methods import MethodInfo
    from photostyle.network.wct2 import WCT2
    from photostyle.regions.labels import Decision
    from photostyle.transfer.transfer import Transfer


@dataclass(frozen=True, kw_only=True)
class StylesAndLooks(StylePhotos):
    """Style photos, or embedded looks; several looks, each NAME or NAME:WEIGHT, are mixed."""

    look: Annotated[list[str] | None, look_option()] = None

    def looks(self) -> list[tuple[str, float]]:
        """Each look as (name, weight). Raises ParameterError for a name that there is not."""
        return parse_looks(self.look or ())


@dataclass(frozen=True)
class _Asked:
    """All groups of the command but those of other methods."""

    styles: StylesAndLooks
    look: Look
    regions: Regions
    kept: Kept
    large: Large
    output: ShownOutput
    network: Network


@grouped
def photo(
    context: typer.Context,
    contents: Contents,
    styles: StylesAndLooks,
    look: Look,
    regions: Regions,
    kept: Kept,
    large: Large,
    output: ShownOutput,
    network: Network,
    other: methods.OtherMethods,
) -> None:
    """Give photos the light and colour of a reference photo, or of an embedded look."""
    output.listen()
    method = methods.wanted(context, other)
    methods.check_styles(method, styles.style, styles.look)
    if any(os.path.isdir(content) for content in contents):  # also of names too long for a path
        return _folder(contents, method, _Asked(styles, look, regions, kept, large, output, network))
    options, photos = look.fit_options(), styles.photos()
    regions.check(look, styles)
    if len(contents) > 1 and output.save_style:
        raise ParameterError("--save-style keeps the style fitted to one photo: give one CONTENT")
    regions.check_single(contents, photos)
    if regions.style_mask and styles.look:
        raise ParameterError("--style-mask belongs to a style photo: an embedded look knows its own regions")
    large.rendering()
    kept.parts()
    check_shown(output, contents)
    with piped(contents, output.out) as pipe:
        result = replace(output, out=pipe.out, quiet=output.quiet or pipe.quiet)
        if method:
            regions = replace(regions, segment=methods.segmentation(context, method, regions.segment))
            how = options if other.method == "wct2" else methods.options_of(context, method, look.strengths()[0])
            outputs = run(method, how, Request(pipe.contents, photos, regions, large, result, network, other))
        else:
            outputs = _run(pipe.contents, _Asked(styles, look, regions, kept, large, result, network))
    if not pipe.quiet:
        show_all(output, pipe.contents, outputs)


def _run(contents: Sequence[Path], asked: _Asked) -> list[Path]:
    """WCT2 on every photo; returns where the results are."""
    regions, output = asked.regions, asked.output
    with staged(contents, output.quiet) as stages:
        from photostyle.transfer.presets import save_transfer

        outputs = output.of(contents, [*asked.styles.paths(), *regions.masks])
        where = asked.network.where()
        stages.next("network")
        model = asked.network.load(where)
        stages.next("style")
        settings = regions.settings(model, where, find=not all(regions.masks))
        decisions: dict[Path, Sequence[Decision]] = {}
        make = _of_look if asked.styles.look else _of_photos
        do = make(model, asked, settings, stages)

        def work(content: Path, target: Path) -> None:
            stages.next("photo")

            def decided(made: Sequence[Decision]) -> None:
                decisions[content] = made
                stages.next("fit")

            transfer = do(content, target, decided)
            stages.photo_done()
            if output.save_style:
                save_transfer(transfer, output.save_style, overwrite=output.overwrite)

        report = Report(output.report, decisions, output.overwrite)
        run_each(contents, outputs, output.out, work, output.quiet, report)
    return outputs


_Doing = Callable[[Path, Path, "Decided"], "Transfer"]


def _of_photos(model: WCT2, asked: _Asked, settings: RegionSettings, stages: Stages) -> _Doing:
    """What does one photo with style photos, which are read and measured as far as they can be."""
    from photostyle.jobs.blending import Shares
    from photostyle.jobs.loading import load
    from photostyle.jobs.photo import stylize_file
    from photostyle.jobs.regions import Reference, prepare

    styles, regions, large, output = asked.styles, asked.regions, asked.large, asked.output
    rendering, options, shares = large.rendering(), asked.look.fit_options(), Shares(*asked.kept.parts())
    # Of a style nothing but what is measured is needed.
    references = [
        Reference(load(path, large.size, output.raw_brightness).reduced(rendering.fit_pixels), region, weight=weight)
        for (region, path), weight in zip(styles.photos(), styles.weights(), strict=True)
    ]
    if regions.style_mask is None:
        references = prepare(references, settings)
    told = replace(rendering, update=stages.part)

    def do(content: Path, target: Path, decided: Decided) -> Transfer:
        return stylize_file(
            model, content, references, target, options, masks=regions.masks, regions=settings,
            decided=decided, side=large.size, rendering=told, bits=output.depth,
            raw_brightness=output.raw_brightness, shares=shares, overwrite=output.overwrite,
        )  # fmt: skip

    return do


def _of_look(model: WCT2, asked: _Asked, settings: RegionSettings, stages: Stages) -> _Doing:
    """What does one photo with embedded looks."""
    from photostyle.jobs.blending import Shares
    from photostyle.jobs.looks import chosen_look
    from photostyle.jobs.photo import apply_file

    large, output = asked.large, asked.output
    shares, told = Shares(*asked.kept.parts()), replace(large.rendering(), update=stages.part)
    target_look = chosen_look(asked.styles.looks(), model, asked.look.fit_options())
    usable = None if settings.segment is not None and settings.segment.joint else settings

    def do(content: Path, target: Path, decided: Decided) -> Transfer:
        return apply_file(
            target_look, content, target, mask=asked.regions.content_mask, regions=usable, decided=decided,
            side=large.size, rendering=told, bits=output.depth, raw_brightness=output.raw_brightness,
            shares=shares, overwrite=output.overwrite,
        )  # fmt: skip

    return do


def _folder(contents: Sequence[Path], method: MethodInfo | None, asked: _Asked) -> None:
    """One folder: what ``photostyle batch`` does, into ``FOLDER-styled`` beside it if nothing else is said."""
    styles, regions, output = asked.styles, asked.regions, asked.output
    if len(contents) > 1:
        folder = next(content for content in contents if os.path.isdir(content))
        raise ParameterError(f"{folder}: is a folder; give it alone, or photos alone")
    folder = contents[0]
    if not folder.name:  # also what an empty name means
        raise ParameterError(f"{folder}: is a folder; to do all that is in this one, say so: photostyle batch {folder}")
    if output.out is not None and output.out.suffix and not os.path.isdir(output.out):
        raise ParameterError(f"{folder}: is a folder, whose results {output.out} cannot hold: name a folder")
    used = {
        "--method and --smooth": method is not None, "--save-style": output.save_style is not None,
        "--content-mask and --style-mask": any(regions.masks), "--mask-refine": regions.mask_refine != "on",
        "--compare, --preview and --open": output.any, "several --look": len(styles.look or ()) > 1,
        "weights of --style": len(set(styles.weights())) > 1,
    }  # fmt: skip
    refused = next((names for names, given in used.items() if given), None)
    if refused:
        raise ParameterError(f"{folder}: is a folder, which is done as by photostyle batch, without {refused}")
    run_folder(folder, styles, asked.look, regions, asked.kept, asked.large, output, asked.network)
