from __future__ import annotations

import csv
import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from photostyle.errors import OutputError, ParameterError, WeightsError
from photostyle.network.wct2 import WCT2, ModelConfig
from photostyle.training import loop
from photostyle.training.config import TrainConfig
from photostyle.training.loop import Trainer, whiten_first_layer
from photostyle.weights import save_model
from tests.training.test_teachers import write_pca
from tests.util import TINY, halves, picture, tiny_model

CPU = torch.device("cpu")
PHOTOS = [(picture(48, 56 + index, index) * 255).byte() for index in range(8)]


@pytest.fixture(autouse=True)
def _small_calibration(monkeypatch):
    monkeypatch.setattr(loop, "CALIBRATION_CROPS", 6)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    path = write_pca(folder / "pca.safetensors")
    return TrainConfig(folder, TINY, "pca", path, steps=6, batch=4, crop=32, validate_every=2, checkpoint_every=3)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Four labelled scenes, their labels in grey values, 255 for unlabelled."""
    folder = tmp_path_factory.mktemp("scenes") / "some"
    for index in range(4):
        labels = halves(44, 60, 0, 3, 255, 5).to(torch.uint8).numpy()
        pixels = (picture(44, 60, index) * 255).byte().permute(1, 2, 0).numpy()
        for kind, array in (("images", pixels), ("labels", labels)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            suffix = ".jpg" if kind == "images" else ".png"
            Image.fromarray(array).save(folder / kind / f"{index}{suffix}")
    return folder.parent


def trainer(config, out):
    return Trainer(config, out, CPU, PHOTOS)


def rows(out):
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def stop_after(trained, step):
    """Stop a run after its step of that number."""
    original = trained.batch

    def batch(number):
        if number == step:  # asked for while the step before is on its way
            trained.stop()
        return original(number)

    trained.batch = batch


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


# Configuration


def test_from_dict_reads_every_kind_of_field(tmp_path):
    model = {"name": "x", "widths": [4, 5, 6, 7], "unpool": "sum"}
    config = TrainConfig.from_dict(
        {"photos": "p", "teacher_path": "t", "init": "i", "model": model, "learning_rate": 1}
    )
    assert config.model == ModelConfig("x", (4, 5, 6, 7), "sum")
    assert [str(path) for path in (config.photos, config.teacher_path, config.init)] == ["p", "t", "i"]
    assert TrainConfig.from_dict({"photos": "p"}).model == ModelConfig("small", (16, 32, 64, 96), "cat5", ll_gain=0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "photos"),
        ({"photos": 3}, "int"),
        ({"photos": "p", "stepz": 3}, "stepz"),
        ({"photos": "p", "crop": 60}, "crop is 60"),
        ({"photos": "p", "crop": 24}, "crop is 24"),
        ({"photos": "p", "steps": 0}, "steps"),
        ({"photos": "p", "steps": 2.5}, "steps is 2.5"),
        ({"photos": "p", "steps": True}, "steps is True"),
        ({"photos": "p", "batch": "8"}, "batch is '8'"),
        ({"photos": "p", "validate_every": 0}, "validate_every"),
        ({"photos": "p", "checkpoint_every": 0}, "checkpoint_every"),
        ({"photos": "p", "seed": -1}, "seed is -1"),
        ({"photos": "p", "learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"photos": "p", "mse": math.nan}, "mse is nan"),
        ({"photos": "p", "l1": -1.0}, "l1 is -1"),
        ({"photos": "p", "grade": math.inf}, "grade is inf"),
        ({"photos": "p", "teacher": "resnet"}, "teacher is 'resnet'"),
        ({"photos": "p", "matching": "ot"}, "matching is 'ot'"),
        ({"photos": "p", "pairs": 2, "twins": 3}, "twins is 3"),
        ({"photos": "p", "model": "small"}, "training configuration"),
        ({"photos": "p", "model": {"name": "x"}}, "widths"),
        ({"photos": "p", "model": {"widths": [1, 2, 3]}}, "widths"),
        ({"photos": "p", "model": {"widths": 4}}, "training configuration"),
        ({"photos": "p", "model": {"widths": [1, 2, 3, 4], "depth": 3}}, "depth"),
        ({"photos": "p", "model": {"widths": [1, 2, 3, 4], "unpool": "max"}}, "unpool is 'max'"),
    ],
)
def test_from_dict_refuses_what_is_wrong_in_one_line(values, message):
    with pytest.raises(ParameterError, match=message) as error:
        TrainConfig.from_dict(values)
    assert "\n" not in str(error.value)


# Start


def test_whitening_gives_first_responses_of_mean_zero_and_variance_one():
    model = tiny_model(widths=(10, 8, 8, 8))
    generator = torch.Generator().manual_seed(0)
    images = torch.stack([picture(40, 40, seed) for seed in range(12)])
    images = images + 0.05 * torch.randn(images.shape, generator=generator)  # so that no direction is without variance
    whiten_first_layer(model.encoder, images)
    assert torch.equal(model.encoder.conv0(images), images)
    responses = model.encoder.conv1_1(images)[:, :, 1:-1, 1:-1].transpose(0, 1).flatten(1)
    assert responses.mean(1).abs().max() < 0.05
    assert (responses.var(1) - 1).abs().max() < 0.05
    # The five strongest components with both signs, uncorrelated; a filter's length is one over its deviation.
    torch.testing.assert_close(responses[:5], -responses[5:], rtol=0, atol=1e-3)
    assert (torch.corrcoef(responses[:5]) - torch.eye(5)).abs().max() < 0.05
    windows = sliding_window_view(images.numpy(), (3, 3), axis=(2, 3)).transpose(1, 4, 5, 0, 2, 3).reshape(27, -1)
    expected = np.linalg.eigvalsh(np.cov(windows))[-5:]
    found = 1 / model.encoder.conv1_1.weight[:5].square().sum((1, 2, 3)).numpy()
    np.testing.assert_allclose(np.sort(found), expected, rtol=0.05)


@pytest.mark.parametrize(("width", "changed"), [(7, 6), (60, 54)])
def test_whitening_leaves_filters_without_a_component_as_they_are(width, changed):
    model = tiny_model(widths=(width, 4, 4, 4))
    before = model.encoder.conv1_1.weight.clone()
    whiten_first_layer(model.encoder, torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0)))
    after = model.encoder.conv1_1.weight
    assert torch.equal(after[changed:], before[changed:])
    assert not torch.isclose(after[:changed], before[:changed]).all((1, 2, 3)).any()
    assert after.isfinite().all()


def test_the_same_configuration_starts_the_same_and_another_seed_elsewhere(config, tmp_path):
    first, second = trainer(config, tmp_path / "a"), trainer(config, tmp_path / "b")
    other = trainer(replace(config, seed=1), tmp_path / "c")
    assert first.model.fingerprint() == second.model.fingerprint() != other.model.fingerprint()
    assert torch.equal(first.batch(3).images, second.batch(3).images)
    assert not torch.equal(first.batch(3).images, first.batch(4).images)
    assert not torch.equal(first.batch(3).images, other.batch(3).images)


def test_every_parameter_is_trained_and_the_first_layers_and_projections_faster(config, tmp_path):
    run = trainer(replace(config, fast=5.0), tmp_path)
    groups = [{id(parameter) for parameter in group["params"]} for group in run.optimizer.param_groups]
    expected = {id(parameter) for module in (run.model, run.projections) for parameter in module.parameters()}
    assert groups[0] | groups[1] == expected
    assert not groups[0] & groups[1]
    assert id(run.model.encoder.conv1_1.weight) in groups[1]
    rates = [group["lr"] for group in run.optimizer.param_groups]
    assert rates[1] == pytest.approx(5 * rates[0])


def test_a_run_can_start_from_the_networks_of_another_runs_checkpoint(config, tmp_path):
    first = trainer(config, tmp_path / "first")
    first.run()
    run = trainer(replace(config, seed=3, steps=9, init=first.checkpoint), tmp_path / "second")
    assert same(run.model.state_dict(), first.model.state_dict())
    assert same(run.projections.state_dict(), first.projections.state_dict())
    assert run.step == 0
    assert not run.optimizer.state
    run.run()
    assert run.step == 9
    assert not same(run.model.state_dict(), first.model.state_dict())


def test_a_run_can_start_from_a_model_file(config, tmp_path):
    model, path = WCT2(config.model), tmp_path / "start.safetensors"
    save_model(model, path, half=False)
    run = trainer(replace(config, init=path), tmp_path / "run")
    assert same(run.model.state_dict(), model.state_dict())
    other = replace(config, init=path, model=replace(TINY, widths=(6, 8, 10, 14)))
    with pytest.raises(WeightsError, match="another network"):
        trainer(other, tmp_path / "other")


@pytest.mark.parametrize("wrong", ["missing", "widths"])
def test_a_checkpoint_to_start_from_must_exist_and_fit(config, tmp_path, wrong):
    path = tmp_path / "first" / "checkpoint.pt"
    if wrong == "widths":
        trainer(replace(config, model=replace(TINY, widths=(6, 8, 10, 14))), path.parent).save()
    with pytest.raises(WeightsError, match="missing, damaged or of another network") as error:
        trainer(replace(config, init=path), tmp_path / "second")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


# Batches and losses


def test_half_of_a_batch_is_graded(config, tmp_path):
    run, plain = trainer(config, tmp_path), trainer(replace(config, grade=0.0), tmp_path)
    graded, neutral = run.batch(0).images, plain.batch(0).images
    assert graded.shape == (4, 3, 32, 32)
    assert torch.equal(graded[2:], neutral[2:])
    assert not torch.isclose(graded[:2], neutral[:2]).all((1, 2, 3)).any()


@pytest.mark.parametrize(("pairs", "twins"), [(3, 0), (3, 1), (2, 2)])
def test_batches_of_pairs_hold_contents_then_styles_and_the_twins_truth(config, tmp_path, pairs, twins):
    batch = trainer(replace(config, pairs=pairs, twins=twins), tmp_path).batch(0)
    assert batch.images.shape == (2 * pairs, 3, 32, 32)
    assert batch.images.min() >= 0
    assert batch.images.max() <= 1
    assert (None if batch.truth is None else batch.truth.shape) == ((twins, 3, 32, 32) if twins else None)


def test_terms_are_weighted_and_only_those_of_the_configuration(config, tmp_path):
    plain = replace(config, distillation=1.0, mse=1.0, l1=1.0)
    weighted = replace(config, distillation=2.0, mse=3.0, l1=0.0)
    first, second = (trainer(c, tmp_path).losses(trainer(c, tmp_path).batch(0)) for c in (plain, weighted))
    assert list(first) == list(second) == ["distillation", "mse", "l1"]
    for name, factor in (("distillation", 2), ("mse", 3), ("l1", 0)):
        assert second[name].item() == pytest.approx(factor * first[name].item(), rel=1e-5)
    run = trainer(replace(config, pairs=3, twins=1, decoder_share=1.0), tmp_path)
    terms = run.losses(run.batch(0))
    assert set(terms) == {"distillation", "mse", "l1", "residual", "flat", "style", "truth"}
    assert all(term.isfinite() for term in terms.values())


def test_regions_noise_colour_and_consistency_have_their_terms(config, scenes, tmp_path):
    changes = {"pairs": 4, "twins": 2, "masked_twins": 1, "masked": 1, "noise": 6.0, "colour": 1.0, "consistency": 1.0}
    run = trainer(replace(config, **changes, labelled=scenes, decoder_share=1.0), tmp_path)
    batch = run.batch(0)
    assert batch.images.shape == (8, 3, 32, 32)
    assert [pair is not None for pair in batch.regions] == [True, False, True, False]
    terms = run.losses(batch)
    assert set(terms) == {
        "distillation", "mse", "l1", "residual", "flat", "style", "colour", "truth", "consistency"
    }  # fmt: skip
    assert all(term.isfinite() for term in terms.values())
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in run.model.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pairs": 2, "twins": 1, "masked_twins": 2}, "masked_twins must not exceed"),
        ({"pairs": 2, "twins": 1, "masked": 2}, "masked_twins must not exceed"),
        ({"pairs": 2, "masked": 1}, "give labelled"),
    ],
)
def test_counts_of_masked_pairs_are_checked(config, changes, message):
    with pytest.raises(ParameterError, match=message):
        replace(config, **changes)


@pytest.mark.parametrize("pairs", [0, 2])
def test_a_few_steps_lower_the_loss(config, tmp_path, pairs):
    run = trainer(replace(config, steps=30, pairs=pairs, twins=pairs // 2, learning_rate=1e-2), tmp_path)
    batch = run.batch(99)

    def loss():
        with torch.no_grad():
            return float(sum(run.losses(batch).values()))

    before, scores = loss(), run.validate()
    run.run()
    assert loss() < 0.7 * before
    after = run.validate()
    assert after["psnr"] > scores["psnr"] + 2
    assert after["held_distillation"] < scores["held_distillation"]


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10, 14])
def test_runs_of_every_length_warm_up_and_end_slowly(config, tmp_path, steps):
    run = trainer(replace(config, steps=steps), tmp_path)
    rates = []
    for _ in range(steps):
        rates.append(run.optimizer.param_groups[0]["lr"])
        run.optimizer.step()
        run.schedule.step()
    assert rates[-1] < 1e-5
    assert max(rates) <= config.learning_rate * (1 + 1e-9)
    if steps > 3:
        assert max(rates) > 0.9 * config.learning_rate


# Log and checkpoints


def test_the_log_has_a_row_for_every_validation_and_the_last_step(config, tmp_path):
    reported = []
    run = trainer(replace(config, steps=5), tmp_path / "new" / "folder")
    run.run(lambda step, row: reported.append((step, row)))
    logged = rows(run.out)
    expected = {"step", "seconds", "loss", "distillation", "mse", "l1", "psnr", "held_distillation"}
    assert set(logged[0]) >= expected
    assert [int(row["step"]) for row in logged] == [step for step, _ in reported] == [2, 4, 5]
    for row, (_, values) in zip(logged, reported, strict=True):
        assert all(float(row[name]) == value for name, value in values.items())
        terms = sum(float(row[name]) for name in ("distillation", "mse", "l1"))
        assert float(row["loss"]) == pytest.approx(terms, rel=1e-5)
        assert float(row["psnr"]) > 0
        assert row["style"] == ""
    assert run.step == 5


def test_a_checkpoint_is_left_at_its_steps_and_at_the_end(config, tmp_path):
    run, saved = trainer(replace(config, steps=5, checkpoint_every=2), tmp_path), []
    original = run.save
    run.save = lambda: (saved.append(run.step), original())  # type: ignore[method-assign]
    run.run()
    assert sorted(set(saved)) == [2, 4, 5]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "log.csv"]


def test_until_in_the_past_stops_at_once_and_leaves_a_checkpoint(config, tmp_path):
    run = trainer(config, tmp_path)
    before = run.model.fingerprint()
    run.run(until=time.monotonic() - 1)
    assert run.step == 0
    assert run.model.fingerprint() == before
    again = trainer(config, tmp_path)
    again.resume()
    assert again.step == 0
    assert rows(tmp_path) == []


def without_seconds(logged):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in logged]


WITH_REGIONS = {"pairs": 3, "twins": 1, "masked_twins": 1, "masked": 1, "noise": 6.0, "colour": 0.1}


@pytest.mark.parametrize("changes", [{}, {"pairs": 2, "twins": 1, "decoder_share": 0.5}, WITH_REGIONS])
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(config, scenes, tmp_path, changes, how):
    config = replace(config, **changes, labelled=scenes)
    whole = trainer(config, tmp_path / "whole")
    whole.run()
    first = trainer(config, tmp_path / "parts")
    if how == "stopped":
        stop_after(first, 3)
        first.run()
        assert first.step == 3
    else:

        def kill(step, _row):
            if step == 4:  # logged, but the last checkpoint is that of step 3
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            first.run(kill)
        assert [row["step"] for row in rows(first.out)] == ["2", "4"]
    torch.manual_seed(1234)
    second = trainer(config, tmp_path / "parts")
    second.resume()
    assert second.step == 3
    second.run()
    assert second.step == 6
    for name in ("model", "projections", "optimizer", "schedule"):
        assert same(getattr(second, name).state_dict(), getattr(whole, name).state_dict()), name
    assert without_seconds(rows(second.out)) == without_seconds(rows(whole.out))
    assert [row["step"] for row in rows(second.out)] == ["2", "4", "6"]


def test_resume_refuses_another_configuration(config, tmp_path):
    trainer(config, tmp_path).save()
    for other in (replace(config, seed=5), replace(config, mse=1.0), replace(config, model=replace(TINY, name="y"))):
        with pytest.raises(WeightsError, match="another configuration") as error:
            trainer(other, tmp_path).resume()
        assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut", "list", "keys", "shapes", "folder"])
def test_resume_refuses_what_is_no_whole_checkpoint(config, tmp_path, damage):
    run = trainer(config, tmp_path)
    run.save()
    path = run.checkpoint
    state = torch.load(path, weights_only=True)
    if damage in ("missing", "folder"):
        path.unlink()
        if damage == "folder":
            path.mkdir()
    elif damage in ("empty", "text", "cut"):
        path.write_bytes({"empty": b"", "text": b"not a checkpoint\n", "cut": path.read_bytes()[:5000]}[damage])
    elif damage == "list":
        torch.save([1, 2], path)
    elif damage == "keys":
        del state["optimizer"]
        torch.save(state, path)
    else:
        state["model"]["encoder.conv0.bias"] = torch.zeros(4)
        torch.save(state, path)
    with pytest.raises(WeightsError, match="missing, damaged or of another network") as error:
        run.resume()
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_failed_write_leaves_the_last_checkpoint_and_nothing_else(config, tmp_path, monkeypatch):
    run = trainer(config, tmp_path)
    run.save()
    before = run.checkpoint.read_bytes()

    def full_disk(_state, path):
        path.write_bytes(b"half of a checkpoint")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        run.save()
    assert run.checkpoint.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_one_photo_is_not_enough(config, tmp_path):
    with pytest.raises(ParameterError, match="at least two"):
        Trainer(config, tmp_path, CPU, PHOTOS[:1])
