"""``photostyle doctor``: what is here, in ten lines for a bug report."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Annotated

import typer

from photostyle import __version__
from photostyle.cli import console

_PACKAGES = ("torch", "torchvision", "numpy", "pillow", "scipy", "safetensors", "tifffile", "imagecodecs",
             "segmentation-models-pytorch")  # fmt: skip
_EXTRAS = {"heic": ("pillow_heif",), "raw": ("rawpy",), "video": ("av", "cv2"), "web": ("gradio",), "ray": ("ray",)}


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is installed and what it finds: ten lines to paste into a bug report. Nothing of yours is in them."""
    facts = report()
    if json_:
        import json

        typer.echo(json.dumps(facts, indent=1))
        return
    wide = max(map(len, facts))
    for name, text in facts.items():
        console.stdout.print(f"{name:<{wide}}  {console.printable(text)}")


def report() -> dict[str, str]:
    """Each line as title and text. Whatever is broken is said, never raised."""
    return {
        "photostyle": f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        "extras": ", ".join(
            f"{name} {'yes' if all(find_spec(module) for module in modules) else 'no'}"
            for name, modules in _EXTRAS.items()
        ),
        "processors": _tried(_processors),
        "GPU": _tried(_gpu),
        "memory": _tried(_memory),
        "photos": _tried(_photos),
        "clips": _tried(_clips),
        "weights": _tried(_weights),
        "terminal": f"{'a terminal' if sys.stdout.isatty() else 'a pipe'}, {sys.stdout.encoding}, "
        f"TERM={os.environ.get('TERM', '(none)')}",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _tried(find: Callable[[], str]) -> str:
    """What a part found, or what is wrong with it: a doctor that dies of the illness is none."""
    try:
        return find()
    except Exception as error:  # noqa: BLE001
        return f"broken: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _processors() -> str:
    import torch

    return f"{os.cpu_count()}, torch uses {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"


def _gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        return "none that torch can use"
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return f"{', '.join(names)}; CUDA {torch.version.cuda}"


def _memory() -> str:
    import psutil
    import torch

    from photostyle.memory import free_memory

    memory = psutil.virtual_memory()
    planned = free_memory(torch.device("cpu"))
    return (
        f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} GiB free, photos are planned with "
        f"{planned / 2**30:.1f} GiB"
    )


def _photos() -> str:
    from PIL import Image, features

    Image.init()
    known = [name for name in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF") if name in Image.OPEN]
    turbo = "libjpeg-turbo" if features.check_feature("libjpeg_turbo") else "libjpeg"
    return f"{', '.join(known)}; {turbo}"


def _clips() -> str:
    if not all(find_spec(module) for module in _EXTRAS["video"]):
        return "no: pip install 'photostyle[video]'"
    from importlib import import_module

    from photostyle.video.codecs import CODECS

    av = import_module("av")

    here = [name for name, codec in CODECS.items() if codec.encoder in av.codecs_available]
    return f"{', '.join(here)}; PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"


def _weights() -> str:
    from photostyle.looks import LOOKS, look_folder
    from photostyle.weights import list_models

    models = [model for model in list_models() if model.path is not None]
    here = sum((look_folder() / f"{name}.style").is_file() for name in LOOKS)
    return f"{', '.join(f'{model.name} ({model.where})' for model in models)}; {here} of {len(LOOKS)} looks"
