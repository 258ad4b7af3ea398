"""Photorealistic style transfer: your photo, every edge where it was, in the light and colour of a reference photo.

    >>> import photostyle
    >>> model = photostyle.load_model()                               # the embedded network
    >>> result = photostyle.stylize(model, "day.jpg", "dusk.jpg")     # (3, H, W), about [0, 1]
    >>> photostyle.show("day.jpg", result)                            # before and after, in a notebook
    >>> look = photostyle.load_look("golden-hour", model)             # in place of a style photo

On a machine that others use too, call ``photostyle.threads.settle()`` before torch is imported, as the command does.

Names are loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "PhotostyleError": "errors",
    "WCT2": "network.wct2",
    "ModelConfig": "network.wct2",
    "Moments": "transfer.matching",
    "AffineMap": "transfer.matching",
    "affine_map": "transfer.matching",
    "moments": "transfer.matching",
    "Regions": "regions.regions",
    "FitOptions": "options",
    "Target": "transfer.targets",
    "Transfer": "transfer.transfer",
    "as_image": "jobs.pictures",
    "fit": "jobs.pictures",
    "fit_and_apply": "jobs.pictures",
    "measure_target": "jobs.pictures",
    "show": "jobs.pictures",
    "stylize": "jobs.pictures",
    "load_look": "jobs.looks",
    "look_names": "looks.table",
    "save_style": "transfer.presets",
    "load_style": "transfer.presets",
    "save_transfer": "transfer.presets",
    "load_transfer": "transfer.presets",
    "load_model": "weights",
    "read_image": "jobs.photo",
    "write_image": "jobs.photo",
}

__all__ = [
    "WCT2",
    "AffineMap",
    "FitOptions",
    "ModelConfig",
    "Moments",
    "PhotostyleError",
    "Regions",
    "Target",
    "Transfer",
    "affine_map",
    "as_image",
    "fit",
    "fit_and_apply",
    "load_look",
    "load_model",
    "load_style",
    "load_transfer",
    "look_names",
    "measure_target",
    "moments",
    "read_image",
    "save_style",
    "save_transfer",
    "show",
    "stylize",
    "write_image",
]

if TYPE_CHECKING:
    from photostyle.errors import PhotostyleError
    from photostyle.jobs.looks import load_look
    from photostyle.jobs.photo import read_image, write_image
    from photostyle.jobs.pictures import as_image, fit, fit_and_apply, measure_target, show, stylize
    from photostyle.looks.table import look_names
    from photostyle.network.wct2 import WCT2, ModelConfig
    from photostyle.options import FitOptions
    from photostyle.regions.regions import Regions
    from photostyle.transfer.matching import AffineMap, Moments, affine_map, moments
    from photostyle.transfer.presets import load_style, load_transfer, save_style, save_transfer
    from photostyle.transfer.targets import Target
    from photostyle.transfer.transfer import Transfer
    from photostyle.weights import load_model


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'photostyle' has no attribute {name!r}")
    return getattr(import_module(f"photostyle.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
