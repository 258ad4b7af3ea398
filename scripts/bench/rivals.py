"""What else one would take, at 24 megapixels: python scripts/bench/rivals.py --rivals PYTHON [--times 1]

PYTHON is the interpreter of an environment with ``color-matcher==0.6.0`` and ``colorcast==2.6.0``. Photo and reference
are the samples enlarged to 6000x4000, JPEG in and out, each program in a process of its own from start to end. Seconds,
peak memory of the process, and of the results reduced to a megapixel: `colour`, how far the colours are from the
reference's, by the whole picture and region by region (1 is the photo as it was, 0 the reference's own), `edges`
(1 is every edge where it was) and `torn`, the share of neighbours of one colour that came apart.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import large
from large import MEDIUM, SAMPLES, measured_program

if TYPE_CHECKING:
    from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
DAY, DUSK, SIDE = "day.jpg", "dusk.jpg", 1024
MATCHER = """
import sys
import numpy as np
from color_matcher import ColorMatcher
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
photo, reference = (np.asarray(Image.open(name).convert("RGB")) for name in sys.argv[1:3])
result = ColorMatcher().transfer(src=photo, ref=reference, method=sys.argv[4])
Image.fromarray(np.rint(np.clip(result, 0, 255)).astype(np.uint8)).save(sys.argv[3], quality=95)
"""


def commands(rivals: str) -> dict[str, list[str]]:
    """Programs by their names, each to write ``out.jpg``."""
    ours = [sys.executable, "-m", "photostyle", "photo", DAY, "--style", DUSK, "-o", "out.jpg", "--overwrite", "-q"]
    matcher = [rivals, "-c", MATCHER, DAY, DUSK, "out.jpg"]
    colorcast = [str(Path(rivals).parent / "colorcast"), "transfer", DAY, DUSK, "-o", "out.jpg", "-m"]
    return {
        "photostyle": ours,
        "photostyle --segment off": [*ours, "--segment", "off"],
        "color-matcher hm-mvgd-hm": [*matcher, "hm-mvgd-hm"],
        "color-matcher mkl": [*matcher, "mkl"],
        "colorcast meanstd": [*colorcast, "meanstd"],
        "colorcast lab_reinhard": [*colorcast, "lab_reinhard"],
        "colorcast histogram": [*colorcast, "histogram"],
    }


class Eye:
    """Looks at results: both photos, their regions, and what features are seen through.

    Its libraries are imported once all programs have run: what this process holds by then would count among the
    memory of its children.
    """

    def __init__(self, folder: Path) -> None:
        import torch

        from photostyle.evaluate.style import seen_by
        from photostyle.jobs.segment import find_segmentation
        from photostyle.weights import load_features, load_model

        self.content, self.style = (reduced(folder / name) for name in (DAY, DUSK))
        segment = find_segmentation("auto", load_model("small"), torch.device("cpu"))
        assert segment is not None
        self.regions = (segment([self.content[0]])[0], segment([self.style[0]])[0])
        self.features = seen_by(load_features())

    def __call__(self, path: Path) -> str:
        """The measures of a result, a column each."""
        from photostyle.evaluate.photos import measure
        from photostyle.evaluate.style import colour_distance

        result = reduced(path)
        found = measure(self.features, self.content, self.style, result)
        by_region = colour_distance(self.content, self.style, result, self.regions)
        figures = (found.style, found.colour, by_region, found.edges, found.torn)
        return "".join(f"{figure:9.3f}" for figure in figures)


def reduced(path: Path) -> Tensor:
    """A photo as (1, 3, H, W) in [0, 1], its longer side `SIDE`."""
    import numpy as np
    import torch
    from PIL import Image

    with Image.open(path) as image:
        image.draft("RGB", (2 * SIDE, 2 * SIDE))
        height = round(SIDE * image.height / image.width)
        small = image.convert("RGB").resize((SIDE, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(small, np.float32) / 255).permute(2, 0, 1)[None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rivals", required=True, metavar="PYTHON", help="interpreter that has the rivals")
    parser.add_argument("--times", type=int, default=1, help="runs of each, of which the median counts")
    given = parser.parse_args()
    columns = ("s", "cpu s", "GiB", "style", "colour", "regions", "edges", "torn")
    print(f"{'':26}", *(f"{name:>8}" for name in columns))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in (DAY, DUSK):
            how = ("--photo", SAMPLES / name, "--make", folder / name, *MEDIUM, 8)
            subprocess.run([sys.executable, large.__file__, *map(str, how)], check=True)
        programs = commands(given.rivals)
        times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in programs}
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        for _ in range(given.times):
            for name, command in programs.items():
                times[name].append(measured_program(command, cwd=folder, env=environment))
                (folder / "out.jpg").replace(folder / f"{name}.jpg")
        # Only now: what this process holds would count among what its children hold at their start.
        eye = Eye(folder)
        for name, runs in times.items():
            spent = "".join(f"{statistics.median(values):9.2f}" for values in zip(*runs, strict=True))
            print(f"{name:26}{spent}{eye(folder / f'{name}.jpg')}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
