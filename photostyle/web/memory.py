"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import gc

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; other C libraries do it unasked


def give_back() -> None:
    """Return freed memory; glibc would keep it, a heap for every thread that ever fitted a photo."""
    gc.collect()
    if _trim is not None:
        _trim(0)
