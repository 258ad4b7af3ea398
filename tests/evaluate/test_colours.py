"""Stretch and lost colours, against what is known by hand."""

import math

import pytest
import torch

from photostyle.colour.lab import from_lab, to_lab
from photostyle.errors import ParameterError
from photostyle.evaluate.colours import lost, stretch
from tests.util import picture


def test_the_photo_itself_is_not_stretched():
    photo = picture(60, 80, 1)[None]
    assert stretch(photo, photo) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_scale_in_cielab_is_found(factor):
    ramp = torch.zeros(1, 3, 40, 80)
    ramp[:, 0] = 45 + torch.linspace(0, 12, 80)  # straight, so softening changes it at the borders alone
    made = ramp.clone()
    made[:, 0] = 30 + factor * (ramp[:, 0] - 45)
    assert stretch(from_lab(ramp), from_lab(made)) == pytest.approx(factor, rel=0.05)


def test_nothing_to_compare_is_nan():
    flat = torch.full((1, 3, 40, 40), 0.5)
    assert math.isnan(stretch(flat, flat))
    assert math.isnan(lost(flat, flat))


def leaves(hue):
    lab = torch.zeros(1, 3, 40, 40)
    lab[:, 0] = 50
    lab[:, 1, :, :10], lab[:, 2, :, :10] = 35 * math.cos(math.radians(hue)), 35 * math.sin(math.radians(hue))
    return from_lab(lab).clamp(0, 1)


def test_leaves_are_lost_when_they_turn_blue():
    green = leaves(125)
    assert lost(green, green) == 0
    assert lost(green, leaves(60)) == pytest.approx(0, abs=0.01)
    assert lost(green, leaves(250)) > 0.9
    assert math.isnan(lost(green, leaves(250), {"sky": torch.ones(40, 40)}))


def test_a_light_on_all_loses_nothing():
    green = leaves(125)
    blue = to_lab(green)
    blue[:, 2] -= 45
    assert lost(green, from_lab(blue)) < 0.05


@pytest.mark.parametrize("measure", [stretch, lost])
def test_sizes_must_be_one(measure):
    with pytest.raises(ParameterError, match="size"):
        measure(torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 24))
