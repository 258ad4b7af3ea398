"""What can be fetched, and the folder that keeps what was fetched or imported."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from photostyle.errors import WeightsError

CACHE_VARIABLE = "PHOTOSTYLE_CACHE"
EMBEDDED_NAME = "small"


@dataclass(frozen=True)
class RegistryEntry:
    """A file that `fetch` can download.

    Attributes:
        name: what people ask for.
        file: its name in the cache folder and, under a mirror, on the server.
        url: where it is.
        size: bytes.
        sha256_prefix: how its SHA-256 (hex) starts, as many digits as its publisher gives.
        licence: SPDX identifier.
        description: one line for lists.
    """

    name: str
    file: str
    url: str
    size: int
    sha256_prefix: str
    licence: str
    description: str


REGISTRY: tuple[RegistryEntry, ...] = (
    RegistryEntry(
        name="vgg19",
        file="vgg19-dcbb9e9d.pth",
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        size=574_673_361,
        sha256_prefix="dcbb9e9d",
        licence="BSD-3-Clause",
        description="torchvision's VGG-19 (ImageNet): starting point and loss network of training, not a style model",
    ),
)


def cache_dir() -> Path:
    """The folder for fetched and imported weights: $PHOTOSTYLE_CACHE, or the platform's place for caches.

    It need not exist; what writes to it makes it.
    """
    chosen = os.environ.get(CACHE_VARIABLE, "")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("photostyle"))


def find_entry(name: str) -> RegistryEntry:
    """The registry's entry of that name. Raises WeightsError if there is none."""
    for entry in REGISTRY:
        if entry.name == name:
            return entry
    raise unknown_name(name, (entry.name for entry in REGISTRY), "nothing to fetch")


def unknown_name(name: str, known: Iterable[str], what: str) -> WeightsError:
    """The error for a name that is none of `known`: the nearest one, or all of them."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(names)}" if names else "there is none yet"
    return WeightsError(f"{what} is called {name!r}: {hint}")
