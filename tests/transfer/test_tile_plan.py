"""Where tiles lie, and how large a budget allows them to be."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.errors import ParameterError
from photostyle.network.wct2 import ModelConfig
from photostyle.transfer.tile_plan import HALO, LARGEST, bytes_per_pixel, tile_side, tiles


@settings(deadline=None, max_examples=200)
@given(st.integers(16, 3000), st.integers(16, 3000), st.integers(8, 300).map(lambda n: n * 8))
def test_cores_cover_every_pixel_once(height, width, side):
    covered = torch.zeros(height, width, dtype=torch.uint8)
    for tile in tiles((height, width), side):
        covered[tile.core] += 1
        assert [s.start % 8 for s in tile.core] == [0, 0]
        assert max(s.stop - s.start for s in tile.core) <= side
        crop = torch.empty(height, width)[tile.crop]
        core = torch.empty(height, width)[tile.core]
        assert crop[tile.inside].shape == core.shape
    assert (covered == 1).all()


def test_the_tile_follows_the_budget():
    small, large = ModelConfig("small", (12, 24, 40, 64)), ModelConfig()
    assert tile_side(small, 2**40) == LARGEST
    for config in (small, large):
        for budget in (1 << 30, 3 << 30):
            side = tile_side(config, budget)
            assert side % 8 == 0
            assert bytes_per_pixel(config) * (side + 2 * HALO) ** 2 <= budget
            if side < LARGEST:
                assert bytes_per_pixel(config) * (side + 8 + 2 * HALO) ** 2 > budget
    with pytest.raises(ParameterError, match=r"small.*needs \d+ MiB"):
        tile_side(small, 10 << 20)
    with pytest.raises(ParameterError, match="0 MiB"):
        tile_side(small, -5)
