from __future__ import annotations

import csv
import importlib.util
import signal
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from photostyle.errors import WeightsError
from photostyle.network.wct2 import ModelConfig
from photostyle.training import loop
from photostyle.weights import read_header, read_model
from tests.training.test_teachers import write_pca
from tests.util import picture

SCRIPT = Path(__file__).parents[2] / "scripts" / "train" / "wct2.py"

CONFIG = """
photos = "photos"
teacher = "pca"
teacher_path = "pca.safetensors"
steps = 4
batch = 2
crop = 32
validate_every = 2
checkpoint_every = 2

[model]
name = "tiny"
widths = [4, 5, 6, 7]
unpool = "cat5"
ll_gain = 0.5
"""


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    """Run the script in a folder with photos, a teacher and a configuration; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "CALIBRATION_CROPS", 4)
    (tmp_path / "photos").mkdir()
    for index in range(4):
        pixels = (picture(40, 48, index) * 255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{index}.png")
    write_pca(tmp_path / "pca.safetensors")
    (tmp_path / "config.toml").write_text(CONFIG)
    spec = importlib.util.spec_from_file_location("train_script", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def run(*arguments, config="config.toml"):
        monkeypatch.setattr(sys, "argv", ["train.py", config, "--out", "run", "--device", "cpu", *arguments])
        code = script.main()
        return code, *capsys.readouterr()

    return run


def logged_steps():
    with Path("run/log.csv").open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def step_of_checkpoint():
    return torch.load("run/checkpoint.pt", weights_only=True)["step"]


def failed(result, *parts):
    code, _, errors = result
    assert code == 1
    assert errors.startswith("train: ")
    assert len(errors.splitlines()) == 1
    assert all(part in errors for part in parts), errors


def test_training_writes_log_checkpoint_and_weights(train):
    code, output, errors = train("--weights", "weights/tiny.safetensors")
    assert (code, errors) == (0, "")
    assert "psnr" in output
    assert logged_steps() == [2, 4]
    assert step_of_checkpoint() == 4
    model = read_model("weights/tiny.safetensors")
    assert model.config == ModelConfig("tiny", (4, 5, 6, 7), "cat5", ll_gain=0.5)
    assert read_header("weights/tiny.safetensors").extra.items() >= {"steps": "4", "licence": "MIT"}.items()
    trained = torch.load("run/checkpoint.pt", weights_only=True)["model"]
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, trained[name], rtol=1e-3, atol=1e-6)
    assert model(picture(16, 16)[None]).isfinite().all()
    # The same weights again, over the old ones, without another step.
    assert train("--weights", "weights/tiny.safetensors", "--resume")[0] == 0
    assert read_model("weights/tiny.safetensors").fingerprint() == model.fingerprint()
    assert logged_steps() == [2, 4]


def test_resume_goes_on_after_minutes_ran_out(train):
    code, output, _ = train("--minutes", "0")
    assert code == 0
    assert "stopped at step 0" in output
    assert step_of_checkpoint() == 0
    code, output, _ = train("--resume")
    assert code == 0
    assert "stopped" not in output
    assert step_of_checkpoint() == 4
    assert logged_steps() == [2, 4]


def test_an_interrupt_ends_the_run_after_a_whole_step(train, monkeypatch):
    handler, original = signal.getsignal(signal.SIGINT), loop.Trainer.losses
    interrupted = []

    def losses(self, batch, step=0):
        if step == 2 and not interrupted:
            interrupted.append(step)
            signal.raise_signal(signal.SIGINT)
        return original(self, batch, step)

    monkeypatch.setattr(loop.Trainer, "losses", losses)
    code, output, _ = train()
    assert code == 0
    assert "stopped at step 3; continue with --resume" in output
    assert step_of_checkpoint() == 3
    assert signal.getsignal(signal.SIGINT) is handler
    assert train("--resume", "--weights", "parts.safetensors")[0] == 0
    assert logged_steps() == [2, 4]
    Path("run").rename("first")
    assert train("--weights", "whole.safetensors")[0] == 0
    assert read_model("parts.safetensors").fingerprint() == read_model("whole.safetensors").fingerprint()


def test_a_second_interrupt_is_not_waited_for(train, monkeypatch):
    handler = signal.getsignal(signal.SIGINT)

    def losses(self, batch, step=0):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("not interrupted")

    monkeypatch.setattr(loop.Trainer, "losses", losses)
    with pytest.raises(KeyboardInterrupt):
        train()
    assert signal.getsignal(signal.SIGINT) is handler


def test_set_overrides_fields_and_parts_of_the_model(train):
    overrides = ("--set", "steps = 2", "--set", "model.ll_gain = 1.0", "--set", 'model.name = "other"')
    assert train(*overrides, "--weights", "w.safetensors")[0] == 0
    assert logged_steps() == [2]
    assert read_model("w.safetensors").config == ModelConfig("other", (4, 5, 6, 7), "cat5", ll_gain=1.0)


def test_set_works_without_a_table_for_the_model(train, tmp_path):
    (tmp_path / "short.toml").write_text(CONFIG.partition("[model]")[0])
    assert train("--set", "steps=1", "--weights", "w.safetensors", config="short.toml")[0] == 0
    assert read_model("w.safetensors").config.widths == (16, 32, 64, 96)
    Path("run").rename("first")
    failed(train("--set", "model.unpool='sum'", config="short.toml"), "widths")


def test_a_run_is_not_overwritten_unasked(train):
    train("--minutes", "0")
    before = Path("run/checkpoint.pt").read_bytes()
    failed(train(), "run/checkpoint.pt", "--resume")
    assert Path("run/checkpoint.pt").read_bytes() == before


def test_resume_needs_a_checkpoint_of_the_same_configuration(train):
    failed(train("--resume"), "run/checkpoint.pt")
    train("--minutes", "0")
    failed(train("--resume", "--set", "seed=1"), "run/checkpoint.pt", "another configuration")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("steps = ", ("config.toml", "TOML")),
        (b"photos = '\xff'", ("config.toml", "TOML")),
        ("steps = 4", ("photos",)),
        (CONFIG.replace("steps", "stepz"), ("stepz",)),
        (CONFIG.replace("crop = 32", "crop = 33"), ("crop is 33",)),
        (CONFIG.replace('"photos"', '"nowhere"'), ("nowhere", "no photo")),
        (CONFIG.replace("pca.safetensors", "nowhere.safetensors"), ("nowhere.safetensors",)),
        (CONFIG.replace("teacher_path", "# teacher_path"), ("path",)),
        (CONFIG.replace('"pca"', '"resnet"'), ("resnet",)),
        (CONFIG.replace('"cat5"', '"max"'), ("unpool",)),
        (f"model = 3\n{CONFIG.partition('[model]')[0]}", ("training configuration",)),
        (None, ("config.toml",)),
    ],
)
def test_a_bad_configuration_is_one_line_and_exit_code_one(train, tmp_path, text, parts):
    path = tmp_path / "config.toml"
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    failed(train(), *parts)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


@pytest.mark.parametrize("assignment", ["steps", "steps=", "stepz=3", "steps='three'", "model=3", "model.depth=3"])
def test_a_bad_override_is_one_line_and_exit_code_one(train, assignment):
    failed(train("--set", assignment), "steps" if "steps" in assignment else "")


def test_weights_that_cannot_be_written_are_an_error_and_the_checkpoint_is_kept(train, monkeypatch):
    Path("file").write_text("in the way")
    failed(train("--weights", "file/w.safetensors"), "file")
    assert step_of_checkpoint() == 4
    with pytest.raises(WeightsError):
        read_model("file/w.safetensors")
