"""The scripts that measure methods on pairs, on a pair made here."""

import json
import sys

import _pairs
import deep_photo
import evaluate
import methods as bench_methods
import methods_page as figures_methods
import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.io import DPST_COLOURS
from photostyle.methods import METHODS
from tests.util.cli import read, save_picture, stripes


@pytest.fixture
def root(tmp_path):
    """One pair, 64 pixels long, with two labels each and a published result."""
    for folder in ("input", "style", "segmentation", "dpst"):
        (tmp_path / folder).mkdir()
    save_picture(tmp_path / "input/in3.png", 72, 96, 1)
    save_picture(tmp_path / "style/tar3.png", 96, 64, 2)
    save_picture(tmp_path / "dpst/best3.png", 70, 90, 3)
    (tmp_path / "dpst/best3.png").rename(tmp_path / "dpst/best3.jpg")  # what it is, Pillow sees itself
    stripes(tmp_path / "segmentation/in3.png", 96, 72, DPST_COLOURS[2], DPST_COLOURS[3], mode="P")
    stripes(tmp_path / "segmentation/tar3.png", 64, 96, DPST_COLOURS[2], DPST_COLOURS[3], mode="P")
    return tmp_path


def call(monkeypatch, module, *arguments):
    monkeypatch.setattr(sys, "argv", ["script", *map(str, arguments)])
    assert module.main() == 0


def test_pairs_are_read_at_a_size(root):
    assert _pairs.numbers(root) == [3]
    pair = _pairs.read_pair(root, 3, 64)
    assert (tuple(pair.content.shape), tuple(pair.style.shape)) == ((1, 3, 48, 64), (1, 3, 64, 48))
    assert set(np.unique(pair.content_labels)) == {2, 3}
    ours, theirs = pair.regions
    assert list(ours.weights) == list(theirs.weights) == ["2", "3"]
    torch.testing.assert_close(ours.weights["2"].mean(), torch.tensor(0.5))
    assert tuple(_pairs.read_result(root / "dpst/best3.jpg", (48, 64)).shape) == (1, 3, 48, 64)


def test_methods_and_published_results_in_one_table(root, monkeypatch, capsys):
    figures, sheet = root / "f.json", root / "sheet.png"
    call(
        monkeypatch, evaluate, root, "--methods", "wct2,monge,gatys", "--steps", 2, "--masks", "--size", 64,
        "--json", figures, "--sheet", sheet, "--save", root / "out",
    )  # fmt: skip
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("reconstruction")
    assert [line.split()[0] for line in printed[2:]] == ["wct2", "monge", "gatys", "published"]
    told = json.loads(figures.read_text())
    assert set(told) == {"wct2", "monge", "gatys", "published"}
    assert 0 < told["monge"]["3"]["colour"] < 1
    assert told["gatys"]["3"]["seconds"] > 0
    assert told["gatys"]["3"]["edges"] > 0.9
    assert read(root / "out/3.png").shape == read(root / "out/3-gatys.png").shape == (48, 64, 3)
    with Image.open(sheet) as image:
        assert image.width > 6 * 256

    figures_methods.table([figures])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| monge", "| gatys", "| wct2", "| published"]


def test_figures_of_different_pairs_are_not_mixed(tmp_path):
    for number in (1, 2):
        (tmp_path / f"{number}.json").write_text(json.dumps({f"m{number}": {str(number): {"edges": 1.0}}}))
    with pytest.raises(SystemExit, match="different pairs"):
        figures_methods.figures([tmp_path / "1.json", tmp_path / "2.json"])


def test_results_made_elsewhere(root, monkeypatch, capsys):
    save_picture(root / "mine-3.png", 48, 64, 1)
    call(monkeypatch, evaluate, root, "--methods", "", "--size", 64, "--results", f"mine={root}/mine-{{}}.png")
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert names == ["mine", "published"]


def test_deep_photo_beside_plain_neural_style(root, monkeypatch, capsys):
    call(monkeypatch, deep_photo, root, "--only", 3, "--size", 64, "--steps", 4, "--json", root / "d.json")
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]] == ["gatys", "deep-photo"]
    told = json.loads((root / "d.json").read_text())["3"]["deep-photo"]
    assert len(told["losses"]) == 4
    assert len(told["falling"]) == 2


def test_every_method_is_timed():
    assert {name for name in bench_methods.ALL if name != bench_methods.UNSMOOTHED} == {info.name for info in METHODS}
    found = bench_methods.one("gatys", 48, 4)
    assert found["steps"] == 300
    assert found["seconds"] > 290 * found["step"] > 0
    assert bench_methods.one("monge", 48, 4)["step"] == 0
