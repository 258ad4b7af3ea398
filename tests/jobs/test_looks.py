"""Embedded looks on photos: they fit to any, mix, and take options of a fit."""

import pytest
import torch

import photostyle
from photostyle.errors import ParameterError, TransferMismatchError
from photostyle.jobs.looks import chosen_look, load_look
from photostyle.options import FitOptions
from tests.util import picture, tiny_model


@pytest.fixture(scope="module")
def model():
    return photostyle.load_model()


def day(seed=0):
    """A photo of a blue sky over green."""
    image = picture(48, 64, seed) * 0.2
    image[:, :24] += torch.tensor([0.35, 0.55, 0.8])[:, None, None]
    image[:, 24:] += torch.tensor([0.25, 0.4, 0.15])[:, None, None]
    return image.clamp(0, 1)


def test_each_look_goes_its_own_way(model):
    results = {name: photostyle.stylize(model, day(), load_look(name, model)) for name in photostyle.look_names()}
    means = {name: image.clamp(0, 1).mean((1, 2)) for name, image in results.items()}
    assert all(bool(torch.isfinite(image).all()) for image in results.values())
    light = {name: float(mean.mean()) for name, mean in means.items()}
    assert max(light["candle"], light["neon"], light["blue-hour"]) < min(light["snow"], light["overcast"])
    assert means["golden-hour"][0] > means["golden-hour"][2]
    assert means["blue-hour"][2] > means["blue-hour"][0]
    assert means["candle"][0] > 1.5 * means["candle"][2]


def test_a_mix_lies_between(model):
    ends = [photostyle.stylize(model, day(), load_look(name, model)).mean() for name in ("candle", "snow")]
    both = chosen_look([("candle", 1.0), ("snow", 1.0)], model, FitOptions())
    assert ends[0] < photostyle.stylize(model, day(), both).mean() < ends[1]
    only = chosen_look([("candle", 1.0), ("snow", 0.0)], model, FitOptions())
    torch.testing.assert_close(photostyle.stylize(model, day(), only).mean(), ends[0], rtol=0, atol=1e-4)


def test_options_of_the_fit_are_taken(model):
    half = chosen_look([("snow", 1.0)], model, FitOptions(at=("encoder",), strength=0.5, matching="adain"))
    assert (half.options.strength, half.options.matching) == (0.5, "adain")
    assert photostyle.stylize(model, day(), half).shape == (3, 48, 64)
    with pytest.raises(ParameterError, match="do not know decoder4"):
        chosen_look([("snow", 1.0)], model, FitOptions(at=("decoder",)))


def test_another_network(model):
    with pytest.raises(TransferMismatchError, match="'snow' was measured by the embedded network small"):
        load_look("snow", tiny_model())
