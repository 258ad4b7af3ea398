"""Torn surfaces and truth, against scikit-image's formulas written out and against cases known by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from photostyle.colour.lab import to_lab
from photostyle.errors import ParameterError
from photostyle.evaluate.consistency import torn, truth
from tests.util import picture


def by_loops(content, output):
    """The definition, pair by pair in NumPy."""

    def lab(image):
        return gaussian_filter(to_lab(image.double())[0].permute(1, 2, 0).numpy(), (1, 1, 0))

    a, b = lab(content), lab(output)
    height, width = a.shape[:2]
    apart = pairs = 0
    for distance in (8, 16, 32, 64):
        for angle in (0, 45, 90, 135):
            dx = round(distance * math.cos(math.radians(angle)))
            dy = round(distance * math.sin(math.radians(angle)))
            for y in range(height):
                for x in range(width):
                    inside = 0 <= y + dy < height and 0 <= x + dx < width
                    if inside and np.linalg.norm(a[y, x] - a[y + dy, x + dx]) < 1.5:
                        pairs += 1
                        apart += np.linalg.norm(b[y, x] - b[y + dy, x + dx]) > 6
    return apart / max(pairs, 1)


def flat(height=40, width=50):
    return torch.full((1, 3, height, width), 0.5)


def test_the_definition():
    content = torch.round(picture(3, 4, 3)[None] * 2).repeat_interleave(10, 2).repeat_interleave(10, 3) / 2
    output = content.clone()
    output[..., 15:] = output[..., 15:] * 0.6
    assert torn(content, output) == pytest.approx(by_loops(content, output), abs=1e-12)
    assert torn(content, output) > 0


@settings(deadline=None, max_examples=15)
@given(st.floats(0.3, 1.0), st.floats(0.3, 1.0), st.floats(0.3, 1.0))
def test_a_colour_map_of_flat_surfaces_tears_nothing(red, green, blue):
    content = torch.zeros(1, 3, 70, 90)
    content[..., 40:] = 0.8
    assert torn(content, content * torch.tensor([red, green, blue])[:, None, None]) == 0


def test_a_wall_in_two_halves_is_torn():
    output = flat()
    output[..., 25:] = 0.8
    # Rows and columns: of the pairs along x at 8, 16 and 32 those across the middle, the same on diagonals.
    assert 0.2 < torn(flat(), output) < 0.8
    assert torn(flat(), flat() * 0.3) == 0


def test_truth_is_one_for_nothing_and_nought_for_the_truth():
    day, evening = picture(40, 50, 1)[None], picture(40, 50, 2)[None]
    assert truth(day, day, evening) == pytest.approx(1)
    assert truth(day, evening, evening) == 0
    labs = [gaussian_filter(to_lab(x.double())[0].permute(1, 2, 0).numpy(), (6, 6, 0)) for x in (day, evening)]
    half = (day + evening) / 2
    made = gaussian_filter(to_lab(half.double())[0].permute(1, 2, 0).numpy(), (6, 6, 0))
    expected = np.linalg.norm(made - labs[1], axis=-1).mean() / np.linalg.norm(labs[0] - labs[1], axis=-1).mean()
    assert truth(day, half, evening) == pytest.approx(expected, rel=1e-6)


def test_sizes_must_agree():
    with pytest.raises(ParameterError, match="of its size"):
        torn(flat(), flat(20, 20))
    with pytest.raises(ParameterError, match="of its size"):
        truth(flat(), flat(), flat(20, 20))
