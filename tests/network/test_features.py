import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from photostyle.errors import ImageSizeError, ParameterError
from photostyle.network.features import LAYERS, FeatureConfig, FeatureEncoder
from tests.util import picture

TINY = FeatureConfig("tiny", (4, 5, 6, 7, 8))


def encoder():
    torch.manual_seed(0)
    return FeatureEncoder(TINY).eval().requires_grad_(False)


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_layers_are_vgg19s_in_its_order(pooling):
    network, image = encoder(), picture(48, 40)[None]
    reduce = F.max_pool2d if pooling == "max" else F.avg_pool2d
    x, expected = network.conv0(image), {}
    for block, count in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1)):
        if block > 1:
            x = reduce(x, 2)
        for i in range(1, count + 1):
            layer = getattr(network, f"conv{block}_{i}")
            x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias))
            expected[f"relu{block}_{i}"] = x
    assert tuple(expected) == LAYERS
    found = network(image, LAYERS, pooling)
    assert tuple(found) == LAYERS
    for name, features in expected.items():
        assert torch.allclose(found[name], features, atol=1e-6), name


@given(st.integers(32, 70), st.integers(32, 70))
def test_sides_halve_and_round_down(height, width):
    found = encoder()(torch.rand(2, 3, height, width), ("relu5_1", "relu3_2"))
    assert list(found) == ["relu3_2", "relu5_1"]
    assert found["relu3_2"].shape == (2, 6, height // 4, width // 4)
    assert found["relu5_1"].shape == (2, 8, height // 16, width // 16)


def test_nothing_deeper_than_asked_for_is_computed():
    network = encoder()
    network.conv2_1.register_forward_hook(lambda *_: pytest.fail("conv2_1 was run"))
    assert list(network(picture(32, 32)[None], ["relu1_2"])) == ["relu1_2"]


@pytest.mark.parametrize(
    ("image", "layers", "pooling", "error", "message"),
    [
        (torch.rand(1, 3, 32, 32), ["relu6_1"], "max", ParameterError, "relu6_1; choose from relu1_1"),
        (torch.rand(1, 3, 32, 32), [], "max", ParameterError, "layers are none"),
        (torch.rand(1, 3, 32, 32), ["relu1_1"], "median", ParameterError, "'max' or 'mean'"),
        (torch.rand(3, 32, 32), ["relu1_1"], "max", ParameterError, r"\(B, 3, H, W\)"),
        (torch.rand(1, 3, 31, 40), ["relu1_1"], "max", ImageSizeError, "40×31"),
    ],
)
def test_wrong_use_is_refused(image, layers, pooling, error, message):
    with pytest.raises(error, match=message):
        encoder()(image, layers, pooling)


@pytest.mark.parametrize("widths", [(1, 2, 3, 4), (1, 2, 3, 4, 0), (1, 2, 3, 4, 5.0)])
def test_widths_are_checked(widths):
    with pytest.raises(ParameterError, match="five positive"):
        FeatureConfig("x", widths)
