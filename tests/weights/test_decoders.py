import json
from pathlib import Path

import pytest
import torch

from photostyle.errors import ParameterError, WeightsError
from photostyle.network.decoders import SETS
from photostyle.training.data import load_photo, middle
from photostyle.training.losses import psnr
from photostyle.weights import list_models, load_decoders, load_features, save_decoders
from tests.util.methods import tiny_decoders, tiny_encoder
from tests.weights.test_features import rewrite

WCT, PHOTOWCT = {1: 25, 2: 18, 3: 15.5, 4: 13, 5: 9}, {1: 25, 2: 18, 3: 16, 4: 14}  # dB on the sample photo, at least


@pytest.fixture
def saved(tmp_path):
    decoders = tiny_decoders(tiny_encoder())
    save_decoders(decoders, tmp_path / "d.safetensors", {"licence": "MIT"})
    return decoders, tmp_path / "d.safetensors"


def test_saved_decoders_come_back_in_half_precision(saved):
    decoders, path = saved
    loaded = load_decoders(path)
    assert loaded.config == decoders.config
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    for a, b in zip(decoders.parameters(), loaded.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-6)
    loaded.check(tiny_encoder())
    with pytest.raises(ParameterError, match="another feature encoder"):
        loaded.check(tiny_encoder(1))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"format": "photostyle-features"}, "not a set of decoders"),
        ({"config": "nonsense"}, "no valid configuration"),
        ({"config": json.dumps({"widths": [6, 7, 8, 9], "encoder": ""})}, "no valid configuration"),
        ({"config": json.dumps({"widths": [6, 7, 8, 9, 10**6], "encoder": ""})}, "copy or make it again"),
        ({"config": json.dumps({"widths": [6, 7, 8, 9, 11], "encoder": ""})}, "does not fit"),
        ({"sha256": "0" * 64}, "damaged"),
    ],
)
def test_other_and_damaged_files_are_refused(saved, metadata, message):
    rewrite(saved[1], metadata)
    with pytest.raises(WeightsError, match=message):
        load_decoders(saved[1])


def test_they_are_no_style_model(tmp_path):
    assert "decoders" not in [info.name for info in list_models()]
    with pytest.raises(WeightsError, match="does not exist"):
        load_decoders(tmp_path / "none.safetensors")


def test_the_embedded_decoders_are_those_of_the_embedded_encoder_and_bring_photos_back():
    encoder, decoders = load_features(), load_decoders()
    decoders.check(encoder)
    photo = load_photo(Path(__file__).parents[2] / "docs" / "samples" / "day.jpg")
    image, locations = middle(photo, 192, 16), []
    found = encoder(image, [f"relu{level}_1" for level in range(1, 6)], locations=locations)
    quality = {
        f"{name}{level}": float(psnr(decoders.get(name, level)(found[f"relu{level}_1"], locations).clamp(0, 1), image))
        for name in ("wct", "photowct")
        for level in SETS[name]
    }
    assert all(quality[f"wct{level}"] > least for level, least in WCT.items()), quality
    assert all(quality[f"photowct{level}"] > least for level, least in PHOTOWCT.items()), quality
