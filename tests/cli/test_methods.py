"""``photostyle photo --method``, from the command line to the file."""

import json
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.jobs import methods as jobs
from photostyle.methods import METHODS
from photostyle.weights import save_looks, vgg19
from tests.util import halves
from tests.util.cli import read, save_picture
from tests.util.methods import interrupt_after, tiny_decoders, tiny_encoder, tiny_looks

NAMES = [info.name for info in METHODS if set(info.needs) <= {"features", "decoders"}]
COLOURS = {1: (255, 0, 0), 2: (0, 0, 255)}


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """A photo of odd sides and a style; methods look through a tiny network."""
    save_picture(tmp_path / "c.png", 41, 53, 1)
    save_picture(tmp_path / "s.png", 48, 36, 2)
    monkeypatch.setattr(jobs, "load_features", lambda device: tiny_encoder())
    monkeypatch.setattr(jobs, "load_decoders", lambda device: tiny_decoders(tiny_encoder()))
    return tmp_path


@pytest.fixture
def photo(cli, scene):
    def run(method, *args, out="o.png"):
        arguments = ["--style", scene / "s.png", "-o", scene / out, "--method", method, *args]
        return cli("photo", scene / "c.png", *arguments)

    return run


def mask(path, height, width, *values):
    labels = halves(height, width, *values).numpy()
    pixels = np.zeros((height, width, 3), np.uint8)
    for value, colour in COLOURS.items():
        pixels[labels == value] = colour
    Image.fromarray(pixels).save(path)
    return path


def few(name):
    iterative = next(info.iterative for info in METHODS if info.name == name)
    return ["--steps", "4"] if iterative else []


@pytest.mark.parametrize("name", NAMES)
def test_every_method_writes_a_photo(scene, photo, name):
    result = photo(name, *few(name))
    assert result.code == 0, result.err
    assert result.out == ""
    assert result.lines[-1].startswith(f"{scene / 'o.png'} written in")
    assert read(scene / "o.png").shape == (41, 53, 3)
    needs = next(info.needs for info in METHODS if info.name == name)
    told = [line for line in result.lines if "looks through the embedded student of VGG-19" in line]
    assert len(told) == ("features" in needs)


def test_quiet_says_nothing(photo):
    assert photo("gatys", "--steps", "2", "-q").err == ""


def test_options_reach_the_method(scene, photo):
    for out, seed in (("a.png", 1), ("b.png", 1), ("c2.png", 2)):
        assert (
            photo("gatys", "--steps", "3", "--init", "noise", "--seed", seed, "--optimizer", "adam", out=out).code == 0
        )
    assert (read(scene / "a.png") == read(scene / "b.png")).all()
    assert (read(scene / "a.png") != read(scene / "c2.png")).any()
    assert photo("gatys", "--steps", "3", "--style-loss", "bn", "--content-weight", 2, "--style-weight", 9).code == 0


def changed(scene, photo, name, *options):
    assert photo(name, "--overwrite", out="plain.png").code == 0
    result = photo(name, *options, "--overwrite")
    assert result.code == 0, result.err
    return (read(scene / "o.png") != read(scene / "plain.png")).any()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adain", ["--strength", 0.5]),
        ("wct", ["--strength", 0.2]),
        ("wct", ["--level", 3]),
        ("wct", ["--single-level"]),
        ("photowct", ["--strength", 0.5]),
        ("photowct", ["--level", 2]),
        ("photowct", ["--smooth", "off"]),
        ("photowct", ["--smooth", "guided"]),
    ],
    ids=str,
)
def test_methods_with_decoders_have_their_options(scene, photo, name, options):
    assert changed(scene, photo, name, *options)


def test_smoothing_of_photowct_is_its_own(scene, photo):
    assert not changed(scene, photo, "photowct", "--smooth", "auto")
    assert not changed(scene, photo, "photowct", "--smooth", "matting")


@pytest.mark.parametrize("name", ["adain", "wct", "photowct"])
def test_methods_with_decoders_take_masks(scene, photo, name):
    masks = (
        "--content-mask",
        mask(scene / "cm.png", 41, 53, 1, 2),
        "--style-mask",
        mask(scene / "sm.png", 48, 36, 1, 2),
    )
    assert changed(scene, photo, name, *masks)


