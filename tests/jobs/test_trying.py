"""Several styles on one photo: its regions are found once, and one that fails leaves the others."""

import pytest
import torch

from photostyle.jobs.applying import Application, applied
from photostyle.jobs.loading import load
from photostyle.jobs.photo import read_image, stylize_file
from photostyle.jobs.regions import RegionSettings
from photostyle.jobs.rendering import Rendering
from photostyle.jobs.trying import measured, tried, try_sheet
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from tests.util import tiny_model
from tests.util.cli import save_picture, size


class Halves:
    """Says that the upper half is sky and the rest ground, and counts how often it is asked."""

    joint = False
    names = ("sky", "ground")

    def __init__(self):
        self.asked = []

    def __call__(self, images, *, sure=True):
        self.asked += [tuple(image.shape[-2:]) for image in images]
        found = []
        for image in images:
            upper = torch.zeros(image.shape[-2:])
            upper[: image.shape[-2] // 2] = 1
            found.append(Regions.from_weights({"sky": upper, "ground": 1 - upper}))
        return found


@pytest.fixture
def photos(tmp_path):
    return [save_picture(tmp_path / f"{i}.png", 40, 56 - 4 * i, i) for i in range(4)]


def test_each_is_what_it_is_alone_and_the_photo_is_looked_at_once(tmp_path, photos):
    model, halves = tiny_model(), Halves()
    content = load(photos[0])
    before = content.image.clone()
    results = list(tried(model, content, photos[1:], RegionSettings(halves), FitOptions()))
    assert [result.title for result in results] == ["1.png", "2.png", "3.png"]
    assert halves.asked.count((40, 56)) == 1
    assert torch.equal(content.image, before)
    stylize_file(model, photos[0], load(photos[2]), tmp_path / "o.png", FitOptions(), regions=RegionSettings(halves))
    torch.testing.assert_close(results[1].image, read_image(tmp_path / "o.png"), rtol=0, atol=0.51 / 255)


def test_one_that_fails_leaves_the_others(tmp_path, photos):
    (tmp_path / "broken.png").write_bytes(b"no photo")
    styles = [photos[1], tmp_path / "broken.png", photos[2]]
    content = load(photos[0])
    results = list(tried(tiny_model(), content, styles, RegionSettings(), FitOptions()))
    assert [result.image is None for result in results] == [False, True, False]
    assert "broken.png" in results[1].error
    try_sheet(tmp_path / "sheet.png", "photo", content, results)
    assert size(tmp_path / "sheet.png")[0] > 300


def test_it_is_what_a_saved_style_gives_with_what_is_kept_and_a_strength_of_its_own(photos):
    model, settings = tiny_model(), RegionSettings(Halves(), keep=("sky",))
    content, options = load(photos[0]), FitOptions(strengths={"ground": 0.5})
    target = measured(model, photos[2], settings, options)
    results = tried(model, content, [photos[2], ("look", "", target)], settings, options)
    expected = applied(target, load(photos[0]), Rendering(), Application(regions=settings))[1].clamp(0, 1)
    for result in results:
        assert torch.equal(result.image, expected)
    (free,) = tried(model, content, [("look", "", target)], RegionSettings(Halves()), options)
    kept, taken = ((image - content.image)[:, :10].abs().mean() for image in (expected, free.image))
    assert kept < 0.1 * taken


def test_a_region_to_keep_that_is_nowhere_is_named_with_the_photo(photos):
    settings = RegionSettings(Halves(), keep=("skye",))
    (result,) = tried(tiny_model(), load(photos[0]), [photos[1]], settings, FitOptions())
    assert result.image is None
    assert result.error.startswith(f"{photos[0]}: the photo has no region 'skye'")
