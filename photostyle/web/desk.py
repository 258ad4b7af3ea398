"""What all tabs share: who asks, and errors said in one line."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from photostyle.errors import ParameterError, PhotostyleError
from photostyle.web.guard import visitor_cookie
from photostyle.web.sessions import Sessions, Visitor
from photostyle.web.studio import Studio
from photostyle.web.wishes import Engine

logger = logging.getLogger(__name__)


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
    def at_work(self, request: gr.Request) -> Iterator[tuple[Visitor[Studio], Studio]]:
        """`on_errand` for what changes the page's state: one thing at a time."""
        with self.on_errand(request) as found, found[1].lock:
            yield found

    @contextmanager
    def on_errand(self, request: gr.Request) -> Iterator[tuple[Visitor[Studio], Studio]]:
        """The visitor who asks and the state of this page of theirs; errors become a line on the page."""
        try:
            if request.request is None:
                raise ParameterError("this can be asked of the page alone")
            cookie = visitor_cookie(request.request)
            with self.sessions.session(cookie, str(request.session_hash)) as found:
                yield found
        except PhotostyleError as error:
            raise gr.Error(
                self.without_folders(str(error)), title="This did not work", print_exception=False
            ) from error
        except (gr.Error, GeneratorExit):
            raise
        except Exception as error:
            logger.exception("the page failed")
            raise gr.Error("something failed here that should not; the log of the page says what") from error

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
