"""The directions in which modules may import each other, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "photostyle"
# A module may import from rooms on lower floors and from its own room.
FLOORS = {
    "errors": 0, "names": 0,
    "options": 1, "haar": 1, "guided": 1, "io": 1, "lut": 1, "motion": 1, "yuv": 1, "features": 1,
    "lab": 1, "convolution": 1, "unpooling": 1, "roots": 1,
    "matching": 2, "networks": 2, "regions": 2, "device": 2, "memory": 2, "decoders": 2, "feedforward": 2, "finish": 2,
    "mapping": 3, "evaluate": 3, "weights": 3, "sources": 3, "refine": 3, "tile_plan": 3,
    "transfer": 4, "targets": 4,
    "fit_job": 5, "mixing": 5, "labels": 5, "clustering": 5, "presets": 5, "segmentation": 5,
    "measuring": 6,
    "fitting": 7, "tiling": 7, "grid": 7, "interpolation": 7,
    "methods": 8,
    "training": 9, "jobs": 9,
    "web": 10,
    "cli": 11,
    "__main__": 12,
}  # fmt: skip
CORE = {
    "errors", "names", "options", "haar", "matching", "networks", "regions", "transfer", "fitting", "features",
    "finish", "guided", "refine", "sources", "labels", "targets", "measuring", "yuv", "interpolation", "clustering",
    "tiling", "tile_plan", "grid", "lut", "mixing", "methods", "decoders",
    "feedforward", "fit_job", "lab", "mapping", "convolution", "unpooling", "roots",
}  # fmt: skip
FILES_AND_PICTURES = {"PIL", "cv2", "av", "tifffile", "imagecodecs", "pathlib", "os", "shutil", "tempfile"}
NETWORKS = {"torch", "torchvision", "timm", "segmentation_models_pytorch"}
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
            assert FLOORS[other] < FLOORS[here], f"{here} imports {other}, which is above it"
    if here in CORE:
        assert not packages & FILES_AND_PICTURES
    if here == "io":
        assert not packages & NETWORKS
    if here != "segmentation":
        assert "segmentation_models_pytorch" not in packages
    if here != "weights":
        assert not packages & {"requests", "urllib", "pooch", "http"}
    if here != "cli":
        assert not packages & {"typer", "rich", "click"}
    if here != "web":
        assert not packages & {"gradio", "fastapi", "starlette", "uvicorn"}


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
