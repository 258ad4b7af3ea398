import pytest
import torch

from photostyle.errors import ParameterError
from photostyle.network.wct2 import LEVELS, WCT2, ModelConfig, macs_per_pixel
from tests.util import copying_model, picture, tiny_model

VGG = (64, 128, 256, 512)


@pytest.mark.parametrize(("unpool", "decoder"), [("sum", 256), ("cat5", 1280)])
def test_layers_have_vgg19s_names_and_shapes(unpool, decoder):
    with torch.device("meta"):
        model = WCT2(ModelConfig(unpool=unpool))
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if name.endswith("weight")}
    expected = {"conv0": (3, 3, 1, 1), "conv1_1": (64, 3, 3, 3), "conv1_2": (64, 64, 3, 3), "conv2_1": (128, 64, 3, 3),
                "conv2_2": (128, 128, 3, 3), "conv3_1": (256, 128, 3, 3), "conv3_4": (256, 256, 3, 3),
                "conv4_1": (512, 256, 3, 3)}  # fmt: skip
    for name, shape in expected.items():
        assert shapes[f"encoder.{name}.weight"] == shape
    assert shapes["decoder.conv3_4.weight"] == (256, decoder, 3, 3)
    assert shapes["decoder.conv1_1.weight"] == (3, 64, 3, 3)


@pytest.mark.parametrize(("unpool", "sizes"), [("sum", (16, 8, 4, 4)), ("cat5", (32, 16, 8, 4))])
def test_level_resolutions_and_widths(unpool, sizes):
    model, skips = tiny_model(unpool), {}
    x = picture(32, 32)[None]
    for level, size, width in zip(LEVELS, sizes, model.config.widths, strict=True):
        x = model.encoder.level(x, level, skips)
        assert x.shape == (1, width, size, size)
    assert sorted(skips) == [1, 2, 3]
    assert all((skip.original is not None) == (unpool == "cat5") for skip in skips.values())
    for level in reversed(LEVELS):
        x = model.decoder.level(x, level, skips)
    assert x.shape == (1, 3, 32, 32)
    assert torch.equal(x, model(picture(32, 32)[None]))


def test_sum_unpooling_is_lossless_through_the_poolings():
    # With convolutions that pass features on, only pooling and unpooling are left: the image must come back.
    model = copying_model()
    image = picture(24, 40)[None]  # non-negative, and so are its LL bands: ReLU changes nothing
    assert (model(image) - image).abs().max() < 1e-6


def test_decoder_refuses_skips_of_the_other_kind():
    skips = {}
    x = picture(16, 16)[None]
    for level in LEVELS:
        x = tiny_model("sum").encoder.level(x, level, skips)
    with pytest.raises(ParameterError, match="cat5"):
        tiny_model("cat5").decoder.level(x, 4, skips)


def test_config_round_trip_and_bad_values():
    config = ModelConfig("a", (1, 2, 3, 4), "sum", 0.5, 0.1)
    assert ModelConfig.from_json(config.to_json()) == config
    for text in ("{}", "[]", "nonsense", '{"widths": [1, 2, 3, 4], "colour": 1}', '{"widths": [1, 2]}'):
        with pytest.raises(ParameterError):
            ModelConfig.from_json(text)
    with pytest.raises(ParameterError, match="unpool"):
        ModelConfig(unpool="max")
    with pytest.raises(ParameterError, match="ll_gain"):
        ModelConfig(ll_gain=0)


def test_fingerprint_follows_weights_and_architecture_only():
    model, same, other = tiny_model(), tiny_model(), tiny_model(seed=1)
    assert model.fingerprint() == same.fingerprint() != other.fingerprint()
    assert model.fingerprint() != tiny_model("sum").fingerprint()
    same.decoder.conv1_1.bias[0] += 1e-3
    assert model.fingerprint() != same.fingerprint()


def test_macs_counted_by_hand():
    # widths of 1: encoder 3·3 + 3·9 + 9 at full size, 18/4, 36/16, 9/64; decoder 9/64, (45 + 9 + 9 + 9)/16,
    # (45 + 9)/4, 45 + 27
    expected = 9 + 27 + 9 + 18 / 4 + 36 / 16 + 9 / 64 + 9 / 64 + 72 / 16 + 54 / 4 + 72
    assert macs_per_pixel(ModelConfig("one", (1, 1, 1, 1), "cat5")) == pytest.approx(expected)
    assert macs_per_pixel(ModelConfig("vgg19", VGG, "sum")) < macs_per_pixel(ModelConfig("vgg19", VGG, "cat5"))
