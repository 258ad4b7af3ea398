"""What takes minutes: many photos, a clip, a comparison of methods. Each can be stopped."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from photostyle.errors import MemoryLimitError, ParameterError
from photostyle.io import read_photo
from photostyle.jobs.compare import Outcome, Pair, options_of, sheet_file
from photostyle.jobs.compare import compare as compare_methods
from photostyle.jobs.loading import load
from photostyle.jobs.methods import regions_of
from photostyle.jobs.photo import each
from photostyle.jobs.regions import Reference, RegionSettings
from photostyle.jobs.segment import ClassSegmentation
from photostyle.methods import MethodInfo
from photostyle.options import FitOptions
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer
from photostyle.web.progress import Stopped, Told
from photostyle.web.results import prepared, write_result
from photostyle.web.studio import Studio
from photostyle.web.wishes import Wishes, result_name, result_stem

COMPARED = 512  # pixels of the long side
KNOWN_CLIPS = (".mp4", ".mov", ".mkv", ".webm", ".m4v", ".avi")


@dataclass(frozen=True, eq=False)
class ClipLook:
    """What the frames of a clip are given.

    Attributes:
        how: how a style is fitted.
        regions: where the frames' regions come from; None does without.
        side: the style, to be fitted to each shot.
        transfer: a style that was fitted elsewhere, in its place.
    """

    how: FitOptions
    regions: Any
    side: Any = None
    transfer: Transfer | None = None


class Errand:
    """Something that takes long.

    Args:
        studio: whose; what it holds when the errand begins is what counts.
        wishes: how.
        told: told how it goes.
    """

    def __init__(self, studio: Studio, wishes: Wishes, told: Told) -> None:
        if not (studio.styles or studio.saved):
            raise ParameterError("there is no look yet: choose a photo and a reference on the Photo tab first")
        self.studio, self.engine, self.wishes, self._told = studio, studio.engine, wishes, told
        self.content, self.styles, self.saved = studio.content, list(studio.styles), studio.saved
        self.stop = studio.fresh_stop()
        self.folder = studio.result_folder()

    def step(self, what: str, done: int, total: int) -> None:
        """Say how it goes. Raises Stopped if it shall not go on."""
        if self.stop.is_set():
            shutil.rmtree(self.folder, ignore_errors=True)
            raise Stopped
        self._told(what, done, total)

    @property
    def settings(self) -> RegionSettings:
        """How regions are found and matched."""
        segment = self.engine.segmentation if self.wishes.segment else None
        return RegionSettings(segment, True, dict(self.wishes.mapping), self.wishes.keep)

    def photos(self, paths: Sequence[Path], pixels: int) -> tuple[Path, list[str]]:
        """Do photos one by one; the archive of those that were done, and a line on each that was not."""
        taken: set[str] = set()
        outputs = [self._free(path, taken) for path in paths]
        settings = self.settings
        style = self.saved[1] if self.saved else prepared(self.styles, settings)

        def work(content: Path, output: Path) -> None:
            self.step(
                f"Photo {outputs.index(output) + 1} of {len(paths)}, {content.name}", outputs.index(output), len(paths)
            )
            read_photo(content, max_pixels=pixels)
            write_result(self.engine.model, content, style, output, self.wishes, settings)

        failures = [str(failure.error) for _, _, failure in each(paths, outputs, work) if failure]
        done = [output for output in outputs if output.exists()]
        if not done:
            raise ParameterError(failures[0] if failures else "there are no photos to do: drop some first")
        archive = self.folder / "photostyle-results.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
            for output in done:
                file.write(output, output.name)
                output.unlink()
        return archive, failures

    def _free(self, path: Path, taken: set[str]) -> Path:
        plain = Path(result_name(path))
        name, number = plain.name, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain.stem}-{number}{plain.suffix}"
        taken.add(name.lower())
        return self.folder / name

    def clip(self, path: Path, pixels: int, *, part: tuple[float, float] | None = None, codec: str | None = None,
             by_region: bool = False, small: bool = False) -> Path:  # fmt: skip
        """Grade a clip, or a small copy of it or of a part of it from a second to another; returns the file."""
        check_clips()
        from photostyle.video.options import VideoOptions
        from photostyle.video.reading import VideoReader

        check_clip_size(VideoReader(path).info, pixels)
        start, end = part or (None, None)
        options = VideoOptions(start=start, end=end, preview=part is not None or small, codec=codec)
        suffix = ".mp4" if part or path.suffix.lower() not in (".mp4", ".mov", ".mkv", ".webm") else path.suffix.lower()
        output = self.folder / f"{result_stem(path)}-{'preview' if part else 'styled'}{suffix}"
        self.graded(path, output, self.clip_look(by_region), options, self.step)
        return output

    def graded(self, path: Path, output: Path, look: ClipLook, options: Any, told: Told) -> None:
        """Grade a clip in a look. Raises PhotostyleError, and what `told` raises."""
        from photostyle.video.stylize import apply_clip, stylize_clip

        common: Any = {"regions": look.regions, "progress": told}
        if look.transfer:
            apply_clip(look.transfer, path, output, options, strength=look.how.strength, **common)
        else:
            stylize_clip(self.engine.model, path, look.side, output, look.how, options, **common)

    def clip_look(self, by_region: bool) -> ClipLook:
        """What the frames of a clip are given."""
        from photostyle.video.looks import StyleSide
        from photostyle.video.regions import segmented
        from photostyle.video.stylize import load_style

        found = self.engine.segmentation if by_region else None
        regions = segmented(found.segmenter) if isinstance(found, ClassSegmentation) else None
        how = replace(self.wishes.options, strengths=self.wishes.options.strengths if by_region else {})
        if self.saved and not isinstance(self.saved[1], Target):
            return ClipLook(how, regions, transfer=self.saved[1])
        if self.saved and isinstance(self.saved[1], Target):
            how = replace(self.saved[1].options, strength=how.strength)
            return ClipLook(how, regions, StyleSide(self.saved[1]))
        if len(self.styles) == 1:
            return ClipLook(how, regions, load_style(self.styles[0].path, self.engine.model, segment=regions))
        return ClipLook(how, regions, StyleSide(self._target(regions is not None)))

    def _target(self, by_region: bool) -> Target:
        from photostyle.jobs.style import make_style

        styles = [(style.path, style.weight) for style in self.styles]
        settings = RegionSettings(self.engine.segmentation if by_region else None)
        made = make_style(self.engine.model, styles, self.wishes.options, regions=settings)
        if not isinstance(made, Target):
            raise ParameterError("these references make no style for clips: take one of them")
        return made

    def compare(self, methods: Sequence[MethodInfo], steps: int) -> tuple[Path, list[Outcome]]:
        """Run methods on the photo and the first reference; the contact sheet, and what became of each."""
        if self.content is None or not self.styles:
            raise ParameterError("choose a photo and a reference on the Photo tab first")
        if not methods:
            raise ParameterError("choose at least one method")
        content, style = (load(source.path, COMPARED) for source in (self.content, self.styles[0]))
        found = self.engine.segmentation if self.wishes.segment else None
        ours, theirs = regions_of(content, Reference(style), (None, None), RegionSettings(found))
        pair = Pair(content, style, (ours, theirs) if ours and theirs else None)
        chosen = [(info, options_of(info, steps, None)) for info in methods]
        outcomes: list[Outcome] = []

        def told(info: MethodInfo, step: int, total: int, _loss: float) -> None:
            self._told(f"{info.name} ({len(outcomes) + 1} of {len(chosen)})", step, total)

        self.step(methods[0].name, 0, 0)
        runs = compare_methods(
            chosen, pair, self.engine.device, model=self.engine.name, told=told, should_stop=self.stop.is_set
        )
        for outcome in runs:
            outcomes.append(outcome)
            self._told(outcome.info.name, len(outcomes), len(chosen))
        sheet = self.folder / "comparison.jpg"
        sheet_file(sheet, pair, outcomes)
        return sheet, outcomes


def check_clip_size(info: Any, pixels: int) -> None:
    """Raise MemoryLimitError for a clip of larger frames than `pixels`."""
    if info.width * info.height > pixels:
        raise MemoryLimitError(f"{info.path.name}: {info.width}x{info.height} is larger than is done here")


def check_clips() -> None:
    """Raise ParameterError if what clips need is not installed."""
    if any(find_spec(name) is None for name in ("av", "cv2")):
        raise ParameterError("clips need PyAV and OpenCV: pip install 'photostyle[video]'")
