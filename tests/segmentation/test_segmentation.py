from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from photostyle.errors import DeviceError, ImageSizeError, NumericalError, ParameterError, WeightsError
from photostyle.io.images import read_photo
from photostyle.segmentation import ADE20K, CLASSES, COARSE, Segmenter, coarse, load_segmenter
from photostyle.weights import list_models, locate, scenes_file
from tests.util import picture
from tests.util.segmentation import Colours, tiny_network

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
RGB = ("red", "green", "blue")


@pytest.fixture(scope="module")
def tiny():
    return Segmenter(tiny_network(), CLASSES, name="tiny", licence="MIT", working_side=96, scales=(1.0, 0.5))


@settings(max_examples=25, deadline=None)
@given(st.integers(16, 300), st.integers(16, 300))
def test_probabilities_sum_to_one_at_the_working_size(tiny, height, width):
    result = tiny.probabilities(picture(height, width))
    assert result.dtype == torch.float32
    assert bool((result >= 0).all())
    torch.testing.assert_close(result.sum(0), torch.ones(result.shape[1:]))
    longest = max(height, width)
    assert max(result.shape[1:]) == min(longest, 96)
    if longest > 96:
        assert abs(result.shape[1] - height * 96 / longest) <= 0.5 + 1e-6
        assert abs(result.shape[2] - width * 96 / longest) <= 0.5 + 1e-6
    else:
        assert result.shape[1:] == (height, width)


def test_a_strip_keeps_a_row(tiny):
    result = tiny.probabilities(picture(16, 4000))
    assert result.shape == (len(CLASSES), 1, 96)
    assert tiny.probabilities(picture(4000, 16)).shape == (len(CLASSES), 96, 1)


def test_a_network_of_colours_finds_them_where_they_are():
    segmenter = Segmenter(Colours(), RGB, name="colours", licence="MIT", working_side=64)
    image = torch.zeros(3, 200, 300)
    image[0, :100] = image[1, 100:, :150] = image[2, 100:, 150:] = 1
    found = segmenter.probabilities(image).argmax(0)
    assert found.shape == (43, 64)
    assert bool((found[:20] == 0).all())
    assert bool((found[23:, :30] == 1).all())
    assert bool((found[23:, 34:] == 2).all())
    # Far from the borders between the colours, nothing is mixed in.
    certain = segmenter.probabilities(image)[0, 5, 30]
    assert float(certain) == pytest.approx(float(torch.tensor([10.0, 0, 0]).softmax(0)[0]), abs=1e-5)


def test_the_mean_is_over_scales_and_mirrored_views():
    network = tiny_network(1)
    image = picture(64, 96)
    one, half, both = (
        Segmenter(network, CLASSES, name="t", licence="MIT", working_side=96, scales=s).probabilities(image)
        for s in ((1.0,), (0.5,), (1.0, 0.5))
    )
    torch.testing.assert_close(both, (one + half) / 2)
    segmenter = Segmenter(network, CLASSES, name="t", licence="MIT", working_side=96)
    torch.testing.assert_close(segmenter.probabilities(image.flip(-1)).flip(-1), one, atol=1e-5, rtol=1e-4)
    mean = torch.tensor((0.485, 0.456, 0.406))[:, None, None]
    deviation = torch.tensor((0.229, 0.224, 0.225))[:, None, None]
    views = torch.nn.functional.interpolate(image[None], size=(128, 192), mode="bilinear", antialias=True)
    views = torch.stack([views[0], views[0].flip(-1)])
    Segmenter(network, CLASSES, name="t", licence="MIT", working_side=192)
    large = Segmenter(network, CLASSES, name="t", licence="MIT", working_side=192).probabilities(image)
    plain, mirrored = network((views - mean) / deviation).softmax(1)
    expected = torch.nn.functional.interpolate(
        ((plain + mirrored.flip(-1)) / 2)[None], size=(64, 96), mode="bilinear", antialias=True
    )[0]
    torch.testing.assert_close(large, expected, atol=1e-5, rtol=1e-4)


def test_the_same_input_gives_the_same_output_and_it_can_be_differentiated_through(tiny):
    image = picture(50, 70)
    first = tiny.probabilities(image)
    assert torch.equal(first, tiny.probabilities(image.clone()))
    assert torch.equal(first, tiny.probabilities(image.double()))
    weight = torch.ones(len(CLASSES), 50, 70, requires_grad=True)
    (weight * first).sum().backward()
    torch.testing.assert_close(weight.grad, first)


def test_values_beyond_the_range_are_clipped(tiny):
    image = picture(40, 40) * 2 - 0.5
    torch.testing.assert_close(tiny.probabilities(image), tiny.probabilities(image.clamp(0, 1)))


@pytest.mark.parametrize("image", [torch.rand(3, 32), torch.rand(1, 32, 32), torch.rand(1, 3, 32, 32),
                                   torch.zeros(3, 32, 32, dtype=torch.uint8)])  # fmt: skip
def test_other_tensors_are_refused(tiny, image):
    with pytest.raises(ParameterError, match="3, H, W"):
        tiny.probabilities(image)


