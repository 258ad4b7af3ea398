"""What `scripts/check/faults.py` runs and breaks off: commands in forked processes, and what may be left of them."""

from __future__ import annotations

import hashlib
import http.server
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from photostyle.cli import app as app  # imported here, not by every process that is forked
from photostyle.cli import main
from photostyle.engines import local as engines
from photostyle.weights import RegistryEntry, registry

PARTIAL = re.compile(r"\.[0-9a-f]{32}\.\w+|.*\.partial")
_CONTENT = bytes(range(256)) * 8192  # 2 MiB
_serve = engines._serve
_PHOTOS, _PATIENCE = 4, 600.0


class FaultError(Exception):
    """Something is there that must not be, or is not what it must be."""


@dataclass(frozen=True)
class Kind:
    """A command that writes files.

    Attributes:
        name: of the command.
        words: the command.
        outputs: the files that it makes, within the folder of a run.
        read: what is the same of every whole output; raises anything for a file that is not whole.
        again: what is added where a run goes on.
        kept: what an interrupted run may leave beside whole outputs, for the next one.
    """

    name: str
    words: Callable[[Path], list[object]]
    outputs: tuple[str, ...]
    read: Callable[[Path], object]
    again: tuple[str, ...] = ()
    kept: str = "(?!)"


def write_scene(scene: Path) -> None:
    """Photos and a clip. Made in another process: making clips starts threads."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            (scene / "in").mkdir()
            generator = np.random.default_rng(0)
            for name in ("style.png", "content.png", *(f"in/{n}.png" for n in range(_PHOTOS))):
                _soft(generator, (6, 8)).resize((96, 72), Image.Resampling.BICUBIC).save(scene / name)
            _write_clip(scene / "clip.mp4", generator)
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(process, 0)[1]:
        raise RuntimeError("the files to begin with could not be made")


def _soft(generator: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Not every colour there is: those take the finish longer than all else takes."""
    pixels = generator.integers(0, 255, (*size, 3))
    return Image.fromarray(((pixels + 2 * pixels.mean(2, keepdims=True)) / 3).astype(np.uint8))


def _write_clip(path: Path, generator: np.random.Generator) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, width=96, height=64)
        for shot in range(3):
            still = _soft(generator, (4, 6)).resize((96, 64), Image.Resampling.BICUBIC)
            picture = np.asarray(still) * (0.3 + 0.3 * shot)
            for _ in range(4):
                frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), "rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())


def kinds(scene: Path, port: int) -> list[Kind]:
    """All that is broken off."""
    common: list[object] = ["--style", scene / "style.png", "--device", "cpu"]
    photos = tuple(f"out/{n}.png" for n in range(_PHOTOS))

    def photo(folder: Path) -> list[object]:
        return ["photo", scene / "content.png", *common, "--segment", "off", "-o", folder / "out.png"]

    def batch(folder: Path) -> list[object]:
        return ["batch", scene / "in", *common, "--segment", "off", "--jobs", "2", "-o", folder / "out"]

    def video(folder: Path) -> list[object]:
        return ["video", scene / "clip.mp4", *common, "-o", folder / "out.mp4"]

    def fetch(folder: Path) -> list[object]:
        return ["weights", "fetch", "data", "--base-url", f"http://127.0.0.1:{port}/"]

    return [
        Kind("photo", photo, ("out.png",), _pixels),
        Kind("batch", batch, photos, _pixels, kept=r"out/\.photostyle/batch\.json"),
        Kind("video", video, ("out.mp4",), _frames, ("--resume",), r"out\.mp4\.parts/.*"),
        Kind("weights", fetch, ("cache/data.pth",), _digest, kept=r"cache/data\.pth\.partial"),
    ]


def _pixels(path: Path) -> object:
    with Image.open(path) as image:
        return image.size, image.tobytes()


def _frames(path: Path) -> object:
    with av.open(str(path)) as container:
        return [(frame.pts, frame.to_ndarray(format="rgb24").tobytes()) for frame in container.decode(video=0)]


