"""``photostyle web``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated

import typer

from photostyle.cli import console
from photostyle.cli.grouping import Group, grouped, without
from photostyle.cli.groups import Network, Running
from photostyle.errors import ParameterError

_NEEDED = ("gradio", "fastapi", "uvicorn")


@dataclass(frozen=True, kw_only=True)
class Address(Group, panel="Where"):
    """Where the page is served."""

    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 lets other machines in.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free one.")] = 7860
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name of this machine that visitors use.", show_default=False),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Most(Group, panel="Limits"):
    """How much a visitor may ask for."""

    max_upload: Annotated[int, typer.Option(metavar="MB", min=1, help="Largest file.")] = 200
    max_pixels: Annotated[int, typer.Option(metavar="MP", min=1, help="Largest photo, in megapixels.")] = 60
    max_visitors: Annotated[int, typer.Option(metavar="N", min=1, help="Browsers at a time.")] = 32


@grouped
def web(
    address: Address,
    most: Most,
    network: Annotated[Network, without("unpool")],
    running: Annotated[Running, without("preset", "overwrite", "verbose")],
) -> None:
    """Serve a page to look and choose, before and after side by side; to this machine alone by default."""
    running.listen()
    if any(find_spec(needed) is None for needed in _NEEDED):
        raise ParameterError("the page needs Gradio: pip install 'photostyle[web]'")

    from photostyle.web.server import open_page, serve
    from photostyle.web.sessions import Limits

    limits = Limits(upload=most.max_upload << 20, pixels=most.max_pixels * 1_000_000, visitors=most.max_visitors)
    model = network.load(network.where())
    host, name = address.host, address.name
    # Listening on one address of this machine, the page also answers to it.
    hosts = (*(name or ()), host) if host not in ("0.0.0.0", "::") or name else None

    def ready(at: int) -> None:
        if not running.quiet:
            shown = f"[{host}]" if ":" in host else host
            console.say(f"The page is at http://{shown}:{at}/ until you press Ctrl-C")

    with _guard_unheard(), open_page(model, limits, hosts, name=network.name) as page:
        serve(page, host, address.port, ready)


@contextmanager
def _guard_unheard() -> Iterator[None]:
    """What the guard over regions decides stands beside the picture; here it would be said of every preview anew."""
    logger = logging.getLogger("photostyle.jobs.guard")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
