"""What becomes of the photos of a folder, done in this process; and the look that a shoot shares."""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import photostyle.jobs.segment
from photostyle.batch.look import make_look
from photostyle.batch.plan import survey
from photostyle.batch.run import check_report, run, settings, settled, write_report
from photostyle.batch.work import BatchOptions, BatchSetup, Task, _done
from photostyle.engines.local import Outcome
from photostyle.errors import EngineError, ImageReadError, OutputError, ParameterError, WeightsError
from photostyle.jobs.loading import load
from photostyle.jobs.photo import apply_file, read_image, stylize_file
from photostyle.jobs.rendering import Rendering
from photostyle.options import FitOptions
from photostyle.regions.labels import Decision
from photostyle.regions.regions import Regions
from photostyle.transfer.fitting import fit
from photostyle.transfer.presets import load_transfer
from photostyle.weights import read_model
from tests.util.cli import read, save_colourful_model, save_picture, size
from tests.util.engines import Here


@pytest.fixture
def shoot(tmp_path):
    """A folder `in` of three photos of different sizes, a style and a model."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    save_picture(tmp_path / "in" / "a.png", 40, 56, 1)
    save_picture(tmp_path / "in" / "b.png", 33, 48, 2)
    save_picture(tmp_path / "in" / "sub" / "c.jpg", 64, 41, 3, quality=95)
    save_picture(tmp_path / "style.png", 48, 40, 7)
    save_colourful_model(tmp_path / "tiny.safetensors")
    return tmp_path


@pytest.fixture
def options(shoot):
    return BatchOptions(((None, shoot / "style.png"),), model=str(shoot / "tiny.safetensors"), device="cpu")


def test_each_photo_as_by_itself(shoot, options):
    options = replace(options, fit=FitOptions(strength=0.7), side=40)
    plan = survey(shoot / "in", shoot / "out")
    results = list(run(plan, options, Here()))
    assert [r.item.content.name for r in results] == ["a.png", "b.png", "c.jpg"]
    assert {r.status for r in results} == {"done"}
    model = read_model(shoot / "tiny.safetensors")
    style = load(shoot / "style.png", 40)
    for name in ("a.png", "b.png", "sub/c.jpg"):
        alone = shoot / ("alone" + name[-4:])
        stylize_file(model, shoot / "in" / name, style, alone, FitOptions(strength=0.7), side=40, overwrite=True)
        assert (read(shoot / "out" / name) == read(alone)).all()
    again = survey(shoot / "in", shoot / "out")
    assert list(run(again, options, Here())) == []
    assert [result.status for result in settled(again)] == ["skipped"] * 3


def test_one_bad_file_stops_nothing(shoot, options):
    (shoot / "in" / "bad.png").write_bytes(b"no photo")
    (shoot / "in" / "small.png").unlink(missing_ok=True)
    save_picture(shoot / "in" / "small.png", 3, 3)
    results = {r.item.content.name: r for r in run(survey(shoot / "in", shoot / "out"), options, Here())}
    assert {name for name, r in results.items() if r.status == "failed"} == {"bad.png", "small.png"}
    assert isinstance(results["bad.png"].error, ImageReadError)
    assert {name for name, r in results.items() if r.status == "done"} == {"a.png", "b.png", "c.jpg"}


def test_a_result_that_appears_meanwhile_is_left(shoot, options):
    work = BatchSetup(options)()
    (shoot / "out").mkdir()
    (shoot / "out" / "a.png").write_bytes(b"another's")
    done = work(Task(shoot / "in" / "a.png", shoot / "out" / "a.png"))
    assert (done.existed, done.error) == (True, None)
    assert (shoot / "out" / "a.png").read_bytes() == b"another's"
    done = work(Task(shoot / "in" / "a.png", shoot / "out" / "a.png", replace=True))
    assert (done.existed, done.error) == (False, None)
    assert size(shoot / "out" / "a.png") == (56, 40)


@dataclass
class Answering:
    """An engine with these outcomes."""

    outcomes: list

    def run(self, setup, tasks):
        yield from self.outcomes


def test_a_photo_that_a_dead_worker_had_written_is_done(shoot, options):
    plan = survey(shoot / "in", shoot / "out")
    done = BatchSetup(options)()(Task(shoot / "in" / "a.png", shoot / "out" / "a.png"))
    existed = replace(done, existed=True)
    died = EngineError("its worker process was killed")
    outcomes = [Outcome(0, existed, None, 2), Outcome(1, existed), Outcome(2, None, died)]
    results = list(run(plan, options, Answering(outcomes)))
    assert [r.status for r in results] == ["done", "skipped", "failed"]
    assert results[2].error is died


def test_what_workers_log_is_logged_here(shoot, options, caplog):
    logger = logging.getLogger("photostyle")
    before = logger.handlers[:], logger.level, logger.propagate
    work = BatchSetup(options, level=logging.INFO)()
    image = shoot / "clear.png"
    Image.new("RGBA", (24, 24), (90, 120, 60, 90)).save(image)
    done = work(Task(image, shoot / "clear.jpg"))
    assert done.error is None
    assert done.messages[0][0] == logging.WARNING
    assert "transparency dropped" in done.messages[0][1]
    assert (logger.handlers, logger.level, logger.propagate) == before
    assert not caplog.records
    plan = survey(shoot / "in", shoot / "out")
    with caplog.at_level(logging.WARNING, "photostyle"):
        list(run(plan, options, Answering([Outcome(0, done)])))
    assert "transparency dropped" in caplog.text
    caplog.clear()
    unnamed = replace(
        done, messages=((logging.WARNING, "of one photo"), (logging.WARNING, f"{plan.items[0].output}: so"))
    )
    with caplog.at_level(logging.WARNING, "photostyle"):
        list(run(plan, options, Answering([Outcome(0, unnamed)])))
    assert caplog.messages == [f"{plan.items[0].content}: of one photo", f"{plan.items[0].output}: so"]


def test_what_the_guard_decides_is_what_is_told():
    one, other = (Decision("sky", 0.5, (name,), (0,), reason) for name, reason in (("sky", "same name"), ("*", "torn")))

    def do(task, decided):
        decided([one])
        decided([other])

    assert _done(do, Task(Path("a.png"), Path("b.png")), logging.WARNING).decisions == (other,)


def test_a_saved_style(shoot, options):
    make_look(replace(options, shared=True), [shoot / "in" / "a.png"], shoot / "saved.style")
    saved = BatchOptions(style_file=shoot / "saved.style", strength=0.5, model=options.model, device="cpu")
    results = list(run(survey(shoot / "in", shoot / "out"), saved, Here()))
    assert [r.status for r in results] == ["done"] * 3
    transfer = load_transfer(shoot / "saved.style", read_model(shoot / "tiny.safetensors"))
    apply_file(transfer, shoot / "in" / "b.png", shoot / "alone.png", strength=0.5)
    assert (read(shoot / "out" / "b.png") == read(shoot / "alone.png")).all()


def test_a_shared_look_is_one_fit_to_all_photos(shoot, options):
    contents = sorted((shoot / "in").rglob("*.*"))
    seen = []
    make_look(options, contents, shoot / "look.style", seen.append)
    assert seen == [1, 2, 3]
    model = read_model(shoot / "tiny.safetensors")
    look = load_transfer(shoot / "look.style", model)
    expected = fit(model, [read_image(path) for path in contents], read_image(shoot / "style.png"))
    for site, maps in expected.maps.items():
        for region, site_map in maps.items():
            found = look.maps[site][region].affine
            torch.testing.assert_close(found.matrix, site_map.affine.matrix, rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(found.bias, site_map.affine.bias, rtol=1e-3, atol=1e-4)
    results = list(run(survey(shoot / "in", shoot / "out"), options, Here(), look=shoot / "look.style"))
    assert [r.status for r in results] == ["done"] * 3
    apply_file(look, contents[0], shoot / "alone.png")
    assert (read(shoot / "out" / "a.png") == read(shoot / "alone.png")).all()


def test_photos_of_a_shared_look_are_reduced_and_bad_ones_left_out(shoot, options, monkeypatch):
    (shoot / "in" / "bad.png").write_bytes(b"no photo")
    contents = sorted((shoot / "in").rglob("*.*"))
    monkeypatch.setattr("photostyle.batch.look.PHOTO_PIXELS", 900)
    monkeypatch.setattr("photostyle.batch.look.LEAST_PIXELS", 256)
    shapes = []

    def spy(model, images, styles, rendering, **names):
        shapes.extend(tuple(image.shape[-2:]) for image in images)
        from photostyle.jobs.fitting import fit

        return fit(model, images, styles, rendering, **names)

    monkeypatch.setattr("photostyle.batch.look.fit", spy)
    make_look(options, contents, shoot / "look.style")
    assert len(shapes) == 3
    assert all(800 <= height * width <= 1000 for height, width in shapes)
    with pytest.raises(ImageReadError, match="no photo of the folder can be read"):
        make_look(options, [shoot / "in" / "bad.png"], shoot / "look.style")
    with pytest.raises(ParameterError, match="cannot have clusters"):
        make_look(replace(options, segment="cluster"), contents, shoot / "look.style")


@dataclass(frozen=True)
class Halves:
    """Every photo has sky above and ground below, but those of odd height, which are all water."""

    joint = False
    names = ("sky", "ground", "water")

    def __call__(self, images, *, sure=True):
        found = []
        for image in images:
            height, width = image.shape[-2:]
            above = torch.zeros(height, width)
            above[: height // 2] = 1
            weights = {"water": torch.ones(height, width)} if height % 2 else {"sky": above, "ground": 1 - above}
            found.append(Regions(weights, hard=False))
        return found


def test_a_shared_look_by_region(shoot, options, monkeypatch):
    monkeypatch.setattr(
        photostyle.jobs.segment, "find_segmentation", lambda name, *_: None if name == "off" else Halves()
    )
    options = replace(options, segment="auto", keep=("ground",), fit=FitOptions(strengths={"sky": 0.5}))
    make_look(options, sorted((shoot / "in").rglob("*.*")), shoot / "look.style")
    look = load_transfer(shoot / "look.style", read_model(shoot / "tiny.safetensors"))
    assert {"sky", "*"} <= set(look.regions)
    assert look.options.strengths == {"sky": 0.5, "ground": 0.0}
    results = {r.item.content.name: r for r in run(survey(shoot / "in", shoot / "out"), options, Here(),
                                                 look=shoot / "look.style")}  # fmt: skip
    assert {r.status for r in results.values()} == {"done"}
    assert {decision.region for decision in results["a.png"].decisions} == {"sky", "ground"}
    assert {decision.region for decision in results["b.png"].decisions} == {"water"}
    apply_file(look, shoot / "in" / "a.png", shoot / "none.png", strength=0, strengths={})
    untouched, after = read(shoot / "none.png"), read(shoot / "out" / "a.png")
    assert abs(after[-4:] - untouched[-4:]).mean() < 0.2 * abs(after[:4] - untouched[:4]).mean()


def test_settings_tell_looks_apart(shoot, options):
    made = settings(options)
    assert json.loads(json.dumps(made)) == made
    assert settings(replace(options, device="auto")) == made
    (shoot / "copy.png").write_bytes((shoot / "style.png").read_bytes())
    assert settings(replace(options, styles=((None, shoot / "copy.png"),))) == made, "what counts is the content"
    save_picture(shoot / "copy.png", 20, 20)
    for other in (
        replace(options, styles=((None, shoot / "copy.png"),)),
        replace(options, fit=FitOptions(strength=0.5)),
        replace(options, fit=FitOptions(strengths={"sky": 0.5})),
        replace(options, side=300),
        replace(options, model="small"),
        replace(options, rendering=Rendering("grid")),
        replace(options, shared=True),
        replace(options, keep=("sky",)),
    ):
        assert settings(other) != made
    assert settings(replace(options, rendering=Rendering(memory=1 << 30))) == settings(
        replace(options, rendering=Rendering())
    )
    with pytest.raises(ImageReadError, match="no such file"):
        settings(replace(options, styles=((None, shoot / "no.png"),)))


def test_nothing_can_be_done_without_a_model(shoot, options):
    with pytest.raises(WeightsError):
        list(run(survey(shoot / "in", shoot / "out"), replace(options, model="nonesuch"), Here()))
    assert not (shoot / "out").exists()


def test_reports(shoot, options):
    (shoot / "in" / "bad.png").write_bytes(b"no photo")
    plan, path = survey(shoot / "in", shoot / "out"), shoot / "report.json"
    results = {}
    for result in run(plan, options, Here()):
        results[result.item.content] = result
        if len(results) == 3:
            break
    write_report(path, results, plan, 1.25)
    record = json.loads(path.read_text())
    assert {p["status"]: p["error"] is None for p in record["photos"]} == {
        "done": True,
        "failed": False,
        "waiting": True,
    }
    assert (record["done"], record["failed"], record["waiting"], record["seconds"]) == (2, 1, 1, 1.25)
    check_report(path, overwrite=False)
    path.write_text("{}")
    with pytest.raises(OutputError, match="already exists"):
        check_report(path, overwrite=False)
    check_report(path, overwrite=True)
    with pytest.raises(OutputError, match="extension"):
        check_report(shoot / "report.txt", overwrite=False)
