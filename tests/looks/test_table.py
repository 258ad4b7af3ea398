"""The embedded looks: what is listed is there, is small, and belongs to the embedded network."""

import sys
from pathlib import Path

import pytest

from photostyle.errors import ParameterError
from photostyle.looks import LOOKS, look_file, look_folder, look_names
from photostyle.transfer.presets import UNFITTED, read_metadata
from photostyle.weights import load_model
from tests.util.cli import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_what_is_listed_is_there_and_nothing_else():
    assert len(LOOKS) == 12
    assert look_names() == tuple(LOOKS)
    assert {path.stem for path in look_folder().glob("*.style")} == set(LOOKS)
    assert all(text and len(text) < 60 for text in LOOKS.values())


@pytest.mark.parametrize("name", LOOKS)
def test_each_is_a_target_of_the_embedded_network_and_small(name):
    path = look_file(name)
    assert path.stat().st_size < 700_000
    metadata = read_metadata(path)
    assert metadata["version"] == UNFITTED
    assert metadata["model_hash"] == load_model().fingerprint(), "run scripts/looks/looks.py"
    assert (ROOT / "docs" / "looks" / f"{name}.jpg").is_file()


def test_a_name_that_there_is_not():
    with pytest.raises(ParameterError, match="did you mean golden-hour"):
        look_file("golden-our")
    with pytest.raises(ParameterError, match="there is golden-hour, blue-hour"):
        look_file("qqqq")


def test_they_ship_in_the_wheel():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert Path("photostyle") / "looks" in {Path(p) / "looks" for p in build["packages"]}
    ignored = (ROOT / ".gitignore").read_text().split()
    assert not any(pattern.endswith(".style") for pattern in ignored)
