"""``photostyle web``: what it says when it cannot serve. That it serves is for test_web_browser.py."""

import importlib.util
import socket

import pytest

from photostyle.cli import web


def test_without_gradio_it_says_what_to_install(cli, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(web, "find_spec", lambda name: None if name == "gradio" else found(name))
    line = cli.refuses(tmp_path, "web", "--port", 0)
    assert line == "photostyle: the page needs Gradio: pip install 'photostyle[web]'"


def test_a_port_that_is_taken(cli, tmp_path, monkeypatch):
    pytest.importorskip("gradio")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = cli.refuses(tmp_path, "web", "--port", port)
    assert line.startswith(f"photostyle: 127.0.0.1:{port}: cannot be served at (Address already in use)")


@pytest.mark.parametrize("wrong", [("--port", 70000), ("--max-upload", 0), ("--max-pixels", 0), ("--max-visitors", -1)])
def test_options_out_of_range(cli, wrong):
    result = cli("web", *wrong)
    assert result.code == 2
    assert wrong[0] in result.err
