"""Segmentation networks on disk: our own files, folders of save_pretrained, and the downloaded ADE20K checkpoint."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from dataclasses import replace

import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from photostyle.errors import DownloadError, OutputError, ParameterError, WeightsError
from photostyle.segmentation import ADE20K, CLASSES, ade20k, load_segmenter
from photostyle.segmentation.files import read_network, save_network
from photostyle.segmentation.network import Architecture, build
from photostyle.weights import find_entry, registry, save_model
from tests.util import picture, tiny_model
from tests.util.segmentation import OPTIONS, tiny_architecture, tiny_network
from tests.weights.test_download import Server

IMAGE = picture(64, 64)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "own.safetensors"
    save_network(tiny_network(), tiny_architecture(), path, extra={"licence": "CC0-1.0"})
    return path


def rewrite(path, metadata):
    """The same tensors with other metadata."""
    with safe_open(path, "pt") as file:
        old = file.metadata() or {}
    save_file(load_file(path), path, metadata={**old, **metadata})


def refused(path, *parts):
    with pytest.raises(WeightsError) as caught:
        load_segmenter(str(path))
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert all(part in message for part in parts), message


def test_a_network_survives_its_file_in_half_precision(saved):
    network, architecture, extra = read_network(saved)
    assert architecture == tiny_architecture()
    assert extra == {"licence": "CC0-1.0"}
    for name, tensor in tiny_network().state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)
    segmenter = load_segmenter(str(saved))
    assert (segmenter.name, segmenter.licence, segmenter.classes) == ("own", "CC0-1.0", CLASSES)
    assert not any(p.requires_grad for p in segmenter.network.parameters())
    assert not segmenter.network.training


def test_saving_refuses_what_cannot_be_saved(saved, tmp_path):
    network, architecture = tiny_network(), tiny_architecture()
    with pytest.raises(OutputError):
        save_network(network, architecture, saved)
    with pytest.raises(ParameterError, match="sha256"):
        save_network(network, architecture, tmp_path / "x.safetensors", extra={"sha256": "0"})
    network.segmentation_head[0].bias[0] = 1e6
    with pytest.raises(WeightsError, match="half=False"):
        save_network(network, architecture, tmp_path / "x.safetensors")
    save_network(network, architecture, tmp_path / "x.safetensors", half=False)
    assert read_network(tmp_path / "x.safetensors")[0].segmentation_head[0].bias[0] == 1e6


def test_damaged_and_foreign_files_are_refused(saved, tmp_path):
    refused(tmp_path / "none.safetensors", "does not exist")
    content = bytearray(saved.read_bytes())
    content[-9] ^= 64
    (tmp_path / "flipped.safetensors").write_bytes(content)
    refused(tmp_path / "flipped.safetensors", "damaged", "SHA-256")
    (tmp_path / "cut.safetensors").write_bytes(content[:-9])
    refused(tmp_path / "cut.safetensors", "damaged")
    save_model(tiny_model(), tmp_path / "style.safetensors")
    refused(tmp_path / "style.safetensors", "not a segmentation network")


@pytest.mark.parametrize(
    ("metadata", "parts"),
    [
        ({"version": "2"}, ("version 2",)),
        ({"architecture": "{"}, ("description",)),
        ({"architecture": json.dumps({"decoder": "FPN"})}, ("description",)),
        ({"architecture": Architecture("FPN", "tu-nothing").to_json()}, ("tu-nothing",)),
        ({"architecture": Architecture("Nothing", "tu-resnet10t").to_json()}, ("Nothing",)),
        ({"architecture": Architecture("FPN", "tu-resnet10t", {"depth": "x"}).to_json()}, ("tu-resnet10t",)),
        ({"architecture": Architecture("FPN", "tu-resnet10t").to_json()}, ("does not fit", "unexpected")),
    ],
)
def test_files_that_describe_another_network_are_refused(saved, metadata, parts):
    rewrite(saved, metadata)
    refused(saved, str(saved), *parts)


def test_temperatures_come_with_the_file(saved):
    assert load_segmenter(str(saved)).temperatures is None
    rewrite(saved, {"temperatures": ",".join(["1.5"] * len(CLASSES))})
    assert load_segmenter(str(saved)).temperatures == (1.5,) * len(CLASSES)


@pytest.mark.parametrize(
    "text", ["", "1.0", "x,y", ",".join(["0"] * 10), ",".join(["nan"] * 10), ",".join(["inf"] * 10)]
)
def test_temperatures_that_fit_no_class_are_refused(saved, text):
    rewrite(saved, {"temperatures": text})
    refused(saved, "temperature")


@pytest.fixture
def checkpoint(tmp_path):
    """A folder as people save them, with three classes."""
    torch.manual_seed(3)
    network = smp.create_model("FPN", encoder_name="tu-resnet10t", encoder_weights=None, classes=3, **OPTIONS)
    folder = tmp_path / "mine"
    network.save_pretrained(folder)
    return folder


def configure(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_folder_of_save_pretrained_is_used_as_the_library_would(checkpoint):
    segmenter = load_segmenter(str(checkpoint))
    assert (segmenter.name, segmenter.classes) == ("mine", ("0", "1", "2"))
    theirs, ours = smp.from_pretrained(str(checkpoint)).eval(), segmenter.network
    batch = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(ours(batch), theirs(batch))
    assert segmenter.probabilities(IMAGE).shape == (3, 64, 64)


@pytest.mark.parametrize(
    "names",
    [{"labels": ["a", "b", "c"]}, {"id2label": {"0": "a", "1": "b", "2": "c"}}, {"class_names": ["a", "b", "c"]}],
)
def test_names_of_classes_come_from_the_configuration(checkpoint, names):
    configure(checkpoint, **names)
    assert load_segmenter(str(checkpoint)).classes == ("a", "b", "c")


def test_names_of_classes_come_from_the_tensors_metadata(checkpoint):
    rewrite(checkpoint / "model.safetensors", {"classes": "sky, sea,land"})
    assert load_segmenter(str(checkpoint)).classes == ("sky", "sea", "land")


def test_initial_weights_are_never_fetched_and_activations_not_applied_twice(checkpoint):
    before = load_segmenter(str(checkpoint)).probabilities(IMAGE)
    configure(checkpoint, encoder_weights="imagenet", activation="softmax")
    assert torch.equal(load_segmenter(str(checkpoint)).probabilities(IMAGE), before)


def test_one_output_is_two_classes(tmp_path):
    torch.manual_seed(0)
    network = smp.create_model("FPN", encoder_name="tu-resnet10t", encoder_weights=None, classes=1, **OPTIONS)
    network.save_pretrained(tmp_path / "binary")
    segmenter = load_segmenter(str(tmp_path / "binary"))
    assert segmenter.classes == ("0", "1")
    batch = torch.rand(1, 3, 64, 64)
    network.segmentation_head[0].weight.data.zero_()
    network.segmentation_head[0].bias.data.fill_(1.5)
    segmenter.network.load_state_dict(network.state_dict())
    expected = float(torch.tensor(1.5).sigmoid())
    torch.testing.assert_close(segmenter.probabilities(batch[0])[1], torch.full((64, 64), expected))


def test_pickles_are_refused_unread(checkpoint, tmp_path):
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    refused(checkpoint, "pytorch_model.bin", "pickle", "save_pretrained")
    shutil.copy(checkpoint / "pytorch_model.bin", tmp_path / "net.pth")
    refused(tmp_path / "net.pth", "net.pth", "pickle")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"classes": 0}, ("classes: 0",)),
        ({"classes": "three"}, ("'three'",)),
        ({"classes": 4}, ("shape",)),
        ({"in_channels": 4}, ("4 channels",)),
        ({"labels": ["a", "b"]}, ("3 different classes",)),
        ({"labels": ["a", "b", "b"]}, ("3 different classes",)),
        ({"_model_class": "Nothing"}, ("Nothing",)),
        ({"encoder_name": "nothing"}, ("nothing",)),
        ({"unknown_option": 5}, ("config.json",)),
    ],
)
def test_configurations_that_do_not_fit_are_refused(checkpoint, changes, parts):
    configure(checkpoint, **changes)
    refused(checkpoint, "mine", *parts)


@pytest.mark.parametrize(
    ("text", "part"), [("{", "JSON"), ("[]", "table"), (None, "config.json"), ('{"classes": 3}', "_model_class")]
)
def test_unreadable_configurations_are_refused(checkpoint, text, part):
    path = checkpoint / "config.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    refused(checkpoint, part)


def test_folders_and_files_of_other_kinds_are_refused(checkpoint, tmp_path):
    (checkpoint / "model.safetensors").unlink()
    refused(checkpoint, "model.safetensors")
    (tmp_path / "notes.txt").write_text("hello")
    refused(tmp_path / "notes.txt", "no folder")


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """A tiny checkpoint with 150 classes on a server of our own, registered as ade20k; returns server and cache."""
    folder = tmp_path / "published"
    architecture = tiny_architecture(ADE20K)
    network = build(architecture)
    network.save_pretrained(folder)
    monkeypatch.setattr(ade20k, "ARCHITECTURE", architecture)
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(tmp_path / "cache"))
    with Server() as server:
        server.content = (folder / "model.safetensors").read_bytes()
        entry = replace(find_entry("ade20k"), url=server.url + "e1fb07f", size=len(server.content))
        monkeypatch.setattr(registry, "REGISTRY", (entry,))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server, tmp_path / "cache" / entry.file
        server.shutdown()
        thread.join()


def test_ade20k_is_downloaded_once_and_held_to_its_first_hash(offered, caplog, monkeypatch):
    server, path = offered
    logger = logging.getLogger("photostyle")
    monkeypatch.setattr(logger, "propagate", True)  # the command line, tested in the same process, switches it off
    with caplog.at_level(logging.INFO, logger="photostyle"):
        segmenter = load_segmenter("ade20k")
    assert (segmenter.name, segmenter.licence, segmenter.classes) == ("ade20k", "MIT", ADE20K)
    assert segmenter.probabilities(IMAGE).shape == (150, 64, 64)
    assert "licence MIT" in caplog.text
    assert "SHA-256" in caplog.text
    assert path.with_name(path.name + ".sha256").is_file()
    first = segmenter.probabilities(IMAGE)
    assert torch.equal(load_segmenter("ade20k").probabilities(IMAGE), first)
    assert len(server.asked) == 1
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="downloaded first"):
        load_segmenter("ade20k")


def test_a_cut_download_of_ade20k_is_an_error_and_goes_on_next_time(offered):
    server, path = offered
    server.cut_after = 100_000
    with pytest.raises(DownloadError, match="run again"):
        load_segmenter("ade20k")
    assert not path.exists()
    server.cut_after = None
    assert len(load_segmenter("ade20k").classes) == 150
    assert server.asked[1][1] is not None


def test_another_network_under_that_name_is_refused(offered):
    server, path = offered
    save_file({"a": torch.zeros(2)}, path.parent.parent / "other")
    server.content = (path.parent.parent / "other").read_bytes().ljust(len(server.content), b" ")
    with pytest.raises(WeightsError, match="ade20k"):
        load_segmenter("ade20k")


def test_the_registered_size_is_that_of_the_registered_architecture():
    with torch.device("meta"):
        network = build(ade20k.ARCHITECTURE)
    state = network.state_dict()
    content = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    header = find_entry("ade20k").size - content
    assert 60 * len(state) < header < 120 * len(state)
