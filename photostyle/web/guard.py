"""What may be asked of the page, and by whom: a gate before Gradio.

Gradio serves every file below its folder to whoever knows its path, and takes paths and addresses in place of
uploads. Here a file belongs to the visitor who uploaded it or whom it was made for, and nobody names any other; only
what the page itself needs is answered; nothing is loaded from other machines, and no other site's page may ask.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from starlette.datastructures import URL, Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photostyle.errors import ParameterError
from photostyle.web.sessions import Sessions

COOKIE = "photostyle"
API = "/gradio_api"
MOST_TEXT = 1 << 20  # bytes of what a page sends about its controls

_READ = re.compile(
    rf"/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?|/(assets|static|svelte)/.+|/(picture|file)/[\w-]+"
    rf"|{API}/(startup-events|theme\.css|queue/data|upload_progress|heartbeat/\w+|file=.+)/?"
)
_WRITE = re.compile(rf"{API}/(queue/join|upload|cancel|reset)/?")
_COOKIE_VALUE = re.compile(r"[\w-]{32,64}")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


class Guard:
    """ASGI middleware around the whole page.

    Args:
        app: what it stands before.
        sessions: who is who.
        hosts: names under which the page may be asked, to keep out pages of other sites whose name leads here; None
            allows any.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions[Any], hosts: Iterable[str] | None) -> None:
        self._app, self._sessions = app, sessions
        self._hosts = None if hosts is None else {*hosts, *_LOCAL}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        cookie = cookie_of(headers)
        refusal = self._refusal(scope["method"], path, headers, cookie)
        if refusal is None and scope["method"] == "POST" and not path.startswith(f"{API}/upload"):
            receive, refusal = await self._checked(receive, cookie)
        fresh = secrets.token_urlsafe(32) if cookie is None and path == "/" else None
        send = _with_headers(send, fresh, path)
        if refusal is not None:
            await PlainTextResponse(refusal[1], refusal[0])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, method: str, path: str, headers: Headers, cookie: str | None) -> tuple[int, str] | None:
        host = _name(f"//{headers.get('host', '')}")
        if self._hosts is not None and host not in self._hosts:
            return 421, "this page is not served under this name"
        origin = headers.get("origin")
        if origin is not None and URL(origin).netloc != headers.get("host"):
            return 403, "pages of other sites may not ask here"
        answered = {"GET": _READ, "HEAD": _READ, "POST": _WRITE}.get(method)
        if answered is None or not answered.fullmatch(path):
            return 404, "there is nothing here"
        if method == "POST" and cookie is None:
            return 403, "load the page first"
        if path.startswith(f"{API}/file=") and not self._owns(cookie, path.partition("=")[2]):
            return 404, "there is no such file"
        return None

    async def _checked(self, receive: Receive, cookie: str | None) -> tuple[Receive, tuple[int, str] | None]:
        """The body, to be read once more, and why it is refused: files in it must be the visitor's own."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > MOST_TEXT:
                return receive, (413, "this is more than the page sends")
            if not message.get("more_body"):
                break
        sent = False

        async def again() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            named = list(_paths(json.loads(body or b"null")))
        except (ValueError, RecursionError):
            return again, (400, "this is not JSON")
        if not all(self._owns(cookie, path) for path in named):
            return again, (403, "files are uploaded, not named")
        return again, None

    def _owns(self, cookie: str | None, path: str) -> bool:
        visitor = self._sessions.find(cookie)
        try:
            return visitor is not None and bool(visitor.owned(Path(path)))
        except (ParameterError, OSError, ValueError):
            return False


def cookie_of(headers: Headers) -> str | None:
    """The visitor's cookie, if it is one of ours."""
    found = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    return found if found and _COOKIE_VALUE.fullmatch(found) else None


def visitor_cookie(request: Request) -> str:
    """The cookie of a request that the gate let through. Raises ParameterError."""
    cookie = cookie_of(request.headers)
    if cookie is None:
        raise ParameterError("this browser keeps no cookies: allow them for this page and load it again")
    return cookie


def _paths(data: Any) -> Iterable[str]:
    """Whatever would be opened as a file or fetched, at any depth."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "path" and isinstance(value, str):
                yield value
            else:
                yield from _paths(value)
    elif isinstance(data, list):
        for value in data:
            yield from _paths(value)


def _name(url: str) -> str | None:
    try:
        return URL(url).hostname
    except ValueError:
        return ""


def _with_headers(send: Send, cookie: str | None, path: str) -> Send:
    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = _POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "same-origin"
            if not path.startswith(("/assets/", "/static/")):
                headers["Cache-Control"] = "no-store"
            if cookie:
                headers.append("Set-Cookie", f"{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict")
        await send(message)

    return changed
