"""What the program says about itself, how quickly it can, and what it says to commands that it cannot parse."""

import json
import subprocess
import sys

import pytest
import typer

import photostyle
from photostyle.cli.app import app
from photostyle.options import MATCHINGS, STAGES, FitOptions
from tests.util.cli import ROOT, CommandLine, plain, subprocess_cli

COMMANDS = {
    (): (
        "photo",
        "try",
        "looks",
        "doctor",
        "apply",
        "compare",
        "batch",
        "segment",
        "video",
        "lut",
        "web",
        "style",
        "weights",
    ),
    ("photo",): (
        *("CONTENT", "--style", "--out", "-o", "--strength", "--at", "--matching", "--unpool", "--content-mask"),
        *("--style-mask", "--model", "--device", "--size", "--save-style", "--overwrite", "--quiet"),
        *("--segment", "--mask-refine", "--finish", "--map", "--keep", "--report", "--verbose", "-v", "--preset"),
        *("--look", "--colour", "--brightness", "--compare", "--preview", "--open"),
    ),
    ("try",): (
        *("PHOTO", "REFERENCE", "--look", "--out", "-o", "--preview", "--open", "--strength", "--segment", "--keep"),
        *("--model", "--device", "--overwrite", "--quiet"),
    ),
    ("looks",): ("NAME", "--out", "-o", "--photo", "--overwrite", "--quiet"),
    ("doctor",): ("--json",),
    ("apply",): (
        *("STYLE_FILE", "CONTENT", "--out", "--strength", "--content-mask", "--model", "--device", "--size"),
        *("--overwrite", "--quiet", "--segment", "--mask-refine", "--report", "--verbose", "--preset"),
    ),
    ("compare",): (
        *("CONTENT", "STYLE", "--out", "-o", "--methods", "--steps", "--content-mask", "--style-mask", "--segment"),
        *("--mask-refine", "--size", "--features", "--model", "--seed", "--device", "--json", "--overwrite", "--quiet"),
    ),
    ("web",): ("--host", "--port", "--name", "--max-upload", "--max-pixels", "--max-visitors", "--model", "--device"),
    ("batch",): (
        *("FOLDER", "--style", "--style-file", "--out", "-o", "--shared-fit", "--format", "--jobs", "--dry-run"),
        *("--engine", "--address", "--strength", "--at", "--matching", "--segment", "--finish", "--map", "--keep"),
        *("--model", "--unpool", "--device", "--size", "--render", "--memory", "--fit-size", "--bits", "--report"),
        *("--preset", "--overwrite", "--quiet", "--verbose"),
    ),
    ("video",): (
        "--style",
        "--out",
        "--fit",
        "--codec",
        "--resume",
        "--start",
        "--end",
        "--preview",
        "--segment",
        "--preset",
    ),
    ("segment",): ("PHOTO", "--out", "-o", "--overlay", "--segment", "--device", "--size", "--overwrite", "--quiet"),
    ("lut",): (
        *("CONTENT", "--style", "--style-file", "--out", "-o", "--size", "--preview", "--strength", "--segment"),
        *("--content-mask", "--style-mask", "--model", "--device", "--overwrite", "--quiet", "--verbose"),
    ),
    ("style",): ("make", "show", "mix"),
    ("style", "make"): (
        "--content",
        "--strength",
        "--at",
        "--matching",
        "--segment",
        "--model",
        "--out",
        "--overwrite",
    ),
    ("style", "show"): ("STYLE_FILE", "--out", "--json", "--content", "--model", "--overwrite"),
    ("style", "mix"): ("--out", "--model", "--overwrite"),
    ("weights",): ("list", "import", "fetch"),
    ("weights", "list"): (),
    ("weights", "import"): ("--encoder", "--decoder", "--name", "--overwrite"),
    ("weights", "fetch"): ("NAME", "--base-url", "--overwrite"),
}


@pytest.fixture
def cli(monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "240")
    return CommandLine(monkeypatch, capfd)


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(cli, command, flag):
    result = cli(*command, flag)
    assert (result.code, result.err) == (0, "")
    words = plain(result.out).replace("│", " ").split()
    assert [word for word in COMMANDS[command] if word.upper() not in [w.upper().strip("{}.") for w in words]] == []


def leaves(command, path=()):
    children = getattr(command, "commands", None)
    if not children:
        yield path, command
    for name, child in (children or {}).items():
        yield from leaves(child, (*path, name))


