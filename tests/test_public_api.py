"""The names that ``import photostyle`` promises."""

import ast
import inspect
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

import photostyle
from photostyle import _HOMES
from photostyle.weights import save_model
from tests import api_surface
from tests.util import picture, tiny_model

ROOT = Path(__file__).parents[1]
SOURCE = (ROOT / "photostyle/__init__.py").read_text()


@pytest.mark.parametrize("name", photostyle.__all__)
def test_every_name_is_there_and_explained(name):
    thing = getattr(photostyle, name)
    assert thing is getattr(import_module(f"photostyle.{_HOMES[name]}"), name)
    assert thing.__name__ == name
    assert inspect.getdoc(thing)


def test_no_name_or_signature_changes_unseen():
    held = json.loads(api_surface.FILE.read_text(encoding="utf-8"))
    assert api_surface.surface() == held, "if this is meant: python -m tests.api_surface, and say so in the commit"


def test_the_lists_of_names_agree():
    assert len(set(photostyle.__all__)) == len(photostyle.__all__)
    assert set(photostyle.__all__) == set(_HOMES)
    assert dir(photostyle) == sorted(photostyle.__all__)
    checked = next(node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))  # if TYPE_CHECKING
    for_type_checkers = {
        alias.name: node.module.removeprefix("photostyle.")
        for node in checked.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert for_type_checkers == _HOMES


def test_no_name_is_hidden_by_a_module():
    """Importing photostyle.x makes x an attribute of the package, which would then win over a lazy name x."""
    modules = {path.stem for path in (ROOT / "photostyle").iterdir()}
    assert not modules & set(photostyle.__all__)


def test_names_are_reached_in_every_order():
    """A fresh interpreter for each name: none depends on another having been asked for before."""
    code = "import sys, photostyle; print(getattr(photostyle, sys.argv[1]).__name__)"
    for name in ("PhotostyleError", "FitOptions", "write_image"):
        done = subprocess.run(
            [sys.executable, "-c", code, name], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
        )
        assert done.stdout.strip() == name


def test_star_import():
    namespace = {}
    exec("from photostyle import *", namespace)
    assert set(photostyle.__all__) <= set(namespace)


def test_unknown_names():
    with pytest.raises(AttributeError, match="no attribute 'styleize'"):
        photostyle.styleize  # noqa: B018
    assert not hasattr(photostyle, "torch")
    with pytest.raises(ImportError):
        exec("from photostyle import styleize")


def test_version_is_that_of_the_project():
    text = (ROOT / "pyproject.toml").read_text()
    assert re.search(r'^version = "(.*)"$', text, re.MULTILINE)[1] == photostyle.__version__


def test_every_error_has_the_one_base():
    errors = import_module("photostyle.errors")
    classes = [thing for thing in vars(errors).values() if inspect.isclass(thing)]
    assert len(classes) > 8
    assert all(issubclass(error, photostyle.PhotostyleError) for error in classes)


def test_the_example_of_the_docstring_runs(tmp_path):
    """… with another model, and on to a saved style."""
    save_model(tiny_model(), tmp_path / "tiny.safetensors")
    for name, seed in (("day.jpg", 1), ("dusk.jpg", 2)):
        photostyle.write_image(tmp_path / name, picture(33, 47, seed))
    calls = re.findall(r"photostyle\.(\w+)\(", SOURCE[: SOURCE.index('"""', 3)])
    assert calls == ["load_model", "stylize", "show", "load_look"]

    model = photostyle.load_model(tmp_path / "tiny.safetensors")
    content, style = (photostyle.read_image(tmp_path / name) for name in ("day.jpg", "dusk.jpg"))
    result = photostyle.stylize(model, str(tmp_path / "day.jpg"), str(tmp_path / "dusk.jpg"))
    assert result.shape == (3, 33, 47)
    assert torch.equal(result, photostyle.stylize(model, content, style))
    assert photostyle.show(str(tmp_path / "day.jpg"), result).image.size == (47 + 8 + 47, 33)

    transfer = photostyle.fit(model, content, style, options=photostyle.FitOptions(strength=0.5))
    photostyle.save_transfer(transfer, tmp_path / "dusk.style")
    again = photostyle.load_transfer(tmp_path / "dusk.style", model)
    assert torch.allclose(again.apply(content), transfer.apply(content), atol=1e-5)
