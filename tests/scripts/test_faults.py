"""Commands broken off at random moments, full disks, folders that take nothing, no memory: the short form of
``scripts/check/faults.py``."""

import subprocess
import sys
from contextlib import contextmanager

import pytest
import torch
from PIL import Image

import photostyle.engines.local
from photostyle.cli import main
from tests.util.cli import ROOT, contents, photo_arguments, save_picture
from tests.util.engines import Here
from tests.util.waiting import PATIENCE

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="commands are forked")


@needs_linux
@pytest.mark.parametrize(("fault", "names"), [("kill", "photo,batch,video,weights"), ("interrupt", "photo,video")])
def test_broken_off_three_times_each(fault, names):
    broken_three_times(fault, names)


def broken_three_times(fault, names):
    script = str(ROOT / "scripts" / "check" / "faults.py")
    command = [sys.executable, script, "--times", "3", "--faults", fault, "--only", names]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=2 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in names.split(","):
        assert f"{fault}: {name}: 3 times" in done.stdout


@contextmanager
def mounted(folder, options):
    """A tmpfs, where this may be mounted; else the test is skipped."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@needs_linux
def test_a_full_disk_three_times_each(tmp_path):
    with mounted(tmp_path / "probe", "size=64k"):
        pass
    broken_three_times("disk", "photo,video,weights")


def writers(scene, folder):
    """Commands that write to a folder."""
    common = ["--style", scene / "s.png", "--model", scene / "tiny.safetensors", "--segment", "off"]
    return [
        ["photo", scene / "c.png", *common, "-o", folder / "o.png"],
        ["photo", scene / "c.png", scene / "s.png", *common, "-o", folder / "new"],
        ["photo", scene / "c.png", *common, "-o", scene / "o.png", "--save-style", folder / "o.style"],
        ["photo", scene / "c.png", *common, "-o", scene / "o.png", "--report", folder / "o.json"],
        ["batch", scene / "in", *common, "-o", folder / "out"],
        ["style", "make", scene / "s.png", *common[2:], "-o", folder / "o.style"],
        ["lut", scene / "c.png", *common, "-o", folder / "o.cube"],
        ["video", scene / "in.mp4", *common, "-o", folder / "o.mp4"],
        ["weights", "import", "--encoder", scene / "e.pth", "--decoder", scene / "d.pth"],
    ]


@needs_linux
def test_a_folder_that_takes_no_files(cli, scene, tmp_path, monkeypatch):
    pytest.importorskip("av")
    from tests.util import tiny_model
    from tests.util.video import make_clip

    monkeypatch.setattr(photostyle.engines.local, "LocalEngine", Here)
    make_clip(scene / "in.mp4", (3,))
    (scene / "in").mkdir()
    save_picture(scene / "in" / "a.png", 20, 24)
    model = tiny_model("sum")
    torch.save(model.encoder.state_dict(), scene / "e.pth")
    torch.save(model.decoder.state_dict(), scene / "d.pth")
    before = contents(scene)
    with mounted(tmp_path / "ro", "size=64k,ro") as folder:
        monkeypatch.setenv("PHOTOSTYLE_CACHE", str(folder / "cache"))
        for words in writers(scene, folder):
            result = cli(*words)
            assert (result.code, len(result.lines)) == (1, 1), result.err
            assert str(folder) in result.err, words
        assert contents(scene) == before


def no_memory(*args, **kwargs):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB.\nGPU 0 has a total capacity of 8 GiB")


def test_a_gpu_without_memory_for_a_photo(scene, refuses, monkeypatch):
    monkeypatch.setattr("photostyle.jobs.photo.fit_and_render", no_memory)
    line = refuses()
    assert "not enough memory for 56x40 pixels" in line
    assert str(scene / "c.png") in line


def test_a_gpu_without_memory_for_one_photo_of_a_folder(cli, scene, monkeypatch):
    from photostyle.jobs import photo

    monkeypatch.setattr(photostyle.engines.local, "LocalEngine", Here)
    real = photo.fit_and_render
    monkeypatch.setattr(photo, "fit_and_render", lambda *a, **k: (no_memory if a[1].shape[-1] > 100 else real)(*a, **k))
    (scene / "in").mkdir()
    save_picture(scene / "in" / "a.png", 20, 24)
    save_picture(scene / "in" / "b.png", 20, 124)
    result = cli("batch", scene / "in", "--style", scene / "s.png", "--model", scene / "tiny.safetensors",
                 "--segment", "off", "-o", scene / "out")  # fmt: skip
    assert result.code == 1
    assert "not enough memory for 124x20" in result.err
    assert [p.name for p in (scene / "out").glob("*.png")] == ["a.png"]


@pytest.mark.parametrize("where", ["photostyle.video.grade.Grader.answer", "photostyle.video.looks.fit"])
def test_a_gpu_without_memory_for_a_clip(cli, scene, monkeypatch, where):
    pytest.importorskip("av")
    from tests.util.video import make_clip

    make_clip(scene / "in.mp4", (3,))
    monkeypatch.setattr(where, no_memory)
    words = ["video", scene / "in.mp4", "--style", scene / "s.png", "--model", scene / "tiny.safetensors",
             "-o", scene / "o.mp4"]  # fmt: skip
    result = cli(*words)
    assert (result.code, len(result.lines)) == (1, 1)
    assert "not enough memory" in result.err
    assert "--preview" in result.err
    assert not (scene / "o.mp4").exists()
    monkeypatch.undo()
    assert cli(*words, "--resume").code == 0


def test_interrupted_while_the_program_is_loaded(monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "photostyle.cli.app", None)
    monkeypatch.setattr("builtins.__import__", lambda name, *a, _real=__import__: (
        interrupt() if name == "photostyle.cli.app" else _real(name, *a)))  # fmt: skip
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert capsys.readouterr().err == "photostyle: interrupted\n"


def test_whatever_is_left_hidden_is_no_photo_of_the_next_run(cli, scene, monkeypatch):
    """A killed command leaves at most a hidden file; the next one neither reads nor trips over it."""
    monkeypatch.setattr(photostyle.engines.local, "LocalEngine", Here)
    (scene / "in").mkdir()
    (scene / "out").mkdir()
    save_picture(scene / "in" / "a.png", 20, 24)
    left = f".{'0123456789abcdef' * 2}.png"
    for folder in ("in", "out"):
        (scene / folder / left).write_bytes(b"half a picture")
    done = cli("batch", scene / "in", "--style", scene / "s.png", "--model", scene / "tiny.safetensors",
               "--segment", "off", "-o", scene / "out")  # fmt: skip
    assert done.code == 0, done.err
    with Image.open(scene / "out" / "a.png") as image:
        assert image.size == (24, 20)
    assert cli("photo", *photo_arguments(scene, content="in/a.png", out="out2")).code == 0