def test_everything_is_explained():
    found = dict(leaves(typer.main.get_command(app)))
    assert set(found) == {path for path in COMMANDS if path not in ((), ("style",), ("weights",))}
    for path, command in found.items():
        assert command.help, path
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{path} {parameter.name}"


def test_help_gives_the_choices_and_the_library_s_defaults(cli):
    text = " ".join(plain(cli("photo", "--help").out).replace("│", " ").split())
    defaults = FitOptions()
    for default in (defaults.strength, ",".join(defaults.at), defaults.matching, "small", "auto"):
        assert f"[default: {default}]" in text
    assert "|".join(MATCHINGS) in text.replace(" ", "")
    assert ",".join(STAGES) in text
    assert "sum|cat5" in text.replace(" ", "")


def test_version(cli):
    result = cli("--version")
    assert (result.code, result.out, result.err) == (0, f"photostyle {photostyle.__version__}\n", "")


@pytest.mark.parametrize("command", [(), ("style",), ("weights",)])
def test_no_command_gives_help(cli, command):
    result = cli(*command)
    assert result.code in (0, 2)  # click changed its mind
    assert "Usage" in plain(result.out + result.err)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["phot"], "photo"),
        (["weights", "lst"], "list"),
        (["photo"], "CONTENT"),
        (["photo", "c.png"], "--style"),
        (["photo", "c.png", "--style", "s.png", "-o", "o.png", "--colour", "2"], "--colour"),
        (["photo", "c.png", "--style", "s.png:0"], "--style"),
        (["photo", "c.png", "--look", "snow:0"], "--look"),
        (["lut", "c.png", "--style", "s.png", "-o", "-"], "--out"),
        (["style", "make", "s.png", "-o", "-"], "--out"),
        (["batch", "c", "--style", "s.png", "-o", "-"], "--out"),
        (["photo", "--style", "s.png", "-o", "o.png"], "CONTENT"),
        (["photo", "c.png", "--style", "s.png", "-o", "o.png", "--strenght", "1"], "--strength"),
        (["photo", "c.png", "--style", "s.png", "-o", "o.png", "--strength", "abc"], "--strength"),
        (["photo", "c.png", "--style", "s.png", "-o", "o.png", "--strength"], "--strength"),
        (["photo", "c.png", "--style", "s.png", "-o", "o.png", "--size", "1.5"], "--size"),
        (["photo", "c.png", "--style", "s.png", "-o", "o.png", "--matching", "best"], "cholesky"),
        (["photo", "c.png", "--style", "s.png", "-o", "o.png", "--device", "tpu"], "cuda"),
        (["photo", "c.png", "--style", "s.png", "-o", "o.png", "--unpool", "max"], "cat5"),
        (["apply"], "STYLE_FILE"),
        (["apply", "x.style"], "CONTENT"),
        (["weights", "import", "--encoder", "e.pth"], "--decoder"),
        (["weights", "fetch"], "name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_parsed(cli, tmp_path, monkeypatch, command, complaint):
    monkeypatch.chdir(tmp_path)
    result = cli(*command)
    assert (result.code, result.out) == (2, "")
    assert "Traceback" not in result.err
    assert complaint in plain(result.err)
    assert list(tmp_path.iterdir()) == []


def modules_after(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys, json; print(json.dumps(sorted(sys.modules)))"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import photostyle; photostyle.__version__; dir(photostyle)",
        "import photostyle.cli.app",
        "import sys, contextlib\nsys.argv[1:] = ['photo', '--help']\nimport photostyle.cli.app as app\n"
        "with contextlib.suppress(SystemExit): app.run()\nNone",
        "import os, sys, contextlib\nsys.argv[:] = ['photostyle']\n"
        "os.environ.update(_PHOTOSTYLE_COMPLETE='complete_bash', COMP_WORDS='photostyle photo --ma', COMP_CWORD='2')\n"
        "import photostyle.cli.app as app\n"
        "with contextlib.suppress(SystemExit): app.run()\nNone",
    ],
    ids=["package", "app", "help", "completion"],
)
def test_what_need_not_be_loaded_is_not(code):
    loaded = modules_after(code)
    assert "photostyle" in loaded
    assert not loaded & {"torch", "numpy", "PIL", "safetensors", "requests"}


def test_help_in_a_process_of_its_own():
    result = subprocess_cli("photo", "--help", COLUMNS="120")
    assert (result.code, result.err) == (0, "")
    assert "--save-style" in result.out
