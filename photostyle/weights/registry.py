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
SCENES_NAME = "scenes"  # the embedded segmentation network: lies beside the style networks, but is none
FEATURES_NAME = "features"  # the feature encoder of losses and optimisation methods: likewise
DECODERS_NAME = "decoders"  # back from its features: likewise
LOOKS_NAME = "looks"  # a network for a few looks of its own: likewise


@dataclass(frozen=True)
class RegistryEntry:
    """A file that `fetch` can download.

    Attributes:
        name: what people ask for.
        file: its name in the cache folder and, under a mirror, on the server.
        url: where it is.
        size: bytes.
        sha256_prefix: how its SHA-256 (hex) starts, as many digits as its publisher gives; none for the entry whose
            hash is not known, which is held to what it was when it first came (`photostyle.segmentation.ade20k`).
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
    # segmentation-models-pytorch's conversion of OpenMMLab's UPerNet on ConvNeXt-T (Xiao et al. 2018, Liu et al. 2022).
    # The size was computed from the architecture and agrees with the published 237 MB. The revision is the commit that
    # uploaded the file, in the abbreviation that its page shows; its SHA-256 was not to be found without a network.
    RegistryEntry(
        name="ade20k",
        file="upernet-convnext-tiny-ade20k-e1fb07f.safetensors",
        url="https://huggingface.co/smp-hub/upernet-convnext-tiny/resolve/e1fb07f/model.safetensors",
        size=237_353_608,
        sha256_prefix="",
        licence="MIT",
        description="UPerNet on ConvNeXt-T with ADE20K's 150 classes, for --segment ade20k: not a style model",
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
