import pytest
import torch

from photostyle.errors import ParameterError
from photostyle.network.decoders import Decoder, Decoders, DecodersConfig, fingerprint
from photostyle.network.features import FeatureEncoder
from photostyle.training import widening
from photostyle.training.decoders import DecodersTrainer, DecodersTraining
from photostyle.training.widening import widen
from photostyle.weights import load_decoders, save_decoders
from tests.util import picture
from tests.util.methods import tiny_encoder

WIDTHS = (6, 7, 8, 9, 10)


def generator():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize(("level", "unpooling", "wider"), [(1, False, 2), (3, False, 3), (4, True, 2), (5, False, 2)])
def test_a_wider_decoder_starts_as_the_narrow_one(level, unpooling, wider, monkeypatch):
    monkeypatch.setattr(widening, "_NOISE", 0.0)
    torch.manual_seed(level)
    narrow, wide = (Decoder(WIDTHS, level, unpooling, factor).double() for factor in (1, wider))
    widen(narrow, wide, generator())
    image = picture(48, 32)[None].double()
    encoder, locations = FeatureEncoder(tiny_encoder().config).double().eval(), []
    assert encoder.config.widths == WIDTHS
    layer = f"relu{level}_1"
    features = encoder(image, [layer], locations=locations)[layer].detach()
    expected, found = (decoder(features, locations).detach() for decoder in (narrow, wide))
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-10)


def test_copies_differ_and_stay_near():
    torch.manual_seed(0)
    narrow, wide = Decoder(WIDTHS, 3), Decoder(WIDTHS, 3, wider=2)
    widen(narrow, wide, generator())
    weight = wide.conv2_2.weight.detach()
    assert (weight[::2] - weight[1::2]).abs().mean() > 0.01 * weight.abs().mean()
    features = torch.rand(1, WIDTHS[2], 8, 8, generator=generator())
    one, other = (decoder(features).detach() for decoder in (narrow, wide))
    assert (one - other).abs().mean() < 0.2 * one.std()


def test_what_cannot_be_widened():
    with pytest.raises(ParameterError, match="same layers"):
        widen(Decoder(WIDTHS, 3), Decoder(WIDTHS, 4), generator())
    with pytest.raises(ParameterError, match="cannot be widened"):
        widen(Decoder(WIDTHS, 3, wider=2), Decoder(WIDTHS, 3), generator())
    with pytest.raises(ParameterError, match="cannot be widened"):
        widen(Decoder(WIDTHS, 3, wider=2), Decoder(WIDTHS, 3, wider=3), generator())


@pytest.mark.parametrize("wider", [0, 9, True, 1.5])
def test_false_widths_are_refused(wider):
    with pytest.raises(ParameterError, match="times as wide"):
        DecodersConfig(wider=wider)


def test_wider_decoders_in_training_and_in_a_file(tmp_path):
    encoder = tiny_encoder()
    photos = [(picture(60, 70, seed) * 255).byte() for seed in range(6)]
    config = DecodersTraining(steps=2, batch=2, crop=32, wider=2)
    run = DecodersTrainer(config, tmp_path, encoder, photos)
    old = Decoders(DecodersConfig(encoder.config.widths, fingerprint(encoder)))
    run.start_from(old)
    assert run.average.state_dict().keys() == old.state_dict().keys()
    torch.testing.assert_close(run.average.state_dict(), run.decoders.state_dict())
    run.advance(run.batch(0))
    save_decoders(run.average, tmp_path / "wide.safetensors", half=False)
    again = load_decoders(tmp_path / "wide.safetensors")
    assert again.config == run.decoders.config
    assert again.config.wider == 2
    torch.testing.assert_close(again.state_dict(), run.average.state_dict())
