import pytest
import torch
from torch.nn import functional as F

from photostyle.errors import ParameterError
from photostyle.network.decoders import SETS, Decoder, Decoders, DecodersConfig, fingerprint
from photostyle.network.features import FeatureConfig
from tests.util import picture
from tests.util.methods import tiny_decoders, tiny_encoder

IMAGE = picture(48, 64)[None]


@pytest.mark.parametrize(("name", "level"), [(name, level) for name, levels in SETS.items() for level in levels])
def test_every_decoder_gives_the_images_size_back(name, level):
    encoder, locations = tiny_encoder(), []
    found = encoder(IMAGE, [f"relu{level}_1"], locations=locations)[f"relu{level}_1"]
    decoder = tiny_decoders(encoder).get(name, level)
    assert decoder(found, locations).shape == IMAGE.shape
    mirrored = [layer for layer, _ in encoder.named_children()][1:]
    assert [layer for layer, _ in decoder.named_children()] == mirrored[: mirrored.index(f"conv{level}_1") + 1][::-1]


def test_unpooling_puts_maxima_where_they_were():
    features = torch.rand(2, 3, 8, 12)
    pooled, places = F.max_pool2d(features, 2, return_indices=True)
    back = F.max_unpool2d(pooled, places, 2)
    windows = features.reshape(2, 3, 4, 2, 6, 2)
    kept = (windows == windows.amax((3, 5), keepdim=True)).reshape(features.shape)
    assert torch.equal(back, torch.where(kept, features, 0.0))
    assert torch.equal(F.max_pool2d(back, 2), pooled)


def test_the_encoder_tells_the_places_of_its_maxima():
    encoder, locations = tiny_encoder(), []
    found = encoder(IMAGE, ["relu1_2", "relu2_2", "relu3_1"], locations=locations)
    plain = encoder(IMAGE, ["relu3_1"])["relu3_1"]
    assert torch.equal(found["relu3_1"], plain)
    assert len(locations) == 2
    for name, places in zip(("relu1_2", "relu2_2"), locations, strict=True):
        picked = found[name].flatten(2).gather(2, places.flatten(2)).reshape(places.shape)
        assert torch.equal(picked, F.max_pool2d(found[name], 2))
    with pytest.raises(ParameterError, match="only maxima have locations"):
        encoder(IMAGE, ["relu3_1"], "mean", [])


def test_unpooling_needs_the_locations():
    decoder = Decoder((4, 4, 4, 4, 4), 3, unpooling=True)
    with pytest.raises(ParameterError, match="unpooling from relu3_1 needs 2"):
        decoder(torch.rand(1, 4, 4, 4), [torch.zeros(1, 4, 8, 8, dtype=torch.long)])


def test_edges_return_to_their_place_by_unpooling():
    """A decoder that only copies: what unpooling brings back lies where the photo has it."""
    decoder = Decoder((1, 1, 1, 1, 1), 2, unpooling=True).requires_grad_(False)
    for layer in decoder.children():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight[:, 0, 1, 1] = 1
    image = torch.rand(1, 1, 8, 8)
    pooled, places = F.max_pool2d(image, 2, return_indices=True)
    assert torch.equal(decoder(pooled, [places])[:, :1], F.max_unpool2d(pooled, places, 2))


def test_decoders_know_their_encoder():
    encoder = tiny_encoder()
    decoders = tiny_decoders(encoder)
    decoders.check(encoder)
    assert fingerprint(encoder) == fingerprint(encoder.double())
    with pytest.raises(ParameterError, match=r"scripts/train/decoders\.py"):
        decoders.check(tiny_encoder(1))
    with pytest.raises(ParameterError, match="no photowct decoder of relu5_1"):
        decoders.get("photowct", 5)
    for config in ({"widths": (1, 2)}, {"encoder": 3}):
        with pytest.raises(ParameterError):
            DecodersConfig(**config)
    assert Decoders(DecodersConfig()).config.widths == FeatureConfig().widths
