import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from photostyle.errors import OutputError, TransferMismatchError, WeightsError
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.transfer.fitting import fit, measure_target
from photostyle.transfer.presets import load_style, load_transfer, read_metadata, save_style, save_target, save_transfer
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer
from tests.util import assert_same, halves, picture, tiny_model

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


@pytest.fixture
def target(tmp_path):
    options = FitOptions(("encoder", "skip"), "wct", 0.8, strengths={"sky": 0.5})
    regions = [Regions({"sky": torch.ones(48, 32) * 0.5}, hard=False), Regions.from_labels(halves(32, 40, 7))]
    made = measure_target(
        tiny_model(), [STYLE, picture(32, 40, 5)], style_regions=regions, style_weights=[0.7, 0.3],
        names=["a.jpg", "naïve *.jpg"], options=options,
    )  # fmt: skip
    save_target(made, tmp_path / "warm.style")
    return made, tmp_path / "warm.style"


def test_round_trip_of_a_target(target):
    made, path = target
    back = load_style(path, tiny_model())
    assert isinstance(back, Target)
    assert [(s.name, s.share, s.regions) for s in back.styles] == [
        ("a.jpg", 0.7, ("sky",)), ("naïve *.jpg", 0.3, ("7",))
    ]  # fmt: skip
    model = tiny_model()
    assert_same(fit(model, CONTENT, back), fit(model, CONTENT, made))
    assert read_metadata(path)["version"] == "2"


def test_either_kind_is_written_and_read(target, saved, tmp_path):
    for style, kind in ((target[0], Target), (saved[0], Transfer)):
        save_style(style, tmp_path / "either.style", overwrite=True)
        assert isinstance(load_style(tmp_path / "either.style", tiny_model()), kind)
    with pytest.raises(TransferMismatchError, match="not fitted"):
        load_transfer(target[1], tiny_model())


def test_refuses_damaged_targets(target, tmp_path):
    path = target[1]
    with pytest.raises(TransferMismatchError, match="tiny"):
        load_style(path, tiny_model(seed=1))
    tensors = load_file(path)
    name = "1/encoder2/*/covariance"
    for broken in (
        {**tensors, name: tensors[name] * float("nan")},
        {**tensors, name: tensors[name][:, :3].contiguous()},
        {key: value for key, value in tensors.items() if not key.startswith("1/")},
        {key: value for key, value in tensors.items() if not key.startswith("0/encoder3/*")},
        {key: value for key, value in tensors.items() if key != "0/encoder3/sky/weight"},
    ):
        rewrite(path, broken)
        with pytest.raises(WeightsError, match="damaged") as error:
            load_style(path, tiny_model())
        assert "\n" not in str(error.value)
    for styles in ("[]", "{", "3", '[{"name": "a"}]', '[{"name": "a", "share": -1}]'):
        rewrite(path, tensors, styles=styles)
        with pytest.raises(WeightsError, match="damaged"):
            load_style(path, tiny_model())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(WeightsError, match="cannot read"):
        load_style(path, tiny_model())
