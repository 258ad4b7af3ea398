"""How quick the page's preview is, and how near to the network: times and mean differences of a pair of photos.

Times are those of a clock and, in brackets, of the processor, which count where a machine has other things to do.

python scripts/bench/page.py docs/samples/day.jpg docs/samples/dusk.jpg --pixels 12000000
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from photostyle.jobs.loading import pixels_of
from photostyle.transfer.grid import ColourGrid, fit_grid
from photostyle.web.asks import Ask
from photostyle.web.glances import look_at
from photostyle.web.preview import Preview
from photostyle.web.studio import Studio
from photostyle.web.views import encoded
from photostyle.web.wishes import Engine, Wishes, read_source
from photostyle.weights import load_model

STRENGTHS = (0.1, 0.3, 0.4, 0.6, 0.9)


class Seconds:
    """By the clock, and of the processor."""

    def __init__(self, clock: float = 0.0, processor: float = 0.0) -> None:
        self.clock, self.processor = clock, processor

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.clock + other.clock, self.processor + other.processor)

    def __str__(self) -> str:
        return f"{self.clock:.2f} s ({self.processor:.2f} s)"


def timed(work: Callable[[], Any]) -> tuple[Seconds, Any]:
    """How long it takes, and what came out."""
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    return Seconds(time.perf_counter() - clock, time.process_time() - processor), result


def difference(preview: Preview, strength: float) -> float:
    """Mean difference, of 255, between the preview and the network's own answer at a strength."""
    answer = preview._answer(strength, None)
    grid = ColourGrid(fit_grid(preview.seen[None], answer[None]).coefficients)
    asked = grid.apply_(preview.shown[None].clone())[0].clamp(0, 1)
    return float((preview.at(strength) - asked).abs().mean()) * 255


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content", type=Path)
    parser.add_argument("styles", type=Path, nargs="+")
    parser.add_argument("--pixels", type=int, default=12_000_000, help="of the photo")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Engine(load_model("small")), Path(folder))
        with Image.open(chosen.content) as image:
            scale = (chosen.pixels / (image.width * image.height)) ** 0.5
            size = round(image.width * scale), round(image.height * scale)
            image.resize(size).save(f"{folder}/content.jpg", quality=92)
        studio.engine.segmentation  # noqa: B018 - loaded before it is timed
        opened, source = timed(lambda: read_source(Path(folder, "content.jpg"), 10**9))
        studio.set_content(source)
        read, styles = timed(lambda: [read_source(path, 10**9) for path in chosen.styles])
        studio.set_styles(styles)
        fitted, preview = timed(lambda: studio.refresh(Wishes()))
        drawn, _ = timed(lambda: encoded(pixels_of(preview.at(1.0))))
        rest, _ = timed(preview.prepare)
        print(f"{size[0]}x{size[1]}, {preview.shown.shape[-1]}x{preview.shown.shape[-2]} shown: opened {opened}, "
              f"references {read}, fitted {fitted}, drawn {drawn}")  # fmt: skip
        print(f"from the files to the first picture {opened + read + fitted + drawn}; all knots {rest} more")
        strip, _ = timed(lambda: look_at(studio, studio.glances, lambda: False))
        look = Ask(alone=next(iter(studio.sketches)))
        sketched, _ = timed(lambda: encoded(pixels_of(studio.sketch(look).draft(1.0))))  # type: ignore[union-attr]
        studio.choose(look)
        looked, preview_of_look = timed(lambda: studio.refresh(Wishes()))
        print(f"all looks of the strip {strip}; a click on one: sketched {sketched}, by the network {looked}")
        again, _ = timed(lambda: encoded(pixels_of(studio.refresh(Wishes()).draft(1.0))))
        print(f"a click on what was seen before {again}")
        assert preview_of_look is not preview
        studio.choose(Ask(weights=tuple((style.key, 1.0) for style in styles)))
        preview = studio.refresh(Wishes())
        preview.prepare()
        wishes: dict[str, Callable[[], Any]] = {"strength": lambda: preview.at(0.6)}
        if studio.regions:
            name = next(iter(studio.regions.weights))
            wishes[f"strength of {name}"] = lambda: preview.at(0.6, {name: 0.2})
        if len(studio.styles) > 1:
            shares = [0.7, *[0.3 / (len(studio.styles) - 1)] * (len(studio.styles) - 1)]
            wishes["weights"] = lambda: preview.at(0.6, None, shares)
        for what, wish in wishes.items():
            told = [timed(lambda w=wish: encoded(pixels_of(w())))[0] for _ in range(9)]  # type: ignore[misc]
            clock, processor = ([getattr(one, name) for one in told] for name in ("clock", "processor"))
            usual = f"{statistics.median(clock):.3f} s ({statistics.median(processor):.3f} s)"
            print(f"{what}, with its JPEG: median {usual}, "
                  f"at most {max(clock):.3f} s ({max(processor):.3f} s)")  # fmt: skip
        print("difference from the network, of 255: "
              + ", ".join(f"{difference(preview, strength):.2f} at {strength}" for strength in STRENGTHS))  # fmt: skip


if __name__ == "__main__":
    main()