@pytest.fixture
def feedforward(cli, scene):
    save_looks(tiny_looks(), scene / "l.safetensors", half=False)

    def run(*args, out="o.png"):
        base = (
            "photo",
            scene / "c.png",
            "-o",
            scene / out,
            "--method",
            "feedforward",
            "--trained-looks",
            scene / "l.safetensors",
        )
        return cli(*base, *args)

    return run


def test_a_network_of_looks_needs_no_style_photo(scene, feedforward):
    for name, *look in (
        ("dawn",),
        ("place", "--trained-look", "0"),
        ("dusk", "--trained-look", "dusk"),
        ("both", "--trained-look", "dawn:1,dusk:2"),
    ):
        result = feedforward(*look, out=f"{name}.png")
        assert result.code == 0, result.err
        assert read(scene / f"{name}.png").shape == (41, 53, 3)
    assert (read(scene / "dawn.png") == read(scene / "place.png")).all()
    assert (read(scene / "dawn.png") != read(scene / "dusk.png")).any()
    assert (read(scene / "both.png") != read(scene / "dusk.png")).any()
    assert feedforward("--smooth", "guided", "--report", scene / "r.json").code == 0
    assert json.loads((scene / "r.json").read_text())["photos"][0]["output"].endswith("o.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--style", "s.png"],
            "--style does not apply to --method feedforward, which has looks of its own: see --trained-look",
        ),
        (["--trained-look", "noon"], "there is no look 'noon'; there is dawn, dusk"),
        (["--trained-look", "dusk:-1"], "look is 'dusk:-1'; it is NAME"),
        (
            ["--steps", "3"],
            "--steps does not apply to --method feedforward, which takes --trained-look, --trained-looks",
        ),
        (["--segment", "auto"], "which knows no regions"),
        (["--trained-looks", "c.png"], "c.png is damaged or not a safetensors file"),
    ],
    ids=str,
)
def test_what_a_network_of_looks_refuses(cli, scene, monkeypatch, arguments, message):
    monkeypatch.chdir(scene)
    save_looks(tiny_looks(), scene / "l.safetensors")
    base = ("photo", "c.png", "-o", "o.png", "--method", "feedforward", "--trained-looks", "l.safetensors")
    assert message in cli.refuses(scene, *base, *arguments)


def test_other_methods_take_no_looks_and_need_a_style(cli, scene, photo):
    assert "--trained-look does not apply to --method monge" in photo("monge", "--trained-look", "dusk").err
    missing = cli("photo", scene / "c.png", "-o", scene / "o.png", "--method", "monge")
    assert missing.code == 2
    assert "--style" in missing.err


def test_masks_and_the_report(scene, photo):
    content = mask(scene / "cm.png", 41, 53, 1, 2)
    style = mask(scene / "sm.png", 48, 36, 1, 2)
    masks = ("--content-mask", content, "--style-mask", style)
    done = photo("monge", *masks, "--report", scene / "r.json")
    assert done.code == 0, done.err
    told = json.loads((scene / "r.json").read_text())["photos"]
    assert [region["reason"] for region in told[0]["regions"]] == ["same name", "same name"]
    assert photo("monge", out="whole.png").code == 0
    assert (read(scene / "o.png") != read(scene / "whole.png")).any()
    assert (
        photo("deep-photo", *few("deep-photo"), "--content-mask", content, "--style-mask", style, out="d.png").code == 0
    )


