"""Completion in a shell: its installation, and what bash itself is offered."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.util.cli import ROOT

BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None or sys.platform == "win32", reason="needs bash")

COMPLETE = """
eval "$(photostyle --show-completion)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"$(complete -p photostyle | sed 's/.* -F \\([^ ]*\\) .*/\\1/')" photostyle
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def bash(tmp_path):
    """Runs a script in a bash that finds this photostyle, at home in a folder of its own."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "photostyle"
    code = "import sys; sys.argv[0] = 'photostyle'; from photostyle.cli import main; main()"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("_TYPER", "_PHOTOSTYLE", "COMP"))},
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
    }

    def run(script, *words):
        done = subprocess.run(
            [BASH, "--norc", "--noprofile", "-c", script, "bash", *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("ph",), ["photo"]),
        (("style", ""), ["make", "show", "mix"]),
        (("photo", "--ma"), ["--matching", "--map", "--mask-refine"]),
        (("photo", "c.png", "--style", "s.png", "--matching", ""), ["wct", "monge", "adain", "cholesky"]),
        (("batch", "folder", "--eng"), ["--engine"]),
        (("video", "--codec", "h"), ["h264", "hevc"]),
        (("--vers",), ["--version"]),
    ],
    ids=" ".join,
)
def test_bash_is_offered(bash, words, offered):
    assert bash(COMPLETE, "photostyle", *words) == offered


def test_bash_is_offered_every_command(bash):
    commands = [
        "photo", "try", "looks", "apply", "batch", "video", "compare", "segment", "lut", "web", "doctor", "style",
        "weights",
    ]  # fmt: skip
    assert bash(COMPLETE, "photostyle", "") == commands


def test_it_installs_itself(bash, tmp_path):
    said = " ".join(bash("photostyle --install-completion; exit $?"))
    assert "bash completion installed" in said
    assert "photostyle" in (tmp_path / ".bashrc").read_text(encoding="utf-8")
    [line] = bash("source ~/.bashrc; complete -p photostyle")
    assert "-F _photostyle_completion photostyle" in line


def test_it_is_in_the_help(cli):
    result = cli("--help")
    assert "--install-completion" in result.out
    assert "--show-completion" in result.out
