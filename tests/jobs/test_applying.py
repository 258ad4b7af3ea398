"""Saved styles on photos: targets are fitted to each, transfers are not; masks and strengths mean the same for both."""

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.errors import MaskError
from photostyle.jobs.applying import Application, applied
from photostyle.jobs.loading import load
from photostyle.jobs.photo import apply_file, read_image
from photostyle.jobs.regions import RegionSettings
from photostyle.jobs.rendering import Rendering
from photostyle.options import FitOptions
from photostyle.regions.labels import match
from photostyle.regions.regions import Regions
from photostyle.transfer.fitting import fit, fit_and_apply, measure_target
from tests.util import assert_same, halves, picture
from tests.util.cli import colourful_model, read, save_picture

MODEL = colourful_model()
EXACT = RegionSettings(refine_masks=False)
CONTENT, STYLE = Regions.from_labels(halves(41, 59, 3, 7)), Regions.from_labels(halves(48, 33, 7, 3))


@pytest.fixture
def scene(tmp_path):
    save_picture(tmp_path / "c.png", 41, 59, 1)
    save_picture(tmp_path / "s.png", 48, 33, 2)
    Image.fromarray(halves(41, 59, 3, 7).byte().numpy()).save(tmp_path / "cm.png")
    return tmp_path


def test_a_target_is_fitted_to_the_photo(scene):
    content, style = read_image(scene / "c.png"), read_image(scene / "s.png")
    target = measure_target(MODEL, style, options=FitOptions(strength=0.5))
    transfer, result = applied(target, load(scene / "c.png"), Rendering(), Application())
    expected, image = fit_and_apply(MODEL, content, style, options=FitOptions(strength=0.5))
    assert_same(transfer, expected)
    assert torch.equal(result, image)
    full, _ = applied(target, load(scene / "c.png"), Rendering(), Application(strength=1.0))
    assert_same(full, fit(MODEL, content, style))
    apply_file(target, scene / "c.png", scene / "o.png")
    assert np.array_equal(read(scene / "o.png"), (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())


def test_a_target_with_regions_finds_those_of_the_mask(scene):
    content, style = read_image(scene / "c.png"), read_image(scene / "s.png")
    target = measure_target(MODEL, style, style_regions=STYLE)
    seen = []
    how = Application(scene / "cm.png", EXACT, seen.extend)
    transfer, result = applied(target, load(scene / "c.png"), Rendering(), how)
    sources = match(CONTENT, [STYLE]).sources
    regions = {"content_regions": CONTENT, "style_regions": STYLE, "sources": sources}
    expected, image = fit_and_apply(MODEL, content, style, **regions)
    assert_same(transfer, expected)
    assert torch.equal(result, image)
    assert [(found.region, found.reason) for found in seen] == [("3", "same name"), ("7", "same name")]
    _, without = applied(target, load(scene / "c.png"), Rendering(), Application())
    assert torch.equal(without, fit_and_apply(MODEL, content, style)[1])


def test_strengths_by_region_need_no_regions_in_the_style(scene):
    content, style = read_image(scene / "c.png"), read_image(scene / "s.png")
    how = Application(scene / "cm.png", EXACT, strengths={"3": 0.0})
    for saved in (measure_target(MODEL, style), fit(MODEL, content, style)):
        _, result = applied(saved, load(scene / "c.png"), Rendering(), how)
        plain = applied(saved, load(scene / "c.png"), Rendering(), Application())[1]
        kept = applied(saved, load(scene / "c.png"), Rendering(), Application(strength=0.0))[1]
        assert (result - kept)[..., :10].abs().mean() < 0.3 * (result - plain)[..., :10].abs().mean()
        assert (result - plain)[..., -10:].abs().mean() < 0.3 * (result - kept)[..., -10:].abs().mean()


@pytest.mark.parametrize("unfitted", [False, True])
def test_a_mask_must_mean_something(scene, unfitted):
    content, style = picture(41, 59, 1), picture(48, 33, 2)
    regions = {"content_regions": CONTENT, "style_regions": STYLE}
    plain = measure_target(MODEL, style) if unfitted else fit(MODEL, content, style)
    by_region = measure_target(MODEL, style, style_regions=STYLE) if unfitted else fit(MODEL, content, style, **regions)
    with pytest.raises(MaskError, match=r"cm\.png: the style was fitted without masks"):
        applied(plain, load(scene / "c.png"), Rendering(), Application(scene / "cm.png"))
    Image.new("L", (59, 41), 9).save(scene / "cm.png")
    with pytest.raises(MaskError, match=r"cm\.png: none of its regions"):
        applied(by_region, load(scene / "c.png"), Rendering(), Application(scene / "cm.png", EXACT))
