"""scripts/README.md names every script with its command, and every script explains itself."""

import os
import re
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


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help(words):
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / words[0]), *words[1:], "--help"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")
    assert len(done.stdout.splitlines()) > 3


def test_what_the_commands_say_is_what_the_scripts_take():
    """Options in README's commands are among those of `--help`, without running it: they stand in the source."""
    for name, _, command, _ in ROWS.values():
        folder = SCRIPTS / name.split("/")[0]
        source = "".join(path.read_text() for path in folder.glob("*.py"))
        for option in re.findall(r"--[a-z-]+", command):
            assert f'"{option}"' in source, (name, option)
