import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from photostyle.errors import ImageSizeError, ParameterError
from photostyle.network.feedforward import ConditionalNorm, FeedForward, FeedForwardConfig
from tests.util import picture
from tests.util.methods import tiny_looks

IMAGE = picture(32, 40)[None]


def norm_of(channels, looks, norm="instance"):
    torch.manual_seed(0)
    found = ConditionalNorm(channels, looks, norm)
    nn.init.normal_(found.scale, 1.0)
    nn.init.normal_(found.shift)
    return found


def test_one_look_is_torchs_instance_norm():
    ours, x = norm_of(5, 1), torch.randn(3, 5, 9, 7) * 4 + 2
    theirs = nn.InstanceNorm2d(5, eps=1e-3, affine=True)
    theirs.weight.data, theirs.bias.data = ours.scale.data[0], ours.shift.data[0]
    assert torch.allclose(ours(x, torch.ones(1, 1)), theirs(x), atol=1e-5)


def test_instance_norm_is_the_formula():
    ours, x = norm_of(4, 1).double(), torch.randn(2, 4, 6, 5, dtype=torch.float64)
    mean, deviation = x.mean((2, 3), keepdim=True), (x.var((2, 3), correction=0, keepdim=True) + 1e-3).sqrt()
    expected = ours.scale[0, :, None, None] * (x - mean) / deviation + ours.shift[0, :, None, None]
    assert torch.allclose(ours(x, torch.ones(1, 1, dtype=torch.float64)), expected, atol=1e-12)


def test_each_image_takes_the_scale_and_shift_of_its_look():
    ours, x = norm_of(4, 3), torch.randn(2, 4, 6, 6)
    found = ours(x, torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    for image, look in ((0, 2), (1, 0)):
        theirs = nn.InstanceNorm2d(4, eps=1e-3, affine=True)
        theirs.weight.data, theirs.bias.data = ours.scale.data[look], ours.shift.data[look]
        assert torch.allclose(found[image], theirs(x)[image], atol=1e-5)


def test_blending_blends_scales_and_shifts():
    ours, x = norm_of(4, 2), torch.randn(2, 4, 6, 6)
    alone = [ours(x, torch.eye(2)[look][None]) for look in (0, 1)]
    between = ours(x, torch.tensor([[0.25, 0.75]]))
    assert torch.allclose(between, 0.25 * alone[0] + 0.75 * alone[1], atol=1e-5)  # of one norm, not of a network


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_torchs(training):
    ours, theirs = norm_of(5, 1, "batch"), nn.BatchNorm2d(5, eps=1e-3)
    theirs.weight.data, theirs.bias.data = ours.scale.data[0], ours.shift.data[0]
    x = torch.randn(4, 5, 8, 8) * 3 + 1
    for norm in (ours, theirs):
        norm.train(training)
    assert torch.allclose(ours(x, torch.ones(1, 1)), theirs(x), atol=1e-5)
    assert torch.allclose(ours.mean, theirs.running_mean)
    assert torch.allclose(ours.variance, theirs.running_var)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_a_photo_of_the_photos_size(norm):
    torch.manual_seed(0)
    network = FeedForward(FeedForwardConfig(("a",), (4, 5, 6), 2, norm)).eval()
    result = network(IMAGE, network.weights_of()).detach()
    assert result.shape == IMAGE.shape
    assert 0 <= float(result.min()) <= float(result.max()) <= 1


def test_images_of_a_batch_do_not_touch_each_other():
    network = tiny_looks()
    images, looks = torch.cat([IMAGE, picture(32, 40, 3)[None]]), torch.eye(2)
    both = network(images, looks)
    for index in (0, 1):
        assert torch.allclose(
            both[index : index + 1], network(images[index : index + 1], looks[index][None]), atol=1e-5
        )


@settings(max_examples=15, deadline=None)
@given(st.integers(4, 14), st.integers(4, 14))
def test_any_sides_that_are_multiples_of_four(height, width):
    network = tiny_looks()
    image = picture(4 * height, 4 * width)[None]
    assert network(image, network.weights_of()).shape == image.shape


@pytest.mark.parametrize("size", [(12, 40), (32, 42), (33, 40)])
def test_other_sides_are_refused(size):
    network = tiny_looks()
    with pytest.raises(ImageSizeError, match="multiples of 4"):
        network(picture(*size)[None], network.weights_of())


def test_weights_of_looks():
    network = tiny_looks()
    assert network.weights_of().tolist() == [[1, 0]]
    assert network.weights_of({"dusk": 3, "dawn": 1}).tolist() == [[0.25, 0.75]]
    assert network.weights_of([2, 2]).tolist() == [[0.5, 0.5]]
    for chosen, part in [
        ({"noon": 1}, "no look 'noon'; there is dawn, dusk"),
        ([1], "1 weights for 2 looks"),
        ([1, -1], "none is negative"),
        ([0, 0], "one is above 0"),
        ([float("nan"), 1], "none is negative"),
        ({"dawn": float("inf")}, "none is negative"),
    ]:
        with pytest.raises(ParameterError, match=part):
            network.weights_of(chosen)
    with pytest.raises(ParameterError, match="weights of looks are"):
        network(IMAGE, torch.ones(1, 3))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"looks": ()}, "0 looks"),
        ({"looks": ("a", "a")}, "2 looks"),
        ({"looks": ("a:b",)}, "a look is called 'a:b'"),
        ({"looks": (" ",)}, "a look is called"),
        ({"looks": (3,)}, "a look is called 3"),
        ({"widths": (4, 5)}, "widths are"),
        ({"widths": (4, 5, 0)}, "widths are"),
        ({"blocks": -1}, "blocks is -1"),
        ({"blocks": 99}, "blocks is 99"),
        ({"norm": "layer"}, "norm is 'layer'"),
        ({"looks": ("a", "b"), "norm": "batch"}, "goes with one look"),
    ],
)
def test_configurations_out_of_range_are_refused(changes, part):
    with pytest.raises(ParameterError, match=part):
        FeedForwardConfig(**{"looks": ("a",), **changes})
