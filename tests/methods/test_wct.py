import numpy as np
import pytest
import torch
from scipy import linalg

from photostyle import methods
from photostyle.errors import ParameterError
from photostyle.methods import features as shared
from photostyle.methods import photowct, smoothing
from photostyle.methods.features import prepared, transformed
from photostyle.regions.regions import Regions
from tests.methods.test_adain import CONTENT, OTHER, STYLE, features, photos
from tests.util import halves
from tests.util.methods import Recorder, tiny_decoders, tiny_encoder


def method(name="wct", **options):
    info, encoder = methods.find(name), tiny_encoder()
    return info.create(info.options(**options), features=encoder, decoders=tiny_decoders(encoder))


def numbers(x):
    return x[0].flatten(1).double().numpy()


def test_features_take_the_styles_covariance(monkeypatch):
    x, y = features(1), features(2, 8, 8)
    result = numbers(transformed(x, y, photos().pairs, "wct"))
    assert np.allclose(result.mean(1), numbers(y).mean(1), atol=1e-3)
    assert np.allclose(np.cov(result), np.cov(numbers(y)), atol=0.02 * np.cov(numbers(y)).max())
    monkeypatch.setattr(shared, "REGULARIZATION", 0.0)
    result = numbers(transformed(x, y, photos().pairs, "wct"))
    assert np.allclose(np.cov(result), np.cov(numbers(y)), atol=1e-4)
    # The paper's formula in float64.
    ours, theirs = numbers(x), numbers(y)
    white = np.linalg.inv(linalg.sqrtm(np.cov(ours)).real) @ (ours - ours.mean(1, keepdims=True))
    expected = linalg.sqrtm(np.cov(theirs)).real @ white + theirs.mean(1, keepdims=True)
    assert np.allclose(result, expected, atol=1e-3)


def test_channels_that_never_fire_do_no_harm():
    x, y = features(1), features(2, 8, 8)
    x[:, 2], y[:, 3] = 0, 0
    for kind in ("wct", "adain"):
        result = transformed(x, y, photos().pairs, kind)
        assert result.isfinite().all()
        assert float(result.abs().max()) < 5 * float(y.abs().max())


def test_a_region_of_few_pixels_is_not_blown_up():
    labels = torch.zeros(96, 128, dtype=torch.long)
    labels[:8, :8] = 1
    theirs = Regions.from_labels(halves(64, 64, 0, 1))
    result = transformed(features(1), features(2, 8, 8), photos(Regions.from_labels(labels), theirs).pairs, "wct")
    assert float(result.abs().max()) < 5 * float(features(2, 8, 8).abs().max())


@pytest.mark.parametrize("name", ["wct", "photowct"])
def test_equal_input_gives_an_equal_picture_of_the_contents_size(name):
    result = method(name).run(CONTENT, STYLE)
    assert result.shape == CONTENT.shape
    assert float(result.min()) >= 0
    assert float(result.max()) <= 1
    assert torch.equal(result, method(name).run(CONTENT, STYLE))
    assert not torch.equal(result, method(name).run(CONTENT, OTHER))
    ours, theirs = (Regions.from_labels(halves(*x.shape[-2:], 1, 2)) for x in (CONTENT, STYLE))
    assert not torch.equal(result, method(name).run(CONTENT, STYLE, ours, theirs))


def test_a_single_level_is_one_pass():
    encoder = tiny_encoder()
    decoder = tiny_decoders(encoder).get("wct", 3)
    found = prepared(CONTENT, STYLE, None, None)
    x, y = (encoder(image, ["relu3_1"])["relu3_1"] for image in (found.content, found.style))
    expected = decoder(x + 0.3 * (transformed(x, y, found.pairs, "wct") - x)).clamp(0, 1)[..., :50, :70]
    result = method(level=3, multilevel=False, strength=0.3).run(CONTENT, STYLE)
    assert torch.allclose(result, expected, atol=1e-5)


def test_levels_follow_each_other_from_coarse_to_fine():
    image = CONTENT
    for level in (3, 2, 1):
        image = method(level=level, multilevel=False).run(image, STYLE)
    # The same but for what lies beyond the borders, which is cut off and reflected again between single levels.
    whole = method(level=3).run(CONTENT, STYLE)
    assert torch.allclose(whole[..., :40, :56], image[..., :40, :56], atol=0.1)
    assert float((whole - image).abs().mean()) < 0.02
    stopped = Recorder(0)
    assert torch.equal(method().run(CONTENT, STYLE, should_stop=stopped.should_stop), CONTENT)


def test_without_style_only_the_network_is_left():
    assert torch.equal(method(strength=0).run(CONTENT, STYLE), method(strength=0).run(CONTENT, OTHER))


def test_photowct_is_smoothed_as_asked(caplog, monkeypatch):
    rough = method("photowct", smooth="off").run(CONTENT, STYLE)
    matted, guided = smoothing.matting(rough, CONTENT), smoothing.guided(rough, CONTENT)
    assert torch.equal(method("photowct", smooth="matting").run(CONTENT, STYLE), matted)
    assert torch.equal(method("photowct", smooth="guided").run(CONTENT, STYLE), guided)
    assert torch.equal(method("photowct").run(CONTENT, STYLE), matted)
    monkeypatch.setattr(photowct, "MATTING_PIXELS", 100)
    caplog.set_level("INFO", logger="photostyle")
    assert torch.equal(method("photowct").run(CONTENT, STYLE), guided)
    assert "guided filter" in caplog.text


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        ("wct", {"level": 6}, "between 1 and 5"),
        ("photowct", {"level": 5}, "between 1 and 4"),
        ("wct", {"strength": -1}, "strength is -1"),
        ("photowct", {"smooth": "much"}, "smooth is 'much'"),
    ],
)
def test_options_out_of_range_are_refused(name, options, part):
    with pytest.raises(ParameterError, match=part):
        methods.find(name).options(**options)
