"""A clip to try things on, made from the sample photos: python scripts/figures/sample_clip.py OUT.mp4 [--frames 24]

A camera pans over docs/samples/day.jpg, then there is a cut, and it pans over the upper half of the same photo.
"""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

PHOTO = Path(__file__).parents[2] / "docs" / "samples" / "day.jpg"
WIDTH, HEIGHT, RATE = 320, 180, 24


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=24)
    arguments = parser.parse_args()
    photo = np.asarray(Image.open(PHOTO).convert("RGB"))
    with av.open(str(arguments.out), "w") as container:
        video: Any = container.add_stream("libx264", rate=RATE, width=WIDTH, height=HEIGHT, options={"crf": "16"})
        video.pix_fmt = "yuv420p"
        sound: Any = container.add_stream("aac", rate=48000)
        for number in range(arguments.frames):
            second_shot = number >= arguments.frames // 2
            left, top = (4 * (number % (arguments.frames // 2)), 10 if second_shot else photo.shape[0] - HEIGHT - 10)
            view = photo[top : top + HEIGHT, left : left + WIDTH]
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(view), "rgb24")))
        container.mux(video.encode())
        for number in range(arguments.frames * 48000 // RATE // 1024):
            wave = 6000 * np.sin((np.arange(1024) + 1024 * number) * 2 * np.pi * 220 / 48000)
            block = av.AudioFrame.from_ndarray(wave.astype(np.int16).repeat(2)[None], "s16", "stereo")
            block.sample_rate, block.pts, block.time_base = 48000, 1024 * number, Fraction(1, 48000)
            container.mux(sound.encode(block))
        container.mux(sound.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
