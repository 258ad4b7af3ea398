"""What lies in `examples/`, run where the program that it is for is installed."""

import ast
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from photostyle.colour.lut import Lut, identity
from photostyle.io.luts import write_lut
from tests.util.cli import ROOT, pixels
from tests.util.waiting import PATIENCE

EXAMPLES = ROOT / "examples"


def look(size):
    """A table that is none of the simple ones: warmer, darker, with some of each channel in the others."""
    table = identity(size)
    mixed = table @ np.array([[0.9, 0.06, 0.0], [0.08, 0.8, 0.1], [0.0, 0.1, 0.7]])
    return np.clip(mixed ** np.array([0.9, 1.1, 1.3]), 0, 1)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(pixels(48, 64)).save(path)
    return path


def test_all_are_named():
    text = (EXAMPLES / "README.md").read_text()
    assert {path.name for path in EXAMPLES.iterdir()} == {"README.md"} | {
        name for name in os.listdir(EXAMPLES) if f"[{name}]({name})" in text
    }


def test_opencolorio_gives_our_own_colours(tmp_path):
    ocio = pytest.importorskip("PyOpenColorIO", reason="OpenColorIO is not installed")
    table = look(33)
    write_lut(tmp_path / "look.cube", table, title="a look")
    shutil.copy(EXAMPLES / "config.ocio", tmp_path)
    config = ocio.Config.CreateFromFile(str(tmp_path / "config.ocio"))
    config.validate()
    shown = config.getProcessor("sRGB", "screen", "look", ocio.TRANSFORM_DIR_FORWARD).getDefaultCPUProcessor()
    plain = config.getProcessor("sRGB", "screen", "plain", ocio.TRANSFORM_DIR_FORWARD).getDefaultCPUProcessor()
    from_light = config.getProcessor("linear", "screen", "look", ocio.TRANSFORM_DIR_FORWARD).getDefaultCPUProcessor()
    colours = (pixels(24, 32).astype(np.float32) / 255).reshape(-1, 3)
    for processor, given in ((shown, colours), (from_light, linear(colours))):
        graded = np.ascontiguousarray(given, np.float32)
        processor.applyRGB(graded)
        assert np.abs(graded - Lut(table)(colours)).max() < 0.01  # they go through tetrahedra, we through cubes
    same = colours.copy()
    plain.applyRGB(same)
    assert np.abs(same - colours).max() < 1e-5


def linear(values):
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def run(script, *arguments):
    return subprocess.run(
        ["bash", str(EXAMPLES / script), *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=PATIENCE,
        check=False,
    )


FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg here")


@pytest.fixture
def tables(tmp_path):
    """The look as a cube, of a name that no filter would take, and as a Hald image."""
    write_lut(tmp_path / "it's a look: warm, dark.cube", look(33))
    write_lut(tmp_path / "hald.png", look(36))
    return tmp_path / "it's a look: warm, dark.cube", tmp_path / "hald.png"


@FFMPEG
def test_ffmpeg_gives_our_own_colours(tmp_path, photo, tables):
    results = (tmp_path / "cube.png", tmp_path / "by-hald.png")
    done = run("ffmpeg.sh", photo, *tables, *results)
    assert done.returncode == 0, done.stderr
    wanted = Lut(look(33))(pixels(48, 64) / 255.0)
    for path in results:
        with Image.open(path) as result:
            assert np.abs(np.asarray(result.convert("RGB")) / 255 - wanted).max() < 2.5 / 255


@FFMPEG
@pytest.mark.parametrize(("size", "matrix"), [((720, 1280), None), ((480, 640), "smpte170m")])
def test_ffmpeg_gives_clips_our_own_colours(tmp_path, tables, monkeypatch, size, matrix):
    pytest.importorskip("av", reason="PyAV is not installed")
    from photostyle.video.reading import VideoReader
    from tests.util.video import frames_of, make_clip, packets

    number = 6 if matrix else 1
    clip = make_clip(tmp_path / "in.mp4", (3,), size=size, colour=(1, number, number, number), audio="aac")
    if matrix:
        monkeypatch.setenv("MATRIX", matrix)
    results = (tmp_path / "cube.mp4", tmp_path / "by-hald.mp4")
    done = run("ffmpeg.sh", clip, *tables, *results)
    assert done.returncode == 0, done.stderr
    wanted = Lut(look(33))(frames_of(clip).permute(0, 2, 3, 1).numpy())
    for path in results:
        info = VideoReader(path).info
        assert (info.colour.matrix, info.colour.range_, info.shift_x, info.shift_y) == (number, 1, 1, 1)
        apart = frames_of(path).permute(0, 2, 3, 1).numpy() - wanted
        assert np.abs(apart.mean((0, 1, 2))).max() < 2.5 / 255
        assert [data for _, data in packets(path, "audio")] == [data for _, data in packets(clip, "audio")]


@pytest.mark.skipif(shutil.which("darktable-cli") is None, reason="there is no darktable here")
def test_darktable_develops_what_is_graded(tmp_path):
    from tests.io.test_raw import dng

    results = []
    for strength in (0, 1):
        out = tmp_path / f"{strength}.tif"
        raw = dng(tmp_path / "photo.dng", 1)
        done = run("darktable.sh", raw, out, "--look", "snow", "--segment", "off", "--strength", strength)
        assert done.returncode == 0, done.stderr
        results.append(tifffile.imread(out))
    plain, graded = results
    assert plain.shape == graded.shape
    assert graded.dtype == plain.dtype == np.uint16
    assert len(np.unique(plain % 257)) > 100  # 16 bits are darktable's own, not 8 that were stretched
    assert np.abs(plain / 65535 - graded / 65535).mean() > 0.02
    # darktable left no settings beside the photo
    assert {path.name for path in tmp_path.iterdir()} == {"photo.dng", "0.tif", "1.tif"}


def test_scripts_are_sound_shell():
    for script in EXAMPLES.glob("*.sh"):
        assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
        assert os.access(script, os.X_OK)
        assert "set -euo pipefail" in script.read_text()


def test_the_notebook_runs_and_shows_pictures(tmp_path, monkeypatch):
    """Each cell as Jupyter does it: what its last line gives is shown if it knows how."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    notebook = json.loads(Path(EXAMPLES / "first-look.ipynb").read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert sum(bool(line.strip()) for cell in cells for line in cell.splitlines()) <= 10
    assert not any(cell.get("outputs") for cell in notebook["cells"])
    shown, names = [], {}
    for cell in cells:
        tree = ast.parse(cell)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "first-look.ipynb", "exec"), names)
        if last:
            value = eval(compile(ast.Expression(last.value), "first-look.ipynb", "eval"), names)
            shown.append(Image.open(io.BytesIO(value._repr_png_())).size)
    assert len(shown) == 2
    assert all(width > 600 for width, _ in shown)
