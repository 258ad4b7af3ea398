import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from photostyle.errors import OutputError, TransferMismatchError, WeightsError
from photostyle.fitting import fit
from photostyle.options import FitOptions
from photostyle.presets import load_transfer, read_metadata, save_transfer
from tests.util import halves, picture, tiny_model

CONTENT, STYLE = picture(40, 56, 1), picture(48, 32, 2) ** 2
REGIONS = {"content_regions": halves(40, 56, 0, 1), "style_regions": halves(48, 32, 0, 1)}


@pytest.fixture
def saved(tmp_path):
    options = FitOptions(("encoder", "skip"), "monge", 0.8, 1e-3)
    transfer = fit(tiny_model(), CONTENT, STYLE, options=options, **REGIONS)
    save_transfer(transfer, tmp_path / "look.style")
    return transfer, tmp_path / "look.style"


def test_round_trip(saved):
    transfer, path = saved
    back = load_transfer(path, tiny_model())
    assert back.options == transfer.options
    assert set(back.regions) == set(transfer.regions) == {"*", "0", "1"}
    other = picture(32, 48, 7)
    for regions in (None, halves(32, 48, 0, 1)):
        assert torch.allclose(back.apply(other, regions), transfer.apply(other, regions), atol=1e-5)


def test_says_what_it_belongs_to(saved):
    metadata = read_metadata(saved[1])
    assert metadata["model"] == "tiny"
    assert metadata["model_hash"] == tiny_model().fingerprint()
    assert json.loads(metadata["options"])["matching"] == "monge"


def test_refuses_another_model(saved):
    for other in (tiny_model(seed=1), tiny_model("sum")):
        with pytest.raises(TransferMismatchError, match="tiny"):
            load_transfer(saved[1], other)


def test_does_not_overwrite_unasked(saved):
    transfer, path = saved
    before = path.read_bytes()
    with pytest.raises(OutputError):
        save_transfer(transfer, path)
    assert path.read_bytes() == before
    save_transfer(transfer, path, overwrite=True)


def rewrite(path, tensors=None, **metadata):
    with safe_open(path, "pt") as file:
        old = file.metadata()
    save_file(load_file(path) if tensors is None else tensors, path, metadata={**old, **metadata})


def test_refuses_other_versions_and_files(saved, tmp_path):
    path = saved[1]
    rewrite(path, version="99")
    with pytest.raises(TransferMismatchError, match="version 99"):
        load_transfer(path, tiny_model())
    rewrite(path, format="something")
    with pytest.raises(WeightsError, match="not a style file"):
        load_transfer(path, tiny_model())
    for name, content in (("empty.style", b""), ("noise.style", b"\x08" + b"x" * 100)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match="cannot read"):
            load_transfer(tmp_path / name, tiny_model())
    with pytest.raises(WeightsError, match="cannot read"):
        load_transfer(tmp_path / "absent.style", tiny_model())


def test_refuses_damaged_maps(saved):
    path = saved[1]
    tensors = load_file(path)
    name = next(key for key in tensors if key.endswith("/matrix"))
    rewrite(path, {**tensors, name: tensors[name] * float("nan")})
    with pytest.raises(WeightsError, match="damaged"):
        load_transfer(path, tiny_model())
    rewrite(path, {key: value for key, value in tensors.items() if not key.endswith("/bias")})
    with pytest.raises(WeightsError, match="damaged"):
        load_transfer(path, tiny_model())
    rewrite(path, tensors, options="{}")
    with pytest.raises(WeightsError, match="damaged"):
        load_transfer(path, tiny_model())
