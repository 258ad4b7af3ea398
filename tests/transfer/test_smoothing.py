"""The smooth finish: what it takes off and what it must not touch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from photostyle.errors import ParameterError
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.transfer import fitting, smoothing, tiling
from photostyle.transfer.moving import GAIN, GAIN_RIDGE, bounded_monge, statistics
from photostyle.transfer.smoothing import smooth
from tests.util import halves, picture, tiny_model


def wall(height=96, width=128):
    return torch.full((1, 3, height, width), 0.5) + 0.004 * torch.randn(
        1, 3, height, width, generator=torch.Generator().manual_seed(1)
    )


def test_strength_0_is_the_photo_to_the_bit():
    photo = picture(40, 56, 1)[None]
    assert torch.equal(smooth(photo, picture(40, 56, 2)[None], None, 0.0, {}), photo)
    model = tiny_model()
    transfer = fitting.fit(model, photo, picture(32, 32, 3), options=FitOptions(strength=0.0))
    assert torch.equal(transfer.apply(photo), photo)
    assert torch.equal(transfer.apply(photo[0]), photo[0])
    full = fitting.fit(model, photo, picture(32, 32, 3))
    assert torch.equal(full.apply(photo, strength=0.0), photo)


def test_a_region_that_stays_is_the_photos_own():
    photo, styled = picture(40, 60, 1)[None], picture(40, 60, 2)[None]
    regions = Regions.from_labels(halves(40, 60, 0, 1))
    found = smooth(photo, styled, regions, 1.0, {"0": 0.0})
    assert torch.equal(found[..., :30], photo[..., :30])
    assert not torch.allclose(found[..., 30:], photo[..., 30:], atol=0.02)


def test_a_torn_wall_is_whole_again():
    """The step of 0.3 becomes a slow passage: a few pixels apart, nothing is torn."""
    photo = wall()
    styled = photo.clone()
    styled[..., 64:] += 0.3
    found = smooth(photo, styled, None, 1.0, {}).mean((0, 1, 2))
    assert float((found[4:] - found[:-4]).abs().max()) < 0.1


def test_large_photos_are_done_at_a_reduced_size(monkeypatch):
    """The same look by a quarter of the pixels, carried up: close to the look at full size."""
    photo = picture(96, 128, 1)[None]
    styled = photo * torch.tensor([0.9, 0.7, 0.5])[:, None, None] + 0.05
    whole = smooth(photo, styled, None, 1.0, {})
    monkeypatch.setattr(smoothing, "PIXELS", 48 * 64)
    small = smooth(photo, styled, None, 1.0, {})
    assert float((small - whole).abs().mean()) < 0.01


def test_regions_keep_their_colours():
    """Two regions of one surface under two maps: smoothing draws them together, their means are brought back."""
    photo = picture(96, 128, 1)[None]
    regions = Regions.from_labels(halves(96, 128, 0, 1))
    styled = photo.clone()
    styled[..., :64] *= 0.6
    found = smooth(photo, styled, regions, 1.0, {})
    for half in (slice(0, 64), slice(64, None)):
        torch.testing.assert_close(found[..., half].mean((-2, -1)), styled[..., half].mean((-2, -1)), atol=0.02, rtol=0)


def test_statistics_of_all_regions_are_those_of_each():
    colours, counts = picture(20, 30, 1).flatten(1).double(), picture(20, 30, 2).flatten(1).double()
    means, covariances = statistics(colours, counts)
    for count, mean, covariance in zip(counts, means, covariances, strict=True):
        expected = np.cov(colours.numpy(), ddof=0, aweights=count.numpy()) + GAIN_RIDGE * np.eye(3)
        np.testing.assert_allclose(mean, np.average(colours.numpy(), axis=1, weights=count.numpy()), atol=1e-12)
        np.testing.assert_allclose(covariance, expected, atol=1e-12)


def test_gains_are_bounded():
    here, there = torch.eye(3, dtype=torch.float64) * 1e-4, torch.eye(3, dtype=torch.float64)
    for pair, expected in (((here, there), GAIN), ((there, here), 1 / GAIN)):
        torch.testing.assert_close(bounded_monge(*pair, (1 / GAIN, GAIN)), expected * torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize("regions", [None, "halves"])
def test_tiles_give_the_whole(regions):
    model, photo, style = tiny_model(), picture(90, 140, 1), picture(64, 64, 2)
    found = Regions.from_labels(halves(90, 140, 0, 1)) if regions else None
    theirs = Regions.from_labels(halves(64, 64, 0, 1)) if regions else None
    transfer = fitting.fit(model, photo, style, content_regions=found, style_regions=theirs)
    assert transfer.options.finish == "smooth"
    whole = transfer.apply(photo, found)
    torch.testing.assert_close(tiling.apply(transfer, photo, found, tile=64), whole, atol=2e-4, rtol=0)


def test_fit_and_apply_agrees_with_fit_then_apply():
    model, photo, style = tiny_model(), picture(50, 70, 1), picture(64, 64, 2)
    transfer, at_once = fitting.fit_and_apply(model, photo, style)
    torch.testing.assert_close(transfer.apply(photo), at_once, atol=1e-4, rtol=0)


def test_old_switches_still_mean_something():
    assert FitOptions(finish=True).finish == "smooth"
    assert FitOptions(finish=False).finish == "off"
    assert replace(FitOptions(), finish="windows").finish == "windows"
    with pytest.raises(ParameterError, match="smooth, windows, off"):
        FitOptions(finish="best")
