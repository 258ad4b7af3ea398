#!/usr/bin/env bash
# OpenColorIO: a table's file that was read, or was missing, once stays so for the process, whatever becomes of it.
#
# Versions: OpenColorIO 2.6.0
# Seen:     2026-11-28
#
# One would guess that a processor keeps the table that it was made with, and that a new one, from a new transform in a
# new config, reads the file that is there: at least if its size or time has changed, or if it has only now appeared.
#
# What happens: files are known by their paths alone, for all configs of the process. A table that is written anew is
# not seen (other contents, another size, another time), one that is deleted goes on to be applied, and one that was
# missing when it was first asked for is missing ever after, though it is there by now. The same file by another path (a
# link) is read. ClearAllCaches() is what helps, each time.
#
# What that does to a picture: a program that rewrites a look and shows it again shows the old one; a service that is
# asked a moment before the file has arrived refuses that path until it is started anew.
#
# Output seen (mid grey through a table that multiplies):
#   table of 1.0: 0.5
#   written anew, 0.25 and longer, time changed: 0.5
#   deleted: 0.5
#   caches cleared: missing
#   written again, 0.25: missing
#   the same file through a link: 0.125
#   caches cleared: 0.125
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check opencolorio==2.6.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import os

import PyOpenColorIO as ocio

seen = []


def write(path, gain, comment=""):
    """A table of 2x2x2 entries."""
    entries = [f"{r * gain} {g * gain} {b * gain}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    with open(path, "w") as file:
        file.write("\n".join([f"# {comment}", "LUT_3D_SIZE 2", *entries, ""]))


def look(what, path):
    """Mid grey through the file at `path`: a new config, transform and processor each time."""
    transform = ocio.FileTransform(path)
    try:
        processor = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
        seen.append(processor.applyRGB([0.5, 0.5, 0.5])[0])
    except ocio.ExceptionMissingFile:
        seen.append("missing")
    print(f"{what}: {seen[-1]}")


table, link = os.path.abspath("table.cube"), os.path.abspath("link.cube")
write(table, 1.0)
look("table of 1.0", table)
write(table, 0.25, "something longer")
os.utime(table, (2_000_000_000, 2_000_000_000))
look("written anew, 0.25 and longer, time changed", table)
os.remove(table)
look("deleted", table)
ocio.ClearAllCaches()
look("caches cleared", table)
write(table, 0.25)
look("written again, 0.25", table)
os.symlink(table, link)
look("the same file through a link", link)
ocio.ClearAllCaches()
look("caches cleared", table)
assert seen == [0.5, 0.5, 0.5, "missing", "missing", 0.125, 0.125], "it looks at the file now"
PY
