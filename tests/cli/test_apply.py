"""``photostyle apply``: a saved style on the same photo, on others, and everything that does not fit it."""

import json
import shutil

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.util.cli import (
    contents,
    read,
    save_colourful_model,
    save_picture,
    size,
    stripes,
    subprocess_cli,
)

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Where the first test that wants a scene leaves it for the others."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def scene(cli, made, tmp_path):
    """Two photos, and one style fitted to the first: without regions, and by region."""
    if not (made / "whole.style").exists():
        fitted(cli, made)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def fitted(cli, folder):
    save_colourful_model(folder / "tiny.safetensors")
    save_picture(folder / "c.png", 41, 59, 1)
    save_picture(folder / "d.jpg", 35, 50, 3)
    save_picture(folder / "s.png", 48, 33, 2)
    stripes(folder / "cm.png", 59, 41, RED, BLUE)
    stripes(folder / "dm.png", 50, 35, BLUE, RED, BLUE)
    stripes(folder / "sm.png", 33, 48, BLUE, RED)
    fit = ["photo", folder / "c.png", "--style", folder / "s.png", "--model", folder / "tiny.safetensors"]
    masks = ["--content-mask", folder / "cm.png", "--style-mask", folder / "sm.png"]
    exact = ["--finish", "off"]  # a smooth finish blends what is nearby
    for name, extra in (("whole", ["--segment", "off"]), ("regions", masks), ("exact", [*masks, *exact])):
        done = cli(*fit, *extra, "-o", folder / f"{name}.png", "--save-style", folder / f"{name}.style")
        assert (done.code, len(done.lines)) == (0, 1)


@pytest.fixture
def apply(cli, scene):
    """``apply(style, photo, …, option, value, out=name)``: a run that must succeed; file names are the scene's."""

    def run(*args, out="o.png"):
        result = cli("apply", *arguments(scene, args, out))
        assert (result.code, result.out) == (0, ""), result.err
        return result

    return run


@pytest.fixture
def refuses(cli, scene):
    """The same for a run that must be refused with one line, which it returns."""

    def run(*args, out="o.png"):
        return cli.refuses(scene, "apply", *arguments(scene, args, out))

    return run


def arguments(scene, args, out):
    model = [] if "--model" in args else ["--model", scene / "tiny.safetensors"]
    return [scene / a if isinstance(a, str) and (scene / a).exists() else a for a in args] + ["-o", scene / out, *model]


def test_on_the_photo_it_was_fitted_to(scene, apply):
    result = apply("whole.style", "c.png")
    assert len(result.lines) == 1
    assert result.lines[0].startswith(f"{scene / 'o.png'} written in ")
    assert abs(read(scene / "o.png") - read(scene / "whole.png")).max() <= 1
    assert read(scene / "o.png").std() > 5


def test_on_the_photo_it_was_fitted_to_by_region(scene, apply):
    apply("regions.style", "c.png", "--content-mask", "cm.png")
    assert abs(read(scene / "o.png") - read(scene / "regions.png")).max() <= 1
    apply("regions.style", "c.png", out="without.png")  # the map between the whole photos serves all pixels
    assert abs(read(scene / "without.png") - read(scene / "regions.png")).mean() > 1


def test_by_region_on_another_photo_with_its_own_mask(scene, apply):
    apply("regions.style", "d.jpg", "--content-mask", "dm.png")
    apply("regions.style", "d.jpg", out="without.png")
    stripes(scene / "other.png", 50, 35, RED, BLUE, RED)
    apply("regions.style", "d.jpg", "--content-mask", "other.png", out="swapped.png")
    assert size(scene / "o.png") == (50, 35)
    assert abs(read(scene / "o.png") - read(scene / "without.png")).mean() > 1
    assert abs(read(scene / "o.png") - read(scene / "swapped.png")).mean() > 1


def test_a_mask_may_know_some_regions_only(scene, apply):
    stripes(scene / "half.png", 50, 35, GREEN, RED)
    apply("exact.style", "d.jpg", "--content-mask", "half.png")
    apply("exact.style", "d.jpg", out="without.png")
    difference = abs(read(scene / "o.png") - read(scene / "without.png"))
    assert difference[:, 42:].mean() > 1  # red
    assert difference[:, 42:].mean() > 2 * difference[:, :8].mean()  # green takes the map of the whole photo


