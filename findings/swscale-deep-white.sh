#!/usr/bin/env bash
# Limited white of 10, 12 or 16 bits becomes a little grey through FFmpeg's scaler, and going back hides it.
#
# Versions: FFmpeg's libswscale 9.5.102 in PyAV 18.1.0
# Seen:     2026-11-28
#
# One would guess that Y'CbCr white of limited range (940 in 10 bits) becomes R'G'B' white (1023), as 235 becomes 255 in
# 8 bits, or at least the nearest value or two; and that a round trip without a loss means that both ways are right.
#
# What happens: white becomes 1020 of 1023, 4080 of 4095, 65283 of 65535. All values are too small by the same 0.3 to
# 0.4 %: the factor is that of 8 bits, 255 times a power of two, and not the deeper format's own greatest value. The way
# back is too large by as much (R'G'B' white becomes 943, above the greatest legal 940), so that a clip that goes there
# and back is the same again, and a test of the round trip sees nothing. Grey formats (gray10) are right.
#
# What that does to a picture: whatever is computed in between sees no white; whatever starts or ends there, a still, a
# mask, a frame made in R'G'B', is off by three codes of 1023: a step in flat areas where the two meet, and whites that
# broadcast checks refuse.
#
# Output seen:
#   8 bits: white becomes 255 of 255; back from there: 235 of 235; worst after both ways: 0
#   10 bits: white becomes 1020 of 1023; back from there: 943 of 940; worst after both ways: 0
#   12 bits: white becomes 4080 of 4095; back from there: 3773 of 3760; worst after both ways: 1
#   16 bits: white becomes 65283 of 65535; back from there: 60377 of 60160; worst after both ways: 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PY'
import av
import numpy as np


def plane(frame, number):
    """A plane's samples (H, W), to be read and written."""
    found = frame.planes[number]
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    return np.ndarray((found.height, found.line_size // kind().itemsize), kind, buffer=found)[:, : found.width]


def ramp(form, values, middle):
    """A frame of these greys."""
    frame = av.VideoFrame(len(values), 2, form)
    for number in range(3):
        plane(frame, number)[:] = values if number == 0 or form.startswith("gbr") else middle
    return frame


def to_rgb(frame, form):
    return frame.reformat(format=form, src_color_range=1, dst_color_range=2)  # limited to full


def to_yuv(frame, form):
    return frame.reformat(format=form, src_color_range=2, dst_color_range=1)


seen = {}
for bits in (8, 10, 12, 16):
    unit, most, end = 1 << (bits - 8), (1 << bits) - 1, "" if bits == 8 else f"{bits}le"
    yuv, rgb = f"yuv444p{end}", f"gbrp{end}"
    values = np.linspace(16 * unit, 235 * unit, 220).round().astype(np.uint16)
    frame = ramp(yuv, values, 128 * unit)
    there = to_rgb(frame, rgb)
    white = int(plane(there, 0)[0, -1])
    back = int(plane(to_yuv(ramp(rgb, np.array([most] * 16, np.uint16), 0), yuv), 0)[0, 0])
    both = int(np.abs(plane(to_yuv(there, yuv), 0)[0].astype(int) - values).max())
    seen[bits] = white, back, both
    print(f"{bits} bits: white becomes {white} of {most}; back from there: {back} of {235 * unit}; "
          f"worst after both ways: {both}")
grey = to_rgb(ramp("yuv444p10le", np.array([940] * 16, np.uint16), 512), "gray10le")
assert plane(grey, 0)[0, 0] == 1023
assert seen[8] == (255, 235, 0)
assert seen[10][:2] == (1020, 943), "10 bits have changed"
assert seen[12][:2] == (4080, 3773), "12 bits have changed"
assert seen[16][:2] == (65283, 60377), "16 bits have changed"
assert all(both <= 1 for _, _, both in seen.values())
PY
