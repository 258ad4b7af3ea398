"""Colour and brightness of a change apart: exact at the ends, in CIELAB between, the same in bands as at once."""

import warnings

import numpy as np
import pytest
import torch

from photostyle.errors import ParameterError
from photostyle.jobs import blending
from photostyle.jobs.blending import Shares, blended_
from tests.util import picture

with warnings.catch_warnings():  # that it cannot draw
    warnings.simplefilter("ignore")
    import colour


def lab(image):
    xyz = colour.sRGB_to_XYZ(image.permute(1, 2, 0).double().numpy())
    return colour.XYZ_to_Lab(xyz, colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"])


@pytest.fixture
def pair():
    return picture(24, 30, 1) * 0.5 + 0.25, picture(24, 30, 2) * 0.5 + 0.25


def test_the_ends_are_exact(pair):
    photo, result = pair
    assert torch.equal(blended_(photo, result.clone(), Shares()), result)
    assert torch.equal(blended_(photo, result.clone(), Shares(0, 0)), photo)


@pytest.mark.parametrize(("colour_share", "light_share"), [(0, 1), (1, 0), (0.5, 1), (0.25, 0.75)])
def test_between_them_lightness_and_colour_go_by_their_own_shares(pair, colour_share, light_share):
    photo, result = pair
    mixed = lab(blended_(photo, result.clone(), Shares(colour_share, light_share)))
    before, after = lab(photo), lab(result)
    wanted = before + (after - before) * np.array([light_share, colour_share, colour_share])
    assert np.abs(mixed - wanted).max() < 0.05


def test_bands_are_the_same_as_all_at_once(pair, monkeypatch):
    photo, result = pair
    whole = blended_(photo, result.clone(), Shares(0.3, 0.6))
    monkeypatch.setattr(blending, "_ROWS", 90)
    torch.testing.assert_close(blended_(photo, result.clone(), Shares(0.3, 0.6)), whole, rtol=0, atol=1e-6)


def test_it_writes_over_the_result(pair):
    photo, result = pair
    assert blended_(photo, result, Shares(0.5, 0.5)) is result


@pytest.mark.parametrize("shares", [{"colour": -0.1}, {"brightness": 1.01}, {"colour": float("nan")}])
def test_shares_beyond_the_ends(shares):
    with pytest.raises(ParameterError, match="must be between 0"):
        Shares(**shares)
