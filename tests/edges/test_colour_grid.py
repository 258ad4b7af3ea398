"""Colour grids: locally affine looks are exact at any size, and strips do not show."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.edges import colour_grid
from photostyle.edges.colour_grid import ColourGrid, fit_grid
from tests.util import picture


def look(image: torch.Tensor) -> torch.Tensor:
    """An affine colour map."""
    matrix = torch.tensor([[0.6, 0.3, 0.0], [0.1, 0.7, 0.1], [0.0, 0.2, 1.1]])
    return torch.einsum("oc,bchw->bohw", matrix, image) + torch.tensor([0.1, 0.0, -0.05])[:, None, None]


def noisy(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=25)
@given(st.integers(8, 60), st.integers(8, 60), st.integers(16, 200), st.integers(16, 200))
def test_an_affine_look_is_carried_to_any_size(h, w, height, width):
    small, large = noisy(h, w, 1), noisy(height, width, 2)
    found = fit_grid(small, look(small), radius=2, epsilon=1e-6).apply_(large.clone())
    torch.testing.assert_close(found, look(large), atol=2e-3, rtol=0)


def test_interpolation_is_bilinear_between_cell_centres():
    cells = torch.rand(1, 12, 5, 7, generator=torch.Generator().manual_seed(3))
    cells[:, :9] = 0
    result = ColourGrid(cells).apply_(noisy(60, 91))
    expected = torch.nn.functional.interpolate(cells[:, 9:], (60, 91), mode="bilinear", align_corners=False)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)


def test_strips_do_not_show(monkeypatch):
    small, large = picture(24, 32, 1)[None], picture(150, 200, 1)[None]
    found = fit_grid(small, small.flip(1) ** 2)
    whole = found.apply_(large.clone())
    monkeypatch.setattr(colour_grid, "_STRIP", 200 * 7)
    rows: list[tuple[int, int]] = []
    torch.testing.assert_close(found.apply_(large.clone(), lambda *done: rows.append(done)), whole, atol=1e-6, rtol=0)
    assert rows[0] == (7, 150)
    assert rows[-1] == (150, 150)