@pytest.mark.parametrize("shape", [(15, 40), (40, 15), (0, 0)])
def test_small_images_are_refused(tiny, shape):
    with pytest.raises(ImageSizeError, match="16"):
        tiny.probabilities(torch.rand(3, *shape))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("side", [40, 900])
def test_a_single_value_that_is_not_finite_is_found(tiny, value, side):
    image = torch.rand(3, side, side)
    image[1, 7, 11] = value
    with pytest.raises(NumericalError, match="NaN"):
        tiny.probabilities(image)


def test_a_network_that_overflows_is_an_error():
    network = tiny_network()
    network.segmentation_head[0].weight[:] = 1e38
    segmenter = Segmenter(network, CLASSES, name="wild", licence="MIT", working_side=64)
    with pytest.raises(NumericalError, match="wild"):
        segmenter.probabilities(picture(64, 64))


def test_a_network_that_cannot_work_on_a_size_is_an_error():
    segmenter = Segmenter(nn.Conv2d(4, 7, 1), CLASSES, name="four", licence="MIT")
    with pytest.raises(WeightsError, match="four"):
        segmenter.probabilities(picture(64, 64))


def test_temperatures_change_how_sure_it_is_and_not_the_sum():
    network, image = tiny_network(1), picture(64, 96)
    plain, cooler = (
        Segmenter(network, CLASSES, name="t", licence="MIT", working_side=96, temperatures=t).probabilities(image)
        for t in (None, (0.5,) * len(CLASSES))
    )
    torch.testing.assert_close(cooler, plain.square() / plain.square().sum(0))
    assert torch.equal(cooler.argmax(0), plain.argmax(0))


@pytest.mark.parametrize("temperatures", [(1.0,) * 3, (0.0,) * len(CLASSES), ()])
def test_temperatures_that_fit_no_class_are_refused(temperatures):
    with pytest.raises(ParameterError, match="temperatures"):
        Segmenter(tiny_network(), CLASSES, name="t", licence="MIT", temperatures=temperatures)


@pytest.mark.parametrize("changes", [{"working_side": 31}, {"scales": ()}, {"scales": (1.0, 0.0)}])
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(ParameterError, match="working_side"):
        Segmenter(Colours(), RGB, name="c", licence="MIT", **changes)


def test_every_class_of_ade20k_has_one_coarse_class():
    assert len(ADE20K) == len(set(ADE20K)) == 150
    assert (ADE20K[0], ADE20K[2], ADE20K[149]) == ("wall", "sky", "flag")
    named = [name for names in COARSE.values() for name in names]
    assert len(named) == len(set(named))
    assert set(named) <= set(ADE20K)
    assert set(COARSE) | {"object"} == set(CLASSES)


def test_coarse_sums_what_belongs_together():
    chances = torch.rand(150, 4, 5).softmax(0)
    result = coarse(chances, ADE20K)
    assert result.shape == (len(CLASSES), 4, 5)
    torch.testing.assert_close(result.sum(0), torch.ones(4, 5))
    torch.testing.assert_close(result[CLASSES.index("sky")], chances[ADE20K.index("sky")])
    water = sum(chances[ADE20K.index(name)] for name in COARSE["water"])
    torch.testing.assert_close(result[CLASSES.index("water")], water)
    ours = torch.rand(len(CLASSES), 4, 5)
    assert torch.equal(coarse(ours, CLASSES), ours)
    with pytest.raises(ParameterError, match="'roof'"):
        coarse(ours[:2], ("sky", "roof"))
    with pytest.raises(ParameterError, match="3 classes"):
        coarse(ours, ("sky", "water", "object"))


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        pytest.fail("asked for a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_the_embedded_network_needs_no_connection_and_finds_sky_above_and_water_below(no_network):
    segmenter = load_segmenter()
    assert segmenter.classes == CLASSES
    assert (segmenter.name, segmenter.licence) == ("scenes", "MIT")
    assert scenes_file().stat().st_size < 8_000_000
    photo = torch.from_numpy(read_photo(SAMPLES / "day.jpg").pixels).permute(2, 0, 1)
    chances = segmenter.probabilities(photo)
    assert max(chances.shape[1:]) == segmenter.working_side
    rows = chances.shape[1]
    sky, water = chances[CLASSES.index("sky")], chances[CLASSES.index("water")]
    assert float(sky[: rows // 8].mean()) > 0.8
    assert float(sky[-rows // 8 :].mean()) < 0.1
    assert float(water[: rows // 8].mean()) < 0.05


def test_the_embedded_network_is_no_style_model():
    assert "scenes" not in {model.name for model in list_models()}


def test_without_its_file_the_message_says_where_it_was_looked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(locate, "__file__", str(tmp_path / "photostyle" / "weights" / "locate.py"))
    with pytest.raises(WeightsError, match="_weights") as caught:
        load_segmenter()
    assert str(tmp_path / "weights") in str(caught.value)


@pytest.mark.parametrize("name", ["autos", "", "nowhere/at/all", "x.pth"])
def test_unknown_names_are_errors(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError) as caught:
        load_segmenter(name)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_device_is_an_error():
    with pytest.raises(DeviceError):
        load_segmenter("auto", "cuda")
