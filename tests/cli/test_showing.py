"""Results in the terminal and in the system's viewer."""

import io
import re
import sys

import pytest
import typer
from PIL import Image
from rich.console import Console

from photostyle.cli import showing
from photostyle.cli.terminal import renderable
from tests.util.cli import save_picture


def test_half_blocks_where_the_terminal_knows_no_pictures(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    picture = Image.new("RGB", (40, 20), (250, 10, 10))
    stream = io.StringIO()
    console = Console(file=stream, width=60, force_terminal=True, color_system="truecolor")
    picture.paste((10, 10, 250), (0, 0, 40, 10))
    console.print(renderable(picture, 4))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1  # four columns of cells twice as high as wide
    assert lines[0].count("▀") == 4
    red, blue = (int(value) for value in re.findall(r"48;2;(\d+);\d+;(\d+)m", lines[0])[0])
    assert red > 200 > 50 > blue  # of the lower half


def test_nothing_is_drawn_in_a_pipe(capfd):
    showing.draw(Image.new("RGB", (8, 8)))
    out, err = capfd.readouterr()
    assert out == ""
    assert "--preview draws on terminals" in err


def test_before_and_after_are_drawn(tmp_path, monkeypatch, scene, cli):
    drawn = []
    monkeypatch.setattr(showing, "draw", drawn.append)
    opened = []
    monkeypatch.setattr(typer, "launch", lambda path: opened.append(path) or 0)
    result = cli(
        "photo", scene / "c.png", "--style", scene / "s.png", "--model", scene / "tiny.safetensors", "--segment", "off",
        "-o", scene / "o.png", "--preview", "--open",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert [picture.size for picture in drawn] == [(56 + 8 + 56, 40)]
    assert opened == [str(scene / "o.png")]


def test_a_system_without_a_viewer(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(typer, "launch", lambda path: 1)
    showing.open_file(save_picture(tmp_path / "a.png", 20, 20))
    assert "there is no program to open" in capfd.readouterr().err


@pytest.mark.parametrize("extra", [("--preview",), ("--open",), ("--compare", "x.png")])
def test_pipes_show_nothing(cli, scene, monkeypatch, extra):
    monkeypatch.chdir(scene)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    line = cli.refuses(scene, "photo", "-", "--style", "s.png", "--model", "tiny.safetensors", *extra)
    assert "are for files, not for standard input and output" in line
