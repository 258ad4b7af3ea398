"""``photostyle batch``: what is said and written, and how it goes on after every kind of end."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from PIL import Image

import photostyle.engines.local
from photostyle.jobs.photo import apply_file
from photostyle.transfer.presets import load_transfer
from photostyle.weights import read_model
from tests.util.cli import contents, plain, read, save_colourful_model, save_picture, size
from tests.util.engines import Here
from tests.util.waiting import PATIENCE, alive, times, wait_for

SIDES = {"a.png": (40, 56), "b.jpg": (33, 48), "sub/c.png": (24, 30), "sub/deep/d é\nf.png": (20, 41)}


@pytest.fixture
def shoot(tmp_path):
    """A folder `in` of photos and a note, a style and a model."""
    (tmp_path / "in" / "sub" / "deep").mkdir(parents=True)
    for n, (name, sides) in enumerate(SIDES.items()):
        save_picture(tmp_path / "in" / name, *sides, n)
    (tmp_path / "in" / "notes.txt").write_text("not a photo")
    save_picture(tmp_path / "style.png", 48, 40, 7)
    save_colourful_model(tmp_path / "tiny.safetensors")
    return tmp_path


def arguments(shoot, *extra, out="out"):
    return ["batch", shoot / "in", "--style", shoot / "style.png", "-o", shoot / out, "--segment", "off",
            "--model", shoot / "tiny.safetensors", "--device", "cpu", *extra]  # fmt: skip


@pytest.fixture
def batch(cli, shoot, monkeypatch):
    """``batch(option, …)``: the command, its work done in this process."""
    monkeypatch.setattr(photostyle.engines.local, "LocalEngine", Here)
    return lambda *extra, **names: cli(*arguments(shoot, *extra, **names))


def results(shoot, out="out"):
    """Modification time of every file of the results folder but its memory; a run may be at work there."""
    found = {
        str(p.relative_to(shoot / out)): time for p, time in times((shoot / out).rglob("*")).items() if p.is_file()
    }
    return {name: time for name, time in found.items() if not name.startswith(".photostyle")}


def written(shoot):
    """Names of those of the results that have their own names already."""
    return [name for name in results(shoot) if not os.path.basename(name).startswith(".")]


def test_subfolders_and_sizes(batch, shoot):
    before = contents(shoot)
    result = batch()
    assert (result.code, result.out) == (0, "")
    assert sorted(results(shoot)) == sorted(SIDES)
    for name, (height, width) in SIDES.items():
        assert size(shoot / "out" / name) == (width, height)
    lines = result.lines
    assert len(lines) == 5
    assert any("d é\\nf.png written in" in line for line in lines)
    assert lines[-1].startswith("4 done, 0 skipped, 1 other file in ")
    assert {name: data for name, data in contents(shoot).items() if not name.startswith("out")} == before


def test_finished_photos_are_skipped_and_missing_ones_made(batch, shoot):
    batch()
    first = results(shoot)
    assert batch().lines[-1].startswith("0 done, 4 skipped, 1 other file in ")
    assert results(shoot) == first
    (shoot / "out" / "sub" / "c.png").unlink()
    save_picture(shoot / "in" / "new.png", 20, 20)
    assert batch().lines[-1].startswith("2 done, 3 skipped, ")
    second = results(shoot)
    assert set(second) == {*SIDES, "new.png"}
    assert {n: second[n] for n in first if n != "sub/c.png"} == {n: first[n] for n in first if n != "sub/c.png"}
    os.utime(shoot / "in" / "a.png", (2**31, 2**31))
    lines = batch().lines
    assert lines[-1] == "warning: 1 results are older than their photos; delete them to have them made"
    assert results(shoot) == second


def test_other_settings_are_not_mixed(batch, shoot):
    batch()
    first = results(shoot)
    result = batch("--strength", "0.5")
    assert result.code == 1
    assert "holds 4 of the results already, made with other settings (strength); give another folder" in result.err
    assert results(shoot) == first
    assert batch("--strength", "0.5", "--overwrite").lines[-1].startswith("4 done, 0 skipped")
    assert all(time > first[name] for name, time in results(shoot).items())
    assert batch("--strength", "0.5").lines[-1].startswith("0 done, 4 skipped")


def test_a_broken_off_overwrite_goes_on(batch, shoot, monkeypatch):
    batch()
    first = results(shoot)

    class Stopped(Here):
        def run(self, setup, tasks):
            yield from super().run(setup, tasks[:2])
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(photostyle.engines.local, "LocalEngine", Stopped)
        result = batch("--strength", "0.5", "--overwrite", "--report", shoot / "r.json")
    assert result.code == 130
    assert "2 done, 0 skipped, 2 to do, 1 other file; the same command without --overwrite goes on" in result.lines
    assert result.lines[-1] == "photostyle: interrupted"
    assert json.loads((shoot / "r.json").read_text())["waiting"] == 2
    second = results(shoot)
    assert sum(second[name] > first[name] for name in first) == 2
    result = batch("--strength", "0.5", "--report", shoot / "r.json")
    assert result.lines[-1].startswith("2 done, 2 skipped")
    third = results(shoot)
    assert all(third[name] == second[name] for name in first if second[name] > first[name])
    assert all(third[name] > first[name] for name in first)


def test_bad_files_and_the_report(batch, shoot):
    (shoot / "in" / "bad.jpg").write_bytes(b"no photo")
    (shoot / "in" / "gone.png").symlink_to(shoot / "nowhere.png")
    result = batch("--report", shoot / "report.json")
    assert result.code == 1
    lines = result.lines
    assert lines[-4].startswith("4 done, 0 skipped, 2 failed, 1 other file in ")
    assert lines[-3] == "photostyle: 2 of 6 photos failed:"
    assert "bad.jpg: not an image that can be read" in lines[-2]
    assert "gone.png: no such file" in lines[-1]
    record = json.loads((shoot / "report.json").read_text())
    assert (record["done"], record["failed"], record["skipped"], record["other files"]) == (4, 2, 0, 1)
    photos = {os.path.relpath(photo["content"], shoot / "in"): photo for photo in record["photos"]}
    assert set(photos) == {*SIDES, "bad.jpg", "gone.png"}
    assert photos["bad.jpg"]["status"] == "failed"
    assert "not an image" in photos["bad.jpg"]["error"]
    for name in SIDES:
        photo = photos[name]
        assert photo["output"] == str(shoot / "out" / name)
        assert (photo["status"], photo["error"], photo["regions"]) == ("done", None, [])
        assert photo["seconds"] > 0
    again = batch("--report", shoot / "report.json", "--quiet")
    assert (again.code, len(again.lines)) == (1, 3), "a report of an earlier run is replaced"
    assert json.loads((shoot / "report.json").read_text())["skipped"] == 4


def test_dry_run(batch, shoot):
    (shoot / "in" / "a.jpg").write_bytes(b"")
    before = contents(shoot)
    result = batch("--dry-run", "--format", "jpg")
    assert result.code == 0
    assert contents(shoot) == before
    lines = plain(result.out).splitlines()
    assert len(lines) == 5
    assert f"do: {shoot}/in/a.png -> {shoot}/out/a.png.jpg" in lines
    assert f"do: {shoot}/in/a.jpg -> {shoot}/out/a.jpg" in lines
    assert f"do: {shoot}/in/sub/deep/d é\\nf.png -> {shoot}/out/sub/deep/d é\\nf.jpg" in lines
    (shoot / "in" / "a.jpg").unlink()
    batch("--format", "jpg")
    (shoot / "out" / "b.jpg").unlink()
    lines = plain(batch("--dry-run", "--format", "jpg").out).splitlines()
    assert f"skip: {shoot}/out/a.jpg" in lines
    assert f"do: {shoot}/in/b.jpg -> {shoot}/out/b.jpg" in lines


def test_results_within_the_folder(batch, shoot):
    for _ in range(2):
        assert batch(out="in/results").code == 0
    assert sorted(results(shoot, "in/results")) == sorted(SIDES)


@pytest.mark.parametrize("form", ["png", "tiff", "webp"])
def test_formats(batch, shoot, form):
    batch("--format", form, "--size", "40")
    for name in SIDES:
        stem = name.rpartition(".")[0]
        with Image.open(shoot / "out" / f"{stem}.{form}") as image:
            assert image.format == form.upper()
            assert max(image.size) <= 40


def test_shared_fit_and_saved_styles(batch, cli, shoot):
    assert batch("--shared-fit").code == 0
    look = shoot / "out" / ".photostyle" / "shared.style"
    transfer = load_transfer(look, read_model(shoot / "tiny.safetensors"))
    apply_file(transfer, shoot / "in" / "a.png", shoot / "alone.png")
    assert (read(shoot / "alone.png") == read(shoot / "out" / "a.png")).all()
    made, bytes_ = look.stat().st_mtime_ns, look.read_bytes()
    save_picture(shoot / "in" / "later.png", 30, 30, 9)
    assert batch("--shared-fit").lines[-1].startswith("1 done, 4 skipped")
    assert (look.stat().st_mtime_ns, look.read_bytes()) == (made, bytes_), "a continued run keeps the look"
    apply_file(transfer, shoot / "in" / "later.png", shoot / "alone.png", overwrite=True)
    assert (read(shoot / "alone.png") == read(shoot / "out" / "later.png")).all()
    batch("--shared-fit", "--overwrite")
    assert look.read_bytes() != bytes_, "it is fitted anew, to all five"
    saved = shoot / "look.style"
    saved.write_bytes(look.read_bytes())
    result = cli("batch", shoot / "in", "--style-file", saved, "-o", shoot / "saved", "--model",
                 shoot / "tiny.safetensors", "--device", "cpu")  # fmt: skip
    assert result.code == 0, result.err
    assert (read(shoot / "saved" / "a.png") == read(shoot / "out" / "a.png")).all()


def test_options_from_a_file(cli, batch, shoot):
    (shoot / "job.toml").write_text('strength = 0.4\nformat = "png"\nstyle = "style.png"\nsegment = "off"\n')
    command = ("batch", shoot / "in", "-o", shoot / "out", "--model", shoot / "tiny.safetensors", "--device", "cpu")
    result = cli(*command, "--preset", shoot / "job.toml")
    assert result.code == 0, result.err
    assert "b.png" in results(shoot)
    made = json.loads((shoot / "out" / ".photostyle" / "batch.json").read_text())["settings"]
    assert made["strength"] == 0.4


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--style-file", "x.style"], "give one of --style PHOTO, --look NAME and --style-file FILE.style"),
        (["--address", "host:6379"], "--address is of a Ray cluster: add --engine ray"),
        (["--strength", "2"], "strength is 2"),
        (["--keep", "sky"], "options by region need regions"),
        (["--render", "full", "--memory", "much"], "memory is 'much'"),
        (["--report", "report.txt"], "report.txt: cannot write files with extension"),
        (["--engine", "ray", "--address", "127.0.0.1:1"], "no Ray cluster can be reached at 127.0.0.1:1"),
        (["--engine", "ray", "--address", "somewhere"], "is neither HOST:PORT nor auto"),
    ],
)
def test_refusals(cli, shoot, extra, message):
    before = contents(shoot)
    result = cli(*arguments(shoot, *extra))
    assert result.code == 1
    assert len(result.lines) == 1
    assert message in result.lines[0]
    after = contents(shoot)
    assert {name: data for name, data in after.items() if not name.startswith("out/.photostyle")} == before


def test_without_photos(cli, batch, shoot):
    empty = shoot / "empty"
    empty.mkdir()
    style = ("--style", shoot / "style.png", "-o", shoot / "out")
    result = cli("batch", empty, *style)
    assert (result.code, len(result.lines)) == (0, 1)
    assert result.lines[0].startswith("0 done, 0 skipped in ")
    assert not (shoot / "out").exists()
    assert "no such folder" in cli("batch", shoot / "no", *style).lines[0]
    assert "use: photostyle photo" in cli("batch", shoot / "style.png", *style).lines[0]
    assert "among the photos" in batch(out="in").lines[0]


def start(shoot, *extra):
    """The command as a process group of its own, with more photos than can be done at once."""
    for n in range(12):
        save_picture(shoot / "in" / f"n{n}.png", 250, 350, n)
    command = [sys.executable, "-m", "photostyle", *map(os.fspath, arguments(shoot, *extra))]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, encoding="utf-8")


def whole(shoot):
    """Names of results, each of which can be read to its end and has its photo's size."""
    names = written(shoot)
    for name in names:
        with Image.open(shoot / "out" / name) as image:
            image.load()
        assert size(shoot / "out" / name) == size(shoot / "in" / name)
    return names


def test_a_killed_run_goes_on(batch, shoot):
    process = start(shoot, "--jobs", "2")
    wait_for(lambda: len(written(shoot)) >= 3)
    workers = [worker.pid for worker in psutil.Process(process.pid).children(recursive=True)]
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    wait_for(lambda: not any(map(alive, workers)))
    done = whole(shoot)
    first = {name: time for name, time in results(shoot).items() if name in done}
    assert 3 <= len(done) < 16
    result = batch("--jobs", "2")
    assert result.code == 0, result.err
    assert result.lines[-1].startswith(f"{16 - len(done)} done, {len(done)} skipped")
    assert len(whole(shoot)) == 16
    second = results(shoot)
    assert {name: second[name] for name in done} == first


@pytest.mark.parametrize("everyone", [True, False])
def test_interrupted(shoot, everyone):
    process = start(shoot)
    wait_for(lambda: len(written(shoot)) >= 2)
    # A terminal's Ctrl-C reaches the workers as well.
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    lines = plain(err).splitlines()
    assert lines[-1] == "photostyle: interrupted"
    assert "to do, 1 other file; the same command goes on" in lines[-2]
    assert "Traceback" not in err
    assert sorted(results(shoot)) == sorted(whole(shoot)), "no half-written file stays"
