"""Fixtures of the command-line tests, and what holds for all tests."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.util.cli import CommandLine, photo_arguments, photo_scene

# A shell that starts pytest in the background has it ignore Ctrl-C, and so would every command that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes, to make or to try, says how busy the machine is.
settings.register_profile("photostyle", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("photostyle")


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
