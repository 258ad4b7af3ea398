"""Light in the photo's order, against sorted values and pictures that are turned round on purpose."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from photostyle.colour.lab import from_lab, to_lab
from photostyle.transfer.light import FEW, MANY, ordered, reversed_light


def folds(height=96, width=128, waves=6):
    """A grey picture of soft folds, (3, H, W)."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return (0.5 + 0.3 * torch.sin(waves * 2 * np.pi * x) * torch.cos(3 * np.pi * y)).expand(3, -1, -1).clone()


def whole(image):
    return torch.ones_like(image[:1])


def lightness(image):
    return to_lab(image[None])[0, 0]


def share(photo, styled):
    return float(reversed_light(photo, styled, whole(photo))[0])


@pytest.mark.parametrize(
    "look", [lambda x: x, lambda x: 0.2 + 0.3 * x, lambda x: x**2 * torch.tensor([1.0, 0.4, 0.2])[:, None, None]]
)
def test_a_look_in_order_is_returned_as_it_is(look):
    photo = folds()
    styled = look(photo)
    assert share(photo, styled) == pytest.approx(0, abs=0.02)
    assert ordered(photo, styled, whole(photo)) is styled


def test_a_negative_is_turned_back_with_its_own_lights():
    photo = folds()
    styled = 0.2 + 0.6 * (1 - photo)
    assert share(photo, styled) > 0.98
    result = ordered(photo, styled, whole(photo))
    assert share(photo, result) < 0.02
    levels = np.linspace(0.02, 0.98, 25)
    have, had = (np.quantile(lightness(image).numpy(), levels) for image in (result, styled))
    np.testing.assert_allclose(have, had, atol=0.7)


@given(st.integers(0, 10_000))
def test_the_order_is_that_of_sorted_values(seed):
    """On pictures of as many lightnesses as pixels the rearrangement is the sort."""
    rng = np.random.default_rng(seed)
    light = torch.from_numpy(rng.uniform(10, 90, (1, 40, 48))).float()
    photo = from_lab(torch.cat([light, torch.zeros(2, 40, 48)])[None])[0].clamp(0, 1)
    styled = from_lab(torch.cat([70 - 0.6 * light, torch.zeros(2, 40, 48)])[None])[0].clamp(0, 1)
    result = lightness(ordered(photo, styled, whole(photo))).flatten()
    order = lightness(photo).flatten().argsort()
    expected = lightness(styled).flatten().sort().values
    np.testing.assert_allclose(result[order].numpy(), expected.numpy(), atol=0.8)


def test_what_becomes_lighter_takes_the_colour_of_that_lightness():
    photo = folds()
    lab = to_lab((1 - photo)[None])[0]
    lab[1] = 0.6 * (lab[0] - 50)  # the lighter, the redder
    lab[2] = 10
    styled = from_lab(lab[None])[0]
    result = to_lab(ordered(photo, styled, whole(photo))[None])[0]
    inside = (lab[0] > 30) & (lab[0] < 75) & (result[0] > 30) & (result[0] < 75)  # within sRGB both before and after
    np.testing.assert_allclose(result[1][inside].numpy(), (0.6 * (result[0] - 50))[inside].numpy(), atol=3)
    np.testing.assert_allclose(result[2][inside].numpy(), 10, atol=1)


def test_a_region_in_order_stays_to_the_bit():
    photo = folds()
    weights = torch.zeros(2, 96, 128)
    weights[0, :, :64], weights[1, :, 64:] = 1, 1
    styled = torch.cat([photo[..., :64] * 1.3 - 0.1, 1 - photo[..., 64:]], -1)
    found = reversed_light(photo, styled, weights)
    assert float(found[0]) < 0.05 < 0.95 < float(found[1])
    result = ordered(photo, styled, weights)
    assert torch.equal(result[..., :64], styled[..., :64])  # below 0 and above 1 too
    assert share(photo[..., 64:], result[..., 64:]) < 0.02


def test_it_is_put_right_by_degrees():
    photo, other = folds(), folds(waves=9)
    sides = [0.5 - amount * (photo - 0.5) + 0.2 * (other - 0.5) for amount in torch.linspace(-0.15, 0.1, 80).tolist()]
    shares = [share(photo, styled) for styled in sides]
    assert min(shares) < FEW < MANY < max(shares)
    changes = [float((ordered(photo, styled, whole(photo)) - styled).abs().max()) for styled in sides]
    for amount, change in zip(shares, changes, strict=True):
        assert (change > 0) == (amount > FEW)
    # Just beyond the border next to nothing changes: a clip whose frames lie on both sides does not jump.
    just = min((amount, change) for amount, change in zip(shares, changes, strict=True) if amount > FEW)
    assert just[1] < 0.1 * max(changes) or just[0] > FEW + 0.03


def test_a_region_of_a_speck_has_no_order():
    photo = folds()
    weights = torch.zeros(1, 96, 128)
    weights[0, :8, :12] = 1
    styled = 1 - photo
    assert ordered(photo, styled, weights) is styled


def test_flat_pictures_have_none_either():
    grey = torch.full((3, 40, 40), 0.5)
    assert float(reversed_light(grey, grey * 0.5, whole(grey))[0]) == 0
    assert ordered(grey, grey * 0.5, whole(grey)).equal(grey * 0.5)
