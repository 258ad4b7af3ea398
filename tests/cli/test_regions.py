"""Regions on the command line: found, drawn, mapped, kept, reported, and saved with a style."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.io import CLASS_COLOURS
from photostyle.regions.regions import Regions
from photostyle.transfer.presets import load_transfer
from photostyle.weights import read_model
from tests.util.cli import contents, read, save_colourful_model, save_picture, stripes

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


class Halves:
    """In place of a network: the upper half is sky, the lower ground, and a strip at the right in nobody's hands."""

    joint = False
    names = ("sky", "ground")

    def __call__(self, images, *, sure=True):
        found = []
        for image in images:
            height, width = image.shape[-2] // 2, image.shape[-1] // 2
            sky = torch.zeros(height, width)
            sky[: height // 2] = 1
            claimed = torch.ones(height, width)
            claimed[:, width * 7 // 8 :] = 0
            found.append(Regions({"sky": sky * claimed, "ground": (1 - sky) * claimed}, hard=False))
        return found


@pytest.fixture
def scene(tmp_path):
    for name, shape, seed in (("c", (48, 64), 1), ("s", (64, 48), 2), ("t", (50, 50), 3)):
        save_picture(tmp_path / f"{name}.png", *shape, seed)
    save_colourful_model(tmp_path / "tiny.safetensors")
    return tmp_path


@pytest.fixture
def halves(monkeypatch):
    asked = []

    def find(name, model, device):
        asked.append(name)
        return None if name == "off" else Halves()

    monkeypatch.setattr("photostyle.jobs.segment.find_segmentation", find)
    return asked


@pytest.fixture
def photo(cli, scene, halves):
    def run(*args, styles=("s.png",), out="o.png"):
        # A random network's decoder and the finish blur what is compared here: regions, and what they take.
        plain = ["--at", "encoder", "--finish", "off"]
        given = plain + [scene / a if isinstance(a, str) and (scene / a).is_file() else a for a in args]
        for style in styles:
            region, _, name = style.rpartition("=")
            given += ["--style", f"{region}={scene / name}" if region else scene / name]
        return cli("photo", scene / "c.png", *given, "-o", scene / out, "--model", scene / "tiny.safetensors")

    return run


@pytest.fixture
def done(photo, scene):
    """A run that must succeed; returns the picture."""

    def run(*args, out="o.png", **names):
        result = photo(*args, out=out, **names)
        assert (result.code, result.out) == (0, ""), result.err
        return read(scene / out)

    return run


def test_regions_are_found_unless_switched_off(scene, done, halves):
    found = done("--save-style", scene / "x.style")
    off = done("--segment", "off", out="off.png")
    assert halves == ["auto", "off"]
    assert abs(found - off).mean() > 1
    transfer = load_transfer(scene / "x.style", read_model(scene / "tiny.safetensors"))
    assert set(transfer.regions) == {"*", "sky", "ground"}


def test_masks_win(scene, done, halves):
    stripes(scene / "cm.png", 64, 48, RED, BLUE)
    stripes(scene / "sm.png", 48, 64, RED, BLUE)
    masks = ["--content-mask", scene / "cm.png", "--style-mask", scene / "sm.png"]
    drawn = done(*masks, "--save-style", scene / "x.style")
    assert halves == []
    assert np.array_equal(drawn, done(*masks, "--segment", "off", out="off.png"))
    transfer = load_transfer(scene / "x.style", read_model(scene / "tiny.safetensors"))
    assert set(transfer.regions) == {"*", "#0000ff", "#ff0000"}


def test_refining_a_mask_can_be_switched_off(scene, done):
    stripes(scene / "cm.png", 64, 48, RED, BLUE)
    stripes(scene / "sm.png", 48, 64, RED, BLUE)
    masks = ["--content-mask", scene / "cm.png", "--style-mask", scene / "sm.png"]
    on, off = (done(*masks, "--mask-refine", value, out=f"{value}.png") for value in ("on", "off"))
    assert np.array_equal(on, done(*masks, out="default.png"))
    assert abs(on - off).mean() > 0.1


def test_one_mask_of_classes_needs_no_other(scene, done, photo):
    names = ("sky", "ground")
    Image.fromarray(
        np.repeat(np.array([CLASS_COLOURS[n] for n in names], np.uint8), 24, 0)[:, None].repeat(64, 1)
    ).save(scene / "cm.png")
    assert abs(done("--content-mask", scene / "cm.png") - done("--segment", "off", out="off.png")).mean() > 1
    stripes(scene / "red.png", 64, 48, RED, BLUE)
    result = photo("--content-mask", scene / "red.png", out="p.png")
    assert result.code == 1
    assert "needs --style-mask beside it" in result.err
    assert not (scene / "p.png").exists()


def test_strength_by_region(scene, done):
    none = done("--strength", 0, out="none.png")
    full = done("--segment", "auto", out="full.png")
    sky = done("--strength", "0,sky=1", out="sky.png")
    assert abs(sky - full)[:20, :50].mean() < abs(sky - none)[:20, :50].mean() / 3
    assert abs(sky - none)[30:, :50].mean() < abs(sky - full)[30:, :50].mean() / 3
    assert np.array_equal(full, done("--strength", "1,sky=1.0", out="ones.png"))
    only = done("--strength", "ground=0", out="only.png")
    assert abs(only - sky)[:20, :50].mean() < abs(only - none)[:20, :50].mean() / 3


def test_kept_regions_stay(scene, done):
    none, kept = done("--strength", 0, out="none.png"), done("--keep", "sky", "--save-style", scene / "x.style")
    full = done("--segment", "auto", out="full.png")
    assert abs(kept - none)[:18, :50].mean() < abs(full - none)[:18, :50].mean() / 4
    assert abs(kept - full)[30:, :50].mean() < 2
    transfer = load_transfer(scene / "x.style", read_model(scene / "tiny.safetensors"))
    assert transfer.options.strengths == {"sky": 0.0}
    assert set(transfer.regions) == {"*", "ground"}


def test_mapping(scene, done):
    mapped = done("--map", "sky=ground,ground=sky", "--report", scene / "r.json")
    assert abs(mapped - done(out="plain.png")).mean() > 0.5
    told = json.loads((scene / "r.json").read_text())["photos"][0]
    assert [(r["region"], r["takes"], r["reason"]) for r in told["regions"]] == [
        ("sky", ["ground"], "mapped"),
        ("ground", ["sky"], "mapped"),
    ]


def test_a_style_for_each_region(scene, done):
    one, other = done(out="s.out.png"), done(styles=["t.png"], out="t.out.png")
    mixed = done(styles=["sky=t.png", "s.png"], out="mixed.png")
    sky, ground = np.s_[:16, :50], np.s_[32:, :50]
    assert abs(mixed - other)[sky].mean() < abs(mixed - one)[sky].mean()
    assert abs(mixed - one)[ground].mean() < abs(mixed - other)[ground].mean()
    alone = done("--report", scene / "r.json", styles=["sky=t.png"], out="alone.png")
    none = done("--strength", 0, out="none.png")
    assert abs(alone - none)[36:, :50].mean() < abs(one - none)[36:, :50].mean() / 4
    reasons = {r["region"]: r["reason"] for r in json.loads((scene / "r.json").read_text())["photos"][0]["regions"]}
    assert reasons == {"sky": "own style", "ground": "no style"}


def test_what_is_decided_is_said_and_reported(scene, photo):
    result = photo("-v", "--report", scene / "r.json", "--keep", "ground")
    assert result.code == 0
    assert "takes sky (same name)" in result.err
    assert "ground" in result.err
    told = json.loads((scene / "r.json").read_text())
    (entry,) = told["photos"]
    assert entry["content"] == str(scene / "c.png")
    assert entry["output"] == str(scene / "o.png")
    assert entry["error"] is None
    assert entry["seconds"] > 0
    sky = entry["regions"][0]
    assert (sky["region"], sky["takes"], sky["styles"], sky["reason"]) == ("sky", ["sky"], [0], "same name")
    assert 0.3 < sky["share"] < 0.6
    assert photo("--report", scene / "r.json", out="p.png").code == 1  # it exists
    assert photo("--report", scene / "r.txt", out="p.png").code == 1
    assert "takes" not in photo(out="quiet.png").err


def test_a_report_tells_of_failures(cli, scene, halves):
    (scene / "bad.png").write_text("no photo")
    args = ["--style", scene / "s.png", "-o", scene / "out", "--model", scene / "tiny.safetensors", "--segment", "auto"]
    result = cli("photo", scene / "bad.png", scene / "c.png", *args, "--report", scene / "r.json")
    assert result.code == 1
    bad, good = json.loads((scene / "r.json").read_text())["photos"]
    assert "not an image" in bad["error"]
    assert bad["regions"] == []
    assert good["error"] is None
    assert len(good["regions"]) == 2


def test_a_saved_style_finds_its_regions_in_other_photos(cli, scene, done, halves):
    done("--save-style", scene / "x.style", "--segment", "auto")
    args = ["--model", scene / "tiny.safetensors"]
    again = cli("apply", scene / "x.style", scene / "c.png", "-o", scene / "a.png", *args, "-v")
    assert again.code == 0
    assert "sky" in again.err
    assert abs(read(scene / "a.png") - read(scene / "o.png")).max() <= 1
    off = cli("apply", scene / "x.style", scene / "c.png", "-o", scene / "b.png", *args, "--segment", "off")
    assert off.code == 0
    assert abs(read(scene / "b.png") - read(scene / "o.png")).mean() > 1
    kept = ["--strength", "1,sky=0", "--report", scene / "r.json"]
    assert cli("apply", scene / "x.style", scene / "c.png", "-o", scene / "k.png", *args, *kept).code == 0
    assert abs(read(scene / "k.png") - read(scene / "o.png"))[:16, :50].mean() > 1
    assert abs(read(scene / "k.png") - read(scene / "o.png"))[36:, :50].mean() < 1
    assert json.loads((scene / "r.json").read_text())["photos"][0]["regions"][0]["region"] == "sky"


def test_a_style_without_regions_is_applied_without_looking_for_any(cli, scene, done, halves):
    done("--segment", "off", "--save-style", scene / "x.style")
    halves.clear()
    args = ["apply", scene / "x.style", scene / "c.png", "-o", scene / "a.png", "--model", scene / "tiny.safetensors"]
    assert cli(*args).code == 0
    assert halves == []


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["--strength", "sky=2"], 1, "between 0"),
        (["--strength", "sky=x"], 2, "neither a number nor REGION=number"),
        (["--strength", "=1"], 2, "lacks the name"),
        (["--strength", "1,,"], 2, "empty part"),
        (["--map", "sky"], 2, "REGION_OF_THE_PHOTO"),
        (["--map", "=sky"], 2, "lacks the name"),
        (["--map", "sky=moon"], 1, "no region 'moon' for 'sky'; it has ground, sky"),
        (["--keep", "nose"], 1, "no region 'nose'; it has sky, ground"),
        (["--keep", ""], 2, "empty part"),
        (["--strength", "nose=0.5"], 1, "no region 'nose'"),
        (["--segment", "off", "--keep", "sky"], 1, "options by region need regions"),
        (["--segment", "off", "--map", "sky=ground"], 1, "options by region need regions"),
        (["--segment", "off", "--strength", "sky=0.5"], 1, "options by region need regions"),
        (["--mask-refine", "perhaps"], 2, "'on', 'off'"),
    ],
)
def test_bad_options(scene, photo, options, code, complaint):
    before = contents(scene)
    result = photo(*options)
    assert (result.code, result.out) == (code, "")
    assert complaint in result.err
    assert contents(scene) == before


