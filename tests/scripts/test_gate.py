"""What ``.ci/run`` says last, from reports of real pytest runs."""

import os
import subprocess
import sys

import pytest

from tests.util.cli import ROOT
from tests.util.waiting import PATIENCE

TESTS = """
import pytest
def test_good(): pass
def test_also_good(): pass
def test_bad(): assert False
@pytest.fixture
def broken(): raise OSError
def test_error(broken): pass
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert False
"""


def counted(folder, *names):
    """The last line, and the exit code, for a run of those tests."""
    (folder / "test_it.py").write_text(TESTS)
    report = folder / "report.xml"
    tests = [f"test_it.py::{name}" for name in names]
    run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", f"--junitxml={report}", *tests]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    subprocess.run(run, cwd=folder, env=alone, capture_output=True, timeout=PATIENCE, check=False)
    command = [sys.executable, str(ROOT / ".ci" / "count.py"), str(report)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)
    return done.stdout, done.returncode


@pytest.mark.parametrize(
    ("names", "line", "code"),
    [
        (["test_good", "test_also_good"], "2 passed, 0 failed\n", 0),
        (["test_good", "test_skipped", "test_expected"], "1 passed, 0 failed, 2 skipped\n", 0),
        (["test_good", "test_bad", "test_error"], "1 passed, 2 failed\n", 1),
        (["test_skipped"], "0 passed, 0 failed, 1 skipped\n", 1),
    ],
)
def test_the_last_line(tmp_path, names, line, code):
    assert counted(tmp_path, *names) == (line, code)


def test_the_gate_ends_with_it():
    assert (ROOT / ".ci" / "run").read_text().rstrip().splitlines()[-1] == "python .ci/count.py pytest.xml"
