"""Speed of clips: python scripts/bench/bench.py video [CLIP] [--lines 480 720 1080] [--frames 24] [--device cpu]

For each size a clip of `frames` frames is made (from CLIP, or panning over the sample photo), graded end to end, and
the network alone is timed on the same frames. Every row runs in a process of its own. `network` is its share of the
end-to-end time: what is left is reading, the first pass with the fit, encoding and the join, as far as they do not
overlap with the network.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"


def pictures(clip: Path | None, height: int, width: int, count: int) -> Iterator[Any]:
    """libav frames of the size wanted."""
    import av
    import numpy as np
    from PIL import Image

    from photostyle.video.reading import VideoReader

    if clip:
        for frame in itertools.islice(VideoReader(clip).frames(), count):
            yield frame.picture.reformat(width, height, "yuv420p")
        return
    photo = Image.open(SAMPLES / "day.jpg").convert("RGB")
    wide = np.asarray(photo.resize((width + 4 * count, height), Image.Resampling.BICUBIC))
    for number in range(count):
        view = np.ascontiguousarray(wide[:, 4 * number : 4 * number + width])
        yield av.VideoFrame.from_ndarray(view, "rgb24").reformat(format="yuv420p")


def write(path: Path, clip: Path | None, lines: int, count: int) -> None:
    """Write a clip of the `pictures` of 8:9 in H.264, 25 a second."""
    import av

    width = 2 * round(lines * 8 / 9)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, width=width, height=lines, options={"crf": "18"})
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures(clip, lines, width, count)):
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def one(clip: Path | None, lines: int, count: int, device: str) -> dict[str, float]:
    """Seconds and memory at one size, in this process."""
    import torch

    from photostyle.options import FitOptions
    from photostyle.transfer.transfer import Transfer
    from photostyle.video.options import VideoOptions
    from photostyle.video.stylize import load_style, stylize_clip
    from photostyle.weights import load_model

    model = load_model(device=torch.device(device))
    style = load_style(SAMPLES / "dusk.jpg", model)
    network = [0.0]
    plain = Transfer.apply

    def timed(self: Transfer, *args: Any, **kwargs: Any) -> Any:
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        result = plain(self, *args, **kwargs)
        if device == "cuda":
            torch.cuda.synchronize()
        network[0] += time.perf_counter() - start
        return result

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.mp4"
        write(source, clip, lines, count)
        Transfer.apply = timed  # type: ignore[method-assign]
        started = time.perf_counter()
        report = stylize_clip(model, source, style, Path(folder) / "out.mp4", FitOptions(), VideoOptions())
        total = time.perf_counter() - started
    gpu = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"frames": report.frames, "total": total, "network": network[0], "peak": peak, "gpu": gpu}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.py video", description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("--lines", type=int, nargs="+", default=[480, 720, 1080])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(one(given.clip, given.lines[0], given.frames, given.device)))
        return 0

    import torch

    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, {given.device}")
    print(f"{'lines':>6} {'fps':>7} {'network fps':>12} {'network share':>14} {'peak GiB':>9} {'GPU GiB':>8}")
    for lines in given.lines:
        command = [sys.executable, __file__, *([str(given.clip)] if given.clip else []), "--one", "--lines", str(lines)]
        command += ["--frames", str(given.frames), "--device", given.device]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["killed, most likely out of memory"])[-1]
            print(f"{lines:6d} failed: {reason}")
            continue
        row = json.loads(done.stdout)
        speed, alone = row["frames"] / row["total"], row["frames"] / row["network"]
        share = row["network"] / row["total"]
        numbers = f"{speed:7.2f} {alone:12.2f} {share:14.0%} {row['peak']:9.2f} {row['gpu']:8.2f}"
        print(f"{lines:6d} {numbers}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
