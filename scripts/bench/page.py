"""How quick the page's preview is, and how near to the network: times and mean differences of a pair of photos.

python scripts/bench/page.py docs/samples/day.jpg docs/samples/dusk.jpg --pixels 1000000
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
from photostyle.web.preview import Preview
from photostyle.web.studio import Studio
from photostyle.web.views import encoded
from photostyle.web.wishes import Engine, Wishes
from photostyle.weights import load_model

STRENGTHS = (0.1, 0.3, 0.4, 0.6, 0.9)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came out."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


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
    parser.add_argument("--pixels", type=int, default=1_000_000, help="of the copy that is shown")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Engine(load_model("small")), Path(folder))
        with Image.open(chosen.content) as image:
            scale = (chosen.pixels / (image.width * image.height)) ** 0.5
            image.resize((round(image.width * scale), round(image.height * scale))).save(f"{folder}/content.png")
        studio.set_content(studio.take(Path(folder, "content.png"), 10**9))
        studio.set_styles([studio.take(path, 10**9) for path in chosen.styles])
        studio.engine.segmentation  # noqa: B018 - loaded before it is timed
        first, preview = timed(lambda: studio.refresh(Wishes()))
        first += timed(lambda: preview.at(1.0))[0]
        rest, _ = timed(preview.prepare)
        print(f"{preview.shown.shape[-1]}x{preview.shown.shape[-2]} shown; first picture {first:.2f} s, "
              f"all knots {first + rest:.2f} s")  # fmt: skip
        wishes: dict[str, Callable[[], Any]] = {"strength": lambda: preview.at(0.6)}
        if studio.regions:
            name = next(iter(studio.regions.weights))
            wishes[f"strength of {name}"] = lambda: preview.at(0.6, {name: 0.2})
        if len(studio.styles) > 1:
            shares = [0.7, *[0.3 / (len(studio.styles) - 1)] * (len(studio.styles) - 1)]
            wishes["weights"] = lambda: preview.at(0.6, None, shares)
        for what, wish in wishes.items():
            seconds = [timed(lambda w=wish: encoded(pixels_of(w())))[0] for _ in range(9)]  # type: ignore[misc]
            print(f"{what}: median {statistics.median(seconds):.3f} s with its JPEG, {max(seconds):.3f} s at most")
        print("difference from the network, of 255: "
              + ", ".join(f"{difference(preview, strength):.2f} at {strength}" for strength in STRENGTHS))  # fmt: skip


if __name__ == "__main__":
    main()
