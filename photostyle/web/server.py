"""The page put together and served: routes of our own, Gradio behind the gate, and files that go when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Read when Gradio is imported: it would tell its makers that it was started, and ask them for its latest version.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
# Its summary of how often what was asked is for nobody here; pandas, which makes it, warns of that at every wish.
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(1 << 62)

import gradio as gr
import uvicorn
from fastapi import FastAPI
from gradio import route_utils, routes
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from photostyle.errors import MemoryLimitError, OutputError
from photostyle.network.wct2 import WCT2
from photostyle.web.guard import API, Guard, cookie_of
from photostyle.web.page import build
from photostyle.web.sessions import Limits, Sessions
from photostyle.web.studio import Studio
from photostyle.web.wishes import Engine

__all__ = ["Page", "open_page", "serve"]

_SWEEP = 60.0  # seconds between looks for visitors who went without a word
_LIBRARIES = r"(gradio|gradio_client|fastapi|starlette|uvicorn|websockets|httpx|anyio|pydantic|pandas)(\.|$)"


@dataclass(frozen=True, eq=False)
class Page:
    """The page, ready to be served.

    Attributes:
        app: ASGI.
        sessions: its visitors.
    """

    app: Guard
    sessions: Sessions[Studio]


@contextlib.contextmanager
def open_page(
    model: WCT2, limits: Limits | None = None, hosts: tuple[str, ...] | None = (), *, name: str = "small"
) -> Iterator[Page]:
    """Build the page; its files lie in a temporary folder that is removed at the end.

    Args:
        model: the network.
        limits: what visitors may take.
        hosts: further names than those of this machine under which the page may be asked; None allows any.
        name: of the network, or its file.
    """
    root = Path(tempfile.mkdtemp(prefix="photostyle-web-")).resolve()
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(root)
    sessions: Sessions[Studio] | None = None
    try:
        engine = Engine(model, name)
        sessions = Sessions(root, limits or Limits(), lambda folder: Studio(engine, folder))
        # Outside a loop Gradio would make some, and never close them.
        yield Page(Guard(asyncio.run(_application(sessions, engine)), sessions, hosts), sessions)
    finally:
        if sessions:
            sessions.close()
        shutil.rmtree(root, ignore_errors=True)
        if before is None:
            del os.environ["GRADIO_TEMP_DIR"]
        else:
            os.environ["GRADIO_TEMP_DIR"] = before


def serve(page: Page, host: str, port: int, ready: Any = None) -> None:
    """Serve until Ctrl-C. `ready` is called with the port once it is open. Raises OutputError if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise OutputError(
                f"{host}:{port}: cannot be served at ({error.strerror}); choose another --port or --host"
            ) from error
        if threading.current_thread() is threading.main_thread():
            # Otherwise uvicorn ends the process at once, and files would stay behind.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        stop = threading.Event()
        sweeper = threading.Thread(target=_sweep, args=(page.sessions, stop), daemon=True)
        sweeper.start()
        server = uvicorn.Server(
            uvicorn.Config(page.app, log_level="warning", access_log=False, server_header=False, date_header=False,
                           timeout_graceful_shutdown=2, lifespan="on")
        )  # fmt: skip
        listening.listen(128)  # who comes before all is set up waits
        if ready:
            ready(listening.getsockname()[1])
        try:
            with contextlib.suppress(KeyboardInterrupt), _libraries_unheard():
                server.run(sockets=[listening])
        finally:
            stop.set()


@contextlib.contextmanager
def _libraries_unheard() -> Iterator[None]:
    """What the libraries that serve warn of is for who programs with them, not for who looks at the terminal."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=_LIBRARIES)
        yield


def _sweep(sessions: Sessions[Studio], stop: threading.Event) -> None:
    while not stop.wait(_SWEEP):
        sessions.forget_idle()


async def _application(sessions: Sessions[Studio], engine: Engine) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    limit = sessions.limits.upload

    @app.post(f"{API}/upload")
    async def upload(request: Request, upload_id: str | None = None) -> Response:
        """Gradio's own upload, but into a folder of the visitor's that nobody can guess."""
        try:
            folder = sessions.visit(cookie_of(request.headers) or "").upload_folder()
            files, _, _ = await route_utils.upload_fn(
                request, str(folder), limit, upload_id, force_move=True,
                upload_progress=routes.file_upload_statuses if upload_id else None,
            )  # fmt: skip
        except MultiPartException as error:
            too_large = "maximum allowed size" in error.message
            text = f"the file is larger than {limit >> 20} MB, which is the limit here" if too_large else error.message
            return PlainTextResponse(text, 413 if too_large else 400)
        except MemoryLimitError as error:
            return PlainTextResponse(str(error), 503)
        return JSONResponse([str(path) for path in files])

    @app.get("/picture/{token}")
    @app.get("/file/{token}")
    def show(request: Request, token: str) -> Response:
        """What was made for this visitor."""
        visitor = sessions.find(cookie_of(request.headers))
        picture = visitor.pictures.get(token) if visitor else None
        if picture is None or (isinstance(picture.content, Path) and not picture.content.is_file()):
            return PlainTextResponse("there is no such picture any more", 404)
        if isinstance(picture.content, Path):
            return FileResponse(picture.content, media_type=picture.media, filename=picture.name)
        return Response(picture.content, media_type=picture.media)

    blocks, look = build(sessions, engine)
    mounted: FastAPI = gr.mount_gradio_app(
        app, blocks, path="", server_name="127.0.0.1", footer_links=[], run_history=False, allowed_paths=[],
        blocked_paths=[], max_file_size=limit, ssr_mode=False, enable_monitoring=False, pwa=False, mcp_server=False,
        show_error=True, **look,
    )  # fmt: skip
    return mounted
