#!/usr/bin/env bash
# LittleCMS in floats: what becomes of values beyond 0 and 1 depends on how the profile writes its curve down.
#
# Versions: LittleCMS 2.18 in imagecodecs 2026.3.6
# Seen:     2026-11-28
#
# One would guess that a transform of floats treats values outside [0, 1] alike in all matrix profiles: carries them
# through, as its unbounded mode promises, or clips them.
#
# What happens, from the profile to linear light with the same primaries, and back:
#   - a parametric curve with a linear foot (type 3: sRGB, Display P3) goes on below 0 and above 1, and comes back;
#   - a parametric curve of a pure gamma (type 0) goes on above 1, but all below 0 becomes 0;
#   - the same gamma as a table (curv) stops on both sides.
#
# What that does to a picture: colours outside the gamut and highlights above white survive in one file and are lost in
# the next, whose profile looks the same in every viewer. Testing with sRGB shows none of it.
#
# Output seen (-0.5, -0.1, 0.5, 1, 1.5, there and back):
#   foot and power (para 3): [-0.5, -0.1, 0.5, 1.0, 1.5]
#   gamma 2.2 (para 0): [0.0, 0.0, 0.5, 1.0, 1.5]
#   gamma 2.2 (curv, 1024 entries): [0.0, 0.0, 0.5, 1.0, 1.0]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imagecodecs==2026.3.6 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PY'
import imagecodecs
import numpy as np

VALUES = [-0.5, -0.1, 0.5, 1.0, 1.5]
SPACE = {"whitepoint": [0.3127, 0.3290, 1.0], "primaries": [0.64, 0.33, 1.0, 0.3, 0.6, 1.0, 0.15, 0.06, 1.0]}
table = (np.linspace(0, 1, 1024) ** 2.2 * 65535).round().astype(np.uint16)
linear = imagecodecs.cms_profile("rgb", **SPACE, gamma=1.0)
profiles = {
    "foot and power (para 3)": imagecodecs.cms_profile("srgb"),
    "gamma 2.2 (para 0)": imagecodecs.cms_profile("rgb", **SPACE, gamma=2.2),
    "gamma 2.2 (curv, 1024 entries)": imagecodecs.cms_profile("rgb", **SPACE, transferfunction=table),
}
greys = np.repeat(np.array([VALUES], np.float32)[..., None], 3, -1)


def transform(image, source, target):
    return imagecodecs.cms_transform(
        image, source, target, colorspace="rgb", outcolorspace="rgb", outdtype=np.float32
    )


seen = []
for name, profile in profiles.items():
    kind = name.partition("(")[2][:4].encode()  # as it stands in the profile
    assert profile.count(kind) and (kind != b"para" or profile[profile.index(kind) + 9] == int(name[-2]))
    both = transform(transform(greys, profile, linear), linear, profile)[0, :, 1]
    # A table's inverse is off by a step of it near black, which is another matter.
    seen.append([0.0 if abs(value) < 0.01 else round(float(value), 2) for value in both])
    print(f"{name}: {seen[-1]}")
assert seen[0] == VALUES, "a foot has changed"
assert seen[1] == [0.0, 0.0, 0.5, 1.0, 1.5], "a pure gamma has changed"
assert seen[2] == [0.0, 0.0, 0.5, 1.0, 1.0], "a table has changed"
PY