def test_strength(scene, apply, cli):
    apply("whole.style", "c.png", "--strength", 0)
    apply("regions.style", "c.png", "--strength", 0, out="same.png")
    plain = cli(
        *("photo", scene / "c.png", "--style", scene / "s.png", "--model", scene / "tiny.safetensors"),
        *("--strength", 0, "-o", scene / "plain.png"),
    )
    assert plain.code == 0
    assert np.array_equal(read(scene / "o.png"), read(scene / "c.png"))
    assert np.array_equal(read(scene / "o.png"), read(scene / "plain.png"))
    assert np.array_equal(read(scene / "same.png"), read(scene / "plain.png"))
    apply("whole.style", "c.png", "--strength", 0.5, out="half.png")
    apply("whole.style", "c.png", "--strength", 0.01, out="hardly.png")  # this network's photo, which is not the photo
    ends = abs(read(scene / "hardly.png") - read(scene / "whole.png")).mean()
    for name in ("hardly.png", "whole.png"):
        assert abs(read(scene / "half.png") - read(scene / name)).mean() < ends


def test_without_strength_it_is_the_fitted_one(scene, apply, cli):
    fit = ["photo", scene / "c.png", "--style", scene / "s.png", "--model", scene / "tiny.safetensors"]
    assert cli(*fit, "--strength", 0, "-o", scene / "a.png", "--save-style", scene / "none.style").code == 0
    apply("none.style", "c.png")
    assert np.array_equal(read(scene / "o.png"), read(scene / "a.png"))
    apply("none.style", "c.png", "--strength", 1, out="full.png")
    assert abs(read(scene / "full.png") - read(scene / "a.png")).mean() > 1


def test_on_several_photos(scene, apply):
    result = apply("whole.style", "c.png", "d.jpg", out="new")
    assert {p.name: size(p) for p in (scene / "new").iterdir()} == {"c.png": (59, 41), "d.jpg": (50, 35)}
    assert len(result.lines) == 2


def test_goes_on_past_a_bad_photo(scene, cli):
    (scene / "bad.jpg").write_text("no picture")
    photos = [scene / name for name in ("bad.jpg", "c.png", "absent.png")]
    result = cli("apply", *arguments(scene, ["whole.style", *photos], "new"))
    assert (result.code, result.out) == (1, "")
    assert [p.name for p in (scene / "new").iterdir()] == ["c.png"]
    assert "2 of 3 photos failed" in result.lines[1]
    assert str(scene / "bad.jpg") in result.lines[2]
    assert str(scene / "absent.png") in result.lines[3]


def test_quiet_and_overwrite(scene, apply, refuses):
    apply("whole.style", "c.png")
    assert "--overwrite" in refuses("whole.style", "d.jpg")
    assert apply("whole.style", "d.jpg", "--overwrite", "--quiet").err == ""
    assert size(scene / "o.png") == (50, 35)


def test_size(scene, apply):
    apply("regions.style", "c.png", "--size", 32, "--content-mask", "cm.png")
    assert size(scene / "o.png") == (32, 22)


def test_an_imported_model_is_found_by_its_name(scene, cli, monkeypatch):
    """A style remembers the name and unpooling of its model, so models of the cache need no --model."""
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(scene / "cache"))
    for unpool in ("cat5", "sum"):
        save_colourful_model(scene / f"cache/tiny-{unpool}.safetensors", unpool)
        photo = ["photo", scene / "c.png", "--style", scene / "s.png", "--model", "tiny", "--unpool", unpool]
        assert cli(*photo, "-o", scene / f"{unpool}.png", "--save-style", scene / f"{unpool}.style").code == 0
        result = cli("apply", scene / f"{unpool}.style", scene / "c.png", "-o", scene / f"again-{unpool}.png")
        assert result.code == 0, result.err
        assert abs(read(scene / f"{unpool}.png") - read(scene / f"again-{unpool}.png")).max() <= 1


