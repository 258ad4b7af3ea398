import time

import pytest
import torch

from photostyle.evaluate.cost import cost
from tests.util.waiting import wait_for


def test_time_and_memory():
    before = time.perf_counter()
    with cost() as found:
        began = time.perf_counter()
        held = torch.ones(64 * 2**20)  # 256 MiB
        wait_for(lambda: found.peak > 200 * 2**20)
        del held
        ended = time.perf_counter()
    assert ended - began <= found.seconds <= time.perf_counter() - before
    assert 200 * 2**20 < found.peak < 400 * 2**20


def test_it_is_known_also_of_what_failed():
    with pytest.raises(ValueError, match="no"), cost() as found:
        raise ValueError("no")
    assert found.seconds > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_memory_of_a_gpu():
    with cost("cuda") as found:
        _ = torch.ones(64 * 2**20, device="cuda")
    assert found.peak >= 256 * 2**20
