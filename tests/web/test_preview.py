"""Strengths between knots: exact at knots, near in between, region by region."""

import pytest
import torch

from photostyle.errors import ParameterError
from photostyle.regions.regions import Regions
from photostyle.web.preview import KNOTS, Preview
from tests.util import halves, picture


def graded(image, amount):
    """An effect that is affine in the photo's colours and curved in its strength."""
    bent = amount * (2 - amount)
    return image * (1 - 0.6 * bent) + 0.2 * bent


class Network:
    def __init__(self, image):
        self.image, self.asked = image, []

    def __call__(self, strength, shares):
        self.asked.append((strength, shares))
        colour = torch.tensor([0.3, 0.0, -0.2])[:, None, None] * (shares[0] - shares[1] if shares else 0.0)
        return graded(self.image, strength) + colour


@pytest.fixture
def photo():
    return picture(48, 64, 3)


@pytest.fixture
def network(photo):
    return Network(photo)


def close(one, other, tolerance):
    assert float((one - other).abs().max()) <= tolerance


def test_knots_are_the_network_s_own_answers(photo, network):
    preview = Preview(photo, photo, network)
    for knot in KNOTS:
        close(preview.at(knot), graded(photo, knot), 6e-3)
    assert sorted(network.asked) == [(knot, None) for knot in KNOTS[1:]]  # 0 is known: it is the photo
    assert torch.equal(preview.at(0.0), photo)


def test_between_knots_it_is_near_and_asks_nothing(photo, network):
    preview = Preview(photo, photo, network)
    preview.prepare()
    asked = len(network.asked)
    for strength in (0.1, 0.33, 0.6, 0.99):
        close(preview.at(strength), graded(photo, strength), 0.02)
    assert len(network.asked) == asked == len(KNOTS) - 1


def test_only_the_knots_around_are_asked(photo, network):
    preview = Preview(photo, photo, network)
    preview.at(0.6)
    assert sorted(strength for strength, _ in network.asked) == [0.5, 0.75]
    preview.at(1.0)
    assert network.asked[-1][0] == 1.0
    assert len(network.asked) == 3


def test_regions_have_strengths_of_their_own(photo, network):
    left = (halves(48, 64, 1, 0) == 1).float()
    regions = Regions({"sky": left, "ground": 1 - left}, hard=True)
    preview = Preview(photo, photo, network, regions=regions)
    result = preview.at(0.5, {"sky": 0.0, "unknown": 1.0})
    close(result[..., :24], photo[..., :24], 6e-3)  # clear of the border, over which windows reach
    close(result[..., 40:], graded(photo, 0.5)[..., 40:], 6e-3)


def test_a_draft_asks_nothing(photo, network):
    preview = Preview(photo, photo, network)
    assert torch.equal(preview.draft(0.6), photo)  # nothing is known but the photo
    preview.full()
    assert network.asked == [(1.0, None)]
    close(preview.draft(1.0), graded(photo, 1.0), 6e-3)
    close(preview.draft(0.5), (photo + graded(photo, 1.0)) / 2, 6e-3)
    assert preview.sure([1.0, 0.0])
    assert not preview.sure([0.6])
    assert len(network.asked) == 1
    preview.prepare()
    assert preview.sure([0.6])
    assert torch.equal(preview.draft(0.6), preview.at(0.6))


def test_it_is_laid_over_another_copy(photo, network):
    preview = Preview(photo, photo, network)
    preview.full()
    larger = picture(96, 128, 3)
    assert torch.equal(preview.over(larger).draft(1.0), Preview(photo, larger, network).at(1.0))
    assert len(network.asked) == 2


def test_it_is_shown_larger_than_it_is_seen(photo, network):
    shown = picture(96, 128, 3)
    preview = Preview(photo, shown, network)
    result = preview.at(1.0)
    assert result.shape == shown.shape
    close(result, graded(shown, 1.0), 6e-3)
    assert float(result.min()) >= 0
    assert float(result.max()) <= 1


def test_shares_change_what_the_styles_do(photo, network):
    preview = Preview(photo, photo, network, styles=2, shares=(0.5, 0.5))
    assert torch.equal(preview.at(1.0, shares=(0.5, 0.5)), preview.at(1.0))
    expected = network(1.0, (0.75, 0.25)).clamp(0, 1)
    close(preview.at(1.0, shares=(0.75, 0.25)), expected, 5e-3)
    preview.prepare()
    assert [shares for _, shares in network.asked if shares and shares[0] != 0.75] == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_strengths_out_of_range(photo, network, strength):
    with pytest.raises(ParameterError):
        Preview(photo, photo, network).at(strength)
