"""``photostyle weights list | import | fetch``; servers are on 127.0.0.1."""

import hashlib
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from photostyle.weights import REGISTRY, read_header, registry
from tests.util.cli import CommandLine, colourful_model, plain, save_colourful_model, save_picture, size, subprocess_cli

DATA = bytes(range(256)) * 1000
ENTRY = replace(REGISTRY[0], size=len(DATA), sha256_prefix=hashlib.sha256(DATA).hexdigest()[:8])


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def cli(monkeypatch, capfd, cache):
    runner = CommandLine(monkeypatch, capfd)
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(cache))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return runner


@pytest.fixture
def small_registry(monkeypatch):
    """The registry's file, as if it were 256 kB."""
    monkeypatch.setattr(registry, "REGISTRY", (ENTRY,))
    monkeypatch.setattr("photostyle.weights.REGISTRY", (ENTRY,))


@pytest.fixture
def serve():
    """``serve(body)``: the URL of a server that answers everything with it."""
    servers = []

    def start(body):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/mirror"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def save_checkpoints(folder, unpool="cat5"):
    """A tiny network as the pair of files in which the public program would keep it; their paths."""
    model = colourful_model(unpool)
    encoder, decoder = dict(model.encoder.state_dict()), dict(model.decoder.state_dict())
    if unpool == "cat5":
        for layer in ("conv3_4", "conv2_2", "conv1_2"):
            for kind in ("weight", "bias"):
                decoder[f"{layer}_2.{kind}"] = decoder.pop(f"{layer}.{kind}")
    paths = folder / f"encoder_{unpool}.pth", folder / f"decoder_{unpool}.pth"
    for path, state in zip(paths, (encoder, decoder), strict=True):
        torch.save(state, path)
    return paths


def import_(paths):
    return ["weights", "import", "--encoder", paths[0], "--decoder", paths[1]]


def test_list_of_an_empty_cache(cli, cache):
    result = cli("weights", "list")
    assert (result.code, result.err) == (0, "")
    rows = [line.split() for line in result.out.splitlines() if line.strip()]
    assert rows[0] == ["name", "where", "unpool", "widths", "size", "licence", "note"]
    assert ["vgg19", "available", "548.1", "MiB", "BSD-3-Clause"] in [row[:5] for row in rows]
    assert not cache.exists()


def test_list_shows_what_is_there_and_what_is_wrong(cli, cache):
    save_colourful_model(cache / "mine-sum.safetensors", "sum")
    (cache / "broken-cat5.safetensors").write_text("[red]no model[/red]")
    result = cli("weights", "list")
    assert (result.code, result.err) == (0, "")
    rows = {line.split()[0]: line.split() for line in plain(result.out).splitlines() if line.strip()}
    assert rows["mine"][1:4] == ["cache", "sum", "6,8,10,12"]
    assert rows["broken"][1] == "cache"
    assert "damaged" in rows["broken"]


def test_list_with_a_file_where_the_cache_should_be(cli, cache):
    cache.write_text("in the way")
    assert cli("weights", "list").code == 0


@pytest.mark.parametrize("unpool", ["cat5", "sum"])
def test_import_and_use(cli, cache, tmp_path, unpool):
    result = cli(*import_(save_checkpoints(tmp_path, unpool)))
    path = cache / f"vgg19-{unpool}.safetensors"
    assert (result.code, result.out, len(result.lines)) == (0, "", 1)
    assert str(path) in result.err
    assert read_header(path).config.widths == (6, 8, 10, 12)
    save_picture(tmp_path / "c.png", 21, 33, 1)
    save_picture(tmp_path / "s.png", 24, 24, 2)
    args = ["photo", tmp_path / "c.png", "--style", tmp_path / "s.png", "--model", "vgg19", "--unpool", unpool]
    assert cli(*args, "-o", tmp_path / "o.png").code == 0
    assert size(tmp_path / "o.png") == (33, 21)
    assert "vgg19" in cli("weights", "list").out.split("available")[0]


def test_the_other_unpooling_is_asked_for(cli, tmp_path):
    assert cli(*import_(save_checkpoints(tmp_path, "sum"))).code == 0
    save_picture(tmp_path / "c.png", 21, 33, 1)
    args = ["photo", tmp_path / "c.png", "--style", tmp_path / "c.png", "--model", "vgg19", "-o", tmp_path / "o.png"]
    assert "sum, which is there" in cli.refuses(tmp_path, *args)


def test_import_under_a_name_of_its_own(cli, cache, tmp_path):
    result = cli(*import_(save_checkpoints(tmp_path)), "--name", "mine")
    assert "--model mine" in result.err
    assert [path.name for path in cache.iterdir()] == ["mine-cat5.safetensors"]


def test_import_quietly_and_again(cli, cache, tmp_path):
    command = import_(save_checkpoints(tmp_path))
    assert cli(*command, "--quiet").err == ""
    line = cli.refuses(tmp_path, *command)
    assert str(cache / "vgg19-cat5.safetensors") in line
    assert "--overwrite" in line
    assert cli(*command, "--overwrite").code == 0


