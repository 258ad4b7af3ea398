import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from photostyle.errors import WeightsError
from photostyle.network.features import FeatureConfig, FeatureEncoder
from photostyle.weights import list_models, load_features, read_model, save_features
from tests.util import picture

TINY = FeatureConfig("tiny", (4, 5, 6, 7, 8))


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    encoder = FeatureEncoder(TINY)
    save_features(encoder, tmp_path / "f.safetensors", {"licence": "MIT"})
    return encoder, tmp_path / "f.safetensors"


def rewrite(path, metadata=None, tensors=None):
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        old = file.metadata()
    save_file({**load_file(path), **(tensors or {})}, path, {**old, **(metadata or {})})


def test_a_saved_encoder_comes_back_in_half_precision(saved):
    encoder, path = saved
    loaded = load_features(path)
    assert loaded.config == TINY
    assert not loaded.training
    image = picture(40, 40)[None]
    for a, b in zip(encoder(image, ["relu5_1"]).values(), loaded(image, ["relu5_1"]).values(), strict=True):
        assert torch.allclose(a, b, rtol=1e-2, atol=1e-3)
    assert not any(p.requires_grad for p in loaded.parameters())


def test_the_embedded_encoder_loads_and_sees_edges_and_is_no_style_model():
    encoder = load_features()
    assert encoder.config.widths == (16, 32, 64, 128, 128)
    found = encoder(picture(64, 64)[None], ["relu1_1", "relu5_1"])
    assert all(bool(x.isfinite().all()) and float(x.std()) > 0 for x in found.values())
    assert "features" not in [info.name for info in list_models()]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"format": "photostyle-wct2"}, "not a feature encoder"),
        ({"version": "9"}, "feature encoder of version 9"),
        ({"config": "nonsense"}, "no valid configuration"),
        ({"config": json.dumps({"name": "x", "widths": [4, 5, 6, 7]})}, "no valid configuration"),
        ({"config": json.dumps({"name": "x", "widths": [4, 5, 6, 7, 10**6]})}, "copy or make it again"),
        ({"config": json.dumps({"name": "x", "widths": [4, 5, 6, 7, 9]})}, "does not fit"),
        ({"sha256": "0" * 64}, "damaged"),
    ],
)
def test_other_and_damaged_files_are_refused(saved, metadata, message):
    rewrite(saved[1], metadata)
    with pytest.raises(WeightsError, match=message):
        load_features(saved[1])


def test_missing_files_and_style_models_are_told_apart(saved, tmp_path):
    with pytest.raises(WeightsError, match="does not exist"):
        load_features(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="not a photostyle model"):
        read_model(saved[1])
