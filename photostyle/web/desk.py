"""What all tabs share: who asks, and errors said in one line, where the page has a place for them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from photostyle.errors import ParameterError, PhotostyleError
from photostyle.web.asks import message
from photostyle.web.guard import visitor_cookie
from photostyle.web.sessions import Sessions, Visitor
from photostyle.web.studio import Studio
from photostyle.web.wishes import Engine

logger = logging.getLogger(__name__)

Work = Callable[[Visitor[Studio], Studio, Mapping[str, Any]], Mapping[str, Any]]
FAILED = "Something failed here that should not. The log of the page says what."


@dataclass(frozen=True, eq=False)
class Desk:
    """Where visitors' wishes arrive.

    Attributes:
        sessions: who is who.
        engine: the networks.
    """

    sessions: Sessions[Studio]
    engine: Engine

    @contextmanager
    def on_errand(self, request: gr.Request) -> Iterator[tuple[Visitor[Studio], Studio]]:
        """The visitor who asks and the state of this page of theirs. Raises PhotostyleError."""
        if request.request is None:
            raise ParameterError("this can be asked of the page alone")
        cookie = visitor_cookie(request.request)
        with self.sessions.session(cookie, str(request.session_hash)) as found:
            yield found

    def answer(self, text: str | None, request: gr.Request, work: Work, *, locked: bool = True) -> str:
        """What `work` makes of the page's message, as the page reads it; an error is an answer too.

        Args:
            text: the message.
            request: who sent it.
            work: given the visitor, the state of their page and the message.
            locked: one thing at a time for this page.
        """
        reply: dict[str, Any] = {}
        try:
            asked = message(text)
            reply["seq"] = asked.get("seq")
            with self.on_errand(request) as (visitor, studio):
                if locked:
                    with studio.lock:
                        reply |= work(visitor, studio, asked)
                else:
                    reply |= work(visitor, studio, asked)
        except Exception as error:  # noqa: BLE001 - the page waits for an answer, and says what it was
            reply["error"] = self.said(error)
        return json.dumps(reply)

    def said(self, error: Exception) -> str:
        """An error in a line for the visitor, without this machine's folders; the log has what is a fault here."""
        if not isinstance(error, PhotostyleError):
            logger.error("the page failed", exc_info=error)
            return FAILED
        return self.without_folders(str(error))

    def without_folders(self, text: str) -> str:
        """A line without this machine's folders."""
        return re.sub(re.escape(str(self.sessions.root)) + r"/(?:[0-9a-f]{32,64}/)*", "", text)

    def stop(self, request: gr.Request) -> None:
        """End what takes long on this page."""
        with self.on_errand(request) as (_, studio):
            studio.stop.set()

    def received(self, visitor: Visitor[Studio], studio: Studio, path: str | Path) -> Path:
        """Move an upload into its session's folder. Raises ParameterError if it is not the visitor's."""
        source = visitor.owned(path)
        folder = studio.new_folder()
        target = source.rename(folder / source.name)
        for parent in (source.parent, source.parent.parent):
            if parent != visitor.folder and parent.is_relative_to(visitor.folder) and not any(parent.iterdir()):
                parent.rmdir()
        return target
