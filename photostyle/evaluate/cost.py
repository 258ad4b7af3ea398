"""What a piece of work costs: time, and memory at its peak."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

_INTERVAL = 0.01  # seconds between two looks at the memory


@dataclass
class Cost:
    """Filled when the work is done.

    Attributes:
        seconds: by the clock.
        peak: bytes that the work held at its peak beyond what was held before. On the CPU the process's resident
            memory is looked at every hundredth of a second; what the allocator had kept from earlier work is taken
            first and does not count, so figures to be published are taken in a process of their own.
    """

    seconds: float = 0.0
    peak: int = 0


@contextmanager
def cost(device: torch.device | str = "cpu") -> Iterator[Cost]:
    """Measure what happens inside; yields what it will have cost, also if it fails."""
    where, found = torch.device(device), Cost()
    with _cuda(where, found) if where.type == "cuda" else _resident(found):
        start = time.perf_counter()
        try:
            yield found
        finally:
            if where.type == "cuda":
                torch.cuda.synchronize(where)
            found.seconds = time.perf_counter() - start


@contextmanager
def _cuda(device: torch.device, found: Cost) -> Iterator[None]:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    try:
        yield
    finally:
        found.peak = torch.cuda.max_memory_allocated(device) - before


@contextmanager
def _resident(found: Cost) -> Iterator[None]:
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while True:
            found.peak = max(found.peak, process.memory_info().rss - before)
            if done.wait(_INTERVAL):
                return

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        found.peak = max(found.peak, process.memory_info().rss - before)
