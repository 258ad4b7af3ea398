"""The segmentation network's trainer: losses, teacher, exact resume, and the scripts."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from _training import read_table
from safetensors.torch import save_file

from photostyle.errors import ParameterError, WeightsError
from photostyle.segmentation import CLASSES, IGNORE, load_segmenter
from photostyle.segmentation.files import save_network
from photostyle.segmentation.network import Architecture, build
from photostyle.training import scenes as data
from photostyle.training import scenes_loop
from photostyle.training.scenes_config import SceneConfig
from photostyle.training.scenes_loop import SceneTrainer, extend
from photostyle.training.scenes_losses import dice_loss, partial_cross_entropy
from photostyle.training.scenes_teacher import Vgg16thTeacher
from tests.training.test_scenes import save_scene
from tests.training.test_teachers import write_cd16
from tests.util import halves, picture
from tests.util.segmentation import OPTIONS, tiny_architecture, tiny_network

SCRIPTS = Path(__file__).parents[2] / "scripts"
CONFIG = f"""
scenes = "scenes"
photos = "photos"
teacher_path = "teacher.safetensors"
steps = 4
batch = 2
unlabelled = 1
side = 64
long_side = 80
warm_up = 2
distil_until = 3
consistency_from = 2
sure = 0.1
validate_every = 2
checkpoint_every = 2

[sets]
a = 0.7
b = 0.3

[architecture]
decoder = "FPN"
encoder = "tu-resnet10t"

[architecture.options]
{chr(10).join(f"{name} = {json.dumps(value)}" for name, value in OPTIONS.items())}
"""


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """Two sets of small scenes, photos, a teacher and a configuration, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "HELD", {"a": 2})
    monkeypatch.setattr(scenes_loop, "CALIBRATION_VIEWS", 3)
    for name, count in (("a", 4), ("b", 2)):
        for index in range(count):
            labels = halves(60, 80, 0, index % 7, IGNORE, 4)
            save_scene(tmp_path / "scenes" / name, str(index), picture(60, 80, index), labels)
    for index in range(2):
        save_scene(tmp_path / "unused", str(index), picture(70, 90, 9 + index), halves(70, 90, 0))
    (tmp_path / "unused" / "images").rename(tmp_path / "photos")
    write_cd16(tmp_path / "teacher.safetensors")
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


def config(folder):
    return SceneConfig.from_dict(read_table(folder / "config.toml"))


