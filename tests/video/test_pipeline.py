"""Threads on both sides: order, bounds, and exceptions that come out where they are looked for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from photostyle.video import pipeline
from photostyle.video.pipeline import ahead, behind
from tests.util.waiting import PATIENCE, wait_for


def counted(drawn, count, fail_at=None):
    for k in range(count):
        if k == fail_at:
            raise OSError("broken")
        drawn.append(k)
        yield k


def test_items_come_in_order_and_only_so_many_ahead():
    drawn = []
    with ahead(counted(drawn, 30), 3) as items:
        for k, item in enumerate(items):
            assert item == k
            most = min(30, k + 4)
            assert len(drawn) <= most
            wait_for(lambda most=most: len(drawn) == most)
    assert drawn == list(range(30))


def test_an_error_comes_out_behind_the_items_before_it():
    got = []
    with ahead(counted([], 10, 4), 3) as items:
        for _ in range(4):
            got.append(next(items))
        with pytest.raises(OSError, match="broken"):
            next(items)
    assert got == [0, 1, 2, 3]


def test_leaving_early_closes_the_source():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with ahead(endless(), 2) as items:
        assert next(items) == 1
    assert closed.is_set()


def test_work_is_done_in_order_and_waits():
    done = []
    with behind(3) as give:
        for k in range(20):
            give(lambda k=k: done.append(k))
            assert k - len(done) <= 4
    assert done == list(range(20))


def test_nothing_is_done_behind_work_that_failed():
    done = []

    def fail():
        raise OSError("full")

    def run():
        with behind(5) as give:
            give(lambda: done.append(1))
            give(fail)
            for _ in range(4):
                give(lambda: done.append(2))

    with pytest.raises(OSError, match="full"):
        run()
    assert done == [1]


def test_a_failing_block_drops_what_waits(monkeypatch):
    done = []
    started, release = threading.Event(), threading.Event()

    class Pool(ThreadPoolExecutor):
        """Lets the slow work go on once what waits behind it has been dropped."""

        def shutdown(self, wait=True, *, cancel_futures=False):
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            release.set()
            super().shutdown(wait=wait)

    def slow():
        started.set()
        assert release.wait(PATIENCE)
        done.append("slow")

    def run():
        with behind(4) as give:
            give(slow)
            give(lambda: done.append("late"))
            assert started.wait(PATIENCE)
            raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "ThreadPoolExecutor", Pool)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["slow"]
