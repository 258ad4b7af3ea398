import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from photostyle.errors import WeightsError
from photostyle.network.feedforward import FeedForward, FeedForwardConfig
from photostyle.training.data import load_photo, middle
from photostyle.weights import list_models, load_looks, save_looks
from photostyle.weights import looks as module
from photostyle.weights.files import read
from tests.util import picture
from tests.util.methods import tiny_looks
from tests.weights.test_features import rewrite


@pytest.fixture
def saved(tmp_path):
    network = tiny_looks()
    save_looks(network, tmp_path / "l.safetensors", {"licence": "MIT"})
    return network, tmp_path / "l.safetensors"


def test_a_saved_network_comes_back_in_half_precision(saved):
    network, path = saved
    loaded = load_looks(path)
    assert loaded.config == network.config
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    image = picture(40, 40)[None]
    assert torch.allclose(network(image, torch.eye(2)[:1]), loaded(image, torch.eye(2)[:1]), atol=0.01)
    assert read(module.KIND, path).extra == {"licence": "MIT"}


def test_running_statistics_of_batch_norm_are_kept(tmp_path):
    network = FeedForward(FeedForwardConfig(("a",), (4, 5, 6), 1, "batch"))
    network.train()(torch.rand(2, 3, 32, 32), torch.ones(1, 1))
    save_looks(network, tmp_path / "l.safetensors", half=False)
    loaded, image = load_looks(tmp_path / "l.safetensors"), picture(32, 32)[None]
    assert torch.equal(loaded(image, torch.ones(1, 1)), network.eval()(image, torch.ones(1, 1)))


def config(**changes):
    return json.dumps({**asdict(tiny_looks().config), **changes})


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"format": "photostyle-wct2"}, "not a network of looks"),
        ({"config": "nonsense"}, "no valid configuration"),
        ({"config": config(looks=[])}, "no valid configuration"),
        ({"config": config(widths=[4, 5, 10**6])}, "copy or make it again"),
        ({"config": config(blocks=10**6)}, "copy or make it again"),
        ({"config": config(looks=["a", "b", "c"])}, "does not fit"),
        ({"sha256": "0" * 64}, "damaged"),
    ],
)
def test_other_and_damaged_files_are_refused(saved, metadata, message):
    rewrite(saved[1], metadata)
    with pytest.raises(WeightsError, match=message):
        load_looks(saved[1])


def test_it_is_no_style_model(saved, tmp_path):
    assert "looks" not in [info.name for info in list_models()]
    with pytest.raises(WeightsError, match="does not exist"):
        load_looks(tmp_path / "none.safetensors")


def test_the_embedded_looks_are_looks_and_photos():
    network = load_looks()
    assert network.config.looks == ("waves", "canyon", "spices", "dusk")
    photo = middle(load_photo(Path(__file__).parents[2] / "docs" / "samples" / "day.jpg"), 192, 4)
    results = [network(photo, network.weights_of({name: 1.0})) for name in network.config.looks]
    for result in results:
        # What is bright stays brighter than what is dark beside it, in every look.
        both = torch.stack([x.mean(1).flatten() for x in (result, photo)]).squeeze(1)
        assert float(torch.corrcoef(both)[0, 1]) > 0.5
        assert min(float((result - other).abs().mean()) for other in [photo, *results] if other is not result) > 0.03
