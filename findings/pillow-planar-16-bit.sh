#!/usr/bin/env bash
# Pillow reads planar 16-bit TIFF that is not compressed as 8-bit: each pixel twice, and half of every row lost.
#
# Versions: Pillow 13.0.0; tifffile 2026.3.3 writes, and is the second reader
# Seen:     2026-11-28
#
# One would guess that a TIFF of 16-bit R, G, B is reduced to 8 bits, as Pillow does with such files, whether its planes
# lie apart (PlanarConfiguration 2) or not and whether they are compressed or not; or that it is refused.
#
# What happens: planes that lie apart and are not compressed are read as if their samples were bytes. Where a picture
# pixel should be there are two: in a little-endian file the low byte of the sample, then its high byte; in a big-endian
# one the other way round. The row ends when it is full, at half of what it should show. The same file with zlib, or
# with its samples side by side, is right.
#
# What that does to a picture: its left half drawn out to the full width, with noise in every second column. Size and
# mode are right, nothing is reported, and where low bytes equal high ones (8-bit values times 257) it looks like a
# photo of something wide.
#
# Output seen (first row of R, whose samples are 256 times 10, 20, … 80 and 1):
#   planar, not compressed, little-endian: [1, 10, 1, 20, 1, 30, 1, 40]
#   planar, not compressed, big-endian: [10, 1, 20, 1, 30, 1, 40, 1]
#   planar, zlib: [10, 20, 30, 40, 50, 60, 70, 80]
#   side by side, not compressed: [10, 20, 30, 40, 50, 60, 70, 80]
#   planar, not compressed, read by tifffile: [10, 20, 30, 40, 50, 60, 70, 80]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    pillow==13.0.0 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PY'
import numpy as np
import tifffile
from PIL import Image

high = np.array([[10, 20, 30, 40, 50, 60, 70, 80]] * 4, np.uint16)
planes = np.stack([high * 256 + 1, high * 256 + 2, high * 256 + 3])
right = high[0].tolist()


def read(what, data, **options):
    tifffile.imwrite("it.tif", data, photometric="rgb", **options)
    with Image.open("it.tif") as image:
        assert (image.mode, image.size) == ("RGB", (8, 4))
        row = np.asarray(image)[0, :, 0].tolist()
    print(f"{what}: {row}")
    return row


apart = {"planarconfig": "separate"}
little = read("planar, not compressed, little-endian", planes, byteorder="<", **apart)
big = read("planar, not compressed, big-endian", planes, byteorder=">", **apart)
packed = read("planar, zlib", planes, compression="zlib", **apart)
chunky = read("side by side, not compressed", np.moveaxis(planes, 0, -1), planarconfig="contig")
tifffile.imwrite("it.tif", planes, photometric="rgb", **apart)
other = (tifffile.imread("it.tif")[0, 0] >> 8).tolist()
print(f"planar, not compressed, read by tifffile: {other}")
assert packed == chunky == other == right
assert little == [1, 10, 1, 20, 1, 30, 1, 40], "little-endian planes have changed"
assert big == [10, 1, 20, 1, 30, 1, 40, 1], "big-endian planes have changed"
PY
