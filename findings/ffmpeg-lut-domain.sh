#!/usr/bin/env bash
# FFmpeg's lut3d overlooks a .cube file's domain before its size, and never moves its lower end.
#
# Versions: FFmpeg's libavfilter 11.14.102 in PyAV 18.1.0; OpenColorIO 2.6.0 as second reader
# Seen:     2026-11-28
#
# One would guess that DOMAIN_MIN and DOMAIN_MAX say which inputs the first and the last entry of a 3D table stand for,
# wherever they stand above the table (the format gives its keywords no order).
#
# What happens: the filter looks for them only after LUT_3D_SIZE; before it they are skipped without a word. Found, they
# only divide: the input is multiplied by one over the domain's width, limited to 1, and DOMAIN_MIN is never taken off.
# So a domain of 0 to 2 works or not by the order of two lines; one of 0.25 to 0.75 has no effect in any order; one of
# -1 to 1, for values below black, comes out with everything half a table too low.
#
# What that does to a picture: a grade that is right in a grading program is too dark, flat or without effect in
# anything that applies tables through FFmpeg, and nothing is reported.
#
# Output seen (8-bit inputs 0, 51, 102, 153, 204, 255; the table itself changes nothing):
#   domain 0 to 2, after the size: ffmpeg [0, 25, 51, 76, 102, 127], ocio [0, 26, 51, 77, 102, 128]
#   domain 0 to 2, before the size: ffmpeg [0, 51, 102, 153, 204, 255], ocio [0, 26, 51, 77, 102, 128]
#   domain 0.25 to 0.75, after the size: ffmpeg [0, 51, 102, 153, 204, 255], ocio [0, 0, 77, 179, 255, 255]
#   domain -1 to 1, after the size: ffmpeg [0, 25, 51, 76, 102, 127], ocio [128, 153, 178, 204, 229, 255]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 opencolorio==2.6.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PY'
from fractions import Fraction

import av
import numpy as np
import PyOpenColorIO as ocio

INPUTS = [0, 51, 102, 153, 204, 255]


def write(low, high, first):
    """A table of 2x2x2 entries that are their own places, for inputs from `low` to `high`."""
    size, domain = ["LUT_3D_SIZE 2"], [f"DOMAIN_{end} {v} {v} {v}" for end, v in (("MIN", low), ("MAX", high))]
    entries = [f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    name = f"{low}-{high}-{first}.cube"
    with open(name, "w") as file:
        file.write("\n".join([*(domain + size if first else size + domain), *entries, ""]))
    return name


def by_ffmpeg(table):
    graph = av.filter.Graph()
    source = graph.add("buffer", f"video_size={len(INPUTS)}x2:pix_fmt=rgb24:time_base=1/25")
    lut, sink = graph.add("lut3d", f"file={table}:interp=trilinear"), graph.add("buffersink")
    source.link_to(lut)
    lut.link_to(sink)
    graph.configure()
    greys = np.repeat(np.array(INPUTS, np.uint8)[None, :, None].repeat(2, 0), 3, 2)
    frame = av.VideoFrame.from_ndarray(greys, format="rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    source.push(frame)
    return sink.pull().to_ndarray(format="rgb24")[0, :, 0].tolist()


def by_ocio(table):
    processor = ocio.Config.CreateRaw().getProcessor(ocio.FileTransform(table)).getDefaultCPUProcessor()
    return [round(processor.applyRGB([value / 255] * 3)[0] * 255) for value in INPUTS]


seen = {}
for low, high, first in ((0, 2, False), (0, 2, True), (0.25, 0.75, False), (-1, 1, False)):
    table = write(low, high, first)
    seen[low, high, first] = by_ffmpeg(table), by_ocio(table)
    where = "before" if first else "after"
    print(f"domain {low} to {high}, {where} the size: ffmpeg {seen[low, high, first][0]}, ocio {seen[low, high, first][1]}")
halved = [value // 2 for value in INPUTS]
assert seen[0, 2, False][0] == halved
assert seen[0, 2, True][0] == INPUTS, "a domain before the size is seen now"
assert seen[0.25, 0.75, False][0] == INPUTS, "the lower end is taken off now"
assert seen[-1, 1, False][0] == halved, "the lower end is taken off now"
for (low, high, _), (_, meant) in seen.items():  # the format's arithmetic, to a level
    exact = np.clip((np.array(INPUTS) / 255 - low) / (high - low), 0, 1) * 255
    assert np.abs(exact - meant).max() <= 1.5
PY
