"""Decoding, the network and encoding side by side, with a bounded number of items in flight.

libav and torch let go of Python's lock while they work, so one thread each is enough.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def ahead(items: Generator[T, None, None], depth: int) -> Iterator[Iterator[T]]:
    """The same items, drawn by a thread that runs up to `depth` of them ahead; its exceptions come out with them."""
    pool = ThreadPoolExecutor(1, "photostyle-decode")

    def received() -> Iterator[T]:
        waiting: deque[Future[T | None]] = deque(pool.submit(next, items, None) for _ in range(depth))
        while (item := waiting.popleft().result()) is not None:
            waiting.append(pool.submit(next, items, None))
            yield item

    try:
        yield received()
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()


@contextmanager
def behind(depth: int) -> Iterator[Callable[[Callable[[], None]], None]]:
    """A function that has work done by a thread, in order, and returns while up to `depth` pieces are still waiting.

    An exception of the work comes out of a later call, or of the end of the block, and no later work is done. If the
    block itself fails, what is still waiting is dropped.
    """
    pool = ThreadPoolExecutor(1, "photostyle-encode")
    waiting: deque[Future[None]] = deque()
    unfinished = threading.Event()  # stays set behind work that failed

    def run(work: Callable[[], None]) -> None:
        if not unfinished.is_set():
            unfinished.set()
            work()
            unfinished.clear()

    def give(work: Callable[[], None]) -> None:
        while len(waiting) >= depth:
            waiting.popleft().result()
        waiting.append(pool.submit(run, work))

    try:
        yield give
        while waiting:
            waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
