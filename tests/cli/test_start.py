"""What a command loads and says before it works."""

import json
import os
import re
import subprocess
import sys

import pytest

from photostyle.cli import console
from tests.util.cli import ROOT, photo_arguments, plain
from tests.util.waiting import PATIENCE

# Each takes from a tenth of a second to several, and none is needed for a photo in the common formats.
HEAVY = {
    "torchvision", "torch._dynamo", "torch._inductor", "sympy", "timm", "segmentation_models_pytorch", "cv2",
    "scipy.linalg", "scipy.interpolate", "scipy.optimize", "scipy.stats",
    "requests", "av", "gradio", "ray", "rawpy", "pillow_heif", "skimage", "matplotlib", "pymatting", "typer.testing",
}  # fmt: skip
NOT_YET = (
    "import sys\nclass Watch:\n    def find_spec(self, name, path=None, target=None):\n        if name == 'torch':\n"
)


def run(program, *arguments, **options):
    return subprocess.run([sys.executable, "-c", program, *map(os.fspath, arguments)], cwd=ROOT, timeout=PATIENCE,
                          encoding="utf-8", check=True, **options)  # fmt: skip


@pytest.mark.parametrize("segment", ["off", "auto"])
def test_a_photo_loads_nothing_that_it_does_not_use(scene, segment):
    """With the regions of the photo and of the style found, too."""
    program = (
        "import sys, json, contextlib\nsys.argv[0] = 'photostyle'\nfrom photostyle.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    words = ["photo", *photo_arguments(scene), "--segment", segment, "--save-style", scene / "o.style"]
    loaded = set(json.loads(run(program, *words, capture_output=True).stdout))
    assert (scene / "o.style").exists()
    assert "torch" in loaded
    assert ("photostyle.segmentation" in loaded) == (segment == "auto")
    assert not loaded & HEAVY


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="the system has no terminals of this kind")
def test_a_terminal_shows_that_the_program_is_loading_before_torch_is(scene):
    watch = f"{NOT_YET}            sys.stderr.write('<torch>')\nsys.meta_path.insert(0, Watch())\n"
    program = f"{watch}sys.argv[0] = 'photostyle'\nfrom photostyle.cli import main\nmain()"
    terminal, end = os.openpty()
    try:
        run(
            program,
            "photo",
            *photo_arguments(scene),
            "--segment",
            "off",
            stderr=end,
            env=os.environ | {"TERM": "xterm"},
        )
    finally:
        os.close(end)
    seen = b""
    try:
        while more := os.read(terminal, 1 << 16):
            seen += more
    except OSError:  # Linux's end of a terminal
        pass
    finally:
        os.close(terminal)
    text = plain(seen.decode())
    assert "loading" in text.partition("<torch>")[0]
    assert "<torch>" in text
    assert re.findall(r"\x1b\[\?25([lh])", seen.decode())[-1] == "h", "the cursor is back"
    assert f"{scene / 'o.png'} written in" in text


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(console.stderr, "_force_terminal", True)
    monkeypatch.setattr(console.stderr, "is_interactive", True)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    "end", [lambda: console.say("a word"), console.idle, lambda: console.stdout.print("a table"),
            lambda: console.busy("other", quiet=True), lambda: console.progress("photos", 1, False).__enter__()],
)  # fmt: skip
def test_what_goes_on_is_taken_back_by_what_is_said(end, capfd):
    console.busy("loading", quiet=False)
    assert len(console._going_on) == 1
    end()
    assert console._going_on == []
    assert "loading" in plain(capfd.readouterr().err)


@pytest.mark.usefixtures("terminal")
def test_errors_leave_nothing_behind(cli, scene):
    result = cli("photo", *photo_arguments(scene, content="missing.png"))
    assert result.code == 1
    assert console._going_on == []
    assert "missing.png" in result.err


@pytest.mark.usefixtures("terminal")
def test_quiet_is_quiet(capfd):
    console.busy("loading", quiet=True)
    assert capfd.readouterr().err == ""


def test_a_file_or_a_pipe_is_told_nothing(capfd):
    console.busy("loading", quiet=False)
    assert capfd.readouterr().err == ""
