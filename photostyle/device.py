"""Which device the networks run on."""

from __future__ import annotations

from typing import Literal

import torch

from photostyle.errors import DeviceError

DeviceName = Literal["auto", "cpu", "cuda"]


def resolve(name: str = "auto") -> torch.device:
    """The device of that name; ``auto`` is CUDA if there is a usable GPU, else the CPU.

    Raises:
        DeviceError: CUDA is asked for and not available, or the name is unknown.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "cuda":
        if not torch.cuda.is_available():
            raise DeviceError("no CUDA device is available here; use --device cpu or leave the choice to auto")
        return torch.device("cuda")
    raise DeviceError(f"device is {name!r}; it must be auto, cpu or cuda")
