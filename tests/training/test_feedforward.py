from pathlib import Path

import feedforward as train_feedforward
import pytest
import torch
from PIL import Image

from photostyle.errors import ParameterError, WeightsError
from photostyle.methods import gatys
from photostyle.methods.gram import flat, gram
from photostyle.training import feedforward
from photostyle.training.feedforward import FeedForwardTrainer, FeedForwardTraining, flat_variation, parse_training
from photostyle.weights import load_looks, save_features
from tests.util import picture
from tests.util.methods import tiny_encoder

PHOTOS = [(picture(60, 70, seed) * 255).byte() for seed in range(6)]
STYLES = [(picture(50, 80, 7) * 120).byte(), (picture(50, 80, 8) * 80 + 170).byte()]  # a dark and a bright one
TWO = {"dawn": Path("a.png"), "dusk": Path("b.png")}


@pytest.fixture(autouse=True)
def _small_calibration(monkeypatch):
    monkeypatch.setattr(feedforward, "CALIBRATION_CROPS", 4)


def settings(**changes):
    small = {"steps": 30, "batch": 2, "crop": 48, "style_side": 48, "widths": (4, 5, 6), "blocks": 1}
    return FeedForwardTraining(Path("photos"), **{"styles": TWO, **small, **changes})


def trainer(out, **changes):
    config = settings(**changes)
    return FeedForwardTrainer(config, out, tiny_encoder(), PHOTOS, STYLES[: len(config.styles)])


@pytest.mark.parametrize(
    "changes",
    [{}, {"styles": {"a": Path("a")}, "norm": "batch"}],
    ids=str,
)
def test_steps_bring_the_looks_nearer(tmp_path, changes):
    run = trainer(tmp_path, steps=40, validate_every=40, content=0.1, **changes)
    before, after = run.validate(), {}
    assert set(before) == {"held_content", "held_style"}
    run.run(lambda step, row: after.update(row))
    assert after["held_style"] < 0.8 * before["held_style"]
    assert {"content", "style", "variation"} <= set(after)


def test_each_look_learns_its_own_style(tmp_path):
    run = trainer(tmp_path, steps=60, content=0.0, learning_rate=0.02)
    run.run()
    image = PHOTOS[0][None, :, :48, :48].float() / 255
    results = run.network(image, torch.eye(2)[:1]), run.network(image, torch.eye(2)[1:])
    distance = [[float(run.distances(result.detach(), image, [look])[1]) for look in (0, 1)] for result in results]
    assert distance[0][0] < distance[1][0]
    assert distance[1][1] < distance[0][1]


def test_distances_are_the_formulas(tmp_path):
    run = trainer(tmp_path)
    images, result = picture(48, 48, 3)[None], picture(48, 48, 4)[None]
    content, style = run.distances(result, images, [1])
    found, target = (run.encoder(x, ("relu1_1", "relu2_1", "relu3_1", "relu4_1")) for x in (result, images))
    error = ((found["relu3_1"] - target["relu3_1"]) ** 2).mean() / run.variance
    assert torch.allclose(content, error)
    layers = [
        ((gram(flat(x)) - run.grams[1][name]) ** 2).sum() / (run.grams[1][name] ** 2).sum() for name, x in found.items()
    ]
    assert torch.allclose(style, torch.stack(layers).mean())
    assert float(run.distances(images, images, [0])[0]) == 0
    terms = run.losses((images, torch.tensor([1])), 0)
    torch.testing.assert_close(terms["variation"], 5.0 * gatys.total_variation(run.network(images, torch.eye(2)[1:])))
    assert "variation" not in trainer(tmp_path, variation=0.0).losses((images, torch.tensor([1])), 0)


def test_a_stroke_costs_where_the_photo_is_flat(tmp_path):
    photo = torch.zeros(1, 3, 40, 40)
    photo[..., 20:] = 1
    on_the_edge, beside_it = photo.clone(), torch.zeros_like(photo)
    beside_it[..., 10:] = 1
    assert float(flat_variation(on_the_edge, photo)) == pytest.approx(0, abs=1e-12)
    # One of 39 columns of differences, each of 1 in a place where the photo has none.
    assert float(flat_variation(beside_it, photo)) == pytest.approx(1 / 39)
    images = picture(48, 48, 3)[None]
    run = trainer(tmp_path, flat=7.0)
    terms = run.losses((images, torch.tensor([1])), 0)
    torch.testing.assert_close(terms["flat"], 7.0 * flat_variation(run.network(images, torch.eye(2)[1:]), images))


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_a_resumed_run_is_the_unbroken_one(tmp_path, norm):
    changes = {"steps": 4, "validate_every": 2, "norm": norm, "styles": {"a": Path("a")}}
    whole, first = (trainer(tmp_path / name, **changes) for name in ("whole", "parts"))
    whole.run()
    first.run(lambda step, row: first.stop())
    assert first.step == 2
    second = trainer(tmp_path / "parts", **changes)
    second.resume()
    second.run()
    for part in ("network", "average"):
        for name, tensor in getattr(whole, part).state_dict().items():
            assert torch.equal(tensor, getattr(second, part).state_dict()[name]), name
    assert not torch.equal(whole.network.last.conv.weight, whole.average.last.conv.weight)


