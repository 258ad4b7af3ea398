"""Methods side by side: what runs, what fails, what is told."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.errors import MaskError, OutputError, ParameterError
from photostyle.io.sheets import HEIGHT, Cell, write_sheet
from photostyle.jobs import compare as jobs
from photostyle.jobs.compare import Pair, busiest, compare, described, options_of, report, runnable, sheet_file
from photostyle.jobs.loading import load
from photostyle.methods import find
from photostyle.regions.regions import Regions
from tests.util import halves, picture
from tests.util.cli import save_picture

CPU = torch.device("cpu")


@pytest.fixture
def photos(tmp_path):
    return [load(save_picture(tmp_path / name, *size)) for name, *size in (("c.png", 48, 64, 1), ("s.png", 64, 40, 2))]


def chosen(*names, steps=2):
    return [(find(name), options_of(find(name), steps, 3)) for name in names]


def regions(*photos):
    return tuple(Regions.from_labels(halves(*photo.image.shape[-2:], 1, 2)) for photo in photos)


def test_options_take_what_they_have():
    assert options_of(find("gatys"), 7, 3) == find("gatys").options(steps=7, seed=3)
    assert options_of(find("gatys"), None, None) == find("gatys").options()
    assert options_of(find("reinhard"), 7, 3) == find("reinhard").options()
    assert options_of(find("wct2"), 7, 3) == find("wct2").options()
    with pytest.raises(ParameterError, match="steps is 0"):
        options_of(find("gatys"), 0, None)


def test_what_can_run_is_what_has_its_networks():
    names = [info.name for info in runnable(CPU)]
    assert {"reinhard", "monge", "sliced", "texture", "gatys", "deep-photo", "wct2"} <= set(names)
    assert "wct2" not in [info.name for info in runnable(CPU, model="missing.safetensors")]


def test_outcomes_are_measured_and_told(photos):
    told = []
    pair = Pair(*photos)
    outcomes = list(
        compare(
            chosen("monge", "gatys"),
            pair,
            CPU,
            told=lambda info, step, total, loss: told.append((info.name, step, total)),
        )
    )
    assert [outcome.info.name for outcome in outcomes] == ["monge", "gatys"]
    assert [tuple(outcome.image.shape) for outcome in outcomes] == [(3, 48, 64)] * 2
    assert [(outcome.steps, outcome.total) for outcome in outcomes] == [(1, 1), (2, 2)]
    assert told == [("gatys", 1, 2), ("gatys", 2, 2)]
    monge = outcomes[0].measures
    assert monge.colour < 0.5
    assert monge.residual < 0.1
    assert all(outcome.cost.seconds > 0 for outcome in outcomes)
    lines = described(outcomes[1])
    assert "2 of 2 steps" in lines[0]
    assert "edges" in lines[1]


def test_masks_reach_all_methods_that_know_them_and_found_regions_those_they_belong_to(photos):
    found = regions(*photos)
    for info, given, expected in (
        ("monge", True, found),
        ("monge", False, (None, None)),
        ("deep-photo", False, found),
        ("gatys", True, (None, None)),
    ):
        assert Pair(*photos, found, given).regions_for(find(info)) == expected
    assert Pair(*photos).regions_for(find("deep-photo")) == (None, None)
    assert Pair(*photos, found, True).measured == found
    assert Pair(*photos, found, False).measured is None


def test_one_failure_takes_nothing_else_with_it(photos, monkeypatch):
    monkeypatch.setattr("photostyle.jobs.methods.free_memory", lambda device: 1000)
    outcomes = list(compare(chosen("reinhard", "gatys", "monge"), Pair(*photos), CPU))
    assert [outcome.image is None for outcome in outcomes] == [False, True, False]
    assert "c.png: this method needs about" in outcomes[1].error
    assert outcomes[1].measures is None
    assert described(outcomes[1]) == []


def test_stopping_keeps_the_best_and_runs_nothing_more(photos):
    seen = []
    outcomes = list(
        compare(
            chosen("reinhard", "gatys", "monge", steps=50),
            Pair(*photos),
            CPU,
            told=lambda *step: seen.append(step),
            should_stop=lambda: len(seen) >= 3,
        )
    )
    assert (outcomes[1].steps, outcomes[1].total) == (3, 50)
    assert outcomes[1].image is not None
    assert outcomes[2].error == "not run: stopped before"


def test_regions_must_lie_in_both_photos(photos):
    ours, theirs = regions(*photos)
    strange = Regions({f"{name}b": weight for name, weight in theirs.weights.items()}, hard=True)
    with pytest.raises(MaskError, match="nothing to compare"):
        next(compare(chosen("monge"), Pair(*photos, (ours, strange), given=True), CPU))


def test_the_report_holds_what_json_can(photos):
    pair = Pair(*photos, regions(*photos), given=True)
    outcomes = [
        *compare(chosen("monge"), pair, CPU),
        jobs.Outcome(find("gatys"), error="no"),
    ]
    told = report(pair, outcomes)
    assert (told["width"], told["height"], told["regions"]) == (64, 48, ["1", "2"])
    first, second = told["methods"]
    assert first["name"] == "monge"
    assert first["measures"]["edges"] == outcomes[0].measures.edges
    assert math.isnan(outcomes[0].measures.flat) == (first["measures"]["flat"] is None)
    assert (second["error"], second["measures"]) == ("no", {})


def test_the_sheet(photos, tmp_path):
    pair = Pair(*photos)
    outcomes = [*compare(chosen("monge"), pair, CPU), jobs.Outcome(find("gatys"), error="it did not fit")]
    sheet_file(tmp_path / "sheet.png", pair, outcomes)
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.width > 2 * (2 * HEIGHT)
        assert image.height > 2 * HEIGHT
    with pytest.raises(OutputError):
        sheet_file(tmp_path / "sheet.png", pair, outcomes)


def test_a_cell_shows_its_picture_and_its_crop(tmp_path):
    red, blue = np.zeros((30, 40, 3), np.float32), np.zeros((30, 40, 3), np.float32)
    red[..., 0], blue[..., 2] = 1, 1
    red[:10, :10] = (0, 1, 0)
    cells = [Cell("Pitié 中", ["line"], red, (0, 0, 0.25, 1 / 3)), Cell("b", [], blue), Cell("c", note="nothing")]
    write_sheet(tmp_path / "s.png", "t" * 500, ["l"], cells, 2)
    with Image.open(tmp_path / "s.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    close = [(np.abs(pixels - colour).sum(-1) < 30).sum() for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    wide = round(HEIGHT * 40 / 30)
    assert close[0] == pytest.approx(HEIGHT * wide * 11 / 12, rel=0.03)
    assert close[1] == pytest.approx(HEIGHT * HEIGHT + HEIGHT * wide / 12, rel=0.1)  # borders blend
    assert close[2] == pytest.approx(HEIGHT * wide, rel=0.03)


def test_the_crop_is_where_the_edges_are():
    image = torch.full((3, 60, 90), 0.5)
    image[:, 40:60, 70:90] = picture(20, 20)
    image[:, 40:60:2, 70:90] = 0
    left, top, right, bottom = busiest(image)
    assert (left * 90, top * 60) == pytest.approx((70, 40), abs=3)
    assert (right - left) * 90 == pytest.approx(20)
    assert (bottom - top) * 60 == pytest.approx(20)
