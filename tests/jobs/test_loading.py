"""Photos reduced on their way to the network: once for all that see them at that size, and in little memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from photostyle.jobs.applying import Application, applied
from photostyle.jobs.loading import Loaded, load
from photostyle.jobs.photo import stylized
from photostyle.jobs.rendering import Rendering
from photostyle.options import FitOptions
from photostyle.transfer import grid
from photostyle.transfer.fitting import fit, measure_target
from tests.util import picture, tiny_model
from tests.util.cli import save_picture

SIZE = (96, 160)
STYLE = picture(48, 60, 2)


@pytest.fixture
def reductions(monkeypatch):
    """How many values a pixel each reduction of a whole photo had."""
    monkeypatch.setattr(grid, "PIXELS", 4000)
    seen, plain = [], F.interpolate

    def counted(image, *args, antialias=False, **names):
        if antialias and tuple(image.shape[-2:]) == SIZE:
            seen.append(image.shape[1])
        return plain(image, *args, antialias=antialias, **names)

    monkeypatch.setattr(F, "interpolate", counted)
    return seen


def by_photo(model, loaded, how):
    save_picture(loaded.photo.path.parent / "s.png", 48, 60, 2)
    return stylized(model, loaded, load(loaded.photo.path.parent / "s.png"), FitOptions(), how)[1]


def by_target(model, loaded, how):
    return applied(measure_target(model, STYLE), loaded, how, Application())[1]


def by_fitted(model, loaded, how):
    return applied(fit(model, picture(*SIZE, 1), STYLE), loaded, how, Application())[1]


@pytest.mark.parametrize(
    "pixels", [8000, 3000]
)  # more than the network sees, and less: then the fit is of its own size
@pytest.mark.parametrize("way", [by_photo, by_target, by_fitted])
def test_a_photo_is_reduced_once_to_what_the_network_sees(tmp_path, monkeypatch, reductions, way, pixels):
    path, model, how = save_picture(tmp_path / "c.png", *SIZE, 1), tiny_model(), Rendering("grid", fit_pixels=pixels)
    result = way(model, load(path), how)
    assert len(reductions) == (1 if way is by_fitted or pixels > 4000 else 2)
    monkeypatch.setattr(Loaded, "plain", None)
    assert torch.equal(result, way(model, load(path), how))


def test_a_transparent_photo_is_reduced_channel_by_channel(tmp_path, reductions):
    alpha = torch.linspace(0.2, 1, SIZE[1]).expand(SIZE)
    values = torch.cat([picture(*SIZE, 1), alpha[None]]).permute(1, 2, 0)
    Image.fromarray((values * 255).round().byte().numpy()).save(tmp_path / "c.png")
    whole = load(tmp_path / "c.png")
    seen = whole.reduced(4000)
    assert reductions == [3, 1, 1, 1, 1]  # the photo, its alpha, and each colour as much as it can be seen
    alpha = torch.from_numpy(whole.photo.alpha)[None]
    lit, small = (grid.reduce(each[None], None, 4000)[0][0] for each in (whole.image * alpha, alpha))
    assert torch.equal(seen.image, lit / small.clamp(0, 1))
    assert seen.plain is None  # a fit sees the photo as it is, whatever can be seen of it
    assert np.array_equal(seen.photo.alpha, small[0].clamp(0, 1).numpy())