def script(name):
    spec = importlib.util.spec_from_file_location(f"{Path(name).stem}_script", SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def possibilities(labels):
    return data.allowed()[labels].permute(0, 3, 1, 2)


def train_script():
    return script("train/scenes")


def same(first, second):
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


def test_dice_is_zero_for_the_truth_and_ignores_what_is_unknown():
    labels = halves(8, 16, 0, 3, IGNORE)[None]
    possible = possibilities(labels)
    right = torch.zeros(1, len(CLASSES), 8, 16)
    right.scatter_(1, labels.where(labels != IGNORE, 5)[:, None], 50.0)
    assert float(dice_loss(right, possible)) == pytest.approx(0, abs=1e-6)
    other = right.clone()
    other[..., labels[0, 0] == IGNORE] = torch.randn(1, len(CLASSES), 1, 1)
    torch.testing.assert_close(dice_loss(other, possible), dice_loss(right, possible))
    # Half of class 3 taken for class 0, by the definition 2|A∩B| / (|A| + |B|), each count one more.
    n0, n3 = int((labels == 0).sum()), int((labels == 3).sum())
    wrong = right.clone()
    columns = (labels[0, 0] == 3).nonzero()[:, 0][::2]
    wrong[:, :, :, columns] = 0
    wrong[:, 0, :, columns] = 50.0
    moved = 8 * len(columns)
    expected = 1 - ((2 * n0 + 1) / (2 * n0 + moved + 1) + (2 * (n3 - moved) + 1) / (2 * n3 - moved + 1)) / 2
    assert float(dice_loss(wrong, possible)) == pytest.approx(expected, abs=1e-5)
    assert float(dice_loss(right, possibilities(torch.full_like(labels, IGNORE)))) == 0


def test_dice_counts_what_is_known_not_to_be_of_a_class():
    labels = torch.tensor([[[0, 0, data.NOT_SKY, data.NOT_SKY, data.NOT_PERSON, data.NOT_PERSON]]])
    logits = torch.zeros(1, len(CLASSES), 1, 6)
    logits[:, 0] = 50.0  # sky everywhere
    # Of sky two pixels are right and two are wrong; the last two say nothing of it.
    assert float(dice_loss(logits, possibilities(labels))) == pytest.approx(1 - (2 * 2 + 1) / (2 + 4 + 1), abs=1e-5)


def test_partial_labels_are_a_loss_on_the_sum_of_what_is_left():
    torch.manual_seed(0)
    logits = torch.randn(2, len(CLASSES), 4, 5)
    labels = torch.randint(len(CLASSES), (2, 4, 5))
    labels[0, 0] = IGNORE
    full = partial_cross_entropy(logits, possibilities(labels), 0.1)
    torch.testing.assert_close(full, F.cross_entropy(logits, labels, ignore_index=IGNORE, label_smoothing=0.1))
    person, sky, thing = (CLASSES.index(name) for name in ("person", "sky", "object"))
    chances = logits.softmax(1)
    for label, expected in (
        (data.NOT_PERSON, -(1 - chances[:, person]).log()),
        (data.NOT_SKY, -(1 - chances[:, sky]).log()),
        (data.OBJECT_OR_PERSON, -(chances[:, person] + chances[:, thing]).log()),
    ):
        found = partial_cross_entropy(logits, possibilities(torch.full_like(labels, label)), 0.1)
        torch.testing.assert_close(found, expected.mean())
    nothing = partial_cross_entropy(logits.requires_grad_(), possibilities(torch.full_like(labels, IGNORE)))
    nothing.backward()
    assert float(nothing.detach()) == 0
    assert float(logits.grad.abs().max()) == 0
    sure = torch.zeros(1, len(CLASSES), 1, 1)
    sure[0, person] = 200.0
    sure.requires_grad_()
    partial_cross_entropy(sure, possibilities(torch.full((1, 1, 1), data.NOT_PERSON))).backward()
    assert bool(sure.grad.isfinite().all())


def test_a_network_starts_from_one_that_knows_fewer_classes(tmp_path):
    seven = CLASSES[:7]
    small, path = tiny_network(3, seven), tmp_path / "seven.safetensors"
    save_network(small, tiny_architecture(seven), path, half=False)
    network = tiny_network(4)
    extend(network, path)
    weight, old = network.segmentation_head[0].weight, small.segmentation_head[0].weight
    assert torch.equal(weight[:7], old)
    assert torch.equal(weight[CLASSES.index("person")], old[CLASSES.index("object")])
    assert torch.equal(weight[CLASSES.index("ceiling")], old[CLASSES.index("building")])
    assert torch.equal(network.encoder.model.conv1[0].weight, small.encoder.model.conv1[0].weight)
    save_network(tiny_network(3, ("sky", "roof")), tiny_architecture(("sky", "roof")), tmp_path / "x.safetensors")
    with pytest.raises(ParameterError, match="roof"):
        extend(network, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="other layers"):
        extend(build(Architecture("FPN", "tu-resnet18d", OPTIONS)), path)


def test_a_run_starts_from_weights(run_folder):
    save_network(tiny_network(3, CLASSES[:7]), tiny_architecture(CLASSES[:7]), run_folder / "old.safetensors")
    changed = replace(config(run_folder), init=Path("old.safetensors"))
    trainer = SceneTrainer(changed, run_folder / "run", torch.device("cpu"))
    same(trainer.network, trainer.average)
    trained = trainer.network.segmentation_head[0].weight
    torch.testing.assert_close(
        trained[:7], tiny_network(3, CLASSES[:7]).segmentation_head[0].weight, rtol=1e-3, atol=1e-5
    )


def test_the_teacher_gives_standardised_features_and_refuses_other_files(tmp_path):
    write_cd16(tmp_path / "teacher.safetensors")
    images = torch.stack([picture(64, 64, seed) for seed in range(4)])
    teacher = Vgg16thTeacher(tmp_path / "teacher.safetensors", images)
    assert teacher.channels == (128, 128)
    features = teacher(images)
    assert [tuple(x.shape) for x in features] == [(4, 128, 8, 8), (4, 128, 4, 4)]
    for x in features:
        torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(x.shape[1]), atol=1e-4, rtol=0)
        assert float(x.std((0, 2, 3)).max()) < 1.01
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name in ("other", "none"):
        with pytest.raises(WeightsError, match=name):
            Vgg16thTeacher(tmp_path / f"{name}.safetensors", images)


