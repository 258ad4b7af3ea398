import pytest
import torch

from photostyle import methods
from photostyle.errors import ImageSizeError, ParameterError
from photostyle.methods.feedforward import FeedForwardOptions, named, parse_looks
from tests.util import picture
from tests.util.methods import tiny_looks

CONTENT, STYLE = picture(41, 53, 1)[None], picture(48, 36, 2)[None]


def method(look=""):
    info = methods.find("feedforward")
    return info.create(info.options(look), looks=tiny_looks())


def run(look=""):
    return method(look).run(CONTENT, STYLE)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (41, 53), (64, 20)])
def test_any_size_comes_back(size):
    content = picture(*size)[None]
    result = method().run(content, STYLE)
    assert result.shape == content.shape
    assert 0 <= float(result.min()) <= float(result.max()) <= 1


def test_the_photo_inside_is_the_networks():
    network, content = tiny_looks(), picture(40, 52, 1)[None]
    expected = network(content, torch.tensor([[0.0, 1.0]]))
    assert torch.equal(method("dusk").run(content, STYLE), expected)


def test_too_small_photos_are_refused():
    with pytest.raises(ImageSizeError):
        method().run(picture(12, 40)[None], STYLE)


def test_looks_by_name_by_place_and_blended():
    assert torch.equal(run(), run("dawn"))
    assert torch.equal(run("dusk"), run("1"))
    assert not torch.allclose(run("dawn"), run("dusk"), atol=0.01)
    blend = run("dawn:0.7,dusk:0.3")
    assert torch.allclose(blend, run("0:7, 1:3"), atol=1e-6)
    assert torch.allclose(run("dawn:2,dusk:0"), run("dawn"), atol=1e-6)
    assert not torch.allclose(blend, run("dawn"), atol=0.01)
    assert not torch.allclose(blend, run("dusk"), atol=0.01)


def test_the_style_photo_is_not_looked_at():
    assert not methods.find("feedforward").styled
    assert torch.equal(method("dusk").run(CONTENT, STYLE), method("dusk").run(CONTENT, CONTENT))


def test_what_is_written():
    assert parse_looks("") == parse_looks(" , ") == {}
    assert parse_looks("dusk") == {"dusk": 1.0}
    assert parse_looks(" dusk : 0.7 ,waves:0.3") == {"dusk": 0.7, "waves": 0.3}
    assert named({"1": 0.5, "dawn": 1.0}, tiny_looks()) == {"dusk": 0.5, "dawn": 1.0}


@pytest.mark.parametrize("text", ["dusk:much", "dusk:-1", "dusk:nan", "dusk:inf", ":1", "dusk,dusk:2"])
def test_what_is_no_look_is_refused(text):
    with pytest.raises(ParameterError, match="it is NAME, or NAME:WEIGHT"):
        FeedForwardOptions(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("noon", "no look 'noon'; there is dawn, dusk"),
        ("2", "no look '2'"),
        ("dusk,1", "'dusk' is given twice"),
        ("dusk:0", "one is above 0"),
    ],
)
def test_looks_that_the_network_has_not_are_refused(text, part):
    with pytest.raises(ParameterError, match=part):
        method(text)