def _digest(path: Path) -> object:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def serving() -> Iterator[int]:
    """A server of the file that `weights fetch data` fetches, in a process of its own; yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(_CONTENT) - 1}/{len(_CONTENT)}")
            self.send_header("Content-Length", str(len(_CONTENT) - start))
            self.end_headers()
            for place in range(start, len(_CONTENT), 1 << 16):
                time.sleep(0.01)
                self.wfile.write(_CONTENT[place : min(place + (1 << 16), len(_CONTENT))])

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass  # clients are killed here

    with Server(("127.0.0.1", 0), Handler) as server:
        process = os.fork()
        if process == 0:
            server.serve_forever()
            os._exit(0)
        try:
            yield server.server_port
        finally:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def start(kind: Kind, folder: Path, more: Sequence[object] = ()) -> int:
    """Begin a command in a process group of its own; returns its process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    process = os.fork()
    if process:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return process
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # until there is a command
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.setpgid(0, 0)
        told = os.open(_said(os.getppid()), os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        os.dup2(told, 2)
        os.dup2(told, 1)
        real = multiprocessing.get_context
        engines.multiprocessing.get_context = lambda name=None: real("fork")  # type: ignore[attr-defined, misc, assignment]
        engines._serve = _serve_alone
        entry = RegistryEntry("data", "data.pth", "http://127.0.0.1:9/", len(_CONTENT),
                              hashlib.sha256(_CONTENT).hexdigest(), "MIT", "test data")  # fmt: skip
        registry.REGISTRY = (entry,)
        os.environ |= {"PHOTOSTYLE_CACHE": str(folder / "cache"), "NO_PROXY": "127.0.0.1"}
        sys.argv = ["photostyle", *map(str, [*kind.words(folder), *more])]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - a forked child must never return into the parent's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _serve_alone(connection: Connection[Any, Any], setup: Any) -> None:
    """A worker that is forked, not spawned: nobody else's pipes may stay open in it, or no end of theirs is seen."""
    parent = multiprocessing.parent_process()
    kept = {0, 1, 2, connection.fileno(), *([parent.sentinel] if parent else [])}
    for number in range(3, 256):
        if number not in kept:
            with suppress(OSError):
                os.close(number)
    _serve(connection, setup)


def ended(process: int) -> int:
    """Wait for a command and all that it started; its exit code, or less than 0 for a signal."""
    status = os.waitpid(process, 0)[1]
    limit = time.monotonic() + _PATIENCE
    while time.monotonic() < limit:
        try:
            os.killpg(process, 0)
        except ProcessLookupError:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    raise FaultError("processes outlive their command")


def said() -> str:
    """What the last command said."""
    return _said(os.getpid()).read_text(errors="replace")


def _said(process: int) -> Path:
    # Not beside the outputs: that disk may be full.
    return Path(tempfile.gettempdir()) / f"photostyle-faults-{process}.txt"


def reference(kind: Kind, folder: Path) -> tuple[dict[str, object], float]:
    """What every whole output is, and how many seconds it takes to make all."""
    folder.mkdir()
    began = time.monotonic()
    code = ended(start(kind, folder))
    if code:
        raise FaultError(f"{kind.name}: exit code {code}: {said()}")
    seconds = time.monotonic() - began
    return {name: kind.read(folder / name) for name in kind.outputs}, seconds


def check(kind: Kind, folder: Path, truth: dict[str, object], *, tidy: bool, complete: bool = False) -> tuple[int, int]:
    """Outputs are whole or absent, and nothing else is there; returns how many are whole, and hidden files left.

    Args:
        kind: what was run.
        folder: where.
        truth: of `reference`.
        tidy: not even a hidden file may be left.
        complete: no output may be absent.
    """
    whole = 0
    for name in kind.outputs:
        if (folder / name).exists():
            try:
                same = kind.read(folder / name) == truth[name]
            except Exception as error:
                raise FaultError(f"{name} is not whole: {error}") from error
            if not same:
                raise FaultError(f"{name} is another than without the fault")
            whole += 1
        elif complete:
            raise FaultError(f"{name} is missing; said: {said()[-2000:]}")
    files = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    rest = [name for name in files if name not in kind.outputs]
    rest = [name for name in rest if complete or not re.fullmatch(kind.kept, name)]
    rest = [name for name in rest if name != "out/.photostyle/batch.json"]
    partial = [name for name in rest if PARTIAL.fullmatch(Path(name).name)]
    if len(partial) < len(rest):
        raise FaultError(f"left: {sorted(set(rest) - set(partial))}")
    if partial and tidy:
        raise FaultError(f"left: {partial}")
    return whole, len(partial)


def finish(kind: Kind, folder: Path, truth: dict[str, object]) -> int:
    """Run it again to the end, and see that all is there; returns how many hidden files of the broken run are left."""
    done = all((folder / name).exists() for name in kind.outputs)
    if not (done and kind.name in ("photo", "video")):  # which refuse to replace what is there
        code = ended(start(kind, folder, kind.again))
        if code:
            raise FaultError(f"run again: exit code {code}: {said()[-2000:]}")
    return check(kind, folder, truth, tidy=False, complete=True)[1]


def emptied(folder: Path) -> Path:
    """The folder, new."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def only(found: Sequence[Kind], names: Sequence[str]) -> list[Kind]:
    """Those of these names, or all."""
    return [replace(kind) for kind in found if not names or kind.name in names]
