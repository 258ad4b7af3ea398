"""Measures of results against slow or independent ways to the same numbers."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from scipy.stats import wasserstein_distance

from photostyle.colour.lab import to_lab
from photostyle.errors import MaskError, ParameterError
from photostyle.evaluate import style as styles
from photostyle.evaluate.content import affine_residual, edge_response, edges, flat_variation, luminance, ssim
from photostyle.evaluate.photos import measure
from photostyle.evaluate.style import colour_distance, seen_by, shared, style_distances, wasserstein
from photostyle.regions.regions import Regions
from photostyle.transfer.matching import moments
from tests.util import halves, picture
from tests.util.methods import tiny_encoder

CONTENT, STYLE = picture(64, 72, 1)[None], picture(56, 80, 2)[None]
OUTPUT = (0.5 * CONTENT + 0.5 * picture(64, 72, 3)[None]).clamp(0, 1)
FEATURES = seen_by(tiny_encoder())


def labelled(image, *values):
    return Regions.from_labels(halves(*image.shape[-2:], *values))


def test_similarity_is_that_of_gaussian_windows():
    one, other = edge_response(CONTENT), edge_response(OUTPUT)

    def mean(x):  # scipy's window, of the same reach
        return gaussian_filter(x, 1.5, truncate=3.5)

    x, y = one[0, 0].numpy(), other[0, 0].numpy()
    a, b = mean(x), mean(y)
    c1, c2 = 1e-4, 9e-4
    found = (2 * a * b + c1) * (2 * (mean(x * y) - a * b) + c2)
    found /= (a**2 + b**2 + c1) * (mean(x * x) - a**2 + mean(y * y) - b**2 + c2)
    assert float(ssim(one, other)) == pytest.approx(found[5:-5, 5:-5].mean(), abs=1e-9)


def test_edges_are_the_gradient_of_the_logarithm():
    grey = np.log(luminance(CONTENT)[0, 0].numpy() + 0.05)
    expected = np.clip(np.hypot(*np.gradient(grey)) / 0.5, 0, 1)
    np.testing.assert_allclose(edge_response(CONTENT)[0, 0], expected, atol=1e-12)
    assert edges(CONTENT, CONTENT) == pytest.approx(1)
    assert edges(CONTENT, OUTPUT) < 0.99
    darker = edges(CONTENT, 0.5 * CONTENT)  # the light may change, but for what is near black
    assert darker > edges(CONTENT, OUTPUT)
    assert darker > 0.9


def test_the_residual_is_that_of_ridge_regressions_in_windows():
    content, output = CONTENT[..., :14, :16].double(), OUTPUT[..., :14, :16].double()
    radius, epsilon = 2, 1e-3
    unexplained = total = 0.0
    for y in range(14):
        for x in range(16):
            here = (slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1))
            g = content[0][(slice(None), *here)].flatten(1).numpy()
            o = output[0][(slice(None), *here)].flatten(1).numpy()
            g, o = g - g.mean(1, keepdims=True), o - o.mean(1, keepdims=True)
            count = g.shape[1]
            slope = np.linalg.solve(g @ g.T / count + epsilon * np.eye(3), g @ o.T / count)
            total += (o * o).sum() / count
            unexplained += (o * o).sum() / count - (slope * (g @ o.T / count)).sum()
    assert affine_residual(content, output, radius, epsilon) == pytest.approx(unexplained / total, rel=1e-6)


def test_affine_colours_leave_no_residual():
    matrix = torch.tensor([[0.6, 0.2, 0.1], [0.1, 0.5, 0.2], [0.0, 0.3, 0.4]])
    toned = torch.einsum("ij,bjhw->bihw", matrix, CONTENT) + 0.05
    assert affine_residual(CONTENT, toned, epsilon=1e-9) < 1e-4
    noise = torch.rand(CONTENT.shape, generator=torch.Generator().manual_seed(0))
    assert affine_residual(CONTENT, noise) > 0.8


def test_flat_parts_show_what_was_added():
    grey = torch.full((1, 3, 40, 48), 0.5)
    noisy = grey + 4 / 255 * torch.randn(1, 1, 40, 48, generator=torch.Generator().manual_seed(0))
    assert flat_variation(grey, noisy) == pytest.approx(4, rel=0.1)
    assert flat_variation(grey, grey) < 1e-3
    assert np.isnan(flat_variation(noisy * 0 + torch.rand(1, 1, 40, 48), grey))


def test_the_wasserstein_distance_is_that_of_gaussians():
    rng = np.random.default_rng(0)
    one, other = (moments(torch.from_numpy(rng.normal(size=(5, 40)) * scale)) for scale in (1, 2))
    a, b = one.covariance.numpy(), other.covariance.numpy()
    root = sqrtm(b)
    expected = ((one.mean - other.mean) ** 2).sum() + np.trace(a + b - 2 * sqrtm(root @ a @ root).real)
    assert wasserstein(one, other) == pytest.approx(float(expected), rel=1e-9)
    assert wasserstein(one, one) == pytest.approx(0, abs=1e-9)


def test_gram_is_the_loss_of_second_moments():
    _, found = style_distances(FEATURES, CONTENT, STYLE, OUTPUT)
    losses = np.zeros(2)
    for levels in zip(*(FEATURES(x) for x in (CONTENT, STYLE, OUTPUT)), strict=True):
        ours, theirs, made = ((x := level[0].flatten(1).double()) @ x.T / x.shape[1] for level in levels)
        losses += [((g - theirs) ** 2).sum() / (theirs**2).sum() for g in (made, ours)]
    assert found == pytest.approx(losses[0] / losses[1], rel=1e-6)


def test_distances_are_shares_of_the_way():
    for regions in (None, (labelled(CONTENT, 1, 2), labelled(STYLE, 2, 1))):
        assert style_distances(FEATURES, CONTENT, STYLE, CONTENT, regions) == pytest.approx((1, 1))
        assert colour_distance(CONTENT, STYLE, CONTENT, regions) == pytest.approx(1)
    assert style_distances(FEATURES, CONTENT, CONTENT.flip(-1).flip(-1) * 0.5, CONTENT * 0.5)[0] < 1e-6
    assert colour_distance(CONTENT, CONTENT * 0.5, CONTENT * 0.5) < 1e-9


def test_colours_are_compared_along_many_directions():
    lab = [to_lab(x.double())[0].flatten(1).numpy() for x in (CONTENT, STYLE, OUTPUT)]
    rng = np.random.default_rng(0)
    distances = np.zeros(2)
    for axis in rng.normal(size=(400, 3)):
        ours, theirs, made = (axis / np.linalg.norm(axis) @ x for x in lab)
        distances += [wasserstein_distance(made, theirs), wasserstein_distance(ours, theirs)]
    assert colour_distance(CONTENT, STYLE, OUTPUT) == pytest.approx(distances[0] / distances[1], rel=0.03)


def test_regions_are_compared_with_their_own():
    # The output took each half's colours from the half of the same name, which lies on the other side.
    style = torch.cat([STYLE[..., :40] * 0.3, STYLE[..., 40:] * 0.3 + 0.7], -1)
    output = torch.cat([CONTENT[..., :36] * 0.3 + 0.7, CONTENT[..., 36:] * 0.3], -1)
    crossed = (labelled(CONTENT, 1, 2), labelled(style, 2, 1))
    straight = (labelled(CONTENT, 1, 2), labelled(style, 1, 2))
    assert colour_distance(CONTENT, style, output, crossed) < 0.5 * colour_distance(CONTENT, style, output, straight)
    assert style_distances(FEATURES, CONTENT, style, output, crossed)[0] < 0.5


def test_small_and_strange_regions_do_not_count():
    labels = halves(64, 72, 1, 2)
    labels[:3, :3] = 7
    ours = Regions.from_labels(labels)
    theirs = Regions.from_labels(halves(56, 80, 1, 7, 9))
    assert shared((ours, theirs)) == ["1"]
    assert shared(None) is None
    with pytest.raises(MaskError, match="no region covers 1% of both photos"):
        colour_distance(CONTENT, STYLE, OUTPUT, (labelled(CONTENT, 1), labelled(STYLE, 2)))


def test_directions_cover_the_half_sphere():
    found = styles._directions()
    torch.testing.assert_close(found.norm(dim=1), torch.ones(len(found), dtype=torch.float64))
    spread = torch.linalg.eigvalsh(found.T @ found / len(found))
    assert float(spread.min()) > 0.31
    assert float(spread.max()) < 0.36


def test_all_at_once():
    found = measure(FEATURES, CONTENT, STYLE, OUTPUT, (labelled(CONTENT, 1, 2), labelled(STYLE, 1, 2)))
    assert found.edges == edges(CONTENT, OUTPUT)
    assert found.residual == affine_residual(CONTENT, OUTPUT)
    assert found.colour > 0
    assert found.style > 0
    assert found.gram > 0


@pytest.mark.parametrize("call", [edges, affine_residual, flat_variation])
def test_results_have_the_size_of_their_photo(call):
    with pytest.raises(ParameterError, match="both \\(1, 3, H, W\\) of one size"):
        call(CONTENT, STYLE)


def test_tiny_photos_have_no_edges():
    with pytest.raises(ParameterError, match="windows of 11 pixels"):
        edges(CONTENT[..., :10, :], CONTENT[..., :10, :])
