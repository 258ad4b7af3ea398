"""How much memory there is to plan with."""

from __future__ import annotations

import re
from pathlib import Path

import psutil
import torch

from photostyle.errors import ParameterError

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_CONTROL_GROUP = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"))
_SHARE = 0.6  # of what is free: others may want some too, and allocators round up


def parse_memory(text: str) -> int:
    """Bytes of a size such as ``4G``, ``800M`` or ``1.5GiB``; units are powers of 1024.

    Raises:
        ParameterError: not a positive size.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", text.lower())
    size = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if size <= 0:
        raise ParameterError(f"memory is {text!r}; give a size such as 4G or 800M")
    return size


def free_memory(device: torch.device) -> int:
    """Bytes to plan with on a device: a good half of what is free there, within the limit of a container."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What PyTorch holds in reserve is free to it.
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free * _SHARE)
    free = psutil.virtual_memory().available
    try:
        limit, used = (path.read_text().strip() for path in _CONTROL_GROUP)
        free = min(free, int(limit) - int(used))
    except (OSError, ValueError):
        pass  # no control group, or one without a limit ("max")
    return int(max(free, 0) * _SHARE)
