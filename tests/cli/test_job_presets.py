"""``--preset``: values from a file go before the defaults, the command line before both."""

import numpy as np
import pytest

from tests.util.cli import read, size


@pytest.fixture
def job(scene):
    folder = scene / "jobs"
    folder.mkdir()

    def write(text):
        (folder / "job.toml").write_text(text, encoding="utf-8")
        return folder / "job.toml"

    return write


@pytest.fixture
def photo(cli, scene):
    def run(*words):
        result = cli("photo", scene / "c.png", *words)
        assert result.code == 0, result.err
        return result

    return run


WHOLE = """
style = "../s.png"
model = "../tiny.safetensors"
strength = 0.5
segment = "off"
finish = "off"
size = 30
out = "o.png"
"""


def test_a_job_in_a_file(photo, job, scene, monkeypatch):
    monkeypatch.chdir(scene.parent)  # paths are those of the preset's folder
    preset = job(WHOLE)
    photo("--preset", preset)
    assert size(scene / "jobs" / "o.png") == (30, 21)
    model = ("--model", scene / "tiny.safetensors", "--segment", "off")
    photo("--style", scene / "s.png", "--strength", 0.5, "--finish", "off", "--size", 30, *model, "-o", scene / "p.png")
    assert np.array_equal(read(scene / "p.png"), read(scene / "jobs" / "o.png"))


def test_the_command_line_goes_first(photo, job, scene):
    preset = job(WHOLE + "quiet = true\n")
    photo("--preset", preset, "--size", 40, "-o", scene / "first.png")
    assert size(scene / "first.png") == (40, 29)
    photo("--size", 40, "--strength", 0, "-o", scene / "second.png", "--preset", preset)
    assert not np.array_equal(read(scene / "first.png"), read(scene / "second.png"))
    result = photo("--preset", preset, "--style", scene / "c.png", "-o", scene / "third.png")
    assert result.lines == []
    assert not np.array_equal(read(scene / "third.png"), read(scene / "first.png"))


def test_lists_flags_and_regions(photo, job, scene):
    preset = job('style = ["s#1.png", "sky=../s.png"]\nmodel = "../tiny.safetensors"\noverwrite = true\n'
                 'strength = "0.5,sky=1"\nout = "o.png"\nat = "encoder"\nsave_style = "x.style"')  # fmt: skip
    (scene / "jobs" / "s#1.png").write_bytes((scene / "s.png").read_bytes())
    for _ in range(2):
        photo("--preset", preset, "--segment", "auto")
    assert (scene / "jobs" / "x.style").exists()


def test_apply_and_video_take_presets(cli, photo, job, scene):
    photo("--preset", job(WHOLE + 'save-style = "x.style"'))
    done = cli("apply", scene / "jobs" / "x.style", scene / "c.png", "--preset",
               job('model = "../tiny.safetensors"\nstrength = 0\nout = "a.png"'))  # fmt: skip
    assert done.code == 0, done.err
    assert abs(read(scene / "jobs" / "a.png") - read(scene / "jobs" / "o.png").mean()).mean() > 0
    line = cli.refuses(scene, "video", scene / "c.mp4", "--preset", job("window = true"))
    assert "job.toml: window is True; it must be a number" in line


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sise = 3", "sise: photostyle photo has no option --sise; did you mean size?"),
        ("content = 'c.png'", "content: photostyle photo has no option --content; did you mean content-mask?"),
        ("zzz = 3", "give long options without their dashes"),
        ("preset = 'job.toml'", "no option --preset"),
        ("help = true", "no option --help"),
        ("size = 'big'", "size is 'big'; it must be a whole number"),
        ("size = 30.5", "size is 30.5; it must be a whole number"),
        ("size = true", "size is True; it must be a whole number"),
        ("overwrite = 'yes'", "overwrite is 'yes'; it must be true or false"),
        ("matching = 'best'", "matching is 'best'; it must be one of wct, monge, adain, cholesky"),
        ("finish = true", "finish is True; it must be one of smooth, windows, off, on"),
        ("bits = 12", "bits is 12; it must be one of 8, 16"),
        ("style = 3", "style is 3; it must be a string or a list of strings"),
        ("style = ['s.png', true]", "it must be a string or a list of strings"),
        ("style = []", "it must be a string or a list of strings"),
        ("out = ['o.png']", "out is ['o.png']; it must be a path"),
        ("strength = [1]", "strength is [1]; it must be a string or a number"),
        ("[strength]\nsky = 1", "strength is {'sky': 1}; it must be a string or a number"),
        ("size 3", "not a TOML file"),
        ("size = 3\nsize = 4", "not a TOML file"),
    ],
)
def test_what_a_preset_may_not_hold(cli, job, scene, text, complaint):
    line = cli.refuses(scene, "photo", scene / "c.png", "--preset", job(text))
    assert f"{scene / 'jobs' / 'job.toml'}: " in line
    assert complaint in line


def test_a_preset_that_is_not_there(cli, scene):
    line = cli.refuses(scene, "photo", scene / "c.png", "--preset", scene / "absent.toml")
    assert "absent.toml: cannot read this preset (No such file or directory)" in line
    (scene / "b.toml").write_bytes(b"\xff\xfe")
    assert "not a TOML file" in cli.refuses(scene, "photo", scene / "c.png", "--preset", scene / "b.toml")


def test_what_is_still_missing_is_said(cli, job, scene):
    result = cli("batch", scene, "--preset", job('style = "../s.png"'))
    assert result.code == 2
    assert "--out" in result.err
