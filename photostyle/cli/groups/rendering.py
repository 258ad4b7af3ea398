"""How large photos are done, through which network, and who does the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from photostyle.cli.grouping import Group
from photostyle.cli.parameters import FIT_SIZE, Device, EngineName, RenderMode, UnpoolName, parse_rendering
from photostyle.errors import ParameterError

if TYPE_CHECKING:
    import torch

    from photostyle.engines.local import Engine as Workers
    from photostyle.jobs.rendering import Rendering
    from photostyle.network.wct2 import WCT2


@dataclass(frozen=True, kw_only=True)
class Large(Group, panel="Large photos"):
    """How photos of any size are done."""

    size: Annotated[
        int | None, typer.Option(metavar="N", help="Preview: reduce the long side to N pixels.", show_default=False)
    ] = None
    render: Annotated[
        RenderMode,
        typer.Option(help="full: the network sees every pixel; grid: about a megapixel; auto: full up to 2 MP."),
    ] = "auto"
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="For the network's work: 4GiB, 800MB.", show_default="a good half of what is free"
        ),
    ] = None
    fit_size: Annotated[
        str,
        typer.Option(metavar="MP|full", help="Megapixels of each photo that are measured, or all: 4, 0.5MP, full."),
    ] = FIT_SIZE

    def rendering(self) -> Rendering:
        """All but the preview's size. Raises ParameterError or typer.BadParameter."""
        return parse_rendering(self.render, self.memory, self.fit_size)


@dataclass(frozen=True, kw_only=True)
class Network(Group, panel="Network"):
    """Which network, and where it runs."""

    model: Annotated[str | None, typer.Option("--model", metavar="small|vgg19|PATH", help="Which network.")] = "small"
    unpool: Annotated[
        UnpoolName | None, typer.Option(help="Which vgg19: summing or concatenating.", show_default=False)
    ] = None
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = "auto"

    @property
    def name(self) -> str:
        """Of the network, or its path."""
        return self.model or "small"

    def where(self) -> torch.device:
        """The device. Raises ParameterError."""
        from photostyle.device import resolve

        return resolve(self.device)

    def load(self, where: torch.device) -> WCT2:
        """The network itself. Raises WeightsError."""
        from photostyle.weights import load_model

        return load_model(self.name, unpool=self.unpool, device=where)


@dataclass(frozen=True, kw_only=True)
class SavedNetwork(Network):
    """The same where a saved style may name its network."""

    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="small|vgg19|PATH", help="Which network.", show_default="small; that of a saved style"
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class StyleNetwork(Network):
    """The same where there always is a saved style."""

    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="PATH", help="The model's file, if it is not small or vgg19.", show_default=False
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Engine(Group, panel="Many photos"):
    """Who does the work."""

    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Photos, or segments of a clip, at a time.",
            show_default="1; with Ray one a machine",
        ),
    ] = None
    engine: Annotated[EngineName, typer.Option(help="Processes of this machine, or a Ray cluster.")] = "local"
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT|auto", help="The Ray cluster.", show_default="one on this machine, for this run"
        ),
    ] = None

    @property
    def elsewhere(self) -> bool:
        """Whether the workers may stand in other folders, on other machines."""
        return self.engine == "ray"

    @property
    def sharing(self) -> int:
        """How many workers share a machine and its cores."""
        return 1 if self.elsewhere else self.jobs or 1

    def check(self) -> None:
        """Raise ParameterError where a cluster is named that would not be used."""
        if self.address is not None and not self.elsewhere:
            raise ParameterError("--address is of a Ray cluster: add --engine ray")

    def find(self, device: str) -> Workers:
        """The engine itself. Raises ParameterError."""
        if self.elsewhere:
            from photostyle.engines.ray import RayEngine

            return RayEngine(self.address, self.jobs, device == "cuda")
        from photostyle.engines.local import LocalEngine

        return LocalEngine(self.jobs or 1)