def test_several_styles_and_their_masks(scene, photo, cli):
    stripes(scene / "m.png", 48, 64, RED, BLUE)
    result = photo("--style-mask", scene / "m.png", "--content-mask", scene / "m.png", styles=["s.png", "t.png"])
    assert result.code == 1
    assert "one style photo" in result.err
    assert photo(styles=["nose=t.png", "s.png"]).code == 1


def test_a_file_with_an_equals_sign_is_a_file(scene, cli, halves):
    save_picture(scene / "a=b.png", 40, 40, 4)
    args = ["photo", scene / "c.png", "--style", scene / "a=b.png", "-o", scene / "o.png"]
    assert cli(*args, "--model", scene / "tiny.safetensors").code == 0


def test_clusters_need_no_network_of_classes(scene, cli):
    args = ["photo", scene / "c.png", "--style", scene / "s.png", "--segment", "cluster", "-v"]
    result = cli(*args, "-o", scene / "o.png", "--model", scene / "tiny.safetensors")
    assert result.code == 0, result.err
    assert "cluster1" in result.err


@pytest.mark.parametrize("name", ["nothing.safetensors", "folder"])
def test_unknown_networks(scene, cli, name):
    args = ["photo", scene / "c.png", "--style", scene / "s.png", "--segment", scene / name]
    line = cli.refuses(scene, *args, "-o", scene / "o.png", "--model", scene / "tiny.safetensors")
    assert str(scene / name) in line