def test_a_model_that_is_not_found_by_its_name(scene, cli):
    args = [scene / "whole.style", scene / "c.png", "-o", scene / "o.png"]
    line = cli.refuses(scene, "apply", *args)
    assert str(scene / "whole.style") in line
    assert "'tiny'" in line
    assert "--model" in line


@pytest.mark.parametrize(("unpool", "seed"), [("cat5", 1), ("sum", 0)])
def test_another_model(scene, refuses, unpool, seed):
    save_colourful_model(scene / "other.safetensors", unpool, seed)
    line = refuses("whole.style", "c.png", "--model", "other.safetensors")
    assert str(scene / "whole.style") in line
    assert "made with model 'tiny' (cat5)" in line


@pytest.mark.parametrize(
    ("model", "complaint"), [("absent.safetensors", "does not exist"), ("c.png", "not a safetensors file")]
)
def test_bad_model_files(scene, refuses, model, complaint):
    line = refuses("whole.style", "c.png", "--model", scene / model)
    assert str(scene / model) in line
    assert complaint in line


def rewrite(path, change_tensors=dict, **changes):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    save_file(change_tensors(load_file(path)), path, metadata={**metadata, **changes})


DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no style at all, but long enough to be one"),
    "missing": lambda path: path.unlink(),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "version": lambda path: rewrite(path, version="9"),
    "format": lambda path: rewrite(path, format="photostyle-wct2"),
    "options": lambda path: rewrite(path, options="{}"),
    "strength": lambda path: rewrite(path, options=json.dumps({"at": ["encoder"], "strength": 7})),
    "nan": lambda path: rewrite(path, lambda tensors: {k: v * float("nan") for k, v in tensors.items()}),
    "no ranges": lambda path: rewrite(path, lambda all_: {k: v for k, v in all_.items() if not k.endswith("range")}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_style_files(scene, refuses, damage):
    DAMAGE[damage](scene / "whole.style")
    assert str(scene / "whole.style") in refuses(scene / "whole.style", "c.png")


def test_style_and_photo_swapped(scene, refuses):
    assert str(scene / "c.png") in refuses("c.png", "whole.style")


@pytest.mark.parametrize("strength", ["1e9", "-1", "nan", "inf"])
def test_bad_strengths(refuses, strength):
    assert "between 0" in refuses("whole.style", "c.png", "--strength", strength)


@pytest.mark.parametrize("value", ["3", "-1"])
def test_bad_sizes(refuses, value):
    assert "at least 16" in refuses("whole.style", "c.png", "--size", value)


def test_bad_outputs(scene, refuses):
    assert "input" in refuses("whole.style", "c.png", "--overwrite", out="c.png")
    assert "'.gif'" in refuses("whole.style", "c.png", out="o.gif")
    assert "photo path" in refuses("whole.style", "c.png", "--overwrite", out="whole.style")
    assert "folder" in refuses("whole.style", "c.png", "d.jpg")
    assert str(scene / "absent") in refuses("whole.style", "c.png", out="absent/o.png")


def test_masks_that_do_not_fit(scene, refuses):
    assert "59x41" in refuses("regions.style", "d.jpg", "--content-mask", "cm.png")
    line = refuses("whole.style", "c.png", "--content-mask", "cm.png")
    assert str(scene / "cm.png") in line
    assert "without masks" in line
    stripes(scene / "green.png", 59, 41, GREEN, (1, 2, 3))
    line = refuses("regions.style", "c.png", "--content-mask", "green.png")
    assert str(scene / "green.png") in line
    assert "none of its regions" in line
    assert "one CONTENT" in refuses("regions.style", "c.png", "d.jpg", "--content-mask", "cm.png", out="new")
    assert str(scene / "absent.png") in refuses("regions.style", "c.png", "--content-mask", scene / "absent.png")


def test_in_a_process_of_its_own(scene):
    before = contents(scene)
    args = [scene / "whole.style", scene / "c.png", "--model", scene / "tiny.safetensors", "-o", scene / "o.png"]
    result = subprocess_cli("apply", *args)
    assert (result.code, result.out, len(result.lines)) == (0, "", 1)
    assert set(contents(scene)) == {*before, "o.png"}
