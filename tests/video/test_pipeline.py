"""Threads on both sides: order, bounds, and exceptions that come out where they are looked for."""

import threading
import time

import pytest

from photostyle.video.pipeline import ahead, behind


def counted(drawn, count, fail_at=None):
    for k in range(count):
        if k == fail_at:
            raise OSError("broken")
        drawn.append(k)
        yield k


def test_items_come_in_order_and_only_so_many_ahead():
    drawn, most = [], 0
    with ahead(counted(drawn, 30), 3) as items:
        for k, item in enumerate(items):
            assert item == k
            time.sleep(0.002)
            most = max(most, len(drawn) - k - 1)
    assert most <= 4
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
            give(lambda k=k: (time.sleep(0.001), done.append(k))[0])
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


def test_a_failing_block_drops_what_waits():
    done = []
    started, release = threading.Event(), threading.Event()

    def slow():
        started.set()
        release.wait(5)
        done.append("slow")

    def run():
        with behind(4) as give:
            give(slow)
            give(lambda: done.append("late"))
            started.wait(5)
            threading.Timer(0.05, release.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["slow"]
