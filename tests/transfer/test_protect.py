"""Protected colours: what a look may do to them, measured in CIELAB."""

import math

import pytest
import torch

from photostyle.colour.lab import from_lab, to_lab
from photostyle.errors import ParameterError
from photostyle.options import PROTECTED, FitOptions
from photostyle.transfer.protect import KINDS, neutral_light, protected
from tests.util import picture

ALL = dict.fromkeys(PROTECTED, 1.0)


def patch(lightness, chroma, hue):
    """A surface of one colour, hue in degrees, beside much grey: the light stays plain."""
    lab = torch.zeros(1, 3, 24, 24)
    lab[:, 0] = lightness
    lab[:, 1, :, :4], lab[:, 2, :, :4] = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    return from_lab(lab)[0].clamp(0, 1)


def colour(image):
    lab = to_lab(image[None])[0, :, :, :4].mean((-2, -1))
    return float(lab[0]), float(lab[1:].norm()), math.degrees(math.atan2(float(lab[2]), float(lab[1]))) % 360


def test_leaves_do_not_turn_cyan_but_may_turn_to_autumn():
    leaf, cyan, autumn = patch(50, 35, 125), patch(50, 30, 200), patch(50, 35, 60)
    assert colour(protected(leaf, cyan, {}, ALL))[2] < 160
    torch.testing.assert_close(protected(leaf, autumn, {}, ALL), autumn, atol=1e-3, rtol=0)


def test_flowers_keep_their_hue_and_some_chroma():
    pink = patch(65, 45, 0)
    green = colour(protected(pink, patch(65, 35, 130), {}, ALL))
    assert min(green[2], 360 - green[2]) < 80
    white = colour(protected(pink, patch(85, 1, 0), {}, ALL))
    assert white[1] > 8
    assert white[0] == pytest.approx(85, abs=1)  # lightness is left alone


def test_skin_is_skin_only_where_a_person_is():
    skin, blue = patch(70, 25, 50), patch(70, 30, 260)
    person = {"person": torch.ones(24, 24)}
    hue = colour(protected(skin, blue, person, {"skin": 1.0}))[2]
    assert abs(hue - 50) < 25
    torch.testing.assert_close(protected(skin, blue, {}, {"skin": 1.0}), blue, atol=1e-5, rtol=0)


def test_whites_keep_little_chroma():
    found = colour(protected(patch(92, 1, 0), patch(80, 60, 80), {}, ALL))
    assert found[1] < 40


def test_sky_and_water_are_free():
    leaf, cyan = patch(50, 35, 125), patch(50, 30, 200)
    for name in ("sky", "water"):
        torch.testing.assert_close(protected(leaf, cyan, {name: torch.ones(24, 24)}, ALL), cyan, atol=1e-5, rtol=0)


def test_amounts():
    leaf, cyan = patch(50, 35, 125), patch(50, 30, 200)
    assert protected(leaf, cyan, {}, {}) is cyan
    full, half = (protected(leaf, cyan, {}, {"foliage": amount}) for amount in (1.0, 0.5))
    away = [float((each - cyan).abs().max()) for each in (full, half)]
    assert 0.2 * away[0] < away[1] < 0.8 * away[0]


def test_a_coloured_light_is_no_fault_of_skin():
    """All is lit by blue light: greys and skin alike; nothing is to be mended."""
    photo = patch(70, 25, 50)
    lit = photo * torch.tensor([0.55, 0.75, 1.0])[:, None, None]
    found = protected(photo, lit, {"person": torch.ones(24, 24)}, {"skin": 1.0})
    assert float((found - lit).abs().max()) < 0.06


def test_nothing_tears():
    """Small changes of the result make small changes of what is protected."""
    photo, result = picture(48, 64, 1), picture(48, 64, 2)
    base = protected(photo, result, {}, ALL)
    moved = protected(photo, (result + 1e-4).clamp(0, 1), {}, ALL)
    assert float((moved - base).abs().max()) < 0.02


def test_neutral_light_is_the_affine_map_at_grey():
    photo = picture(40, 40, 3)
    result = photo * torch.tensor([0.9, 0.8, 0.5])[:, None, None] + 0.05
    grey = torch.full((40, 40), 0.5)
    expected = torch.tensor([0.5, 0.45, 0.3])
    found = neutral_light(photo, result, grey)[:, 0, 0]
    assert float((found - expected).abs().max()) < 0.03


def test_options_name_the_kinds():
    assert set(KINDS) | {"white"} == set(PROTECTED)
    with pytest.raises(ParameterError, match="hair"):
        FitOptions(protect={"hair": 1.0})
    with pytest.raises(ParameterError, match="skin=2"):
        FitOptions(protect={"skin": 2.0})
    with pytest.raises(ParameterError, match="gradient"):
        FitOptions(gradient="yes")
