"""The directions in which rooms may import each other, read from the source, and what each may know."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "photostyle"
# A room imports from lower floors and from itself. docs/architecture.md shows the same order.
FLOORS = {
    "errors": 0, "threads": 0,
    "options": 1, "device": 1, "memory": 1, "colour": 1, "engines": 1, "looks": 1, "network": 1,
    "edges": 2, "io": 2,
    "regions": 3, "weights": 3,
    "segmentation": 4, "transfer": 4,
    "evaluate": 5, "methods": 5,
    "jobs": 6, "training": 6,
    "batch": 7, "video": 7,
    "web": 8,
    "cli": 9,
    "__main__": 10,
}  # fmt: skip
TOP = {"__init__", "__main__", "errors", "options", "device", "memory", "threads"}
CORE = {"errors", "options", "network", "transfer", "regions", "edges", "colour", "methods"}  # numbers, never files
OF_FILES = {"transfer/presets.py"}  # … but for the files in which what was measured is kept
FILES_AND_PICTURES = {"PIL", "cv2", "av", "tifffile", "imagecodecs", "pathlib", "os", "shutil", "tempfile"}
NETWORKS = {"torch", "torchvision", "timm", "segmentation_models_pytorch"}
ONLY_IN = {
    "segmentation_models_pytorch": {"segmentation"},
    "requests": {"weights"}, "urllib": {"weights"}, "pooch": {"weights"}, "http": {"weights"},
    "typer": {"cli"}, "rich": {"cli"}, "click": {"cli"},
    "gradio": {"web"}, "fastapi": {"web"}, "starlette": {"web"}, "uvicorn": {"web"},
    "av": {"video"},
    "ray": {"engines"},
}  # fmt: skip
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def room(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(path):
    """(top-level package, photostyle room or None) of every import, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            yield parts[0], (parts[1] if parts[0] == "photostyle" and len(parts) > 1 else None)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    here = room(path)
    assert here in FLOORS, f"{here} has no floor: decide where it belongs and say so in docs/architecture.md"
    packages = {package for package, _ in imported(path)}
    for _, other in imported(path):
        if other and other != here and other in FLOORS:
            assert FLOORS[other] < FLOORS[here], f"{here} imports {other}, which is not below it"
    if here in CORE and str(path.relative_to(ROOT).as_posix()) not in OF_FILES:
        assert not packages & FILES_AND_PICTURES
        assert "io" not in {other for _, other in imported(path)}
    if here == "io":
        assert not packages & NETWORKS
    for package in packages & set(ONLY_IN):
        assert here in ONLY_IN[package], f"{here} imports {package}"


def test_the_top_is_almost_empty():
    assert {path.stem for path in ROOT.glob("*.py")} == TOP


def test_the_plan_on_paper_is_this_one():
    text = (ROOT.parent / "docs" / "architecture.md").read_text()
    table = re.findall(r"^\| (\d+) \| ((?:`\w+/?`(?:, )?)+) \| \S", text, re.MULTILINE)
    assert {name: int(floor) for floor, names in table for name in re.findall(r"\w+", names)} == FLOORS
    picture = re.search(r"```\n(  9   cli .*?)```", text, re.DOTALL)[1]
    drawn, floor = {}, 0
    for line in picture.splitlines():
        floor = int(line[:4]) if line[:4].strip() else floor
        for name in re.findall(r"\w+", line[4:40]):
            drawn[name] = floor
    assert drawn == {name: floor for name, floor in FLOORS.items() if name != "__main__"}


def test_every_room_says_what_belongs_there():
    rooms = [path for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))]
    assert {path.name for path in rooms} | TOP - {"__init__"} == set(FLOORS)
    for path in rooms:
        assert ast.get_docstring(ast.parse((path / "__init__.py").read_text())), path


def test_only_the_command_line_prints_or_exits():
    for path in MODULES:
        if room(path) in ("cli", "__main__"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("print", "sys.exit", "exit", "quit"), f"{path}: {called}"


def test_files_can_be_read_in_one_sitting():
    for path in MODULES:
        lines = len(path.read_text().splitlines())
        assert lines <= 300, f"{path} has {lines} lines: split it"
