"""Every path that there is gives the picture of the plain way in float64."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

import photostyle
from photostyle.options import FitOptions
from photostyle.transfer import tiling
from photostyle.transfer.fitting import fit, stylize
from photostyle.transfer.transfer import run

ROOT = Path(__file__).parents[2]
SITES = [("encoder",), ("encoder", "decoder"), ("encoder", "skip", "decoder"), ("decoder",)]


@pytest.fixture(scope="module")
def plain():
    spec = importlib.util.spec_from_file_location("plain", ROOT / "scripts" / "bench" / "_plain.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["plain"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["plain"]


@pytest.fixture(scope="module")
def pair():
    images = [photostyle.read_image(ROOT / "docs" / "samples" / f"{name}.jpg")[None] for name in ("day", "dusk")]
    return [F.interpolate(image, size=(168, 248), mode="bilinear", antialias=True)[0] for image in images]


@pytest.fixture
def model():
    return photostyle.load_model()


@pytest.mark.parametrize("at", SITES)
def test_single_precision_is_the_plain_way_in_double(plain, pair, model, at):
    options = FitOptions(at, "wct", finish=False)
    epsilon = model.config.regularization
    result = stylize(model, *pair, options=options)
    transfer = fit(model, *pair, options=options)
    reference = plain.stylize(model.double(), *(image[None].double() for image in pair), at, epsilon)[0]
    model.float()
    assert float((result - reference).abs().max()) < 1e-3
    assert float((transfer.apply(pair[0]) - reference).abs().max()) < 1e-3
    assert float((tiling.apply(transfer, pair[0], tile=128) - reference).abs().max()) < 1e-3


def test_half_precision_is_within_two_levels(pair, model):
    reference = stylize(model, *pair).clamp(0, 1)
    model.precision = torch.float16
    transfer = fit(model, *pair)
    for result in (stylize(model, *pair), transfer.apply(pair[0])):
        assert result.dtype == torch.float32
        assert float((result.clamp(0, 1) - reference).abs().max()) < 2 / 255


def test_half_precision_walks_in_half_and_maps_in_single(pair, model):
    model.precision = torch.float16
    kinds = {}
    result = run(model, pair[0][None], ("encoder", "decoder"), lambda name, x: kinds.setdefault(name, x.dtype) and x)
    assert len(kinds) == 7
    assert set(kinds.values()) == {torch.float16}
    assert result.dtype == torch.float32
    assert model.fingerprint() == photostyle.load_model().fingerprint()
