import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.errors import MaskError
from photostyle.regions import refine as module
from photostyle.regions.refine import confident, refine
from photostyle.regions.regions import Regions
from tests.util import halves, picture


def total(regions):
    return torch.stack(list(regions.weights.values())).sum(0)


def two_tones(height=120, width=160, edge=0.5):
    """A photo, dark left of `edge` and bright right of it, with a little texture."""
    image = picture(height, width, 3) * 0.15
    image[:, :, int(width * edge) :] += 0.7
    return image


def disc(height=200, width=240, radius=60, shift=0):
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (((y - height / 2) ** 2 + (x - width / 2 - shift) ** 2) < radius**2).long()


@pytest.mark.parametrize("off", [-3, 0, 3])
def test_a_border_moves_to_the_photo_s_edge(off):
    photo = two_tones()
    labels = torch.zeros(120, 160, dtype=torch.int64)
    labels[:, 80 + off :] = 1
    found = refine(Regions.from_labels(labels), photo)
    assert not found.hard
    assert found.weights["1"][:, :80].max() < 0.25
    assert found.weights["1"][:, 80:].min() > 0.75
    assert (found.weights["1"] - (torch.arange(160) >= 80).float()).abs().mean() < 0.01


@pytest.mark.parametrize("shift", [-5, 5])
def test_a_mask_drawn_roughly_takes_the_photo_s_shape(shift):
    truth, drawn = disc(), disc(radius=62, shift=shift)
    photo = picture(200, 240, 5) * 0.1 + 0.6 * truth
    found = refine(Regions.from_labels(drawn), photo).weights["1"]
    assert ((drawn - truth).abs().float().mean()) > 0.02
    assert (found - truth).abs().mean() < 0.01
    assert ((found > 0.5).long() - truth).abs().float().mean() < 0.006


def test_windows_grow_with_the_photo():
    """A photo twice the size with a mask twice as far off is refined to the same, only larger."""
    found = []
    for scale in (1, 2):
        photo = two_tones(160 * scale, 256 * scale)
        photo = torch.nn.functional.avg_pool2d(photo, 9, 1, 4)
        labels = torch.zeros(160 * scale, 256 * scale, dtype=torch.int64)
        labels[:, (128 + 7) * scale :] = 1
        found.append(refine(Regions.from_labels(labels), photo).weights["1"])
    reduced = torch.nn.functional.avg_pool2d(found[1][None], 2)[0]
    assert (reduced - found[0]).abs().mean() < 0.01


@given(st.integers(0, 10**6), st.integers(16, 70), st.integers(16, 70), st.integers(1, 9), st.booleans())
@settings(max_examples=40, deadline=None)
def test_weights_are_weights_whatever_is_given(seed, height, width, count, flat):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, count, (height, width), generator=generator)
    photo = torch.full((3, height, width), 0.5) if flat else picture(height, width, seed)
    found = refine(Regions.from_labels(labels), photo)
    assert set(found.weights) == {str(n) for n in labels.unique().tolist()}
    assert torch.allclose(total(found), torch.ones(height, width), atol=1e-5)
    assert torch.stack(list(found.weights.values())).min() >= 0
    Regions.from_weights(found.weights)  # finite, in [0, 1]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_photo_without_edges_keeps_its_mask_softly(value):
    labels = halves(64, 96, 0, 1)
    found = refine(Regions.from_labels(labels), torch.full((3, 64, 96), value)).weights["1"]
    assert found[:, :20].max() < 0.05
    assert found[:, -20:].min() > 0.95
    assert (found[:, 1:] - found[:, :-1]).abs().max() < 0.3


def test_small_probabilities_are_brought_to_the_photo():
    photo = two_tones(240, 320)
    coarse = torch.zeros(30, 40)
    coarse[:, 22:] = 0.98
    coarse[:, 19:22] = 0.5
    found = refine(Regions({"a": 1 - coarse, "b": coarse}, hard=False), photo)
    assert found.size == (240, 320)
    assert found.weights["b"][:, 160:].min() > 0.8 > 0.1 > found.weights["b"][:, :160].max()


