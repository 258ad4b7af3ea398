"""The lattice over place and colour against dense float64 formulas, and what a map that is smooth on it can do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.colour.lab import to_lab
from photostyle.edges import bilateral
from photostyle.edges.bilateral import Lattice, affine, spread
from photostyle.errors import ParameterError
from tests.util import picture


def two_colours(height=40, width=60, edge=30):
    """A picture of two flat colours side by side, with a little grain."""
    image = torch.empty(3, height, width)
    image[:, :, :edge] = torch.tensor([0.2, 0.4, 0.7])[:, None, None]
    image[:, :, edge:] = torch.tensor([0.7, 0.5, 0.2])[:, None, None]
    return image + 0.005 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 40), st.integers(3, 40), st.floats(2, 20), st.integers(0, 5))
def test_shares_sum_to_one_and_corners_give_the_place_back(height, width, cell, seed):
    """Barycentric coordinates: the corners weighted by the shares are the point itself."""
    photo = picture(height, width, seed)
    lattice = Lattice.of(photo, cell)
    assert float(lattice.shares.min()) >= 0
    torch.testing.assert_close(lattice.shares.sum(1), torch.ones(height * width))
    assert int(lattice.corners.max()) < np.prod(lattice.shape)
    at = np.stack(np.unravel_index(lattice.corners.numpy(), lattice.shape), -1)  # (N, 6, 5)
    found = (at * lattice.shares.numpy()[..., None]).sum(1)
    rows = (np.arange(height) + 0.5) / cell
    np.testing.assert_allclose(found[:, 0].reshape(height, width), np.repeat(rows[:, None], width, 1), atol=1e-4)
    colours = to_lab(bilateral.softened(photo)[None])[0].flatten(1).T.numpy() / bilateral.STEP
    np.testing.assert_allclose(found[:, 2:], colours - colours.min(0), atol=1e-3)


def test_splat_and_slice_are_transposes():
    lattice = Lattice.of(picture(20, 30, 1), 8)
    generator = torch.Generator().manual_seed(2)
    values, cells = torch.rand(600, 3, generator=generator), torch.rand(np.prod(lattice.shape), 3, generator=generator)
    torch.testing.assert_close((lattice.splat(values) * cells).sum(), (values * lattice.slice(cells)).sum())
    torch.testing.assert_close(lattice.splat(values).sum(0), values.sum(0))


@pytest.mark.parametrize("summed", [bilateral._summed_by_product, bilateral._summed_by_index])
def test_sums_of_cells_are_those_of_a_loop(summed):
    """Both ways, that of processors and that of GPUs."""
    lattice = Lattice.of(picture(9, 13, 4), 5)
    count = int(np.prod(lattice.shape))
    values = torch.rand(9 * 13, 4, generator=torch.Generator().manual_seed(5))
    expected = np.zeros((count, 4))
    for corners, shares, value in zip(lattice.corners.tolist(), lattice.shares.tolist(), values.tolist(), strict=True):
        for corner, share in zip(corners, shares, strict=True):
            expected[corner] += share * np.array(value)
    np.testing.assert_allclose(summed(lattice.corners, lattice.shares, values, count).numpy(), expected, atol=1e-6)


def test_blur_is_the_binomial_filter_along_every_axis():
    lattice = Lattice.of(picture(20, 30, 1), 8)
    cells = torch.rand(int(np.prod(lattice.shape)), 2, generator=torch.Generator().manual_seed(3))
    grid = cells.T.double().numpy().reshape(2, *lattice.shape)
    for axis in range(1, 6):
        for _ in range(2 if axis < 3 else 1):
            padded = np.pad(grid, [(1, 1) if a == axis else (0, 0) for a in range(6)])
            shifted = [np.take(padded, np.arange(n, n + grid.shape[axis]), axis) for n in range(3)]
            grid = 0.25 * shifted[0] + 0.5 * shifted[1] + 0.25 * shifted[2]
    np.testing.assert_allclose(lattice.blur(cells, (2, 1)).T.numpy().reshape(grid.shape), grid, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_colour_map_of_the_whole_photo_is_kept(seed):
    photo = picture(48, 64, seed)
    matrix = torch.tensor([[0.6, 0.3, 0.0], [0.1, 0.7, 0.1], [0.0, 0.2, 1.1]])
    target = torch.einsum("oc,chw->ohw", matrix, photo) + 0.05
    found = affine(photo, target, Lattice.of(photo, 16))
    assert float((found - target).abs().max()) < 0.02


def test_each_surface_may_have_its_own_map():
    """Two colours side by side, one darkened and one lightened: both are, up to the edge and no further."""
    photo = two_colours()
    target = photo.clone()
    target[:, :, :30] *= 0.5
    target[:, :, 30:] += 0.2
    found = affine(photo, target, Lattice.of(photo, 12))
    assert float((found - target)[:, :, :27].abs().max()) < 0.03
    assert float((found - target)[:, :, 33:].abs().max()) < 0.03


def test_one_surface_cannot_be_torn():
    """A flat wall of which the network made two halves: what is kept is a slow passage, without a step."""
    photo = torch.full((3, 64, 96), 0.5) + 0.004 * torch.randn(3, 64, 96, generator=torch.Generator().manual_seed(1))
    target = photo.clone()
    target[:, :, 48:] += 0.3
    found = affine(photo, target, Lattice.of(photo, 24)).mean((0, 1))
    assert float((found[1:] - found[:-1]).abs().max()) < 0.03  # the step was 0.3
    assert found[-1] - found[0] > 0.2


def test_a_rim_loses_its_vote():
    """A glow of ten pixels around a dark tower, which the photo does not have, is all but gone."""
    photo = torch.full((3, 80, 120), 0.7)
    photo[:, 30:, 50:60] = 0.1
    photo = photo + 0.004 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(4))
    clean = photo * torch.tensor([0.9, 0.6, 0.4])[:, None, None]
    glow = clean.clone()
    glow[:, 30:, 40:50] += 0.25
    glow[:, 30:, 60:70] += 0.25
    found = affine(photo, glow, Lattice.of(photo, 40))
    assert float((found - clean)[:, 40:, 40:50].mean()) < 0.06
    assert float((found - clean)[:, 40:, 50:60].abs().mean()) < 0.03


def test_spread_gives_a_surface_one_owner():
    """Half a wall is known to be a wall and half is not: all of it becomes wall, what has another colour does not."""
    photo = two_colours(40, 60, 40)
    weights = torch.zeros(2, 40, 60)
    weights[0, :, :20] = 1  # wall, known on the left of it
    weights[1, :, 40:] = 1  # sky
    confidence = torch.full((40, 60), 0.1)
    confidence[:, :20] = confidence[:, 40:] = 1
    weights = torch.cat([weights, (1 - weights.sum(0))[None]])
    confidence[:, 20:40] = 0.0
    found = spread(weights, confidence, Lattice.of(photo, 20, 8.0), (2, 1), 5.0)
    torch.testing.assert_close(found.sum(0), torch.ones(40, 60), atol=1e-4, rtol=0)
    assert float(found[0, :, 22:38].min()) > 0.9
    assert float(found[1, :, 43:].min()) > 0.9


def test_bad_lattices_are_refused():
    with pytest.raises(ParameterError, match=r"\(3, H, W\)"):
        Lattice.of(torch.zeros(1, 3, 8, 8), 4)
    with pytest.raises(ParameterError, match="size"):
        Lattice.of(torch.zeros(3, 8, 8), 0)
