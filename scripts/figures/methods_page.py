"""Pictures, table and chart of docs/methods.md: python scripts/figures/methods_page.py pictures|table|chart …

pictures [NAME …]        every method, or some, on the sample pair at 320 pixels: docs/methods/NAME.jpg
table FIGURES.json …     means over pairs as a table, from what scripts/evaluate/evaluate.py --json wrote
chart FIGURES.json …     edges kept over distance from the style, one point a method: docs/methods/chart.png
                         (needs matplotlib, of the `train` extra)
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from pathlib import Path

from readme import DOCS, run

from photostyle.methods import METHODS, find

FOLDER = DOCS / "methods"
SIZE = 320
MEASURES = ("edges", "residual", "flat", "style", "gram", "colour")
TITLES = ("edges", "residual", "flat", "style", "Gram", "colour")

Row = dict[str, float]
"""The measures of a pair, as ``scripts/evaluate/evaluate.py --json`` writes them."""


def pictures(names: list[str]) -> None:
    day, dusk = (DOCS / "samples" / name for name in ("day.jpg", "dusk.jpg"))
    FOLDER.mkdir(exist_ok=True)
    for name in names or [info.name for info in METHODS]:
        style = ["--style", dusk] if find(name).styled else []
        out = FOLDER / f"{name}.jpg"
        run(FOLDER, "photo", day, *style, "-o", out, "--method", name, "--size", SIZE, "--overwrite")


def figures(paths: list[Path]) -> dict[str, list[Row]]:
    """Figures of each method by pair, of all files together; later files go before earlier ones."""
    told: dict[str, dict[str, Row]] = {}
    for path in paths:
        for name, rows in json.loads(path.read_text()).items():
            told.setdefault(name, {}).update(rows)
    counts = {name: sorted(rows) for name, rows in told.items()}
    if len({tuple(numbers) for numbers in counts.values()}) > 1:
        raise SystemExit(f"the files have different pairs: {counts}")
    order = [info.name for info in METHODS]
    names = sorted(told, key=lambda name: (name not in order, order.index(name) if name in order else 0))
    return {name: list(told[name].values()) for name in names}


def mean(rows: list[Row], measure: str) -> float:
    """Over the pairs that have this measure."""
    values = [row[measure] for row in rows if not math.isnan(row.get(measure, math.nan))]
    return statistics.fmean(values) if values else math.nan


def table(paths: list[Path]) -> None:
    print("| method | " + " | ".join(TITLES) + " |")
    print("|---" * (1 + len(TITLES)) + "|")
    for name, rows in figures(paths).items():
        print(f"| {name} | " + " | ".join(f"{mean(rows, measure):.3f}" for measure in MEASURES) + " |")


def chart(paths: list[Path]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 5), dpi=110)
    points = {name: (mean(rows, "style"), mean(rows, "edges")) for name, rows in figures(paths).items()}
    for name, (style, edges) in {**points, "the photo itself": (1.0, 1.0)}.items():
        ours = name == "wct2"
        axes.scatter(style, edges, color="tab:red" if ours else "tab:blue" if name in points else "grey", zorder=3)
        # Beside its point; above or below one that has others on both sides.
        near = [
            (x - style, y - edges) for x, y in points.values() if 0 < abs(x - style) < 0.1 and abs(y - edges) < 0.06
        ]
        between = any(x < 0 for x, _ in near) and any(x > 0 for x, _ in near)
        left = style > 0.85 or any(x > 0 for x, _ in near)
        side, offset = ("right", (-7, 3)) if left else ("left", (7, 3))
        if between:
            side, offset = "center", (0, 7 if 2 * sum(y < 0 for _, y in near) > len(near) else -14)
        axes.annotate(
            name, (style, edges), offset, textcoords="offset points", fontsize=9, ha=side,
            weight="bold" if ours else "normal",
        )  # fmt: skip
    axes.set(xlim=(0, 1.05), ylim=(0, 1.05), xlabel="distance from the style (0: has it, 1: untouched)")
    axes.set_ylabel("edges kept (SSIM of edge-response maps)")
    axes.grid(alpha=0.3)
    FOLDER.mkdir(exist_ok=True)
    figure.tight_layout()
    figure.savefig(FOLDER / "chart.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("pictures", "table", "chart"))
    parser.add_argument("given", nargs="*", metavar="NAME or FIGURES.json")
    arguments = parser.parse_args()
    if arguments.what == "pictures":
        pictures(arguments.given)
    else:
        (table if arguments.what == "table" else chart)([Path(name) for name in arguments.given])
    return 0


if __name__ == "__main__":
    sys.exit(main())
