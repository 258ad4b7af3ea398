"""Photos of any size within a budget: which way is taken, and that the ways agree."""

from __future__ import annotations

import pytest
import torch

from photostyle.errors import MaskError, ParameterError
from photostyle.jobs import rendering
from photostyle.jobs.fitting import fit, fit_and_render
from photostyle.jobs.rendering import Rendering, render
from photostyle.regions.regions import Regions
from photostyle.transfer import fitting
from tests.util import halves, picture, tiny_model

SMALL = 90 << 20  # bytes: 110,000 pixels at once for the tiny network, or tiles of some 100 pixels


def test_auto_takes_the_grid_for_large_photos():
    auto = Rendering()
    assert auto.mode_for((1000, 1500)) == "full"
    assert auto.mode_for((4000, 6000)) == "grid"
    assert Rendering("full").mode_for((4000, 6000)) == "full"
    assert Rendering("grid").mode_for((100, 100)) == "grid"


def test_options_out_of_range():
    with pytest.raises(ParameterError, match="render is 'fast'"):
        Rendering("fast")  # type: ignore[arg-type]
    for pixels in (-1, 10):
        with pytest.raises(ParameterError, match="fit size"):
            Rendering(fit_pixels=pixels)
    with pytest.raises(ParameterError, match="memory budget"):
        Rendering(memory=1000).tile(tiny_model())


def test_regions_at_any_size_where_a_grid_is_rendered():
    model, content = tiny_model(), picture(96, 160, 1)
    labels, few = (Regions.from_labels(halves(h, w, 1, 2)) for h, w in ((96, 160), (48, 80)))
    style = {"style_regions": [Regions.from_labels(halves(64, 64, 1, 2))]}
    chosen = Rendering("grid", fit_pixels=96 * 160 // 4)
    results = [
        fit_and_render(model, content.clone(), [picture(64, 64, 2)], chosen, content_regions=regions, **style)[1]
        for regions in (labels, few)
    ]
    assert float((results[0] - results[1]).pow(2).mean().sqrt()) < 0.05
    with pytest.raises(MaskError, match="proportions"):
        render(fit(model, [content], [content], chosen), content, chosen, regions=Regions.from_labels(halves(9, 99, 1)))


def test_how_large_regions_need_to_be():
    assert Rendering("full").region_pixels((4000, 6000)) == 0
    assert Rendering("grid").region_pixels((4000, 6000)) == rendering.grid.PIXELS
    assert Rendering("grid", fit_pixels=1000).region_pixels((4000, 6000)) == rendering.grid.PIXELS
    assert Rendering("grid", fit_pixels=0).region_pixels((4000, 6000)) == 0


def test_regions_strengths_and_progress():
    labels = Regions.from_labels(halves(96, 160, 1, 2))
    model, content, seen = tiny_model(), picture(96, 160, 1), []
    chosen = Rendering("full", SMALL, fit_pixels=8000, update=lambda *done: seen.append(done))
    transfer = fit(
        model,
        [content],
        [picture(64, 64, 2)],
        chosen,
        content_regions=[labels],
        style_regions=[Regions.from_labels(halves(64, 64, 1, 2))],
    )
    assert set(transfer.regions) == {"*", "1", "2"}
    result = render(transfer, content.clone(), chosen, regions=labels, strengths={"1": 0.0})
    expected = transfer.apply(content, labels, strengths={"1": 0.0})
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)
    assert seen[-1][0] == seen[-1][1]
    by_grid = render(transfer, content.clone(), Rendering("grid"), regions=labels)
    assert float((by_grid - transfer.apply(content, labels)).pow(2).mean().sqrt()) < 0.1


def test_modes_are_the_documented_ones():
    assert rendering.MODES == ("full", "grid", "auto")


@pytest.mark.parametrize("regions", [False, True])
def test_one_pass_fits_and_renders_a_grid_as_two_do(regions, monkeypatch):
    monkeypatch.setattr(rendering.grid, "PIXELS", 4000)
    labels = Regions.from_labels(halves(96, 160, 1, 2))
    theirs = [Regions.from_labels(halves(64, 64, 1, 2))]
    style = {"content_regions": labels, "style_regions": theirs} if regions else {}
    model, content, calls = tiny_model(), picture(96, 160, 1), []
    plain = fitting.fit_and_apply
    monkeypatch.setattr(fitting, "fit_and_apply", lambda *a, **k: calls.append(1) or plain(*a, **k))
    results = []
    for pixels in (8000, 3000):  # at least what the grid is made of, and less
        chosen = Rendering("grid", fit_pixels=pixels)
        transfer, result = fit_and_render(model, content.clone(), [picture(64, 64, 2)], chosen, **style)
        assert len(calls) == 1  # by the second the network is walked for the fit and for the rendering
        again = render(transfer, content.clone(), chosen, regions=labels if regions else None)
        torch.testing.assert_close(result, again, atol=1e-5, rtol=0)
        results.append(result)
    assert float((results[0] - results[1]).pow(2).mean().sqrt()) < 0.05
