"""scripts/README.md names every script with its command, and every script explains itself."""

import os
import re
import runpy
import subprocess
import sys

import pytest

from tests.util.cli import ROOT
from tests.util.waiting import PATIENCE

SCRIPTS = ROOT / "scripts"
TEXT = (SCRIPTS / "README.md").read_text()
ROWS = {row[0]: row for row in re.findall(r"^\| `(\S+\.py)` \| (.+) \| `(.+)` \| (.+) \|$", TEXT, re.MULTILINE)}
NAMES = sorted(path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*.py") if path.name[0] != "_")
WORDS = [[name] for name in NAMES] + [["bench/bench.py", word] for word in ("large", "video", "methods")]


def test_every_script_has_its_line():
    assert sorted(ROWS) == NAMES
    assert {path.parent for path in SCRIPTS.rglob("*.py")} == {
        SCRIPTS / name for name in re.findall(r"^## (\w+)/: ", TEXT, re.MULTILINE)
    }


@pytest.mark.parametrize("name", NAMES)
def test_its_command_is_one_of_a_script_that_is_there(name):
    _, purpose, command, takes = ROWS[name]
    found = re.match(r"python scripts/(\S+\.py)( \w+)?", command)
    assert found[1] == name or (found[1] == "bench/bench.py" and [found[1], found[2].strip()] in WORDS)
    assert purpose.strip()
    assert re.search(r"second|minute|hour|\d s\b", takes)


@pytest.fixture
def as_a_file(monkeypatch):
    """``as_a_file(script, word, …)``: run as Python runs a file, but in this process, which has torch already.

    A script finds what lies beside it and what is installed, and nothing of the other folders.
    """
    monkeypatch.setenv("COLUMNS", "200")
    elsewhere = [str(path) for path in SCRIPTS.iterdir()]
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{SCRIPTS}{os.sep}"):
            monkeypatch.delitem(sys.modules, name)

    def run(script, *words):
        beside = [str(script.parent), *(path for path in sys.path if path not in elsewhere)]
        monkeypatch.setattr(sys, "path", beside)
        monkeypatch.setattr(sys, "argv", [str(script), *words])
        before = set(sys.modules)
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            return end.code or 0
        finally:
            for name in set(sys.modules) - before:
                if str(getattr(sys.modules[name], "__file__", None)).startswith(f"{SCRIPTS}{os.sep}"):
                    del sys.modules[name]
        return 0

    return run


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help(as_a_file, capsys, words):
    code = as_a_file(SCRIPTS / words[0], *words[1:], "--help")
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert said.out.startswith("usage: ")
    assert len(said.out.splitlines()) > 3


def test_help_in_a_process_of_its_own():
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "bench" / "bench.py"), "--help"], capture_output=True, encoding="utf-8",
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


def test_what_the_commands_say_is_what_the_scripts_take():
    """Options in README's commands are among those of `--help`, without running it: they stand in the source."""
    for name, _, command, _ in ROWS.values():
        folder = SCRIPTS / name.split("/")[0]
        source = "".join(path.read_text() for path in folder.glob("*.py"))
        for option in re.findall(r"--[a-z-]+", command):
            assert f'"{option}"' in source, (name, option)
