"""Fixtures of the command-line tests."""

import pytest

from tests.util.cli import CommandLine, photo_arguments, photo_scene


@pytest.fixture
def cli(monkeypatch, capfd):
    return CommandLine(monkeypatch, capfd)


@pytest.fixture
def scene(tmp_path):
    return photo_scene(tmp_path)


@pytest.fixture
def refuses(cli, scene):
    """``refuses(option, value, …, content=…, style=…, out=…)``: the line with which the run is refused."""
    return lambda *extra, **names: cli.refuses(scene, "photo", *photo_arguments(scene, *extra, **names))
