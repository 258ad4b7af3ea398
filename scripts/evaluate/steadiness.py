"""How steady graded clips are: python scripts/evaluate/steadiness.py CLIP… --style PHOTO [--side 320] [--seconds 4]

Every clip is reduced, graded with each ``--fit`` and compared with itself by `photostyle.video.steadiness`; then again
with its exposure made to waver, and with a bright shape passing in front. Results are lossless, so that no encoder is
measured. Ratios: 1 is as steady as the source; the row ``map`` is one affine map of R, G, B for the whole clip; the
last two columns are at matched contrast of detail. With --color-matcher a row more: every frame by itself through the
package color-matcher (``hm-mvgd-hm``), if it is installed.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from photostyle.colour.yuv import from_rgb, to_rgb
from photostyle.device import resolve
from photostyle.options import FitOptions
from photostyle.segmentation import load_segmenter
from photostyle.transfer.matching import affine_map, moments, pool
from photostyle.video.codecs import encoding_for
from photostyle.video.encode import SegmentWriter
from photostyle.video.grade import input_layout
from photostyle.video.join import join
from photostyle.video.options import FIT_MODES, VideoOptions
from photostyle.video.reading import VideoReader
from photostyle.video.regions import segmented
from photostyle.video.steadiness import Steadiness, steadiness
from photostyle.video.stylize import load_style, stylize_clip
from photostyle.weights import load_model

Floats = npt.NDArray[np.float32]
Change = Callable[[torch.Tensor, float], torch.Tensor]


def frames(path: Path) -> Iterator[Floats]:
    """Frames of a clip, (H, W, 3) in [0, 1]."""
    reader = VideoReader(path)
    layout = input_layout(reader.info)
    for frame in reader.frames():
        yield rgb_of(frame.planes(), layout).numpy()


def rgb_of(planes: list[npt.NDArray[np.integer]], layout: object) -> torch.Tensor:  # type: ignore[type-arg]
    """Planes as (H, W, 3)."""
    rgb = to_rgb([torch.from_numpy(plane) for plane in planes], layout)  # type: ignore[arg-type]
    return rgb.permute(1, 2, 0).clamp(0, 1)


def plain(image: torch.Tensor, second: float) -> torch.Tensor:
    """The clip as it is."""
    return image


def wavering(image: torch.Tensor, second: float) -> torch.Tensor:
    """Exposure up and down, slowly and fast."""
    return image * (0.85 + 0.1 * math.sin(2 * math.pi * 2.1 * second) + 0.05 * math.sin(41 * second))


def passing(image: torch.Tensor, second: float) -> torch.Tensor:
    """A bright shape, a third of the width, that crosses the picture in 0.8 seconds, again and again."""
    width = image.shape[-1]
    across = torch.arange(width) / width - (second / 0.8 % 1.0) * 1.7 + 0.35
    return torch.where(across.abs() < 1 / 6, image * 0.1 + 0.85, image)


KINDS = {"": plain, "wavering": wavering, "passing": passing}


def reduced(clip: Path, output: Path, side: int, seconds: float, change: Change) -> None:
    """A lossless copy of a clip's beginning, `side` pixels long, changed."""
    reader = VideoReader(clip)
    info = reader.info
    scale = min(1.0, side / max(info.width, info.height))
    height, width = (2 * round(length * scale / 2) for length in (info.height, info.width))
    encoding = encoding_for(info, ".mkv", "ffv1", size=(height, width))
    layout = input_layout(info)
    writer, pts = SegmentWriter(output.with_suffix(".nut"), encoding), []
    for frame in reader.frames(end=math.ceil((info.begins + Fraction(seconds)) / info.time_base)):
        rgb = to_rgb([torch.from_numpy(plane) for plane in frame.planes()], layout)
        small = torch.nn.functional.interpolate(rgb[None], size=(height, width), mode="bilinear", antialias=True)[0]
        changed = change(small.clamp(0, 1), float(frame.pts * info.time_base))
        writer.write([plane.numpy() for plane in from_rgb(changed, layout)])
        pts.append(frame.pts)
    writer.close()
    join([(writer.path, pts)], encoding, info, output)


def mapped(clip: list[Floats], style: torch.Tensor) -> list[Floats]:
    """What no grading can be steadier than: one affine map of R, G, B for the whole clip, by the same statistics."""
    pixels = [torch.from_numpy(frame).permute(2, 0, 1) for frame in clip]
    source = pool([moments(frame.flatten(1)) for frame in pixels[::5]])
    found = affine_map(source, moments(style.flatten(1)), "wct", 1e-4)
    return [found(frame).permute(1, 2, 0).float().numpy() for frame in pixels]


def by_frame(clip: list[Floats], style: torch.Tensor) -> list[Floats]:
    """Every frame by itself through color-matcher, as who grades clips with a tool for photos does."""
    matcher = importlib.import_module("color_matcher").ColorMatcher()
    reference = style.permute(1, 2, 0).double().numpy()
    made = (matcher.transfer(src=frame.astype(np.float64), ref=reference, method="hm-mvgd-hm") for frame in clip)
    return [np.clip(frame, 0, 1).astype(np.float32) for frame in made]


def show(clip: str, kind: str, fit: str, found: Steadiness) -> None:
    """One row."""
    short, long = found.matched
    numbers = f"{found.short:6.2f} {found.long:6.2f} {found.flicker:8.2f} {found.detail:7.2f} {short:8.2f} {long:8.2f}"
    print(f"{f'{clip} {kind}'.strip():24} {fit:6} {numbers}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--fits", nargs="+", default=list(FIT_MODES))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--segment", default="off", help="find regions, as photostyle video")
    parser.add_argument("--deflicker", action="store_true", help="take out wavering exposure, as photostyle video")
    parser.add_argument("--color-matcher", action="store_true", help="every frame through that package too")
    arguments = parser.parse_args()
    model = load_model(device=resolve(arguments.device))
    regions = None
    if arguments.segment != "off":
        regions = segmented(load_segmenter(arguments.segment, resolve(arguments.device)))
    style = load_style(arguments.style, model, segment=regions)
    assert isinstance(style.image, torch.Tensor)
    print(f"{'clip':24} {'fit':6} {'short':>6} {'long':>6} {'flicker':>8} {'detail':>7} {'short/d':>8} {'long/d':>8}")
    for clip in arguments.clips:
        for kind in arguments.kinds:
            with tempfile.TemporaryDirectory() as folder:
                source = Path(folder) / "source.mkv"
                reduced(clip, source, arguments.side, arguments.seconds, KINDS[kind])
                whole = list(frames(source))
                show(clip.stem, kind, "map", steadiness(whole, mapped(whole, style.image)))
                if arguments.color_matcher:
                    show(clip.stem, kind, "frames", steadiness(whole, by_frame(whole, style.image)))
                for fit in arguments.fits:
                    output = Path(folder) / f"{fit}.mkv"
                    options = VideoOptions(fit=fit, codec="ffv1", window=0.4, deflicker=arguments.deflicker)
                    stylize_clip(model, source, style, output, FitOptions(), options, regions=regions)
                    show(clip.stem, kind, fit, steadiness(whole, frames(output)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
