"""Methods of the family on one pair of photos, side by side: results, times and measures, on a contact sheet."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from photostyle.edges.guided import box_mean
from photostyle.errors import PhotostyleError, WeightsError
from photostyle.evaluate.content import edge_response
from photostyle.evaluate.cost import Cost, cost
from photostyle.evaluate.photos import Measures, measure
from photostyle.evaluate.style import Features, seen_by, shared
from photostyle.io.sheets import Box, Cell, write_sheet
from photostyle.jobs.loading import Loaded, explained, pixels_of
from photostyle.jobs.methods import check_memory, find_networks, held_per_pixel
from photostyle.methods import METHODS, MethodInfo
from photostyle.methods.base import Progress, ShouldStop
from photostyle.regions.regions import Regions
from photostyle.weights import load_features
from photostyle.weights.registry import EMBEDDED_NAME

CROP = 1 / 3  # of the short side: what the sheet enlarges
_NOT_RUN = "not run: stopped before"


@dataclass(frozen=True, eq=False)
class Pair:
    """Two photos, ready for all methods.

    Attributes:
        content: the photo.
        style: the reference.
        regions: of content and style under the same names, or None.
        given: the regions come from masks: all methods with masks take them, and not only those that regions belong to
            (`MethodInfo.segmented`), and results are measured by them. What was found by a segmentation is no measure.
    """

    content: Loaded
    style: Loaded
    regions: tuple[Regions, Regions] | None = None
    given: bool = False

    @property
    def measured(self) -> tuple[Regions, Regions] | None:
        """The regions that results are measured by."""
        return self.regions if self.given else None

    def regions_for(self, info: MethodInfo) -> tuple[Regions | None, Regions | None]:
        """What a method is given."""
        wanted = info.segmented or (info.masks and self.given)
        return self.regions if self.regions and wanted else (None, None)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one method.

    Attributes:
        info: the method.
        image: the result (3, H, W) in main memory; None if there is none.
        cost: time and memory of the run, without loading networks.
        steps: that were taken, of `total`; both 1 if it does not go on in steps.
        total: that were asked for.
        measures: of the result.
        error: why there is no result, in one line.
    """

    info: MethodInfo
    image: Tensor | None = None
    cost: Cost = dataclasses.field(default_factory=Cost)
    steps: int = 0
    total: int = 1
    measures: Measures | None = None
    error: str = ""


Told = Callable[[MethodInfo, int, int, float], None]
"""Told of each step of a method: the method, steps done, steps in all, and the loss."""


def runnable(device: torch.device, features: str = "auto", model: str = EMBEDDED_NAME) -> list[MethodInfo]:
    """The methods that look at a style and whose networks are here. Raises WeightsError if there are none."""
    found = []
    for info in METHODS:
        if not info.styled:
            continue
        try:
            find_networks(info, device, features=features, model=model)
        except PhotostyleError:
            continue
        found.append(info)
    if not found:
        raise WeightsError("no method can run: install photostyle again")
    return found


def options_of(info: MethodInfo, steps: int | None, seed: int | None) -> Any:
    """A method's own options, with another number of steps and another seed where it has them.

    Raises ParameterError if they are out of range.
    """
    names = {field.name for field in dataclasses.fields(info.options)}
    given = {"steps": steps if info.iterative else None, "seed": seed}
    return info.options(**{name: value for name, value in given.items() if value is not None and name in names})


def compare(
    chosen: Sequence[tuple[MethodInfo, Any]],
    pair: Pair,
    device: torch.device,
    *,
    features: str = "auto",
    model: str = EMBEDDED_NAME,
    told: Told | None = None,
    should_stop: ShouldStop | None = None,
) -> Iterator[Outcome]:
    """Run methods one after the other; what fails takes nothing else with it.

    Args:
        chosen: methods and their options.
        pair: the photos.
        device: where to run.
        features: what methods look through, as `photostyle.jobs.methods.find_networks` takes it. Results are measured
            through the embedded features whatever it is, so that figures of several runs can be compared.
        model: WCT2's.
        told: told of each step of methods that go on in steps.
        should_stop: once it says yes, the method at hand ends with the best so far and the others do not run.

    Yields:
        One outcome a method, in their order.

    Raises:
        WeightsError: the embedded features are missing.
        MaskError: no region lies in both photos.
    """
    shared(pair.measured)
    eyes = seen_by(load_features(device="cpu"))
    for info, options in chosen:
        if should_stop and should_stop():
            yield Outcome(info, error=_NOT_RUN)
            continue
        total = int(getattr(options, "steps", 1)) if info.iterative else 1
        try:
            networks, _ = find_networks(info, device, features=features, model=model)
            outcome = _run(info, options, networks, pair, device, total, told, should_stop)
            yield dataclasses.replace(outcome, measures=_measured(outcome, pair, eyes))
        except PhotostyleError as error:
            yield Outcome(info, total=total, error=str(error))


