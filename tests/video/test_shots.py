"""Cuts found and not found, and frames spread over a shot in one pass."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photostyle.video.shots import DISSIMILAR, THUMBNAIL, Spread, dissimilarity, with_cuts
from tests.util.video import scene


def thumbnail(number, time, gain=1.0, chroma=(120, 140)):
    width, height = THUMBNAIL
    luma = (scene(number, time, height, width) * 219 * gain + 16).clip(0, 255)
    return np.stack([luma, np.full_like(luma, chroma[0]), np.full_like(luma, chroma[1])]).astype(np.uint8)


def cuts(frames):
    seen = list(with_cuts(list(enumerate(frames))))
    assert [s.frame for s in seen] == list(range(len(frames)))  # every frame once, in order
    return [s.frame for s in seen if s.cut]


def shots(*lengths):
    return [thumbnail(number, time) for number, count in enumerate(lengths) for time in range(count)]


@pytest.mark.parametrize("lengths", [(20,), (10, 10), (12, 3, 20), (7, 5, 9, 30), (1,), (2,), (5, 1)])
def test_finds_every_cut_and_no_other(lengths):
    starts = [sum(lengths[:k]) for k in range(len(lengths))]
    assert cuts(shots(*lengths)) == starts


def test_nothing_in_nothing():
    assert cuts([]) == []


def test_changing_exposure_is_no_cut():
    assert cuts([thumbnail(0, t, 0.6 + 0.4 * np.sin(2 * t)) for t in range(30)]) == [0]
    assert cuts([thumbnail(0, t, 1.0 if t < 15 else 0.5) for t in range(30)]) == [0]


def test_fades_are_no_cut_while_something_is_to_be_seen():
    assert cuts([thumbnail(0, t, 1 - t / 22) for t in range(20)]) == [0]


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_or_a_broken_frame_is_no_cut(length):
    frames = shots(30)
    for t in range(10, 10 + length):
        frames[t] = np.full_like(frames[t], 235)
    assert cuts(frames) == [0]
    for t in range(10, 10 + length):
        frames[t] = thumbnail(5, t)
    assert cuts(frames) == [0]


def test_the_same_structure_in_another_colour_is_a_cut():
    frames = [thumbnail(0, t, chroma=(128, 128) if t < 10 else (90, 170)) for t in range(20)]
    assert cuts(frames) == [0, 10]


def test_wild_motion_is_no_row_of_cuts():
    # every frame another picture: nothing stands out, so at most the very start is cut
    assert len(cuts([thumbnail(t, 0) for t in range(40)])) < 8


def test_dissimilarity_knows_light_from_structure():
    here = thumbnail(1, 0)
    assert dissimilarity(here, here) == pytest.approx(0)
    assert dissimilarity(here, thumbnail(1, 0, 0.4)) < 0.1
    assert dissimilarity(here, thumbnail(2, 0)) > DISSIMILAR
    black, white = np.full_like(here, 128), np.full_like(here, 128)
    black[0], white[0] = 16, 235
    assert dissimilarity(black, white) < DISSIMILAR  # both flat
    assert dissimilarity(black, here) > DISSIMILAR


@given(st.integers(1, 8), st.integers(0, 200))
def test_spread_keeps_few_and_spreads_them(count, items):
    made = []
    spread = Spread(count)
    for i in range(items):
        spread.offer(lambda i=i: made.append(i) or i)
        assert len(spread._kept) <= 2 * count
    chosen = spread.chosen()
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, items)
    assert len(made) <= 2 * count * max(1, np.log2(items + 1)) + 1  # far from every frame is converted
    if items >= 8 * count:
        gaps = np.diff([-items / (2 * count), *chosen, items + items / (2 * count)])
        assert gaps.max() < 2.1 * items / count
