#!/usr/bin/env bash
# color-matcher's command and its class do two different things under one name of a method.
#
# Versions: color-matcher 0.6.0; numpy 2.4.6, pillow 13.0.0
# Seen:     2026-11-29
#
# One would guess that `color-matcher -s photo.png -r reference.png -m hm-mvgd-hm` gives what
# `ColorMatcher().transfer(src=photo, ref=reference, method="hm-mvgd-hm")` gives: colours of the reference's mean and
# covariance, whatever its size and wherever in it the colours lie, as both are told by the statistics of its pixels.
#
# What happens: the class solves `mvgd` by the Monge-Kantorovich map and does that. The command solves it by regression
# of the reference's pixels on the photo's, number by number: it refuses a reference that has another number of pixels,
# and of one that has as many, the result depends on which pixel lies where. Shuffled, so that every statistic of its
# colours is the same, the same reference gives another picture. `mkl` does not care where pixels lie in either.
#
# What that does to a picture: where photo and reference show different things, as they nearly always do, the regression
# finds next to no relation and colours shrink to the reference's mean (`mvgd`), or are torn apart by the histogram
# matching around it (`hm-mvgd-hm`). Comparisons with color-matcher should say which of the two they ran.
#
# Output seen:
#   mvgd, class: variance of red in the result 1300, in the reference 1300
#   mvgd, command: variance of red in the result 3, in the reference 1300
#   mvgd, class: mean change when the reference's pixels are shuffled 0.0 of 255
#   mvgd, command: mean change when the reference's pixels are shuffled 14.6 of 255
#   hm-mvgd-hm, class: mean change when the reference's pixels are shuffled 0.0 of 255
#   hm-mvgd-hm, command: mean change when the reference's pixels are shuffled 42.7 of 255
#   mkl, command: mean change when the reference's pixels are shuffled 0.0 of 255
#   a reference of fewer pixels, class: done
#   a reference of fewer pixels, command: Analytical MVGD solution requires spatial dimensions of both images to be equal
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check color-matcher==0.6.0 numpy==2.4.6 pillow==13.0.0
cd "$work"
export PATH="$work/venv/bin:$PATH"
python - <<'PY'
import subprocess
from pathlib import Path

import numpy as np
from color_matcher import ColorMatcher
from PIL import Image

y, x = np.mgrid[0:60, 0:80]
photo = np.stack([0.5 + 0.4 * np.sin(x / 9), 0.5 + 0.3 * np.cos(y / 7), 0.4 + 0.2 * np.sin((x + y) / 11)], -1)
reference = np.stack(
    [0.3 + 0.2 * np.sin(x / 5 + 1), 0.6 + 0.3 * np.cos(y / 4 + 2), 0.2 + 0.15 * np.cos((x - y) / 13)], -1
)
order = np.random.default_rng(0).permutation(60 * 80)
shuffled = reference.reshape(-1, 3)[order].reshape(reference.shape)
for name, image in {"photo": photo, "reference": reference, "shuffled": shuffled, "less": reference[:50]}.items():
    Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(f"{name}.png")


def pixels(name):
    return np.asarray(Image.open(name).convert("RGB")).astype(float)


def by_class(style, method):
    return ColorMatcher().transfer(src=pixels("photo.png"), ref=pixels(style), method=method).clip(0, 255)


def by_command(style, method):
    for old in Path().glob("photo_*"):
        old.unlink()
    ran = subprocess.run(
        ["color-matcher", "-s", "photo.png", "-r", style, "-m", method], capture_output=True, text=True
    )
    made = sorted(Path().glob("photo_*"))
    return pixels(made[0]) if made else ran.stderr.strip().splitlines()[-1].removeprefix("Exception: ")


ways = {"class": by_class, "command": by_command}
wanted = float(pixels("reference.png")[..., 0].var())
spread, moved = {}, {}
for way, run in ways.items():
    spread[way] = float(run("reference.png", "mvgd")[..., 0].var())
    print(f"mvgd, {way}: variance of red in the result {spread[way]:.0f}, in the reference {wanted:.0f}")
for method in ("mvgd", "hm-mvgd-hm", "mkl"):
    for way, run in ways.items():
        if (method, way) == ("mkl", "class"):
            continue
        moved[method, way] = float(np.abs(run("reference.png", method) - run("shuffled.png", method)).mean())
        print(f"{method}, {way}: mean change when the reference's pixels are shuffled {moved[method, way]:.1f} of 255")
by_class("less.png", "mvgd")
print("a reference of fewer pixels, class: done")
refusal = by_command("less.png", "mvgd")
print(f"a reference of fewer pixels, command: {refusal}")
assert abs(spread["class"] - wanted) < 0.01 * wanted
assert spread["command"] < 0.1 * wanted, "the command matches the covariance now"
assert moved["mvgd", "class"] < 0.01 and moved["hm-mvgd-hm", "class"] < 0.01 and moved["mkl", "command"] < 0.01
assert moved["mvgd", "command"] > 5 and moved["hm-mvgd-hm", "command"] > 5, "it does not matter any more what lies where"
assert isinstance(refusal, str) and "equal" in refusal, "the command takes references of another size now"
PY
