import pytest
import torch
from torch.nn import functional as F

from photostyle import methods
from photostyle.errors import MaskError, ParameterError
from photostyle.methods.features import prepared, transformed
from photostyle.regions.regions import Regions
from tests.util import halves, picture
from tests.util.methods import tiny_decoders, tiny_encoder

CONTENT, STYLE, OTHER = picture(50, 70, 1)[None], picture(64, 48, 2)[None], picture(40, 40, 3)[None]


def method(**options):
    info, encoder = methods.find("adain"), tiny_encoder()
    return info.create(info.options(**options), features=encoder, decoders=tiny_decoders(encoder))


def features(seed, height=12, width=16, channels=5):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=generator)
    x = torch.randn(channels, height * width, generator=generator)
    return (mixing @ x).reshape(1, channels, height, width) + torch.randn(1, channels, 1, 1, generator=generator)


def photos(ours=None, theirs=None):
    return prepared(torch.rand(1, 3, 96, 128), torch.rand(1, 3, 64, 64), ours, theirs)


def test_features_take_mean_and_deviation_of_the_style():
    x, y = features(1), features(2, 8, 8)
    result = transformed(x, y, photos().pairs, "adain")
    assert torch.allclose(result.mean((2, 3)), y.mean((2, 3)), atol=1e-4)
    assert torch.allclose(result.std((2, 3)), y.std((2, 3)), rtol=2e-3)
    whitened = F.instance_norm(x, eps=0) * (191 / 192) ** 0.5  # torch divides by n, moments by n - 1
    expected = whitened * y.std((2, 3), keepdim=True) + y.mean((2, 3), keepdim=True)
    assert torch.allclose(result, expected, atol=0.01)


def test_each_region_takes_its_own_statistics():
    ours, theirs = (Regions.from_labels(halves(*size, 1, 2)) for size in ((96, 128), (64, 64)))
    x, y = features(1), features(2, 8, 8)
    y[..., 4:] += 3
    result = transformed(x, y, photos(ours, theirs).pairs, "adain")
    for part, target in ((result[..., :8], y[..., :4]), (result[..., 8:], y[..., 4:])):
        assert torch.allclose(part.mean((2, 3)), target.mean((2, 3)), atol=0.4)  # drawn a little towards the whole
    assert float(result[..., 8:].mean() - result[..., :8].mean()) > 2


def test_equal_input_gives_an_equal_picture_of_the_contents_size():
    result = method().run(CONTENT, STYLE)
    assert result.shape == CONTENT.shape
    assert float(result.min()) >= 0
    assert float(result.max()) <= 1
    assert torch.equal(result, method().run(CONTENT, STYLE))
    assert not torch.equal(result, method().run(CONTENT, OTHER))


def test_strength_goes_from_the_photo_to_the_style():
    none = method(strength=0).run(CONTENT, STYLE)
    assert torch.equal(none, method(strength=0).run(CONTENT, OTHER))
    assert not torch.allclose(none, method(strength=0.5).run(CONTENT, STYLE))
    with pytest.raises(ParameterError, match="strength is 2"):
        method(strength=2)


def test_styles_are_interpolated():
    adain = method()
    alone = adain.run(CONTENT, STYLE)
    assert torch.allclose(adain.interpolate(CONTENT, [STYLE, OTHER], [2, 0]), alone, atol=1e-6)
    between = adain.interpolate(CONTENT, [STYLE, OTHER], [1, 3])
    assert torch.allclose(between, adain.interpolate(CONTENT, [OTHER, STYLE], [0.75, 0.25]), atol=1e-6)
    assert not torch.allclose(between, alone)
    for weights in ([1], [-1, 2], [0, 0], [float("nan"), 1]):
        with pytest.raises(ParameterError, match="weight"):
            adain.interpolate(CONTENT, [STYLE, OTHER], weights)


def test_regions_of_one_of_several_styles():
    ours, theirs = (Regions.from_labels(halves(*x.shape[-2:], 1, 2)) for x in (CONTENT, STYLE))
    adain = method()
    masked = adain.interpolate(CONTENT, [STYLE, OTHER], [1, 1], ours, [theirs, None])
    assert not torch.allclose(masked, adain.interpolate(CONTENT, [STYLE, OTHER], [1, 1]))
    assert torch.equal(
        adain.interpolate(CONTENT, [STYLE], [1], ours, [theirs]), adain.run(CONTENT, STYLE, ours, theirs)
    )
    with pytest.raises(MaskError, match="one side only"):
        adain.run(CONTENT, STYLE, ours, None)


def test_decoders_must_be_those_of_the_encoder():
    info = methods.find("adain")
    with pytest.raises(ParameterError, match="belong to another feature encoder"):
        info.create(features=tiny_encoder(1), decoders=tiny_decoders(tiny_encoder()))
