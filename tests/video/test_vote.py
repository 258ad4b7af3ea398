"""Regions of a shot, settled by a vote of its key frames."""

import pytest
import torch

from photostyle.regions.regions import Regions
from photostyle.video.regions import Smoothed
from photostyle.video.vote import Ballot, Vote

SIZE = (48, 64)


def frame():
    """Grass below a sky."""
    image = torch.tensor([0.3, 0.5, 0.2])[:, None, None].expand(3, *SIZE).clone()
    image[:, :24] = torch.tensor([0.5, 0.6, 0.9])[:, None, None]
    return image


def opinion(grass):
    """Sure of the sky, and this sure that the rest is grass."""
    found = torch.full(SIZE, float(grass))
    found[:24] = 0.02
    return torch.stack([1 - found, found])


def test_a_frame_that_is_unsure_is_drawn_to_what_the_shot_says():
    vote = Vote.of([Ballot.of(opinion(0.95), frame()) for _ in range(4)])
    settled = vote.settle(Ballot.of(opinion(0.4), frame()))
    assert torch.allclose(settled.sum(0), torch.ones(SIZE), atol=1e-5)
    assert float(settled[1, 30:].min()) > 0.8
    assert float(settled[1, :18].max()) < 0.1


def test_a_surface_that_the_key_frames_have_not_seen_is_left_to_the_frame():
    vote, image = Vote.of([Ballot.of(opinion(0.95), frame())]), frame()
    image[:, 30:44, 8:40] = torch.tensor([0.8, 0.05, 0.05])[:, None, None]
    found = opinion(0.95)
    found[:, 30:44, 8:40] = torch.tensor([0.9, 0.1])[:, None, None]
    assert float(vote.settle(Ballot.of(found, image))[0, 34:40, 14:34].min()) > 0.8


def test_votes_of_windows_add_up():
    ballots = [Ballot.of(opinion(value), frame()) for value in (0.9, 0.6, 0.7)]
    whole, parts = Vote.of(ballots), Vote.of(ballots[:1]).joined(Vote.of(ballots[1:]))
    assert parts.count == whole.count == 3
    asked = Ballot.of(opinion(0.5), frame())
    assert torch.allclose(parts.settle(asked), whole.settle(asked), atol=1e-5)


def test_regions_waver_less_after_a_vote():
    opinions = [0.9, 0.45, 0.8, 0.5, 0.95]

    def source():
        left = iter(opinions * 2)
        return Smoothed(
            lambda image: opinion(next(left)), lambda p, image: Regions({"sky": p[0], "grass": p[1]}, False), "x", 0.0
        )

    def spread(of, vote):
        of.restart(vote)
        shares = torch.stack([of.follow(frame(), i).weights["grass"][36, 32] for i in range(5)])
        return float(shares.max() - shares.min())

    plain, voting = source(), source()
    heard = [voting.heard(frame(), i) for i in range(5)]
    vote = Vote.of([each.ballot for each in heard])
    assert float(heard[1].regions(vote).weights["grass"][36, 32]) > float(
        heard[1].regions(None).weights["grass"][36, 32]
    )
    assert spread(voting, vote) < 0.4 * spread(plain, None)
    assert spread(plain, None) == pytest.approx(0.5, abs=0.01)
