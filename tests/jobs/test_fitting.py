"""Fits to photos of any size, reduced and in tiles: held to the plain fit."""

from __future__ import annotations

import logging

import pytest
import torch

from photostyle.jobs.fitting import fit, fit_and_render, measure_target
from photostyle.jobs.rendering import Rendering
from photostyle.transfer import fitting, tiling
from photostyle.transfer.tile_plan import tile_side
from tests.util import assert_same, picture, tiny_model

SMALL = 90 << 20  # bytes: 110,000 pixels at once for the tiny network, or tiles of some 100 pixels


@pytest.mark.parametrize("memory", [None, SMALL])
def test_full_equals_the_plain_way(memory):
    model, content, style = tiny_model(), picture(150, 330, 1), picture(80, 64, 2)
    _, expected = fitting.fit_and_apply(model, content, style)
    transfer, result = fit_and_render(model, content, [style], Rendering("full", memory, fit_pixels=0))
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)
    assert transfer.options.regularization == model.config.regularization


def test_small_budgets_use_tiles(monkeypatch):
    sides = []
    real = tiling.fit
    monkeypatch.setattr(
        tiling, "fit", lambda *args, tile, **names: sides.append(tile) or real(*args, tile=tile, **names)
    )
    model = tiny_model()
    fit(model, [picture(330, 450, 1)], [picture(64, 64, 2)], Rendering(memory=SMALL))
    assert sides == [tile_side(model.config, SMALL)]
    fit(model, [picture(330, 450, 1)], [picture(64, 64, 2)], Rendering(memory=1 << 30))
    assert len(sides) == 1


@pytest.mark.parametrize("what", ["fit_and_apply", "fit"])
def test_a_full_gpu_goes_on_in_tiles(monkeypatch, caplog, what):
    model, content, style = tiny_model(), picture(96, 160, 1), picture(64, 64, 2)
    chosen = Rendering("full", fit_pixels=0 if what == "fit_and_apply" else 8000)
    _, expected = fit_and_render(model, content.clone(), [style], chosen)
    tried = []

    def full(*args, **names):
        tried.append(what)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(fitting, what, full)
    with caplog.at_level(logging.WARNING):
        _, result = fit_and_render(model, content.clone(), [style], chosen)
    assert tried == [what]
    assert "out of memory on the GPU: once more in tiles" in caplog.text
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)


def test_a_reduced_fit_is_close_to_the_exact_one():
    model, content, style = tiny_model(), picture(240, 320, 1), picture(200, 200, 2)
    exact = fit(model, [content], [style], Rendering(fit_pixels=0))
    reduced = fit(model, [content], [style], Rendering(fit_pixels=30_000))
    assert exact.maps.keys() == reduced.maps.keys()
    image = picture(64, 64, 1)
    difference = (exact.apply(image) - reduced.apply(image)).pow(2).mean().sqrt()
    assert 0 < float(difference) < float(exact.apply(image).std())


def test_one_look_for_several_photos():
    model, contents = tiny_model(), [picture(80, 120, 1), picture(120, 64, 3)]
    shared = fit(model, contents, [picture(64, 64, 2)], Rendering(fit_pixels=0, memory=SMALL))
    expected = fitting.fit(model, contents, [picture(64, 64, 2)])
    torch.testing.assert_close(shared.apply(contents[1]), expected.apply(contents[1]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("memory", [None, SMALL])
def test_a_target_serves_as_its_styles_do(memory):
    model, styles = tiny_model(), [picture(300, 220, 2), picture(64, 64, 5)]
    how = Rendering("full", memory, fit_pixels=30_000)
    target = measure_target(model, styles, how, style_weights=[1, 3], names=["a", "b"])
    assert [style.name for style in target.styles] == ["a", "b"]
    content = picture(150, 330, 1)
    _, expected = fit_and_render(model, content.clone(), styles, how, style_weights=[1, 3])
    _, result = fit_and_render(model, content.clone(), target, how)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)
    direct = fit(model, [content, content.flip(0)], styles, how, style_weights=[1, 3])
    assert_same(fit(model, [content, content.flip(0)], target, how), direct, 1e-6)
