"""The second pass over a clip by several workers (`photostyle.engines.local`): each grades segment after segment.

What the first pass left in ``OUT.parts`` is all that they need beside the clip, so that folder must be theirs too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photostyle.engines.local import Engine
from photostyle.errors import EngineError
from photostyle.video.options import VideoOptions
from photostyle.video.plan import Parts, Segment


@dataclass(frozen=True)
class Recipe:
    """How a worker makes ready what cannot be sent to it.

    Attributes:
        model: name or path of the network.
        device: ``auto``, ``cpu`` or ``cuda``.
        masks: the frames' label maps.
        segment: how regions are found without masks; ``off`` finds none.
        sharing: how many workers share a machine and its cores.
    """

    model: str = "small"
    device: str = "auto"
    masks: Path | None = None
    segment: str = "off"
    sharing: int = 1


@dataclass(frozen=True)
class Workers:
    """Who grades a clip's segments: workers of an engine, made ready by a recipe."""

    engine: Engine
    recipe: Recipe


@dataclass(frozen=True)
class SegmentSetup:
    """Makes a worker ready.

    Attributes:
        recipe: for the network and the regions.
        clip: what is graded.
        output: the clip to be written; its parts lie beside it.
        options: how.
        asked: what the parts belong to (`photostyle.video.plan.Parts`).
        strength: 0 to 1; None is the looks' own.
    """

    recipe: Recipe
    clip: Path
    output: Path
    options: VideoOptions
    asked: Mapping[str, Any]
    strength: float | None

    def __call__(self) -> Callable[[Segment], int]:
        """What makes a segment, unless it is there, and returns how many frames it has. Raises PhotostyleError."""
        import torch

        from photostyle.device import resolve
        from photostyle.jobs.blending import Shares
        from photostyle.options import FitOptions
        from photostyle.video.grade import Grader, chosen_encoding
        from photostyle.video.reading import VideoReader
        from photostyle.video.regions import RegionSource, masks_of, segmented
        from photostyle.video.segments import grade, planned
        from photostyle.weights import load_model

        recipe = self.recipe
        if recipe.sharing > 1:
            torch.set_num_threads(max(1, torch.get_num_threads() // recipe.sharing))
        device = resolve(recipe.device)
        model, reader = load_model(recipe.model, device=device), VideoReader(self.clip)
        regions: RegionSource | None = None
        if recipe.masks:
            regions = masks_of(recipe.masks, self.clip)
        elif recipe.segment != "off":
            from photostyle.segmentation import load_segmenter

            regions = segmented(load_segmenter(recipe.segment, device))
        encoding = chosen_encoding(reader.info, self.output, self.options)
        parts = Parts(self.output, self.asked, resume=True, overwrite=False)
        plan = parts.plan()
        if plan is None:
            raise EngineError(f"{parts.folder}: cannot be seen by a worker; put clip and output where all workers can")
        reader.careful, reader.deinterlace = plan.damaged, plan.deinterlaced
        paths = dict(planned(plan, parts, encoding))
        shares = Shares(self.options.colour, self.options.brightness)
        grader = Grader(model, reader.info, encoding, None, FitOptions(), self.strength, regions, shares)

        def work(segment: Segment) -> int:
            if not paths[segment].exists():  # made by a worker that was cut off before it could say so
                todo = [(segment, paths[segment])]
                grade(reader, plan, parts, grader, encoding, model, self.options, todo, lambda count: None)
            return segment.count

        return work


def grade_elsewhere(
    engine: Engine, setup: SegmentSetup, todo: Sequence[Segment], progress: Callable[[int], None]
) -> None:
    """Have the segments `todo` made; `progress` is told how many frames more are done.

    Raises:
        PhotostyleError: a segment could not be made; those that are done stay.
    """
    if not todo:
        return
    with closing(engine.run(setup, todo)) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome.error, EngineError):
                raise EngineError(f"{setup.clip}: segment {todo[outcome.index].number}: {outcome.error}; run the same "
                                  "with --resume to go on") from outcome.error  # fmt: skip
            if outcome.error is not None:
                raise outcome.error
            progress(outcome.answer or 0)
