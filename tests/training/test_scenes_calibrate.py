"""Temperatures of a segmentation network's probabilities."""

from __future__ import annotations

import pytest
import torch

from photostyle.segmentation import CLASSES, IGNORE
from photostyle.segmentation.segmenter import tempered
from photostyle.training import scenes as data
from photostyle.training.scenes_calibrate import PIXELS, fit_temperatures, judged, reliability, sampled
from tests.util import halves, picture

SKY, THING, PERSON = (CLASSES.index(name) for name in ("sky", "object", "person"))


def drawn(count=8000):
    """Probabilities, and labels that are drawn from them."""
    torch.manual_seed(0)
    chances = (4 * torch.randn(count, len(CLASSES))).softmax(1)
    return chances, torch.multinomial(chances, 1)[:, 0].byte()


def test_tempering_divides_logarithms():
    chances = torch.rand(4, 3, 5).softmax(0)
    found = tempered(chances, torch.full((4,), 2.0))
    torch.testing.assert_close(found, chances.sqrt() / chances.sqrt().sum(0))
    torch.testing.assert_close(tempered(chances, torch.ones(4)), chances)
    assert bool(tempered(torch.eye(4), torch.ones(4)).isfinite().all())


def test_temperatures_undo_too_much_confidence():
    chances, labels = drawn()
    boasting = tempered(chances.T, torch.full((len(CLASSES),), 0.5)).T
    assert float(reliability(boasting, labels)[-1, 2]) < 0.95
    found = torch.tensor(fit_temperatures(boasting, labels))
    assert float(found.min()) > 1.5
    table = reliability(tempered(boasting.T, found).T, labels)
    assert float(table[-1, 2]) >= 0.97
    loss = [-p.gather(1, labels[:, None].long()).log().mean() for p in (boasting, tempered(boasting.T, found).T)]
    assert float(loss[1]) < float(loss[0])


def test_what_means_what_it_says_is_left_as_it_is():
    chances, labels = drawn()
    assert fit_temperatures(chances, labels) == pytest.approx([1.0] * len(CLASSES), abs=0.12)


def test_reliability_counts_right_pixels_by_probability():
    chances = torch.full((4, len(CLASSES)), 0.0)
    chances[:2, SKY], chances[2:, SKY] = 0.95, 0.55
    chances[2:, THING] = 0.45
    table = reliability(chances, torch.tensor([SKY, THING, SKY, SKY]).byte())
    assert table[-1].tolist() == pytest.approx([2, 0.95, 0.5])
    assert table[2].tolist() == pytest.approx([2, 0.55, 1.0])
    assert float(table[:, 0].sum()) == 4


def test_partial_labels_decide_only_what_they_say():
    chances = torch.eye(len(CLASSES))[[PERSON, SKY, PERSON, THING, SKY]]
    labels = torch.tensor([data.NOT_PERSON, data.NOT_PERSON, *[data.OBJECT_OR_PERSON] * 3]).byte()
    sure, right = judged(chances, labels)
    assert sure.tolist() == [1, 1, 1, 1]
    assert right.tolist() == [False, True, True, False]


def test_known_pixels_are_sampled_with_their_labels():
    labels = halves(60, 80, SKY, THING, IGNORE).byte()
    scene = data.Scene("x", (picture(60, 80) * 255).byte(), labels)
    exact = (
        torch.nn.functional.one_hot(labels.long().clamp_max(len(CLASSES) - 1), len(CLASSES)).permute(2, 0, 1).float()
    )
    chances, found = sampled(lambda _: exact, [scene, scene])
    assert chances.shape == (2 * PIXELS, len(CLASSES))
    assert IGNORE not in found.tolist()
    assert torch.equal(chances.argmax(1), found.long())