def test_what_no_region_claims_stays_unclaimed():
    photo = two_tones()
    photo[:, 60:] = 1 - photo[:, 60:]
    weights = {"a": torch.zeros(120, 160), "b": torch.zeros(120, 160)}
    weights["a"][:60, :76], weights["b"][:60, 84:] = 1, 1
    found = refine(Regions(weights, hard=True), photo)
    assert list(found.weights) == ["a", "b"]
    assert total(found)[:45].mean() > 0.95
    assert total(found)[75:].mean() < 0.05


def test_one_region_over_everything():
    found = refine(Regions.from_labels(torch.full((40, 50), 7)), picture(40, 50))
    assert found.weights["7"].eq(1).all()


def test_strips_do_not_show(monkeypatch):
    photo, regions = picture(75, 90, 2), Regions.from_labels(disc(75, 90, 20))
    whole = refine(regions, photo)
    monkeypatch.setattr(module, "_STRIP", 90 * 8 * 3)
    monkeypatch.setattr(module, "WORKING_SIDE", 256)
    strips = refine(regions, photo)
    assert torch.allclose(strips.weights["1"], whole.weights["1"], atol=1e-6)


def test_memory_is_bounded_by_the_result():
    """Coefficients of a strip, not of the photo, are held: four values a region and pixel would be four times this."""
    photo, regions = picture(1200, 1600), Regions.from_labels(halves(1200, 1600, 0, 1, 2))
    held = []
    original = module.enlarged_rows
    module_rows = lambda *arguments: held.append(original(*arguments).numel()) or original(*arguments)  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "enlarged_rows", module_rows)
        refine(regions, photo)
    assert max(held) <= module._STRIP
    assert len(held) > 5


def test_regions_of_another_shape_are_refused():
    with pytest.raises(MaskError, match="proportions"):
        refine(Regions.from_labels(halves(40, 60, 0, 1)), picture(60, 40))
    with pytest.raises(MaskError, match="no region"):
        refine(Regions({}, hard=False), picture(60, 40))


def test_confident_gives_up_what_is_unsure_but_not_the_seams():
    chances = torch.zeros(3, 60, 80)
    chances[0, :, :40], chances[1, :, 40:] = 0.95, 0.95
    chances[2] = 0.05
    chances[:, 30:] = 1 / 3  # the lower half is anybody's guess
    seam = slice(39, 41)
    chances[0, :30, seam] = chances[1, :30, seam] = 0.475
    found = confident(chances, ("a", "b", "c"))
    assert torch.allclose(total(found), torch.ones(60, 80))
    assert found.weights["unsure"][:26].max() < 0.01
    assert found.weights["unsure"][34:].min() > 0.99
    assert torch.allclose(found.weights["a"][:26], chances[0, :26], atol=1e-2)


def test_of_a_style_every_pixel_counts_by_how_likely_it_is():
    chances = torch.rand(4, 30, 40, generator=torch.Generator().manual_seed(3)).softmax(0)
    chances[3] = 1e-4
    chances /= chances.sum(0)
    found = confident(chances, ("a", "b", "c", "d"), sure=False).weights
    assert set(confident(chances, ("a", "b", "c", "d")).weights) >= {"unsure"}
    assert list(found) == ["a", "b", "c"]  # and not what is not there
    for number, name in enumerate(found):
        torch.testing.assert_close(found[name], chances[number])


def test_classes_that_are_not_there_are_left_out():
    chances = torch.zeros(3, 20, 20)
    chances[0], chances[1] = 0.999, 0.001
    assert list(confident(chances, ("a", "b", "c")).weights) == ["a"]
    chances[:] = 1 / 3
    assert confident(chances, ("a", "b", "c")).weights["unsure"].min() > 0.99


def test_thin_things_are_kept():
    """A mast of five pixels at 512, on a foot."""
    photo = torch.full((3, 384, 512), 0.8) + 0.02 * picture(384, 512)
    photo[:, 100:300, 250:255] = 0.1
    photo[:, 300:] = 0.15
    labels = torch.zeros(384, 512, dtype=torch.int64)
    labels[300:] = labels[100:300, 250:255] = 1
    found = refine(Regions.from_labels(labels), photo).weights["1"]
    assert found[120:280, 251:254].mean() > 0.8
    assert found[120:280, 200:245].max() < 0.05
