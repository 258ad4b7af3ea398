"""Running the command line inside the test's process, and looking at what it left behind."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import typer.main
from PIL import Image

from photostyle.cli.app import run
from photostyle.network.wct2 import WCT2
from photostyle.weights import save_model
from tests.util import picture, tiny_model
from tests.util.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    """What a run of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.strip()]


_built = cache(typer.main.get_command)


class CommandLine:
    """``cli("photo", path, "--style", …)`` in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capfd = monkeypatch, capfd
        # Built once, not for every run: the same whichever command is run.
        monkeypatch.setattr(typer.main, "get_command", _built)
        monkeypatch.setenv("PHOTOSTYLE_CACHE", os.path.join(os.sep, "nowhere", "photostyle"))

    def __call__(self, *args: object) -> Result:
        self.monkeypatch.setattr(sys, "argv", ["photostyle", *map(str, args)])
        self.monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # typer replaces it
        self.capfd.readouterr()
        logger = logging.getLogger("photostyle")
        handlers, propagate = logger.handlers, logger.propagate
        try:
            with pytest.raises(SystemExit) as end:
                run()
        finally:
            logger.handlers, logger.propagate = handlers, propagate
        out, err = self.capfd.readouterr()
        code = end.value.code
        assert code is None or isinstance(code, int)
        return Result(code or 0, out, err)

    def refuses(self, folder: Path, *args: object) -> str:
        """The one line on stderr with which it ends with exit code 1, having changed nothing under `folder`."""
        before = contents(folder)
        result = self(*args)
        assert result.code == 1
        assert result.out == ""
        assert len(result.lines) == 1, result.err
        after = contents(folder)
        assert sorted(after) == sorted(before)
        assert after == before
        return result.lines[0]


def subprocess_cli(*args: object, **environment: str) -> Result:
    """``python -m photostyle …``."""
    done = subprocess.run(
        [sys.executable, "-m", "photostyle", *map(os.fspath, args)],
        cwd=ROOT,
        env={**os.environ, "_TYPER_FORCE_DISABLE_TERMINAL": "1", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def plain(text: str) -> str:
    """Text without terminal colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def colourful_model(unpool: str = "cat5", seed: int = 0) -> WCT2:
    """A tiny random network whose answers fill [0, 1] rather than round to black."""
    model = tiny_model(unpool, seed)
    image = picture(64, 64, 1)[None]
    last = model.decoder.conv1_1
    with torch.no_grad():
        last.bias.zero_()
        result = model(image)
        scale = 0.15 / result.std((0, 2, 3))
        last.weight.mul_(scale[:, None, None, None])
        last.bias.copy_(0.5 - scale * result.mean((0, 2, 3)))
    return model


@cache
def _colourful_file(unpool: str, seed: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_model(colourful_model(unpool, seed), path, half=False)
        return path.read_bytes()


def save_colourful_model(path: Path, unpool: str = "cat5", seed: int = 0) -> Path:
    """That network in a file, which is made once: hundreds of tests want it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_colourful_file(unpool, seed))
    return path


def pixels(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A picture as (H, W, 3) bytes."""
    return (picture(height, width, seed).permute(1, 2, 0) * 255).round().byte().numpy()


def save_picture(path: Path, height: int, width: int, seed: int = 0, **options: object) -> Path:
    Image.fromarray(pixels(height, width, seed)).save(path, **options)
    return path


def read(path: Path) -> npt.NDArray[np.int16]:
    """Values of an image file, wide enough to subtract."""
    with Image.open(path) as image:
        return np.asarray(image).astype(np.int16)


def size(path: Path) -> tuple[int, int]:
    """(width, height) of an image file."""
    with Image.open(path) as image:
        return image.size


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def stripes(path: Path, width: int, height: int, *colours: tuple[int, int, int], mode: str = "RGB") -> Path:
    """A mask of vertical stripes of these colours; of mode RGB or P."""
    labels = np.arange(width) * len(colours) // width
    image = Image.fromarray(np.array(colours, np.uint8)[np.broadcast_to(labels, (height, width))])
    (image if mode == "RGB" else image.quantize(16)).save(path)
    return path


def photo_scene(folder: Path) -> Path:
    """`folder` with a photo c.png, a style s.png, red masks cm.png and sm.png for them, and tiny.safetensors."""
    save_picture(folder / "c.png", 40, 56, 1)
    save_picture(folder / "s.png", 48, 32, 2)
    stripes(folder / "cm.png", 56, 40, (255, 0, 0))
    stripes(folder / "sm.png", 32, 48, (255, 0, 0))
    save_colourful_model(folder / "tiny.safetensors")
    return folder


_OF_REGIONS = {"--segment", "--content-mask", "--style-mask", "--map", "--keep", "--report", "--method", "--preset"}


def without_regions(arguments: Sequence[object]) -> list[object]:
    """Arguments, with ``--segment off`` unless they ask for something about regions: finding some takes five times as
    long as all the rest."""
    asked = _OF_REGIONS.intersection(a for a in arguments if isinstance(a, str))
    return [*arguments, *([] if asked else ["--segment", "off"])]


def photo_arguments(
    folder: Path,
    *extra: object,
    content: str | Sequence[str] = "c.png",
    style: str = "s.png",
    out: str = "o.png",
    model: str = "tiny.safetensors",
) -> list[object]:
    """What follows ``photostyle photo`` for files of a `photo_scene`; see also `without_regions`."""
    photos = [folder / name for name in ([content] if isinstance(content, str) else content)]
    files = [*photos, "--style", folder / style, "-o", folder / out, "--model", folder / model]
    return without_regions([*files, *extra])
