"""``photostyle style``: styles made of photos, shown and mixed, and what apply makes of them."""

import json

import numpy as np
import pytest
from PIL import Image

from photostyle.jobs.style import COLOURS, chart
from tests.util.cli import contents, read, save_colourful_model, save_picture, stripes

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def scene(tmp_path):
    save_colourful_model(tmp_path / "tiny.safetensors")
    save_colourful_model(tmp_path / "other.safetensors", seed=3)
    for number, name in enumerate(("c.png", "d.png", "a.png", "b.png")):
        save_picture(tmp_path / name, 40 + 3 * number, 48, number + 1)
    return tmp_path


@pytest.fixture
def run(cli, scene):
    """``run(command, …)``: a run that must succeed; names of the scene's files are completed."""

    def go(*args, model=("--model", "tiny.safetensors")):
        words = [scene / word if isinstance(word, str) and "." in word and word[0].isalpha() else word for word in args]
        result = cli(*words, *((*model[:1], scene / model[1]) if model else ()))
        assert result.code == 0, result.err
        return result

    return go


def place(scene, *words):
    return [f"{scene}/{word}" if word[0].isalpha() and "." in word else word for word in words]


PLAIN = ("--segment", "off")


def test_applied_to_any_photo_it_is_what_photo_does(run, scene):
    result = run("style", "make", "a.png", "-o", "warm.style", *PLAIN)
    assert result.lines == [f"{scene / 'warm.style'} written: 1 style photo, fitted to each photo"]
    for name in ("c.png", "d.png"):
        run("apply", "warm.style", name, "-o", "applied.png", "--overwrite")
        run("photo", name, "--style", "a.png", "-o", "photo.png", "--overwrite", *PLAIN)
        assert np.array_equal(read(scene / "applied.png"), read(scene / "photo.png"))


def test_weights(run, scene, cli):
    for name, words in (("ab", ("a.png:0.7", "b.png:0.3")), ("aab", ("a.png:7", "a.png:0", "b.png:3"))):
        done = cli("style", "make", *place(scene, *words, "-o", f"{name}.style", "--model", "tiny.safetensors", *PLAIN))
        assert done.code == 0, done.err
        run("apply", f"{name}.style", "c.png", "-o", f"{name}.png")
    assert abs(read(scene / "ab.png") - read(scene / "aab.png")).max() <= 1
    run("style", "make", "a.png", "-o", "a.style", *PLAIN)
    run("style", "make", "b.png", "-o", "b.style", *PLAIN)
    mixed = cli(
        "style", "mix", *place(scene, "a.style:0.7", "b.style:0.3", "-o", "m.style", "--model", "tiny.safetensors")
    )
    assert mixed.lines == [f"{scene / 'm.style'} written: a mix of 2 styles"]
    run("apply", "m.style", "c.png", "-o", "m.png")
    assert abs(read(scene / "ab.png") - read(scene / "m.png")).max() <= 1


def test_fitted_to_one_photo_or_several(run, scene):
    run("style", "make", "a.png", "--content", "c.png", "-o", "one.style", "--strength", 0.6)
    run("photo", "c.png", "--style", "a.png", "-o", "p.png", "--save-style", "saved.style", "--strength", 0.6, *PLAIN)
    for name in ("one", "saved"):
        run("apply", f"{name}.style", "d.png", "-o", f"{name}.png")
    assert abs(read(scene / "one.png") - read(scene / "saved.png")).max() <= 1
    two = run("style", "make", "a.png", "b.png", "--content", "c.png", "--content", "d.png", "-o", "two.style")
    assert two.lines[0].endswith("2 style photos, fitted to 2 photos")
    run("apply", "two.style", "d.png", "-o", "two.png")
    run("style", "mix", "one.style", "saved.style", "-o", "mix.style")
    run("apply", "mix.style", "d.png", "-o", "mix.png")
    assert abs(read(scene / "mix.png") - read(scene / "one.png")).max() <= 1


def test_strength_at_apply(run, scene):
    run("style", "make", "a.png", "-o", "half.style", "--strength", 0.5, *PLAIN)
    run("apply", "half.style", "c.png", "-o", "full.png", "--strength", 1)
    run("photo", "c.png", "--style", "a.png", "-o", "photo.png", *PLAIN)
    assert np.array_equal(read(scene / "full.png"), read(scene / "photo.png"))


def test_regions_of_the_content_are_found_by_mask(run, scene):
    stripes(scene / "cm.png", 48, 40, RED, BLUE)
    run("style", "make", "a.png", "-o", "plain.style", *PLAIN)
    run("apply", "plain.style", "c.png", "-o", "kept.png", "--content-mask", "cm.png", "--strength", "#ff0000=0")
    run("apply", "plain.style", "c.png", "-o", "none.png", "--strength", 0)
    difference = abs(read(scene / "kept.png") - read(scene / "none.png"))
    assert difference[:, :10].mean() < 0.3 * difference[:, -10:].mean()


