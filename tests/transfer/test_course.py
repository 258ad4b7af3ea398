"""A sky's course of colour: measured, laid, and kept in files."""

import numpy as np
import pytest
import torch

from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.regions.sources import Source
from photostyle.transfer import course, fitting, tiling
from photostyle.transfer.mixing import mix_transfers
from photostyle.transfer.presets import load_style, save_style
from tests.util import picture, tiny_model

HEIGHT, WIDTH, FOOT = 96, 120, 60  # the sky's foot


def regions(height=HEIGHT, width=WIDTH, foot=FOOT):
    sky = torch.zeros(height, width)
    sky[:foot] = 1
    return Regions({"sky": sky, "ground": 1 - sky}, hard=False)


def sunset(height=HEIGHT, width=WIDTH, foot=FOOT):
    """Orange at the foot of the sky, blue at its top, dark below."""
    image = torch.full((3, height, width), 0.15)
    share = torch.linspace(1, 0, foot)[:, None]  # 1 at the top
    for channel, (low, high) in enumerate(((0.9, 0.2), (0.5, 0.3), (0.2, 0.7))):
        image[channel, :foot] = low + (high - low) * share
    return image


def test_a_linear_course_is_found_band_by_band():
    found = course.course(sunset(), regions().weights["sky"])
    expected = np.linspace((0.9, 0.5, 0.2), (0.2, 0.3, 0.7), course.BANDS)
    assert np.abs(found.numpy() - expected).max() < 0.03


@pytest.mark.parametrize("foot", [1, 4])
def test_a_sliver_of_sky_has_no_course(foot):
    assert course.course(sunset(foot=foot), regions(foot=foot).weights["sky"]) is None


def test_only_skies_and_water_have_one():
    assert set(course.style_courses(sunset()[None], regions())) == {"sky"}
    assert course.style_courses(sunset()[None], None) == {}


def test_styles_are_mixed_by_their_shares_and_only_by_name():
    one, other = torch.zeros(course.BANDS, 3), torch.ones(course.BANDS, 3)
    sources = {"sky": [Source(0, "sky"), Source(1, "sky")], "water": [Source(0, "sky")]}
    found = course.mixed([{"sky": one}, {"sky": other}], sources, [1.0, 3.0])
    assert set(found) == {"sky"}
    torch.testing.assert_close(found["sky"], torch.full((course.BANDS, 3), 0.75))
    assert course.mixed([{"sky": one}, {}], sources, [1.0, 3.0]) == {}


def laid(amount, clouds=0.0):
    photo = torch.full((3, HEIGHT, WIDTH), 0.6) + clouds * torch.randn(1, HEIGHT, WIDTH)
    weight, bands = regions().weights["sky"], course.course(sunset(), regions().weights["sky"])
    return photo, course.laid(photo, photo, photo, photo, weight, weight, bands, amount)


def test_a_flat_sky_becomes_a_sunset_and_the_ground_stays():
    photo, found = laid(1.0)
    torch.testing.assert_close(found[:, 3 : FOOT - 3], sunset()[:, 3 : FOOT - 3], atol=0.03, rtol=0)
    assert torch.equal(found[:, FOOT:], photo[:, FOOT:])
    assert laid(0.0)[1].equal(laid(0.0)[0])
    half = laid(0.5)[1]
    torch.testing.assert_close(half[:, :FOOT], (photo + found)[:, :FOOT] / 2, atol=1e-4, rtol=0)


def test_clouds_stay_where_they_are():
    torch.manual_seed(1)
    photo, found = laid(1.0, clouds=0.02)
    beside = found - found.mean(2, keepdim=True)
    were = photo - photo.mean(2, keepdim=True)
    sky = np.s_[1, 4 : FOOT - 4]
    assert np.corrcoef(beside[sky].flatten(), were[sky].flatten())[0, 1] > 0.99
    assert beside[sky].std() < 1.3 * were[sky].std()


def fits(model, **options):
    photo = picture(HEIGHT, WIDTH, 1)
    sources = {"*": [Source(0, "*")], "sky": [Source(0, "sky")], "ground": [Source(0, "ground")]}
    how = {"content_regions": regions(), "sources": sources, "options": FitOptions(**options)}
    return photo, {**how, "style_regions": [regions()]}


def test_the_fit_carries_it_and_the_option_leaves_it_out():
    model = tiny_model()
    photo, how = fits(model)
    transfer, result = fitting.fit_and_apply(model, photo, [sunset()], **how)
    assert set(transfer.courses) == {"sky"}
    torch.testing.assert_close(transfer.apply(photo, regions()), result, atol=1e-4, rtol=0)
    torch.testing.assert_close(tiling.apply(transfer, photo, regions(), tile=64), result, atol=2e-3, rtol=0)
    tiled = tiling.fit(model, photo, [sunset()], **how, tile=64)
    torch.testing.assert_close(tiled.courses["sky"], transfer.courses["sky"])
    photo, how = fits(model, gradient=False)
    plain, flat = fitting.fit_and_apply(model, photo, [sunset()], **how)
    assert plain.courses == {}
    top, foot = (np.s_[2, rows, :] for rows in (slice(4, 10), slice(FOOT - 10, FOOT - 4)))
    rise = [float(image[top].mean() - image[foot].mean()) for image in (result, flat)]
    assert rise[0] > rise[1] + 0.1  # blue grows upwards as in the reference


def test_files_keep_it(tmp_path):
    model = tiny_model()
    photo, how = fits(model)
    transfer = fitting.fit(model, photo, [sunset()], **how)
    target = fitting.measure_target(model, [sunset()], style_regions=[regions()])
    for name, style in (("fitted", transfer), ("target", target)):
        save_style(style, tmp_path / f"{name}.style")
    torch.testing.assert_close(load_style(tmp_path / "fitted.style", model).courses["sky"], transfer.courses["sky"])
    again = load_style(tmp_path / "target.style", model)
    del how["style_regions"]
    torch.testing.assert_close(fitting.fit(model, photo, again, **how).courses["sky"], transfer.courses["sky"])


def test_mixes_lie_between():
    model = tiny_model()
    photo, how = fits(model)
    one, other = (fitting.fit(model, photo, [image], **how) for image in (sunset(), 1 - sunset()))
    mixed = mix_transfers([one, other], [1.0, 1.0])
    torch.testing.assert_close(mixed.courses["sky"], (one.courses["sky"] + other.courses["sky"]) / 2)