@pytest.mark.parametrize("how", ["matting", "guided"])
def test_smoothing_any_result(scene, photo, how):
    assert photo("sliced", out="rough.png").code == 0
    for name, *segment in (("sliced",), ("wct2", "--segment", "off")):
        result = photo(name, "--smooth", how, *segment, out=f"{name}.png")
        assert result.code == 0, result.err
        assert read(scene / f"{name}.png").shape == (41, 53, 3)
    assert (read(scene / "sliced.png") != read(scene / "rough.png")).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "gatyz"], "no method is called 'gatyz': did you mean 'gatys'?"),
        (["--method", "reinhard", "--steps", 3], "--steps does not apply to --method reinhard"),
        (["--seed", 3], "--seed does not apply to --method wct2"),
        (
            ["--method", "sliced", "--features", "vgg19"],
            "does not apply to --method sliced, which takes --steps",
        ),
        (
            ["--method", "gatys", "--segment", "auto"],
            "does not apply to --method gatys, which knows no regions",
        ),
        (
            ["--method", "gatys", "--strength", 0.5],
            "--strength does not apply to --method gatys, but to adain, wct, photowct, wct2",
        ),
        (["--method", "gatys", "--matching", "wct"], "--matching does not apply to --method gatys, but to wct2"),
        (["--method", "adain", "--strength", 2], "strength is 2"),
        (["--method", "adain", "--strength", "sky=0.5", "--segment", "auto"], "it has none by region"),
        (["--method", "adain", "--level", 3], "--level does not apply to --method adain, which takes --features"),
        (["--method", "wct", "--level", 6], "level is 6; it must be between 1 and 5"),
        (["--method", "photowct", "--single-level"], "does not apply to --method photowct, which takes --level"),
        (
            ["--method", "photowct", "--smooth", "wild"],
            "smooth is 'wild'; it must be one of auto, matting, guided, off",
        ),
        (["--method", "wct", "--smooth", "auto"], "smooth is 'auto'; it must be one of off, matting, guided"),
        (["--method", "wct", "--features", "vgg19"], "VGG-19's have no decoders: take --features embedded"),
        (["--method", "gatys", "--optimizer", "sgd"], "optimizer is 'sgd'; it must be one of lbfgs, adam"),
        (["--method", "gatys", "--steps", 0], "steps is 0; it must be at least 1"),
        (["--method", "gatys", "--features", "vgg16"], "features is 'vgg16'; it must be one of auto, vgg19, embedded"),
        (["--method", "gatys", "--features", "vgg19"], "run photostyle weights fetch vgg19"),
        (["--smooth", "wild"], "smooth is 'wild'; it must be one of off, matting, guided"),
        (["--smooth", "guided", "--save-style", "x.style"], "--save-style cannot be combined with --smooth"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(cli, scene, arguments, message):
    line = cli.refuses(scene, "photo", scene / "c.png", "--style", scene / "s.png", "-o", scene / "o.png", *arguments)
    assert message in line


def test_one_style_for_the_whole_photo(cli, scene):
    arguments = (
        "photo",
        scene / "c.png",
        "--style",
        scene / "s.png",
        "--style",
        scene / "c.png",
        "-o",
        scene / "o.png",
    )
    assert "takes one --style" in cli.refuses(scene, *arguments, "--method", "monge")


def test_existing_outputs_are_kept(cli, scene):
    arguments = ("photo", scene / "c.png", "--style", scene / "s.png", "-o", scene / "s2.png", "--method", "monge")
    save_picture(scene / "s2.png", 20, 20, 4)
    assert "s2.png" in cli.refuses(scene, *arguments)


def test_an_interrupted_run_writes_the_best_so_far(scene, photo, monkeypatch):
    interrupt_after(monkeypatch, 3)
    result = photo("gatys", "--steps", "1000000")
    assert result.code == 130
    assert any("stopping" in line for line in result.lines)
    assert any("o.png holds the best of" in line and "of 1000000 steps" in line for line in result.lines)
    assert read(scene / "o.png").shape == (41, 53, 3)
    assert (read(scene / "o.png") != read(scene / "c.png")).any()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_does_not_fit_into_memory_is_refused(cli, scene, monkeypatch):
    monkeypatch.setattr(jobs, "free_memory", lambda device: 500_000)
    base = ("photo", scene / "c.png", "-o", scene / "o.png", "-q")
    save_looks(tiny_looks(), scene / "l.safetensors")
    line = cli.refuses(scene, *base, "--style", scene / "s.png", "--method", "gatys")
    assert "needs about" in line
    assert "try --size" in line
    # A single pass takes less.
    assert cli(*base, "--style", scene / "s.png", "--method", "wct").code == 0
    monkeypatch.setattr(jobs, "free_memory", lambda device: 100_000)
    for more in (("--style", scene / "s.png", "--method", "wct"),
                 ("--method", "feedforward", "--trained-looks", scene / "l.safetensors")):  # fmt: skip
        assert "needs about" in cli.refuses(scene, *base, *more, "--overwrite")


def test_the_features_that_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(tmp_path))
    monkeypatch.setattr(jobs, "load_features", lambda device: "embedded")
    monkeypatch.setattr(jobs, "read_vgg19", lambda device: "vgg19")
    where = torch.device("cpu")
    assert jobs.find_features("auto", where)[0] == "embedded"
    assert "weights fetch vgg19" in jobs.find_features("auto", where)[1]
    vgg19.vgg19_file().write_bytes(b"")
    assert jobs.find_features("auto", where) == ("vgg19", "VGG-19")
    assert jobs.find_features("embedded", where) == ("embedded", "the embedded student of VGG-19")