def test_a_run_starts_from_the_network_of_another(tmp_path):
    first = trainer(tmp_path / "first", steps=3)
    first.run()
    second = trainer(tmp_path / "second", init=first.checkpoint)
    assert second.step == 0
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name
    with pytest.raises(WeightsError, match="another network"):
        trainer(tmp_path / "third", init=first.checkpoint, blocks=2)


def test_a_crop_without_content_does_not_end_a_run(tmp_path, monkeypatch):
    run = trainer(tmp_path, blocks=8)
    run.advance((torch.zeros(2, 3, 48, 48), torch.tensor([0, 1])))
    before = [parameter.clone() for parameter in run.network.parameters()]
    monkeypatch.setattr(
        run, "losses", lambda batch, step: {"content": run.network.last.norm.shift.sum() * float("inf")}
    )
    run.advance((torch.zeros(2, 3, 48, 48), torch.tensor([0, 1])))
    assert run.step == 2
    for a, b in zip(before, run.network.parameters(), strict=True):
        assert torch.equal(a, b)
        assert bool(b.isfinite().all())


def test_what_a_step_sees_follows_from_seed_and_step(tmp_path):
    one, other = trainer(tmp_path), trainer(tmp_path, seed=1)
    for a, b in zip(one.batch(5), trainer(tmp_path).batch(5), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one.batch(5)[0], one.batch(6)[0])
    assert not torch.equal(one.batch(5)[0], other.batch(5)[0])
    looks = torch.cat([one.batch(step)[1] for step in range(20)])
    assert set(looks.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"crop": 16}, "crop is 16"),
        ({"crop": 50}, "crop is 50"),
        ({"steps": 0}, "steps is 0"),
        ({"style_side": 8}, "style_side is 8"),
        ({"content": 0.0, "style": 0.0}, "nothing to learn"),
        ({"styles": {}}, "0 looks"),
        ({"norm": "batch"}, "goes with one look"),
        ({"widths": (1, 2)}, "widths are"),
    ],
)
def test_configurations_out_of_range_are_refused(changes, part):
    with pytest.raises(ParameterError, match=part):
        settings(**changes)


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ({"photos": "p"}, "styles"),
        ({"photos": "p", "styles": "a.png"}, "no table of paths"),
        ({"photos": "p", "styles": {"a": 3}}, "no table of paths"),
        ({"photos": "p", "styles": {"a": "a.png"}, "stepz": 3}, "stepz"),
        ({"photos": "p", "styles": {"a": "a.png"}, "widths": 3}, "training configuration"),
    ],
    ids=str,
)
def test_tables_that_are_no_configuration_are_refused(table, part):
    with pytest.raises(ParameterError, match=part):
        parse_training(table)


def test_numbers_of_styles_must_be_those_of_looks(tmp_path):
    with pytest.raises(ParameterError, match="1 styles for 2 looks"):
        FeedForwardTrainer(settings(), tmp_path, tiny_encoder(), PHOTOS, STYLES[:1])


CONFIG = """
photos = "photos"
features = "features.safetensors"
steps = 2
batch = 2
crop = 32
style_side = 32
widths = [4, 5, 6]
blocks = 1

[styles]
dawn = "a.png"
dusk = "photos/0.png"
"""


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for path, photo in [("a.png", STYLES[0]), *((f"photos/{i}.png", photo) for i, photo in enumerate(PHOTOS))]:
        Image.fromarray(photo.permute(1, 2, 0).numpy()).save(path)
    save_features(tiny_encoder(), "features.safetensors")
    Path("c.toml").write_text(CONFIG)

    def run(*more):
        monkeypatch.setattr("sys.argv", ["x", "c.toml", "--out", "run", "--device", "cpu", *more])
        code = train_feedforward.main()
        return code, *capsys.readouterr()

    return run


def test_the_script_trains_resumes_and_writes_weights(script):
    assert "stopped at step 0" in script("--minutes", "0")[1]
    code, output, _ = script("--resume", "--weights", "w/looks.safetensors")
    assert code == 0
    assert "held_style" in output
    assert load_looks("w/looks.safetensors").config.looks == ("dawn", "dusk")


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (["--set", "styles.dawn = 'nowhere.png'"], "nowhere.png"),
        (["--set", "photos = 'nowhere'"], "no photo to train on"),
        (["--set", "features = 'nowhere.safetensors'"], "nowhere.safetensors"),
        (["--set", "norm = 'batch'"], "goes with one look"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(script, more, part):
    code, _, errors = script(*more)
    assert code == 1
    assert len(errors.splitlines()) == 1
    assert part in errors
    assert not Path("run/checkpoint.pt").exists()