def test_regions_of_the_styles_are_given_by_masks(run, scene):
    stripes(scene / "cm.png", 48, 40, RED, BLUE)
    stripes(scene / "am.png", 48, 46, RED, BLUE)
    stripes(scene / "bm.png", 48, 49, BLUE, RED)
    run("style", "make", "a.png", "-o", "one.style", "--style-mask", "am.png")
    run("apply", "one.style", "c.png", "-o", "applied.png", "--content-mask", "cm.png")
    run("photo", "c.png", "--style", "a.png", "-o", "photo.png", "--content-mask", "cm.png", "--style-mask", "am.png")
    assert np.array_equal(read(scene / "applied.png"), read(scene / "photo.png"))
    two = ("a.png:0.6", "b.png:0.4")
    masks = ("--style-mask", scene / "am.png", "--style-mask", scene / "bm.png", "--mask-refine", "off")
    run("style", "make", *place(scene, *two), "-o", "two.style", *masks)
    facts = json.loads(run("style", "show", "two.style", "--json").out)
    assert [style["regions"] for style in facts["styles"]] == [["#0000ff", "#ff0000"]] * 2
    run("apply", "two.style", "c.png", "-o", "two.png", "--content-mask", "cm.png")
    run("apply", "two.style", "c.png", "-o", "whole.png", *PLAIN)
    assert abs(read(scene / "two.png") - read(scene / "whole.png")).mean() > 0.2


def test_show(run, scene):
    run("style", "make", "a.png", "b.png", "-o", "s.style", "--strength", "0.8,sky=0.5", "--at", "encoder", *PLAIN)
    told = run("style", "show", "s.style", "-o", "swatches.png").out
    for word in ("fitted to each photo, from a.png (50%), b.png (50%)", "0.8,sky=0.5", "encoder4", "tiny", "monge"):
        assert word in told
    for name, colour in COLOURS:
        assert name in told
        assert "#" + "".join(f"{value:02x}" for value in colour) in told
    with Image.open(scene / "swatches.png") as image:
        picture = np.asarray(image.convert("RGB"))
    facts = json.loads(run("style", "show", "s.style", "--json").out)
    assert facts["sites"] == ["encoder1", "encoder2", "encoder3", "encoder4"]
    assert facts["options"]["strength"] == 0.8
    assert [style["name"] for style in facts["styles"]] == ["a.png", "b.png"]
    assert [swatch["name"] for swatch in facts["swatches"]] == [name for name, _ in COLOURS]
    for swatch in facts["swatches"]:
        for colour in (swatch["before"], swatch["after"]):
            assert (picture == colour).all(-1).any()
    other = json.loads(run("style", "show", "s.style", "--json", "--content", "c.png").out)
    assert other["swatches"] != facts["swatches"]


def test_show_without_strength_gives_the_colours_themselves(run, scene):
    run("style", "make", "a.png", "--content", "c.png", "-o", "none.style", "--strength", 0)
    facts = json.loads(run("style", "show", "none.style", "--json").out)
    assert facts["kind"] == "fitted"
    image = chart()
    assert image.shape == (3, 64 * len(COLOURS) // 6, 64 * 6)
    assert 0 <= float(image.min()) <= float(image.max()) <= 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("make", "a.png", "-o", "x.png"), "extension '.png'"),
        (("make", "a.png", "-o", "there.style"), "already exists"),
        (("make", "absent.png", "-o", "x.style"), "absent.png"),
        (("make", "a.png", "-o", "x.style", "--at", "middle"), "middle"),
        (("make", "a.png", "-o", "x.style", "--content", "c.png", "--segment", "auto"), "--save-style"),
        (("make", "a.png", "-o", "x.style", "--segment", "cluster"), "--save-style"),
        (("make", "a.png", "b.png", "-o", "x.style", "--style-mask", "m.png"), "2 style photos but 1 masks"),
        (("make", "a.png", "-o", "x.style", "--style-mask", "m.png", "--content", "c.png"), "--save-style"),
        (("make", "a.png", "-o", "x.style", "--style-mask", "m.png", "--segment", "auto"), "not from both"),
        (("make", "b.png", "-o", "x.style", "--style-mask", "m.png"), "m.png"),
        (("show", "a.png"), "cannot read this style file"),
        (("show", "there.style", "-o", "x.jpg"), "extension '.jpg'"),
        (("show", "there.style", "--content", "absent.png"), "absent.png"),
        (("mix", "there.style", "fitted.style", "-o", "x.style"), "fitted.style is fitted to a photo"),
        (("mix", "there.style", "wct.style", "-o", "x.style"), "matching is monge and wct"),
        (("mix", "there.style", "other.style", "-o", "x.style"), "other.style: made with model 'tiny'"),
        (("mix", "there.style", "absent.style", "-o", "x.style"), "absent.style"),
    ],
)
def test_refusals(run, scene, cli, words, complaint):
    run("style", "make", "a.png", "-o", "there.style", *PLAIN)
    stripes(scene / "m.png", 48, 46, RED, BLUE)
    if words[0] == "mix":
        run("style", "make", "a.png", "-o", "fitted.style", "--content", "c.png")
        run("style", "make", "a.png", "-o", "wct.style", "--matching", "wct", *PLAIN)
        run("style", "make", "a.png", "-o", "other.style", *PLAIN, model=("--model", "other.safetensors"))
    line = cli.refuses(scene, "style", *place(scene, *words, "--model", "tiny.safetensors"))
    assert complaint in line


@pytest.mark.parametrize(
    ("words", "complaint"), [(("a.png:-1",), "0 or more"), (("a.png:0", "b.png:0"), "all weights")]
)
def test_weights_that_mean_nothing(scene, cli, words, complaint):
    before = contents(scene)
    result = cli("style", "make", *place(scene, *words, "-o", "x.style", "--model", "tiny.safetensors"))
    assert result.code == 2
    assert complaint in result.err
    assert contents(scene) == before


def test_a_file_whose_name_ends_like_a_weight(run, scene):
    (scene / "a.png").rename(scene / "a:0.5")
    run("style", "make", f"{scene}/a:0.5", "-o", "odd.style", *PLAIN)
    facts = json.loads(run("style", "show", "odd.style", "--json").out)
    assert [style["name"] for style in facts["styles"]] == ["a:0.5"]
