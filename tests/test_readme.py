"""What README shows must work: Python here, shell blocks by `.ci/run`, which reads them from README itself."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SHELL = "".join(re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL))


@pytest.mark.parametrize("block", PYTHON)
def test_python_blocks_run(block, tmp_path, monkeypatch):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    assert (tmp_path / "result.png").exists()
    assert (tmp_path / "dusk80.style").exists()


def test_ci_runs_the_shell_blocks():
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
    assert SHELL.count("pip install") == 2
    commands = [shlex.split(line, comments=True) for line in SHELL.replace("\\\n", " ").splitlines()]
    shown = {words[1] for words in commands if words and words[0] == "photostyle"}
    assert {"photo", "apply", "weights"} <= shown


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
