"""Running the command line inside the test's process, and looking at what it left behind."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from photostyle.cli.app import run
from photostyle.networks import WCT2
from photostyle.weights import save_model
from tests.util import picture, tiny_model

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Result:
    """What a run of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.strip()]


class Runner:
    """``run_cli("photo", path, "--style", …)`` in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *args: object) -> Result:
        self.monkeypatch.setattr(sys, "argv", ["photostyle", *map(str, args)])
        self.monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # typer replaces it
        self.capsys.readouterr()
        logger = logging.getLogger("photostyle")
        handlers, propagate = logger.handlers, logger.propagate
        try:
            with pytest.raises(SystemExit) as end:
                run()
        finally:
            logger.handlers, logger.propagate = handlers, propagate
        out, err = self.capsys.readouterr()
        code = end.value.code
        assert code is None or isinstance(code, int)
        return Result(code or 0, out, err)


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Runner:
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(tmp_path.parent / "no-cache"))
    return Runner(monkeypatch, capsys)


def subprocess_cli(*args: object, **environment: str) -> Result:
    """``python -m photostyle …``."""
    done = subprocess.run(
        [sys.executable, "-m", "photostyle", *map(os.fspath, args)],  # type: ignore[arg-type]
        cwd=ROOT,
        env={**os.environ, "_TYPER_FORCE_DISABLE_TERMINAL": "1", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
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
        last.bias.zero_()  # type: ignore[union-attr]
        result = model(image)
        scale = 0.15 / result.std((0, 2, 3))
        last.weight.mul_(scale[:, None, None, None])
        last.bias.copy_(0.5 - scale * result.mean((0, 2, 3)))  # type: ignore[union-attr]
    return model


def save_colourful_model(path: Path, unpool: str = "cat5", seed: int = 0) -> Path:
    save_model(colourful_model(unpool, seed), path, half=False)
    return path


def pixels(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A picture as (H, W, 3) bytes."""
    return (picture(height, width, seed).permute(1, 2, 0) * 255).round().byte().numpy()


def save_picture(path: Path, height: int, width: int, seed: int = 0, **options: object) -> Path:
    Image.fromarray(pixels(height, width, seed)).save(path, **options)  # type: ignore[arg-type]
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


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """The block adds, changes and removes no file."""
    before = contents(folder)
    yield
    after = contents(folder)
    assert sorted(after) == sorted(before)
    assert after == before
