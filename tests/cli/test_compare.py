"""``photostyle compare``, from the command line to the sheet."""

import json

import pytest

from photostyle.cli.compare import parse_steps
from photostyle.errors import ParameterError
from photostyle.jobs import methods as jobs
from photostyle.methods import METHODS
from tests.util.cli import save_picture, size, stripes
from tests.util.methods import interrupt_after, tiny_decoders, tiny_encoder


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A photo of odd sides and a style; methods look through a tiny network."""
    save_picture(tmp_path / "c.png", 41, 53, 1)
    save_picture(tmp_path / "s.png", 48, 36, 2)
    monkeypatch.setattr(jobs, "load_features", lambda device: tiny_encoder())
    monkeypatch.setattr(jobs, "load_decoders", lambda device: tiny_decoders(tiny_encoder()))
    return tmp_path


@pytest.fixture
def compare(cli, pair):
    def run(*args, out="sheet.png"):
        return cli("compare", pair / "c.png", pair / "s.png", "-o", pair / out, *args)

    return run


def test_a_sheet_of_everything_that_can_run(pair, compare):
    result = compare("--steps", "2", "--json", pair / "r.json")
    assert result.code == 0, result.err
    assert result.out == ""
    told = json.loads((pair / "r.json").read_text())
    names = [method["name"] for method in told["methods"]]
    assert names == [info.name for info in METHODS if info.styled]
    for method in told["methods"]:
        assert method["error"] is None
        assert method["seconds"] > 0
        assert method["measures"]["edges"] <= 1
        assert method["steps"] == method["steps_asked"]
    assert told["width"] == 53
    assert told["regions"] is None
    assert [line.split(":")[0] for line in result.lines[:-1]] == names
    assert result.lines[-1] == f"{pair / 'sheet.png'} written"
    assert min(size(pair / "sheet.png")) > 500


def test_chosen_methods_with_masks(pair, compare):
    masks = ("--content-mask", stripes(pair / "cm.png", 53, 41, (255, 0, 0), (0, 0, 255)),
             "--style-mask", stripes(pair / "sm.png", 36, 48, (255, 0, 0), (0, 0, 255)))  # fmt: skip
    arguments = ("--methods", "monge, deep-photo", "--steps", "deep-photo=3", "--seed", 1, "--size", 48, "-q")
    result = compare(*arguments, *masks, "--json", pair / "r.json", out="sheet.jpg")
    assert (result.code, result.err) == (0, "")
    told = json.loads((pair / "r.json").read_text())
    assert [(m["name"], m["steps"]) for m in told["methods"]] == [("monge", 1), ("deep-photo", 3)]
    assert told["width"] == 48
    assert len(told["regions"]) == 2


def test_equal_seeds_give_equal_results(pair, compare):
    found = []
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        arguments = ("--methods", "sliced", "--steps", 2, "--seed", seed, "--json", pair / f"{out}.json")
        assert compare(*arguments, out=f"{out}.jpg").code == 0
        found.append(json.loads((pair / f"{out}.json").read_text())["methods"][0]["measures"])
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_method_that_cannot_run_is_a_cell_and_not_the_end(pair, compare):
    result = compare("--methods", "reinhard,wct2", "--model", pair / "missing.safetensors", "-q")
    assert result.code == 0
    assert len(result.lines) == 1
    assert result.lines[0].startswith("wct2: ")
    assert "missing.safetensors" in result.lines[0]
    alone = compare("--methods", "wct2", "--model", pair / "missing.safetensors", out="alone.png")
    assert alone.code == 1
    assert alone.lines[-1] == "photostyle: no method gave a result"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "gatyz"], "no method is called 'gatyz': did you mean 'gatys'?"),
        (["--methods", "monge,monge"], "--methods names monge twice"),
        (["--methods", "monge", "--steps", "gatys=3"], "--steps names gatys, which is not among the methods"),
        (["--steps", "monge=3"], "--steps names monge, which is not among"),
        (["--steps", "few"], "--steps has 'few'; it takes N or NAME=N"),
        (["--segment", "off", "--content-mask", "cm.png"], "--content-mask needs --style-mask"),
        (["--json", "r.txt"], "cannot write files with extension '.txt'"),
        (["--features", "vgg16", "--methods", "gatys"], "features is 'vgg16'"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(cli, pair, arguments, message):
    if "--features" in arguments:
        result = cli("compare", pair / "c.png", pair / "s.png", "-o", pair / "sheet.png", *arguments)
        assert result.code == 1
        assert message in result.lines[0]
        return
    line = cli.refuses(pair, "compare", pair / "c.png", pair / "s.png", "-o", pair / "sheet.png", *arguments)
    assert message in line


def test_photos_are_never_replaced(cli, pair):
    for name in ("c.png", "s.png"):
        arguments = ("compare", pair / "c.png", pair / "s.png", "-o", pair / name, "--overwrite")
        assert name in cli.refuses(pair, *arguments)
    save_picture(pair / "old.png", 20, 20, 4)
    assert "old.png" in cli.refuses(pair, "compare", pair / "c.png", pair / "s.png", "-o", pair / "old.png")


def test_an_interrupted_comparison_keeps_what_is_there(pair, compare, monkeypatch):
    interrupt_after(monkeypatch, 3)
    result = compare("--methods", "monge,gatys,texture", "--steps", "1000000", "--json", pair / "r.json")
    assert result.code == 130
    methods = json.loads((pair / "r.json").read_text())["methods"]
    assert [method["error"] for method in methods] == [None, None, "not run: stopped before"]
    assert 0 < methods[1]["steps"] < 1000000
    assert size(pair / "sheet.png")[0] > 500


def test_steps_by_method():
    assert parse_steps(None) == (None, {})
    assert parse_steps("50, gatys=300,sliced=4") == (50, {"gatys": 300, "sliced": 4})
    for text in ("0", "gatys=", "-3", "gatys=1.5", ","):
        with pytest.raises(ParameterError, match="--steps has"):
            parse_steps(text)
    with pytest.raises(ParameterError, match="no method is called"):
        parse_steps("x=3")
