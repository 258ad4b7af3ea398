import pytest
import torch
from safetensors.torch import save_file

from photostyle.errors import WeightsError
from photostyle.features import FeatureConfig, FeatureEncoder
from photostyle.training import features
from photostyle.training.features import FeatureTrainer
from photostyle.training.teachers import FEATURE_LAYERS, load_cd16
from tests.util import picture

PHOTOS = [(picture(60, 70, seed) * 255).byte() for seed in range(6)]
STUDENT = FeatureConfig("student", (4, 5, 6, 7, 8))


@pytest.fixture(autouse=True)
def _small_calibration(monkeypatch):
    monkeypatch.setattr(features, "CALIBRATION_CROPS", 6)


def teacher():
    torch.manual_seed(1)
    return FeatureEncoder(FeatureConfig("teacher", (6, 6, 6, 6, 6))).eval().requires_grad_(False)


def trainer(seed=0, steps=30):
    return FeatureTrainer(STUDENT, teacher(), PHOTOS, steps=steps, batch=2, crop=48, seed=seed)


def test_steps_lower_the_error_of_every_layer():
    run = trainer()
    before = run.validate(PHOTOS)
    assert len(before) == len(FEATURE_LAYERS)
    for _ in range(30):
        run.advance()
    after = run.validate(PHOTOS)
    assert sum(after) < 0.75 * sum(before)
    assert all(b < a for a, b in zip(before, after, strict=True))


def test_a_loaded_state_goes_on_exactly_there():
    whole, first, second = trainer(), trainer(), trainer(seed=0)
    for _ in range(4):
        whole.advance()
    for _ in range(2):
        first.advance()
    second.load(first.state())
    for _ in range(2):
        second.advance()
    assert second.step == 4
    for a, b in zip(whole.student.parameters(), second.student.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_published_teachers_names_are_read(tmp_path):
    torch.manual_seed(0)
    source = FeatureEncoder(FeatureConfig("cd16", (16, 32, 64, 128, 128)))
    path = tmp_path / "cd16.safetensors"
    save_file({f"encoder5.{name}": tensor for name, tensor in source.state_dict().items()}, path)
    image = picture(40, 40)[None]
    assert torch.equal(load_cd16(path)(image, ["relu5_1"])["relu5_1"], source(image, ["relu5_1"])["relu5_1"])
    save_file({"encoder5.conv0.weight": torch.zeros(3, 3, 1, 1)}, path)
    with pytest.raises(WeightsError, match=r"cd16\.safetensors: not a collaboratively"):
        load_cd16(path)
    with pytest.raises(WeightsError):
        load_cd16(tmp_path / "missing.safetensors")
