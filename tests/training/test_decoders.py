from pathlib import Path

import decoders as train_decoders
import pytest
import torch
from PIL import Image

from photostyle.errors import ParameterError
from photostyle.network.decoders import SETS
from photostyle.training import decoders
from photostyle.training.decoders import DecodersTrainer, DecodersTraining
from photostyle.weights import load_decoders, load_features, save_features
from tests.util import picture
from tests.util.methods import tiny_encoder

PHOTOS = [(picture(60, 70, seed) * 255).byte() for seed in range(6)]
PSNR = [f"psnr_{name}{level}" for name in ("wct", "photowct") for level in SETS[name]]


@pytest.fixture(autouse=True)
def _small_calibration(monkeypatch):
    monkeypatch.setattr(decoders, "CALIBRATION_CROPS", 4)


def trainer(out, **changes):
    config = DecodersTraining(**{"steps": 30, "batch": 2, "crop": 32, **changes})
    return DecodersTrainer(config, out, tiny_encoder(), PHOTOS)


def test_steps_bring_photos_back(tmp_path):
    run = trainer(tmp_path, steps=40, validate_every=40, learning_rate=5e-3)
    before, after = run.validate(), {}
    run.run(lambda step, row: after.update(row))
    assert set(PSNR) <= set(before)
    assert sum(after[name] - before[name] for name in PSNR) / len(PSNR) > 1
    assert after["psnr_wct1"] > before["psnr_wct1"] + 3
    assert {"wct", "photowct", "content", "style"} <= set(after)


def test_adain_is_trained_for_the_statistics_of_the_style(tmp_path):
    run = trainer(tmp_path)
    crops = torch.cat([picture(32, 32, 1)[None], 0.5 * picture(32, 32, 2)[None]])
    found = run.encoder(crops, ("relu1_1", "relu2_1", "relu3_1", "relu4_1"))
    content, style = run.adain_losses(found)
    assert content > 0
    assert style > 0
    # A decoder that paints the style itself has no style loss.
    run.decoders.get("adain", 4).forward = lambda features: crops[1:]
    assert float(run.adain_losses(found)[1].detach()) == pytest.approx(0, abs=1e-10)


def test_each_decoder_is_clipped_alone(tmp_path):
    run = trainer(tmp_path)
    groups = [list(parameters) for parameters in run.clipped()]
    assert len(groups) == sum(len(levels) for levels in SETS.values())
    assert sum(len(group) for group in groups) == len(list(run.decoders.parameters()))


def test_some_decoders_alone(tmp_path):
    run = trainer(tmp_path, only=("wct4", "photowct2"))
    before = {name: tensor.clone() for name, tensor in run.decoders.state_dict().items()}
    terms = run.advance(run.batch(0))
    assert set(terms) == {"loss", "wct", "photowct"}
    changed = {
        name.split(".")[0] for name, tensor in run.decoders.state_dict().items() if not tensor.equal(before[name])
    }
    assert changed == {"wct4", "photowct2"}
    assert "content" in trainer(tmp_path, only=("adain4",)).losses(run.batch(0), 0)


def test_a_resumed_run_is_the_unbroken_one(tmp_path):
    whole, first = (trainer(tmp_path / name, steps=4, validate_every=2) for name in ("whole", "parts"))
    whole.run()
    first.run(lambda step, row: first.stop())
    assert first.step == 2
    second = trainer(tmp_path / "parts", steps=4, validate_every=2)
    second.resume()
    second.run()
    for a, b in zip(whole.decoders.parameters(), second.decoders.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"crop": 40}, "crop is 40"),
        ({"crop": 16}, "crop is 16"),
        ({"batch": 3}, "must be even"),
        ({"only": ("wct9",)}, "no decoder 'wct9'"),
        ({"steps": 0}, "steps"),
    ],
)
def test_configurations_out_of_range_are_refused(changes, part):
    with pytest.raises(ParameterError, match=part):
        DecodersTraining(**changes)


def test_the_script_trains_resumes_and_writes_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for index, photo in enumerate(PHOTOS):
        Image.fromarray(photo.permute(1, 2, 0).numpy()).save(f"photos/{index}.png")
    save_features(tiny_encoder(), "f.safetensors")
    start = ["decoders.py", "photos", "--features", "f.safetensors", "--device", "cpu"]
    start += ["--steps", "2", "--batch", "2", "--crop", "32"]
    for more in (["--minutes", "0"], ["--resume", "--weights", "d.safetensors"]):
        monkeypatch.setattr("sys.argv", [*start, "--out", "run", *more])
        assert train_decoders.main() == 0
    output = capsys.readouterr()
    assert "stopped at step 0" in output.out
    assert "psnr_photowct4" in output.out
    load_decoders("d.safetensors").check(load_features("f.safetensors"))
    monkeypatch.setattr("sys.argv", [*start, "--out", "other", "--init", "d.safetensors", "--minutes", "0"])
    assert train_decoders.main() == 0
    state, first = torch.load("other/checkpoint.pt", weights_only=True), load_decoders("d.safetensors").state_dict()
    assert all(torch.equal(state[part][name], first[name]) for part in ("decoders", "average") for name in first)
    monkeypatch.setattr("sys.argv", [*start, "--out", "run"])
    assert train_decoders.main() == 1
    assert "--resume" in capsys.readouterr().err


def test_the_average_follows_and_is_what_counts(tmp_path):
    run = trainer(tmp_path, average=0.5)
    fresh = {name: tensor.clone() for name, tensor in run.average.state_dict().items()}
    run.advance(run.batch(0))
    decay = 2 / 11  # (1 + step) / (10 + step), less than a half
    for name, tensor in run.average.state_dict().items():
        expected = decay * fresh[name] + (1 - decay) * run.decoders.state_dict()[name]
        torch.testing.assert_close(tensor, expected)
    before = run.validate()["psnr_wct1"]
    for parameter in run.decoders.parameters():
        parameter.data.zero_()
    assert run.validate()["psnr_wct1"] == before
