from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from photostyle.errors import DownloadError, WeightsError
from photostyle.weights import RegistryEntry, fetch, registry
from photostyle.weights.download import _CHUNK

CONTENT = bytes(range(251)) * 2000  # several chunks, and no two offsets look alike
ENTRY = RegistryEntry(
    name="data",
    file="data-1234.pth",
    url="http://127.0.0.1:9/never/asked",
    size=len(CONTENT),
    sha256_prefix=hashlib.sha256(CONTENT).hexdigest()[:8],
    licence="MIT",
    description="test data",
)


class Server(ThreadingHTTPServer):
    """Serves `content` under any path and keeps a record; the attributes say how badly it behaves."""

    content = CONTENT
    ranges = True  # answers Range requests with 206
    cut_after: int | None = None  # bytes of a body, then the connection is closed
    lengths = True  # sends Content-Length
    status = 200
    shift = 0  # how far off the ranges it sends are

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []  # path and Range
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mirror/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        wanted = self.headers["Range"]
        server.asked.append((self.path, wanted))
        start = 0
        if server.status != 200:
            self.send_error(server.status)
            return
        if wanted and server.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) + server.shift
            if start >= len(server.content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        else:
            self.send_response(200)
        body = server.content[start:]
        if server.lengths:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body[: server.cut_after]
        server.sent += len(body)
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(tmp_path / "deep" / "cache"))
    register(monkeypatch, ENTRY)
    return tmp_path / "deep" / "cache"


def register(monkeypatch: pytest.MonkeyPatch, entry: RegistryEntry) -> None:
    monkeypatch.setattr(registry, "REGISTRY", (entry,))


def failure(*parts: object, **kwargs: Any) -> str:
    with pytest.raises(DownloadError) as error:
        fetch("data", **kwargs)
    text = str(error.value)
    assert "\n" not in text
    assert all(str(part) in text for part in parts), text
    return text


def test_whole_download(server: Server, cache: Path) -> None:
    steps: list[tuple[int, int]] = []
    path = fetch("data", base_url=server.url, progress=lambda done, total: steps.append((done, total)))
    assert path == cache / ENTRY.file
    assert path.read_bytes() == CONTENT
    assert os.listdir(cache) == [ENTRY.file]
    assert server.asked == [(f"/mirror/{ENTRY.file}", None)]
    assert steps[0] == (0, len(CONTENT))
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})


def test_the_registered_url_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, replace(ENTRY, url=server.url + "elsewhere.bin"))
    assert fetch("data").name == ENTRY.file
    assert server.asked == [("/mirror/elsewhere.bin", None)]


def test_fetched_once(server: Server) -> None:
    path = fetch("data", base_url=server.url)
    assert fetch("data", base_url=server.url) == path
    assert fetch("data", base_url=server.url, overwrite=True) == path
    assert len(server.asked) == 1


@pytest.mark.parametrize("lengths", [True, False])
def test_cut_and_resumed(server: Server, cache: Path, lengths: bool) -> None:
    server.cut_after, server.lengths = 2 * _CHUNK, lengths
    failure("was cut", 2 * _CHUNK, len(CONTENT), "run again", base_url=server.url)
    assert os.listdir(cache) == [ENTRY.file + ".partial"]
    assert (cache / (ENTRY.file + ".partial")).read_bytes() == CONTENT[: 2 * _CHUNK]

    server.cut_after = None
    steps: list[int] = []
    path = fetch("data", base_url=server.url, progress=lambda done, _: steps.append(done))
    assert path.read_bytes() == CONTENT
    assert os.listdir(cache) == [ENTRY.file]
    assert [asked for _, asked in server.asked] == [None, f"bytes={2 * _CHUNK}-"]
    assert server.sent == len(CONTENT)  # no byte twice
    assert steps[0] == 2 * _CHUNK


def test_cut_many_times_at_odd_places(server: Server, cache: Path) -> None:
    server.cut_after = _CHUNK + 17
    for _ in range(20):
        try:
            path = fetch("data", base_url=server.url)
        except DownloadError:
            partial = (cache / (ENTRY.file + ".partial")).read_bytes()
            assert CONTENT.startswith(partial)
        else:
            break
    assert path.read_bytes() == CONTENT
    assert len(server.asked) > 2