@pytest.mark.parametrize("name", ["small", "../up", "", "a b"])
def test_names_that_cannot_be_imported(cli, tmp_path, name):
    assert "cannot be called" in cli.refuses(tmp_path, *import_(save_checkpoints(tmp_path)), "--name", name)


def test_checkpoints_that_cannot_be_imported(cli, tmp_path):
    encoder, decoder = save_checkpoints(tmp_path)
    (tmp_path / "text.pth").write_text("no checkpoint")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "cut.pth").write_bytes(encoder.read_bytes()[:2000])
    for bad in ("absent.pth", "text.pth", "empty.pth", "cut.pth", "."):
        assert str(tmp_path / bad) in cli.refuses(tmp_path, *import_((tmp_path / bad, decoder)))
        assert str(tmp_path / bad) in cli.refuses(tmp_path, *import_((encoder, tmp_path / bad)))
    assert "swap the two" in cli.refuses(tmp_path, *import_((decoder, encoder)))
    assert "is an encoder" in cli.refuses(tmp_path, *import_((encoder, encoder)))


def test_import_into_a_cache_that_cannot_be_written(cli, cache, tmp_path):
    cache.write_text("in the way")
    assert str(cache) in cli.refuses(tmp_path, *import_(save_checkpoints(tmp_path)))


@pytest.mark.usefixtures("small_registry")
def test_fetch(cli, cache, serve):
    result = cli("weights", "fetch", "vgg19", "--base-url", serve(DATA))
    assert (result.code, result.out, len(result.lines)) == (0, "", 1)
    assert str(cache / ENTRY.file) in result.err
    assert (cache / ENTRY.file).read_bytes() == DATA
    assert [path.name for path in cache.iterdir()] == [ENTRY.file]
    assert cli("weights", "fetch", "vgg19", "--quiet", "--base-url", "http://127.0.0.1:9").err == ""  # is there already


@pytest.mark.usefixtures("small_registry")
def test_fetch_shows_progress_on_a_terminal(cli, serve, monkeypatch):
    monkeypatch.setattr("photostyle.cli.console.stderr._force_terminal", True)
    monkeypatch.setattr("photostyle.cli.console.stderr.is_interactive", True)
    monkeypatch.setenv("TERM", "xterm")
    assert "kB" in plain(cli("weights", "fetch", "vgg19", "--base-url", serve(DATA)).err)


@pytest.mark.usefixtures("small_registry")
def test_a_wrong_file_of_the_right_size(cli, cache, serve, tmp_path):
    url = serve(DATA[:-1] + b"?")
    cache.mkdir()
    line = cli.refuses(tmp_path, "weights", "fetch", "vgg19", "--base-url", url)
    assert url in line
    assert "SHA-256" in line


def test_a_file_of_the_wrong_size(cli, serve, tmp_path):
    url = serve(DATA)
    line = cli.refuses(tmp_path, "weights", "fetch", "vgg19", "--base-url", url)
    assert f"{url}/{ENTRY.file} has {len(DATA)} bytes, not the registered 574673361" in line


def test_nobody_listening(cli, cache, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        line = cli.refuses(tmp_path, "weights", "fetch", "vgg19", "--base-url", url)
    assert f"cannot reach {url}/{ENTRY.file}" in line
    assert str(cache / ENTRY.file) in line


@pytest.mark.parametrize("url", ["not a url", "ftp://127.0.0.1/x", "http://[::1"])
def test_urls_that_are_none(cli, tmp_path, url):
    assert url in cli.refuses(tmp_path, "weights", "fetch", "vgg19", "--base-url", url)


def test_fetch_of_something_unknown(cli, tmp_path):
    assert "did you mean 'vgg19'" in cli.refuses(tmp_path, "weights", "fetch", "vgg16")
    assert "vgg19" in cli.refuses(tmp_path, "weights", "fetch", "")


@pytest.mark.usefixtures("small_registry")
def test_a_file_in_the_cache_that_is_not_the_registered_one(cli, cache, serve, tmp_path):
    cache.mkdir()
    (cache / ENTRY.file).write_bytes(b"mine")
    url = serve(DATA)
    assert str(cache / ENTRY.file) in cli.refuses(tmp_path, "weights", "fetch", "vgg19", "--base-url", url)
    assert cli("weights", "fetch", "vgg19", "--base-url", url, "--overwrite").code == 0
    assert (cache / ENTRY.file).read_bytes() == DATA


@pytest.mark.usefixtures("small_registry")
def test_interrupted(cli, cache, serve, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("photostyle.weights.fetch", interrupt)
    result = cli("weights", "fetch", "vgg19", "--base-url", serve(DATA))
    assert (result.code, result.lines) == (130, ["photostyle: interrupted"])
    assert not cache.exists()


def test_in_a_process_of_its_own(cli, tmp_path, monkeypatch):
    """What it imports, another process lists."""
    paths = save_checkpoints(tmp_path)
    result = subprocess_cli(*import_(paths), PHOTOSTYLE_CACHE=str(tmp_path / "cache"))
    assert (result.code, result.out, len(result.lines)) == (0, "", 1)
    assert (tmp_path / "cache/vgg19-cat5.safetensors").is_file()
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    result = cli("weights", "list")
    assert result.code == 0
    assert "6,8,10,12" in result.out
