"""What lies under alpha 0 of a clip changes nothing that can be seen, nor where cuts are found."""

from __future__ import annotations

import av
import numpy as np
import pytest

from photostyle.options import FitOptions
from photostyle.video.info import rows
from photostyle.video.options import VideoOptions
from photostyle.video.reading import VideoReader
from photostyle.video.stylize import StyleSide, stylize_clip
from tests.util import picture
from tests.util.cli import colourful_model
from tests.util.video import decoded, scene

HEIGHT, WIDTH = 48, 64


def disc():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.clip((20 - np.hypot(y - 24, x - 32)) / 5, 0, 1)


def cut_out(path, fmt, under, alpha=None, frames=6):
    """A scene seen through a disc with a soft edge; elsewhere each frame is all one value, by its number."""
    alpha = disc() if alpha is None else alpha
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=WIDTH, height=HEIGHT)
        stream.pix_fmt = fmt
        for time in range(frames):
            frame = av.VideoFrame(WIDTH, HEIGHT, fmt)
            bits = frame.format.components[0].bits
            values = np.round((0.1 + 0.8 * scene(1, time, HEIGHT, WIDTH)) * (2**bits - 1))
            for plane in frame.planes[:-1]:
                down, across = HEIGHT // plane.height, WIDTH // plane.width
                hidden = (alpha == 0).reshape(plane.height, down, plane.width, across).all((1, 3))
                rows(plane, bits)[:] = np.where(hidden, under(time) * (2**bits - 1), values[::down, ::across])
                values = 0.5 * values + 2 ** (bits - 2)
            rows(frame.planes[-1], bits)[:] = np.round(alpha * (2**bits - 1))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


UNDER = {"black": lambda time: 0, "white": lambda time: 1, "flashing": lambda time: time % 2}


@pytest.mark.parametrize("fmt", ["yuva444p", "yuva420p", "yuva422p10le", "gbrap10le"])
def test_it_decides_nothing(tmp_path, fmt):
    model, style = colourful_model(), StyleSide(picture(40, 48, 2))
    results = []
    for name, under in UNDER.items():
        clip = cut_out(tmp_path / f"{name}.mkv", fmt, under)
        report = stylize_clip(model, clip, style, tmp_path / f"{name}-o.mkv", FitOptions(), VideoOptions(codec="ffv1"))
        assert (report.frames, report.shots) == (6, 1)
        results.append([planes for _, planes in decoded(tmp_path / f"{name}-o.mkv")])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            for a, b in zip(one, two, strict=True):
                np.testing.assert_array_equal(a, b)


def test_it_continues_what_can_be_seen(tmp_path):
    clip = cut_out(tmp_path / "a.mkv", "yuva444p", UNDER["white"])
    luma, *_, alpha = next(VideoReader(clip).frames()).planes()
    _, plain = decoded(clip)[0]
    covered = disc() == 0
    assert (plain[0][covered] == 255).all()
    assert luma[covered].max() <= plain[0][~covered].max()
    np.testing.assert_array_equal(luma[~covered], plain[0][~covered])
    np.testing.assert_array_equal(alpha, plain[-1])


def test_frames_that_are_transparent_everywhere_or_nowhere(tmp_path):
    nothing = cut_out(tmp_path / "a.mkv", "yuva420p", UNDER["white"], np.zeros((HEIGHT, WIDTH)))
    assert all((plane == 128).all() for plane in next(VideoReader(nothing).frames()).planes()[:-1])
    whole = cut_out(tmp_path / "b.mkv", "yuva420p", UNDER["white"], np.ones((HEIGHT, WIDTH)))
    for ours, plain in zip(next(VideoReader(whole).frames()).planes(), decoded(whole)[0][1], strict=True):
        np.testing.assert_array_equal(ours, plain)