def test_server_without_ranges_starts_over(server: Server, cache: Path) -> None:
    server.cut_after, server.ranges = 2 * _CHUNK, False
    failure("was cut", base_url=server.url)
    server.cut_after = None
    assert fetch("data", base_url=server.url).read_bytes() == CONTENT
    assert server.asked[1][1] == f"bytes={2 * _CHUNK}-"
    assert os.listdir(cache) == [ENTRY.file]


def test_complete_partial_needs_no_network(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / (ENTRY.file + ".partial")).write_bytes(CONTENT)
    assert fetch("data").read_bytes() == CONTENT
    assert os.listdir(cache) == [ENTRY.file]


def test_partial_that_is_too_long_starts_over(server: Server, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / (ENTRY.file + ".partial")).write_bytes(CONTENT + b"x")
    assert fetch("data", base_url=server.url).read_bytes() == CONTENT
    assert server.asked[0][1] is None


def test_partial_of_something_else_is_found_out(server: Server, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / (ENTRY.file + ".partial")).write_bytes(b"x" * 1000)
    failure("SHA-256", base_url=server.url)
    assert os.listdir(cache) == []
    assert fetch("data", base_url=server.url).read_bytes() == CONTENT


def test_another_range_than_asked_for(server: Server, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / (ENTRY.file + ".partial")).write_bytes(CONTENT[:1000])
    server.shift = 5
    failure("bytes 1005-", base_url=server.url)
    assert (cache / (ENTRY.file + ".partial")).read_bytes() == CONTENT[:1000]


def test_wrong_hash(server: Server, cache: Path) -> None:
    server.content = CONTENT[:-1] + b"?"
    failure(server.url, "SHA-256", ENTRY.sha256_prefix, base_url=server.url)
    assert os.listdir(cache) == []


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"?", b""])
def test_wrong_size_is_noticed_before_downloading(server: Server, cache: Path, content: bytes) -> None:
    server.content = content
    failure(len(content), len(CONTENT), base_url=server.url)
    assert os.listdir(cache) == []


def test_too_long_without_announcement(server: Server, cache: Path) -> None:
    server.content, server.lengths = CONTENT + bytes(10 * _CHUNK), False
    failure("bytes, not the registered", base_url=server.url)
    assert os.listdir(cache) == []


def test_too_short_without_announcement(server: Server, cache: Path) -> None:
    server.content, server.lengths = CONTENT[:-1], False
    failure("was cut", base_url=server.url)  # cannot be told from a cut connection yet
    failure("shorter than the registered", base_url=server.url)
    assert os.listdir(cache) == []


@pytest.mark.parametrize("status", [404, 403, 503])
def test_http_errors_keep_what_is_there(server: Server, cache: Path, status: int) -> None:
    cache.mkdir(parents=True)
    (cache / (ENTRY.file + ".partial")).write_bytes(CONTENT[:1000])
    server.status = status
    failure(status, server.url, "by hand", cache / ENTRY.file, base_url=server.url)
    assert (cache / (ENTRY.file + ".partial")).read_bytes() == CONTENT[:1000]


def test_nobody_listening(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        failure(f"cannot reach {url}/{ENTRY.file}", "by hand", cache / ENTRY.file, base_url=url)
    assert os.listdir(cache) == []


def test_hand_made_files_are_checked_and_kept(server: Server, cache: Path) -> None:
    cache.mkdir(parents=True)
    target = cache / ENTRY.file
    target.write_bytes(b"x" * len(CONTENT))
    failure(target, "SHA-256", base_url=server.url)
    assert target.read_bytes() == b"x" * len(CONTENT)
    assert server.asked == []
    assert fetch("data", base_url=server.url, overwrite=True).read_bytes() == CONTENT


def test_unwritable_cache(server: Server, cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"a file in the way")
    failure(cache, base_url=server.url)
    assert cache.read_bytes() == b"a file in the way"


def test_stopped_by_the_caller(server: Server, cache: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done >= 2 * _CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("data", base_url=server.url, progress=stop)
    assert (cache / (ENTRY.file + ".partial")).read_bytes() == CONTENT[: 2 * _CHUNK]


def test_unknown_name() -> None:
    with pytest.raises(WeightsError, match="did you mean 'data'"):
        fetch("dta")
