"""Visitors of the page: what belongs to whom, and that it goes when they go.

A browser is a visitor, known by a random cookie; a page that it has open is a session. All files of a visitor lie in
one folder with a random name, all files of a session in a folder of its own below.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from photostyle.errors import MemoryLimitError, ParameterError

KEPT_PICTURES = 48  # a visitor; a page shows a dozen at a time
KEPT_UPLOADS = 16  # of which nothing was made yet; the region editor uploads what is painted at every stroke
_State = TypeVar("_State")


@dataclass(frozen=True)
class Limits:
    """What a visitor may take.

    Attributes:
        upload: bytes of an uploaded file.
        pixels: of a photo.
        visitors: with files on this machine at a time.
        idle: seconds after which a visitor who does nothing is forgotten.
    """

    upload: int = 200 << 20
    pixels: int = 60_000_000
    visitors: int = 32
    idle: float = 3600.0

    def __post_init__(self) -> None:
        if min(self.upload, self.pixels, self.visitors) < 1 or not self.idle > 0:
            raise ParameterError("limits of the page must be positive")


@dataclass(frozen=True)
class Picture:
    """What is shown or offered at an address of its own.

    Attributes:
        content: the bytes, or the file that has them.
        media: its media type.
        name: what a download is called; None for what is only shown.
    """

    content: bytes | Path
    media: str
    name: str | None = None


@dataclass(eq=False)
class Visitor(Generic[_State]):
    """A browser.

    Attributes:
        folder: where its files lie.
        sessions: its open pages by their keys.
        pictures: what is shown to it and to nobody else, by token; the oldest go first.
        uploads: folders of what was uploaded, of which the oldest go first.
        seen: when it last asked for something, by `time.monotonic`.
    """

    folder: Path
    sessions: dict[str, _State] = field(default_factory=dict)
    pictures: OrderedDict[str, Picture] = field(default_factory=OrderedDict)
    uploads: deque[Path] = field(default_factory=deque)
    seen: float = field(default_factory=time.monotonic)
    busy: int = 0

    def show(self, picture: Picture) -> str:
        """Keep a picture; returns the token in its address."""
        token = secrets.token_urlsafe(18)
        self.pictures[token] = picture
        while len(self.pictures) > KEPT_PICTURES:
            self.pictures.popitem(last=False)
        return token

    def again(self, token: str) -> bool:
        """Whether a picture is still kept; it is the newest one again."""
        if token in self.pictures:
            self.pictures.move_to_end(token)
            return True
        return False

    def upload_folder(self) -> Path:
        """A folder for an upload, which is kept for a while only."""
        self.uploads.append(self.new_folder())
        while len(self.uploads) > KEPT_UPLOADS:
            shutil.rmtree(self.uploads.popleft(), ignore_errors=True)
        return self.uploads[-1]

    def new_folder(self) -> Path:
        """A folder with a name that nobody can guess."""
        folder = self.folder / secrets.token_hex(16)
        folder.mkdir(mode=0o700, parents=True)
        return folder

    def owned(self, path: str | Path) -> Path:
        """`path` itself, resolved. Raises ParameterError unless it is a file of this visitor's."""
        found = Path(path).resolve()
        if not found.is_relative_to(self.folder) or not found.is_file():
            raise ParameterError("this file was not uploaded here: choose it again")
        return found


class Sessions(Generic[_State]):
    """All visitors.

    Args:
        root: a folder of this process alone; resolved, and emptied by `close`.
        limits: what visitors may take.
        make: a session's state, from its folder.
    """

    def __init__(self, root: Path, limits: Limits, make: Callable[[Path], _State]) -> None:
        self.root, self.limits, self._make = root.resolve(), limits, make
        self._visitors: dict[str, Visitor[_State]] = {}
        self._lock = threading.RLock()

    def find(self, cookie: str | None) -> Visitor[_State] | None:
        """The visitor of a cookie, if there is one."""
        with self._lock:
            visitor = self._visitors.get(cookie or "")
            if visitor:
                visitor.seen = time.monotonic()
            return visitor

    def visit(self, cookie: str) -> Visitor[_State]:
        """The visitor of a cookie, who may be new. Raises MemoryLimitError if there are too many."""
        with self._lock:
            found = self.find(cookie)
            if found:
                return found
            self.forget_idle()
            if len(self._visitors) >= self.limits.visitors:
                raise MemoryLimitError("too many people use this page just now: try again in a while")
            folder = self.root / secrets.token_hex(16)
            folder.mkdir(mode=0o700, parents=True)
            self._visitors[cookie] = Visitor(folder)
            return self._visitors[cookie]

    @contextmanager
    def session(self, cookie: str, key: str) -> Iterator[tuple[Visitor[_State], _State]]:
        """A visitor and the state of one of its pages, which is not forgotten while it is being used."""
        with self._lock:
            visitor = self.visit(cookie)
            if key not in visitor.sessions:
                visitor.sessions[key] = self._make(visitor.new_folder())
            state = visitor.sessions[key]
            visitor.busy += 1
        try:
            yield visitor, state
        finally:
            with self._lock:
                visitor.busy -= 1
                visitor.seen = time.monotonic()
                if not visitor.sessions and not visitor.busy and self._visitors.get(cookie) is visitor:
                    self._forget(cookie)

    def leave(self, key: str) -> list[_State]:
        """A page was closed: its session goes, and with the last one the visitor, once nothing is being done for it.

        Returns the state that it had, if it had one.
        """
        left = []
        with self._lock:
            for cookie, visitor in list(self._visitors.items()):
                if key in visitor.sessions:
                    left.append(visitor.sessions.pop(key))
                    if not visitor.sessions and not visitor.busy:
                        self._forget(cookie)
        return left

    def forget_idle(self) -> None:
        """Forget visitors who have done nothing for long."""
        with self._lock:
            oldest = time.monotonic() - self.limits.idle
            for cookie, visitor in list(self._visitors.items()):
                if visitor.seen < oldest and not visitor.busy:
                    self._forget(cookie)

    def close(self) -> None:
        """Forget everybody and remove all files."""
        with self._lock:
            self._visitors.clear()
            shutil.rmtree(self.root, ignore_errors=True)

    def _forget(self, cookie: str) -> None:
        visitor = self._visitors.pop(cookie)
        shutil.rmtree(visitor.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self._visitors)