def test_a_resumed_run_is_the_unbroken_one(run_folder):
    settings = config(run_folder)
    whole = SceneTrainer(settings, run_folder / "whole", torch.device("cpu"))
    rows = []
    whole.run(lambda step, row: rows.append((step, row)))
    assert [step for step, _ in rows] == [2, 4]
    assert {"labels", "dice", "a accuracy", "a mean", "a sky"} <= set(rows[0][1])
    parts = SceneTrainer(settings, run_folder / "parts", torch.device("cpu"))
    parts.run(lambda step, row: parts.stop())
    assert parts.step == 2
    later = SceneTrainer(settings, run_folder / "parts", torch.device("cpu"))
    later.resume()
    later.run()
    same(whole.network, later.network)
    same(whole.average, later.average)
    with pytest.raises(WeightsError, match="another configuration"):
        SceneTrainer(replace(settings, seed=1), run_folder / "parts", torch.device("cpu")).resume()
    (run_folder / "parts" / "checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="damaged"):
        later.resume()


def test_a_run_can_start_from_another_ones_end(run_folder):
    settings = config(run_folder)
    first = SceneTrainer(settings, run_folder / "first", torch.device("cpu"))
    first.run()
    second = SceneTrainer(
        replace(settings, init=first.checkpoint, distillation=0.0), run_folder / "second", torch.device("cpu")
    )
    assert second.step == 0
    same(first.average, second.average)


def test_every_loss_has_its_time(run_folder):
    trainer = SceneTrainer(config(run_folder), run_folder / "run", torch.device("cpu"))
    names = [set(trainer.advance(trainer.batch(trainer.step))) for _ in range(4)]
    assert [("distillation" in n, "consistency" in n) for n in names] == [
        (True, False), (False, False), (True, True), (False, True),
    ]  # fmt: skip


def test_the_rate_warms_up_and_falls_to_nothing(run_folder):
    trainer = SceneTrainer(config(run_folder), run_folder / "run", torch.device("cpu"))
    trainer.config = replace(trainer.config, steps=100, warm_up=10, decay=0.5, learning_rate=1.0)
    rates = [trainer.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[50] == 1
    assert rates[75] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.02)
    trainer.config = replace(trainer.config, decay=0.0)
    assert trainer.rate(99) == 1


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"steps": 0}, "steps is 0"), ({"batch": 1.5}, "batch"), ({"side": 65}, "side"), ({"side": 32}, "side"),
        ({"scales": [2.0, 0.5]}, "scales"), ({"sets": {"b": 0.0}}, "sets"), ({"sets": {}}, "sets"),
        ({"decay": 1.5}, "decay"), ({"paste": 1.5}, "paste"), ({"stride": 0}, "stride"),
        ({"photos": None}, "unlabelled"), ({"learning_rate": float("nan")}, "learning_rate"), ({"stepz": 1}, "stepz"),
        ({"architecture": {"depth": 3}}, "depth"), ({"rare": {"cloud": 1.0}}, "rare"),
        ({"light": {"sky": 2}}, "light.sky"), ({"light": {"fog": 0.1}}, "fog"),
    ],
)  # fmt: skip
def test_configurations_out_of_range_are_refused(changes, part):
    values = {"scenes": "s", "photos": "p", "sets": {"a": 1.0}, **changes}
    with pytest.raises(ParameterError, match=part):
        SceneConfig.from_dict({name: value for name, value in values.items() if value is not None})


def run(monkeypatch, capsys, module, *arguments):
    monkeypatch.setattr(sys, "argv", ["script.py", *map(str, arguments)])
    code = module.main()
    return code, *capsys.readouterr()


def test_the_scripts_train_and_measure(run_folder, monkeypatch, capsys):
    train, weights = train_script(), run_folder / "out.safetensors"
    start = ("config.toml", "--out", "run", "--device", "cpu")
    code, out, _ = run(monkeypatch, capsys, train, *start, "--minutes", "0")
    assert code == 0
    assert "stopped at step 0" in out
    code, _, error = run(monkeypatch, capsys, train, *start)
    assert code == 1
    assert "--resume" in error
    code, out, error = run(monkeypatch, capsys, train, *start, "--resume", "--weights", weights)
    assert (code, error) == (0, "")
    segmenter = load_segmenter(str(weights))
    assert segmenter.classes == CLASSES
    assert segmenter.licence == "MIT"
    averaged = torch.load("run/checkpoint.pt", weights_only=True)["average"]
    for name, tensor in segmenter.network.state_dict().items():
        if "num_batches" not in name:
            torch.testing.assert_close(tensor, averaged[name], rtol=1e-3, atol=1e-6)
    assert len(segmenter.temperatures) == len(CLASSES)
    evaluate = script("evaluate/segmenter")
    code, out, error = run(
        monkeypatch, capsys, evaluate, "scenes", "--segment", weights, "--calibration", "--worst",
        "--overlays", "drawn", "--photos", "photos/0.jpg",
    )  # fmt: skip
    assert (code, error) == (0, "")
    assert "a: 2 scenes" in out
    assert "b: " not in out  # of which nothing is held out
    assert "pixel accuracy" in out
    assert "probability of the chosen class" in out
    assert "worst: " in out
    code, out, _ = run(monkeypatch, capsys, evaluate, "scenes/b", "--segment", weights, "--all", "--light", "night")
    assert code == 0
    assert "b: 2 scenes" in out
    assert (run_folder / "drawn" / "0.png").is_file()
    code, _, error = run(monkeypatch, capsys, evaluate, "nowhere", "--segment", weights)
    assert code == 1
    assert error.startswith("segmenter: nowhere")


@pytest.mark.parametrize(("text", "part"), [("steps = ", "TOML"), ("steps = 4", "scenes"), (None, "config.toml"),
                                            (tiny_architecture().to_json(), "TOML")])  # fmt: skip
def test_a_bad_configuration_is_one_line_and_exit_code_one(run_folder, monkeypatch, capsys, text, part):
    path = run_folder / "config.toml"
    path.unlink() if text is None else path.write_text(text)
    code, _, error = run(monkeypatch, capsys, train_script(), "config.toml", "--out", "run")
    assert code == 1
    assert error.startswith("scenes: ")
    assert len(error.splitlines()) == 1
    assert part in error
