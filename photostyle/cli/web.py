"""``photostyle web``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from photostyle.cli import console
from photostyle.cli.parameters import Device, DeviceOption, ModelName, Quiet
from photostyle.errors import ParameterError

_NEEDED = ("gradio", "fastapi", "uvicorn")


def web(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free one.")] = 7860,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name of this machine that visitors use.", show_default=False),
    ] = None,
    max_upload: Annotated[int, typer.Option(metavar="MB", min=1, help="Largest file.")] = 200,
    max_pixels: Annotated[int, typer.Option(metavar="MP", min=1, help="Largest photo, in megapixels.")] = 60,
    max_visitors: Annotated[int, typer.Option(metavar="N", min=1, help="Browsers at a time.")] = 32,
    model: ModelName = "small",
    device: DeviceOption = Device("auto"),
    quiet: Quiet = False,
) -> None:
    """Serve a page to look and choose, before and after side by side; to this machine alone by default."""
    console.listen(quiet)
    if any(find_spec(needed) is None for needed in _NEEDED):
        raise ParameterError("the page needs Gradio: pip install 'photostyle[web]'")

    from photostyle.device import resolve
    from photostyle.web.server import open_page, serve
    from photostyle.web.sessions import Limits
    from photostyle.weights import load_model

    limits = Limits(upload=max_upload << 20, pixels=max_pixels * 1_000_000, visitors=max_visitors)
    network = load_model(model, device=resolve(device.value))
    # Listening on one address of this machine, the page also answers to it.
    hosts = (*(name or ()), host) if host not in ("0.0.0.0", "::") or name else None

    def ready(at: int) -> None:
        if not quiet:
            shown = f"[{host}]" if ":" in host else host
            console.say(f"The page is at http://{shown}:{at}/ until you press Ctrl-C")

    with open_page(network, limits, hosts, name=model) as page:
        serve(page, host, port, ready)
