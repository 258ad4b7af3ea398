import pytest
import torch

from photostyle import methods
from photostyle.errors import MaskError, NumericalError, ParameterError
from photostyle.methods import masks
from photostyle.methods.base import pair_of_images
from photostyle.options import FitOptions
from photostyle.regions.regions import WHOLE, Regions
from photostyle.regions.sources import Source
from photostyle.transfer.fitting import stylize
from tests.util import halves, picture, tiny_model

CONTENT, STYLE = picture(40, 48, 1)[None], picture(56, 32, 2)[None]


@pytest.mark.parametrize("info", methods.METHODS, ids=lambda info: info.name)
def test_every_method_of_the_table_exists(info):
    assert methods.find(info.name) is info
    assert info.title
    assert info.paper[-4:].isdigit()
    assert info.options() == info.options()


def test_an_unknown_method_is_told_the_nearest():
    with pytest.raises(ParameterError, match="no method is called 'wct3': did you mean 'wct'"):
        methods.find("wct3")
    with pytest.raises(ParameterError, match="there is reinhard, "):
        methods.find("xyzzy")


def test_options_and_networks_must_be_the_methods_own():
    info = methods.find("wct2")
    with pytest.raises(ParameterError, match="wct2 takes FitOptions, got int"):
        info.create(3, model=tiny_model())
    with pytest.raises(ParameterError, match="wct2 needs model, got nothing"):
        info.create()


def test_wct2_is_the_fit():
    model, options = tiny_model(), FitOptions(strength=0.7)
    method = methods.find("wct2").create(options, model=model)
    expected = stylize(model, CONTENT, STYLE, options=options).clamp(0, 1)
    assert torch.equal(method.run(CONTENT, STYLE), expected)
    ours, theirs = (Regions.from_labels(halves(*x.shape[-2:], 1, 2)) for x in (CONTENT, STYLE))
    expected = stylize(model, CONTENT, STYLE, content_regions=ours, style_regions=theirs, options=options).clamp(0, 1)
    assert torch.equal(method.run(CONTENT, STYLE, ours, theirs), expected)


def test_orphans_take_the_labels_of_their_sources():
    regions = Regions.from_labels(halves(8, 12, 1, 2, 3, 4))
    sources = {
        WHOLE: [Source(0, WHOLE)],
        "1": [Source(0, "sky")],
        "2": [Source(0, WHOLE)],
        "3": [Source(0, "sky")],
        "4": [Source(0, "sea")],
    }
    found = masks.restrict(regions, sources)
    assert list(found.weights) == ["sky", "sea"]
    assert torch.equal(found.weights["sky"], ((regions.weights["1"] + regions.weights["3"]) > 0).float())
    assert torch.equal(found.weights["sea"], regions.weights["4"])


def test_pairs_cover_every_pixel_once():
    ours = Regions.from_labels(halves(40, 48, 1, 2, 3, 4)).select(["1", "2"])
    theirs = Regions.from_labels(halves(56, 32, 1, 2))
    found = masks.pairs(CONTENT, STYLE, ours, theirs)
    assert [pair.name for pair in found] == ["1", "2", WHOLE]
    assert torch.equal(sum(pair.content for pair in found), torch.ones(40, 48))
    assert [pair.share for pair in found] == [0.25, 0.25, 0.5]
    assert torch.equal(found[2].style, torch.ones(56, 32))
    alone = masks.pairs(CONTENT, STYLE, None, None)
    assert [(pair.name, pair.share) for pair in alone] == [(WHOLE, 1.0)]


def test_a_region_that_is_empty_in_the_style_takes_all_of_it():
    ours = Regions.from_labels(halves(40, 48, 1, 2))
    theirs = Regions.from_weights({"1": torch.ones(56, 32), "2": torch.zeros(56, 32)})
    assert [pair.name for pair in masks.pairs(CONTENT, STYLE, ours, theirs)] == ["1", WHOLE]


def test_regions_that_do_not_fit_are_refused():
    ours, theirs = (Regions.from_labels(halves(*x.shape[-2:], 1, 2)) for x in (CONTENT, STYLE))
    with pytest.raises(MaskError, match="one side only"):
        masks.pairs(CONTENT, STYLE, ours, None)
    with pytest.raises(MaskError, match="style has no region '2'; it has 1"):
        masks.pairs(CONTENT, STYLE, ours, theirs.select(["1"]))
    with pytest.raises(MaskError, match="same size"):
        masks.pairs(CONTENT, STYLE, theirs, theirs)


def test_weights_of_features_are_means_over_their_pixels():
    weight = torch.rand(8, 12)
    expected = weight.reshape(4, 2, 6, 2).mean((1, 3))
    assert torch.allclose(masks.at(weight, (4, 6)), expected)
    assert masks.at(weight, (8, 12)) is weight


def test_images_must_be_single_and_finite():
    assert [tuple(x.shape) for x in pair_of_images(CONTENT[0], STYLE)] == [(1, 3, 40, 48), (1, 3, 56, 32)]
    with pytest.raises(ParameterError, match="batch of 2"):
        pair_of_images(CONTENT.repeat(2, 1, 1, 1), STYLE)
    with pytest.raises(NumericalError, match="NaN"):
        pair_of_images(CONTENT, STYLE * float("nan"))
