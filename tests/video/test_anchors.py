"""Which frames the network sees, what waits for them, and how long a segment is."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from photostyle.colour.lab import to_lab
from photostyle.transfer.lasting import mapped, witness
from photostyle.video import pace
from photostyle.video.anchors import Anchors, Between, interval


@dataclass
class Thing:
    place: int
    anchor: int | None
    written: bool


def flat(value):
    return torch.full((3, 16, 16), value)


def heard(item):
    """An anchor says that colours are to be its number's hundredth darker."""
    image = flat(0.5)
    return witness(image, to_lab(image[None])[0], image - 0.01 * item.anchor)


@pytest.mark.parametrize(("rate", "every"), [(1, 1), (24, 5), (25, 5), (60, 8), (120, 8)])
def test_one_frame_in_a_fifth_of_a_second(rate, every):
    assert interval(rate) == every


@given(st.integers(1, 60), st.integers(1, 8), st.data())
def test_every_frame_lies_between_two_anchors(count, every, data):
    anchors = Anchors(count, every)
    frames = [anchors.frame(number) for number in range(anchors.last + 1)]
    assert frames == sorted(set(frames))
    assert frames[0] == 0
    assert frames[-1] == count - 1
    for frame in range(count):
        number, share = anchors.before(frame)
        assert 0 <= share < 1
        assert (anchors.at(frame) is not None) == (frame in frames) == (share == 0)
        if share:
            start, end = frames[number], frames[number + 1]
            assert frame == pytest.approx(start + share * (end - start))
    first = data.draw(st.integers(0, count - 1))
    length = data.draw(st.integers(1, count - first))
    low, high = anchors.needed(first, length)
    assert 0 <= low <= anchors.before(first)[0]
    assert anchors.before(first)[0] - low <= 2
    assert frames[high] >= first + length - 1
    assert anchors.needed(first, length, lead=12)[0] <= low


def run(anchors, first, count):
    low, high = anchors.needed(first, count)
    between = Between(anchors, anchors.before(first)[0], heard)
    out, waiting = {}, 0
    for place in range(anchors.frame(low), max(anchors.frame(high), first + count - 1) + 1):
        thing = Thing(place, anchors.at(place), first <= place < first + count)
        waiting += thing.written
        for item, maps in between.add(thing):
            waiting -= 1
            out[item.place] = float(mapped(maps.at(to_lab(flat(0.5)[None])[0]), flat(0.5)).mean())
        assert waiting <= anchors.every
    return out


@pytest.mark.parametrize("every", [1, 3, 5])
def test_a_frames_maps_do_not_depend_on_where_its_segment_begins(every):
    anchors = Anchors(17, every)
    whole = run(anchors, 0, 17)
    assert list(whole) == list(range(17))
    for first in (0, 4, 5, 9, 16):
        count = min(6, 17 - first)
        part = run(anchors, first, count)
        assert part == {place: whole[place] for place in range(first, first + count)}


def test_maps_change_evenly_and_follow():
    values = list(run(Anchors(31, 5), 0, 31).values())
    steps = [b - a for a, b in pairwise(values)]
    assert all(step <= 1e-5 for step in steps)
    assert max(abs(step) for step in steps) < 0.01 / 5 * 1.5
    assert values[0] - values[-1] == pytest.approx(0.01 * 6, abs=0.012)  # a little behind


@pytest.mark.parametrize(
    ("lines", "smooth", "regions", "frames"),
    [
        (1080, True, False, 60),
        (2160, True, False, 15),
        (1080, True, True, 30),
        (1080, False, False, 12),
        (480, True, False, 250),
    ],
)
def test_segments_hold_some_seconds_of_work(lines, smooth, regions, frames):
    pixels = lines * (lines * 16 // 9)
    assert pace.length(pixels, 250, smooth=smooth, by_region=regions) == pytest.approx(frames, abs=1)
    assert pace.length(pixels, 3, smooth=smooth, by_region=regions) == 3


def test_where_it_is_slow_segments_are_halved():
    assert pace.Pace(0.1).shortened(60) == 60
    assert pace.Pace(0.5).shortened(60) == 30
    assert pace.Pace(2.0).shortened(60) == 7
    assert pace.Pace(100.0).shortened(60) == 4
    assert pace.Pace(100.0).shortened(3) == 3
