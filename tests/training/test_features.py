from pathlib import Path

import features as train_features
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from photostyle.errors import ParameterError, WeightsError
from photostyle.network.features import FeatureConfig, FeatureEncoder
from photostyle.training import features
from photostyle.training.features import DistilConfig, FeatureTrainer
from photostyle.training.teachers import FEATURE_LAYERS, load_cd16
from photostyle.weights import load_features
from tests.training.test_teachers import write_cd16
from tests.util import picture

PHOTOS = [(picture(60, 70, seed) * 255).byte() for seed in range(6)]
STUDENT = FeatureConfig("student", (4, 5, 6, 7, 8))


@pytest.fixture(autouse=True)
def _small_calibration(monkeypatch):
    monkeypatch.setattr(features, "CALIBRATION_CROPS", 6)


def teacher():
    torch.manual_seed(1)
    return FeatureEncoder(FeatureConfig("teacher", (6, 6, 6, 6, 6))).eval().requires_grad_(False)


def trainer(out, **changes):
    return FeatureTrainer(
        DistilConfig(STUDENT, **{"steps": 30, "batch": 2, "crop": 48, **changes}), out, teacher(), PHOTOS
    )


def test_steps_lower_the_error_of_every_layer(tmp_path):
    run = trainer(tmp_path, validate_every=30)
    before, after = run.validate(), {}
    assert tuple(before) == FEATURE_LAYERS
    run.run(lambda step, row: after.update(row))
    assert sum(after[name] for name in before) < 0.75 * sum(before.values())
    assert all(after[name] < error for name, error in before.items())


def test_a_resumed_run_is_the_unbroken_one(tmp_path):
    whole, first = (trainer(tmp_path / name, steps=4, validate_every=2) for name in ("whole", "parts"))
    whole.run()
    first.run(lambda step, row: first.stop())
    assert first.step == 2
    second = trainer(tmp_path / "parts", steps=4, validate_every=2)
    second.resume()
    second.run()
    for a, b in zip(whole.student.parameters(), second.student.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("changes", "part"), [({"crop": 16}, "crop is 16"), ({"steps": 0}, "steps is 0"), ({"seed": 0.5}, "seed")]
)
def test_configurations_out_of_range_are_refused(changes, part):
    with pytest.raises(ParameterError, match=part):
        DistilConfig(**changes)


def test_the_script_trains_resumes_and_writes_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for index, photo in enumerate(PHOTOS):
        Image.fromarray(photo.permute(1, 2, 0).numpy()).save(f"photos/{index}.png")
    write_cd16(tmp_path / "teacher.safetensors")
    start = ["features.py", "photos", "--teacher", "teacher.safetensors", "--out", "run", "--device", "cpu"]
    start += ["--steps", "2", "--batch", "2", "--crop", "32", "--widths", "4", "5", "6", "7", "8"]
    for more in (["--minutes", "0"], ["--resume", "--weights", "f.safetensors"]):
        monkeypatch.setattr("sys.argv", [*start, *more])
        assert train_features.main() == 0
    output = capsys.readouterr()
    assert "stopped at step 0" in output.out
    assert "held error a layer" in output.out
    assert load_features("f.safetensors").config.widths == (4, 5, 6, 7, 8)
    monkeypatch.setattr("sys.argv", start)
    assert train_features.main() == 1
    assert "--resume" in capsys.readouterr().err


def test_the_published_teachers_names_are_read(tmp_path):
    path = tmp_path / "cd16.safetensors"
    source = write_cd16(path)
    image = picture(40, 40)[None]
    assert torch.equal(load_cd16(path)(image, ["relu5_1"])["relu5_1"], source(image, ["relu5_1"])["relu5_1"])
    save_file({"encoder5.conv0.weight": torch.zeros(3, 3, 1, 1)}, path)
    with pytest.raises(WeightsError, match=r"cd16\.safetensors: not a collaboratively"):
        load_cd16(path)
    with pytest.raises(WeightsError):
        load_cd16(tmp_path / "missing.safetensors")
