"""Grid rendering: locally affine looks are exact, strips do not show, edges stay, and nothing is enlarged."""

from __future__ import annotations

import pytest
import torch

from photostyle.errors import ImageSizeError, MaskError, NumericalError, ParameterError
from photostyle.regions.regions import Regions
from photostyle.transfer import fitting, grid
from tests.util import halves, picture, tiny_model


def test_edges_stay_where_they_are():
    """A look that differs on both sides of an edge, fitted eight times smaller, ends exactly at the edge."""
    large = torch.full((1, 3, 160, 160), 0.2)
    large[..., 83:] = 0.8
    small, _ = grid.reduce(large, None, 400)
    styled = torch.where(small > 0.5, small * 0.5, small + 0.3)
    result = grid.fit_grid(small, styled, radius=2, epsilon=1e-4).apply_(large.clone())
    step = (result[0, 0, 80, 1:] - result[0, 0, 80, :-1]).abs()
    assert int(step.argmax()) == 82
    flat = torch.cat([step[:82], step[83:]])
    assert float(flat.max()) < 0.02  # no halo


def test_render_follows_the_network(monkeypatch):
    model = tiny_model()
    image, style = picture(200, 260, 1), picture(64, 64, 2)
    transfer = fitting.fit(model, image, style)
    full = transfer.apply(image)
    at_full_size = grid.render_(transfer, image.clone(), pixels=10**6)
    reduced = grid.render_(transfer, image.clone(), pixels=20_000)
    contrast = float(full.std())
    assert float((at_full_size - full).pow(2).mean().sqrt()) < 0.35 * contrast
    assert float((reduced - full).pow(2).mean().sqrt()) < 0.5 * contrast


def test_render_works_in_place_on_views():
    transfer = fitting.fit(tiny_model(), picture(64, 80, 1), picture(64, 64, 2))
    pixels = picture(64, 80, 1).permute(1, 2, 0).contiguous()  # how a photo's pixels arrive
    expected = grid.render_(transfer, picture(64, 80, 1))
    view = pixels.permute(2, 0, 1)
    assert grid.render_(transfer, view) is view
    torch.testing.assert_close(pixels.permute(2, 0, 1), expected, atol=1e-5, rtol=0)
    with pytest.raises(ParameterError, match="float32"):
        grid.render_(transfer, picture(64, 80).double())


def test_regions_come_along():
    labels = halves(128, 192, 1, 2)
    transfer = fitting.fit(
        tiny_model(),
        picture(128, 192, 1),
        picture(64, 64, 2),
        content_regions=labels,
        style_regions=halves(64, 64, 1, 2),
    )
    image = picture(128, 192, 1)
    result = grid.render_(transfer, image.clone(), labels, pixels=128 * 192 // 4)
    full = transfer.apply(image, labels)
    assert float((result - full).pow(2).mean().sqrt()) < 0.5 * float(full.std())
    untouched = grid.render_(transfer, image.clone(), labels, strengths={"2": 0.0}, pixels=128 * 192 // 4)
    assert float((untouched - result)[..., 120:].abs().max()) > 10 * float((untouched - result)[..., :60].abs().max())


@pytest.mark.parametrize("pixels", [16 * 16, 5000, 10**9])
def test_reduce(pixels):
    image = picture(300, 200, 1)[None]
    ramp = torch.linspace(0, 1, 200).expand(300, 200)
    small, regions = grid.reduce(image, Regions.from_weights({"a": ramp}), pixels)
    assert small.shape[-2] * small.shape[-1] <= max(pixels * 1.35, 300)
    assert min(small.shape[-2:]) >= 16
    assert regions is not None
    assert regions.size == tuple(small.shape[-2:])
    torch.testing.assert_close(small.mean((-2, -1)), image.mean((-2, -1)), atol=0.02, rtol=0)
    if pixels > image.numel():
        assert small is image


def test_what_is_reduced_already_is_taken_where_it_has_the_size():
    image = picture(300, 200, 1)
    small, _ = grid.reduce(image[None], None, 5000)
    known = torch.zeros_like(small)
    assert grid.reduce(image[None], None, 5000, known)[0] is known
    assert torch.equal(grid.reduce(image[None], None, 5000, known[0])[0], known)
    assert torch.equal(grid.reduce(image[None], None, 5000, known[..., 1:])[0], small)
    assert torch.equal(grid.reduce(image[None], None, 10**9, known)[0][0], image)


def test_a_panorama_keeps_what_the_network_needs():
    small, _ = grid.reduce(torch.zeros(1, 3, 20, 4000), None, 20_000)
    assert small.shape[-2] == 16


def test_unusable_input():
    transfer = fitting.fit(tiny_model(), picture(64, 64, 1), picture(64, 64, 2))
    with pytest.raises(ImageSizeError):
        grid.render_(transfer, torch.zeros(3, 8, 8))
    with pytest.raises(NumericalError):
        grid.render_(transfer, torch.full((3, 64, 64), torch.nan))
    with pytest.raises(MaskError):
        grid.render_(transfer, torch.zeros(3, 64, 64), halves(32, 64, 1))
    with pytest.raises(ParameterError, match="too few"):
        grid.render_(transfer, picture(64, 64), pixels=100)
    with pytest.raises(ParameterError):
        grid.fit_grid(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))
    with pytest.raises(ParameterError, match="radius"):
        grid.fit_grid(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), radius=0)