def _run(
    info: MethodInfo,
    options: Any,
    networks: dict[str, Any],
    pair: Pair,
    device: torch.device,
    total: int,
    told: Told | None,
    should_stop: ShouldStop | None,
) -> Outcome:
    taken = 0 if info.iterative else 1

    def progress(step: int, of: int, loss: float) -> None:
        nonlocal taken
        taken = step
        if told:
            told(info, step, of, loss)

    follow: Progress | None = progress if info.iterative else None
    check_memory(held_per_pixel(info, networks), pair.content, device)
    method = info.create(options, **networks)
    ours, theirs = pair.regions_for(info)
    with explained(pair.content.photo):
        images = [photo.image[None].to(device) for photo in (pair.content, pair.style)]
        with cost(device) as spent:
            result = method.run(images[0], images[1], ours, theirs, follow, should_stop)
        return Outcome(info, result[0].float().cpu(), spent, taken, total)


def _measured(outcome: Outcome, pair: Pair, eyes: Features) -> Measures | None:
    if outcome.image is None:
        return None
    with explained(pair.content.photo):
        return measure(eyes, pair.content.image[None], pair.style.image[None], outcome.image[None], pair.measured)


def report(pair: Pair, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What is known of a comparison, for a JSON file; measures that there are not are null."""
    methods = []
    for outcome in outcomes:
        measures = asdict(outcome.measures) if outcome.measures else {}
        methods.append(
            {
                "name": outcome.info.name,
                "paper": outcome.info.paper,
                "seconds": outcome.cost.seconds,
                "peak_bytes": outcome.cost.peak,
                "steps": outcome.steps,
                "steps_asked": outcome.total,
                "measures": {name: value if math.isfinite(value) else None for name, value in measures.items()},
                "error": outcome.error or None,
            }
        )
    height, width = pair.content.photo.size
    return {
        "content": str(pair.content.photo.path),
        "style": str(pair.style.photo.path),
        "width": width,
        "height": height,
        "regions": shared(pair.measured),
        "methods": methods,
    }


def sheet_file(path: Path, pair: Pair, outcomes: Sequence[Outcome], *, overwrite: bool = False) -> None:
    """Write the contact sheet: content, style and every result, with a crop each. Raises OutputError."""
    crop, of_style = busiest(pair.content.image), busiest(pair.style.image)
    cells = [
        Cell("content", [pair.content.photo.path.name], pixels_of(pair.content.image), crop, framed=True),
        Cell("style", [pair.style.photo.path.name], pixels_of(pair.style.image), of_style, framed=True),
    ]
    for outcome in outcomes:
        picture = None if outcome.image is None else pixels_of(outcome.image)
        first = outcome.info.paper.split("; ")[0]
        title = f"{outcome.info.name}  ({first.split(', ')[0]}, {first[-4:]})"
        if not outcome.info.styled:
            title += ": a look of its own"
        cells.append(Cell(title, described(outcome), picture, crop, note=outcome.error))
    height, width = pair.content.photo.size
    names = shared(pair.measured)
    lines = [
        f"{width}x{height} pixels, styles compared "
        + (f"by region ({', '.join(names)})" if names else "as a whole")
        + ". Edges: 1 is all kept. Residual: detail that is not the photo's, 0 is none.",
        "Style, Gram, colour: distance from the style, 0 has it, 1 is the untouched photo.",
    ]
    title = f"{pair.content.photo.path.name} in the style of {pair.style.photo.path.name}"
    columns = 2 if len(cells) <= 4 else 3 if len(cells) <= 15 else 4
    write_sheet(path, title, lines, cells, columns, overwrite=overwrite)


def described(outcome: Outcome) -> list[str]:
    """Time, memory and measures of a result, in lines for people; none if there is no result."""
    found = outcome.measures
    if found is None:
        return []
    flat = "" if math.isnan(found.flat) else f"   flat {found.flat:.2f}"
    steps = f"   {outcome.steps} of {outcome.total} steps" if outcome.info.iterative else ""
    return [
        f"{outcome.cost.seconds:.1f} s   {outcome.cost.peak / 2**30:.2f} GiB{steps}",
        f"edges {found.edges:.3f}   residual {found.residual:.3f}{flat}",
        f"style {found.style:.3f}   Gram {found.gram:.3f}   colour {found.colour:.3f}",
    ]


def busiest(image: Tensor) -> Box:
    """The square of `CROP` of the short side of (3, H, W) with the most edges, as shares of the sides."""
    height, width = image.shape[-2:]
    side = max(1, round(CROP * min(height, width)))
    response = box_mean(edge_response(image[None]), side // 2)[0, 0]
    margin = side // 2
    inner = response[margin : height - margin or None, margin : width - margin or None]
    row, column = divmod(int(inner.argmax()), inner.shape[1])
    left, top = min(column, width - side), min(row, height - side)
    return left / width, top / height, (left + side) / width, (top + side) / height
