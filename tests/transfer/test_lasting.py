"""The smooth finish over time: maps of colour that lie alike in every frame."""

import math

import pytest
import torch

from photostyle.colour.lab import to_lab
from photostyle.edges.bilateral import Lattice
from photostyle.edges.places import Box, box_of, placed
from photostyle.transfer.lasting import ColourMaps, mapped, settled, witness
from photostyle.transfer.smoothing import smooth


def scene(height=60, width=90, shift=0):
    """Two surfaces of one brightness and another hue, with a gradient over both."""
    x = ((torch.arange(width) + shift) / width)[None].expand(height, width)
    y = (torch.arange(height) / height)[:, None].expand(height, width)
    left = (x < 0.5).float()
    image = torch.stack([0.3 + 0.3 * left + 0.1 * y, 0.45 + 0.1 * x, 0.6 - 0.3 * left + 0.1 * y])
    grain = torch.randn(3, height, width, generator=torch.Generator().manual_seed(shift)) * 0.01
    return (image + grain).clamp(0, 1)


def lab(image):
    return to_lab(image[None])[0]


def heard(image, styled, regions=None):
    return witness(image, lab(image), styled, regions)


def through(maps, image):
    return mapped(maps.at(lab(image)), image)


def test_an_affine_change_of_colour_is_found_and_holds_for_other_frames():
    change = torch.tensor([[0.7, 0.1, 0.0], [0.0, 0.9, 0.1], [0.1, 0.0, 0.8]])
    styled = torch.einsum("ij,jhw->ihw", change, scene()) + 0.05
    maps = settled([heard(scene(), styled)], [1.0])
    for shift in (0, 7):
        expected = torch.einsum("ij,jhw->ihw", change, scene(shift=shift)) + 0.05
        assert (through(maps, scene(shift=shift)) - expected).abs().mean() < 0.01


def test_it_is_the_smooth_finish_of_a_photo():
    image = scene()
    styled = (image.flip(0) * 0.5 + 0.3 * image**2).clamp(0, 1)
    styled[:, 20:30, 40:50] += 0.3  # what no smooth map explains
    whole = smooth(image[None], styled[None], None, 1.0, {})[0]
    got = through(settled([heard(image, styled)], [1.0]), image)
    assert (got - whole).abs().mean() < 0.02
    weights = {"left": (torch.arange(90) < 45).float()[None].expand(60, 90)}
    assert (through(settled([heard(image, styled, weights)], [1.0]), image) - whole).abs().mean() < 0.04


def test_where_frames_begin_and_which_box_they_lie_in_changes_nothing():
    image = scene()
    one = heard(image, image * 0.8)
    wide = Box(
        (0, 0, one.box.origin[2] - 2, *one.box.origin[3:]),
        (*one.box.shape[:2], one.box.shape[2] + 3, *one.box.shape[3:]),
    )
    blank = one.sums.new_zeros(1)
    other = type(one)(
        wide,
        one.box.widened(one.sums, wide, blank),
        {name: one.box.widened(cells, wide, blank) for name, cells in one.owners.items()},
        one.statistics,
    )
    a, b = (through(settled([each], [1.0]), image) for each in (one, other))
    assert torch.allclose(a, b, atol=1e-5)


def test_several_frames_count_by_their_weights_and_as_one():
    image = scene()
    dark, light = heard(image, image * 0.6), heard(image, image * 0.8)
    same = settled([dark, dark, dark], [1.0, 0.5, 0.25])
    assert torch.allclose(through(same, image), through(settled([dark], [1.0]), image), atol=1e-4)
    mixed = through(settled([dark, light], [3.0, 1.0]), image)
    assert (mixed - image * 0.65).abs().mean() < 0.02


def test_between_two_moments_maps_are_mixed():
    image = scene()
    first, last = (settled([heard(image, image * gain)], [1.0]) for gain in (0.6, 0.8))
    assert first.between(last, 0.0) is first
    half = through(first.between(last, 0.5), image)
    expected = (through(first, image) + through(last, image)) / 2
    assert torch.allclose(half, expected, atol=1e-5)
    steps = [through(first.between(last, share), image).mean() for share in (0.0, 0.25, 0.5, 0.75)]
    differences = torch.stack(steps).diff()
    assert (differences - differences.mean()).abs().max() < 1e-4


def test_colours_that_no_frame_had_are_mapped_like_the_whole():
    image = scene() * 0.4
    maps = settled([heard(image, image * 0.5)], [1.0])
    strange = torch.tensor([0.1, 0.95, 0.1])[:, None, None].expand(3, 60, 90).contiguous()
    assert torch.isfinite(through(maps, strange)).all()
    usual = mapped(maps.usual[:, None, None].expand(12, 60, 90), strange)
    assert (through(maps, strange) - usual).abs().max() < 0.05


def test_regions_come_and_go():
    image = scene()
    left = (torch.arange(90) < 45).float()[None].expand(60, 90)
    first = heard(image, image * 0.7, {"left": left})
    second = heard(image, image * 0.7, {"left": left, "right": 1 - left})
    got = through(settled([second, first], [1.0, 0.5]), image)
    assert (got - image * 0.7).abs().mean() < 0.02
    empty = heard(image, image * 0.7, {"nothing": torch.zeros(60, 90)})
    assert torch.isfinite(through(settled([empty], [1.0]), image)).all()


@pytest.mark.parametrize("flat", [0.0, 0.5, 1.0])
def test_one_colour_is_no_trouble(flat):
    image = torch.full((3, 20, 30), flat)
    got = through(settled([heard(image, image * 0.5 + 0.1)], [1.0]), image)
    assert (got - (flat * 0.5 + 0.1)).abs().max() < 0.02


def test_pixels_lie_on_the_simplex_that_the_photos_lattice_has():
    image = scene(24, 30)
    values = lab(image)
    box = box_of(values)
    lattice = placed(values, box)
    assert torch.allclose(lattice.shares.sum(1), torch.ones(720), atol=1e-5)
    assert (lattice.shares >= 0).all()
    # Where each pixel lies is the mean of its corners.
    strides = [math.prod(box.shape[i + 1 :]) for i in range(5)]
    rest, places = lattice.corners.long(), []
    for stride in strides:
        places.append(rest // stride)
        rest = rest % stride
    mean = (torch.stack(places, -1) * lattice.shares[..., None]).sum(1) + torch.tensor(box.origin)
    assert torch.allclose(mean[:, 2:], values.flatten(1).T / 14, atol=1e-4)
    assert isinstance(lattice, Lattice)


def test_maps_know_what_lies_outside():
    maps = settled([heard(scene(), scene())], [1.0])
    assert isinstance(maps, ColourMaps)
    assert maps.usual.shape == (12,)
    assert maps.table.shape == (math.prod(maps.box.shape), 12)
