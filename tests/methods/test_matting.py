import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.errors import ParameterError
from photostyle.methods import smoothing
from photostyle.methods.matting import energy, laplacian
from tests.util import picture


def by_definition(photo, epsilon):
    """Window by window, as in the paper."""
    pixels = photo.double().permute(1, 2, 0).numpy()
    height, width = pixels.shape[:2]
    matrix = np.zeros((height * width, height * width))
    for y in range(height - 2):
        for x in range(width - 2):
            index = [(y + v) * width + x + u for v in range(3) for u in range(3)]
            colours = pixels[y : y + 3, x : x + 3].reshape(9, 3)
            centred = colours - colours.mean(0)
            inverse = np.linalg.inv(centred.T @ centred / 9 + epsilon / 9 * np.eye(3))
            matrix[np.ix_(index, index)] += np.eye(9) - (1 + centred @ inverse @ centred.T) / 9
    return matrix


@given(st.integers(3, 7), st.integers(3, 7), st.sampled_from([1e-7, 1e-3]))
@settings(max_examples=15)
def test_the_laplacian_is_the_papers(height, width, epsilon):
    photo = picture(height, width, height * width)
    assert np.allclose(laplacian(photo, epsilon).toarray(), by_definition(photo, epsilon), atol=1e-7)


def test_the_laplacian_is_pymattings(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # compiling takes a minute
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba's
        cf_laplacian = pytest.importorskip("pymatting.laplacian.cf_laplacian").cf_laplacian
        photo = picture(20, 15, 3)
        expected = cf_laplacian(photo.double().permute(1, 2, 0).numpy(), epsilon=1e-5)
    assert abs(laplacian(photo, 1e-5) - expected).max() < 1e-8


def test_the_laplacian_is_symmetric_and_its_rows_sum_to_nothing():
    matrix = laplacian(picture(18, 25, 1))
    assert matrix.shape == (450, 450)
    assert matrix.dtype == np.float64
    assert abs(matrix - matrix.T).max() < 1e-10
    assert np.abs(matrix.sum(1)).max() < 1e-9
    assert np.linalg.eigvalsh(matrix.toarray()).min() > -1e-9
    assert matrix.nnz <= 25 * 450


def test_what_is_locally_affine_in_the_photo_costs_nothing():
    photo = picture(24, 32, 2)
    of = energy(laplacian(photo), torch.device("cpu"))
    matrix = torch.tensor([[0.5, 0.3, -0.2], [0.1, 0.9, 0.0], [-0.3, 0.2, 0.4]])
    affine = torch.einsum("ij,jhw->ihw", matrix, photo) + 0.2
    mixed = affine.clone()
    mixed[:, :, 12:] = photo[:, :, 12:]  # another map on the right: only the seam costs
    noise = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    assert abs(float(of(torch.full((1, 3, 24, 32), 0.7)))) < 1e-9
    assert float(of(affine[None])) < 1e-4 * float(of(noise))
    assert float(of(affine[None])) < float(of(mixed[None])) < 0.1 * float(of(noise))


def test_grey_and_constant_photos_have_a_laplacian():
    grey = picture(12, 12, 1).mean(0, keepdim=True).expand(3, -1, -1)
    assert np.isfinite(laplacian(grey).data).all()
    constant = laplacian(torch.full((3, 6, 6), 0.5), epsilon=0)
    assert np.allclose(constant.toarray(), by_definition(torch.full((3, 6, 6), 0.5), 1.0), atol=1e-9)


def test_energy_has_its_gradient():
    of = energy(laplacian(picture(5, 6, 1)), torch.device("cpu"))
    image = torch.rand(1, 3, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(of, [image])
    matrix = laplacian(picture(5, 6, 1)).toarray()
    vectors = image.detach()[0].flatten(1).numpy()
    assert float(of(image.detach())) == pytest.approx(sum(v @ matrix @ v for v in vectors) / 30)


def test_photos_of_another_shape_are_refused():
    with pytest.raises(ParameterError, match="3×3 or more"):
        laplacian(torch.rand(3, 2, 9))
    with pytest.raises(ParameterError, match="epsilon is -1"):
        laplacian(torch.rand(3, 9, 9), -1)


def test_smoothing_solves_the_papers_system_away_from_borders():
    photo, result = picture(14, 16, 1)[None], torch.rand(1, 3, 14, 16, generator=torch.Generator().manual_seed(0))
    fidelity = 0.3  # strong enough that the borders' other windows do not reach the middle
    ties = by_definition(photo[0], 1e-7)
    degree = np.outer([1, 2, *[3] * 10, 2, 1], [1, 2, *[3] * 12, 2, 1]).ravel()
    system = np.diag(fidelity * degree) + ties
    given_ = result[0].flatten(1).double().numpy()
    expected = np.stack([np.linalg.solve(system, fidelity * degree * y) for y in given_])
    found = smoothing.matting(result, photo, fidelity)
    assert np.allclose(found[0].flatten(1).numpy(), expected.clip(0, 1), atol=1e-3)
    affinity = np.diag(degree) - ties
    scaled = affinity / np.sqrt(np.outer(degree, degree))
    a = 1 / (1 + fidelity)
    paper = np.stack([(1 - a) * np.linalg.solve(np.eye(224) - a * scaled, y) for y in given_]).reshape(3, 14, 16)
    middle = (slice(None), slice(6, 8), slice(6, 10))
    assert np.allclose(found[0].numpy()[middle], paper.clip(0, 1)[middle], atol=0.02)


@pytest.mark.parametrize("smooth", [smoothing.matting, smoothing.guided])
def test_smoothing_takes_off_what_the_photo_does_not_have(smooth):
    photo = picture(32, 40, 1)[None]
    clean = (0.6 * photo.flip(1) + 0.1).clamp(0, 1)
    noisy = (clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    smoothed = smooth(noisy, photo)
    assert float((smoothed - clean).square().mean()) < 0.2 * float((noisy - clean).square().mean())
    constant = torch.full_like(photo, 0.4)
    assert torch.allclose(smooth(constant, photo), constant, atol=1e-4)


@pytest.mark.parametrize("smooth", [smoothing.matting, smoothing.guided])
def test_smoothing_wants_a_result_of_the_photos_size(smooth):
    with pytest.raises(ParameterError, match="of one size"):
        smooth(torch.rand(1, 3, 20, 20), torch.rand(1, 3, 20, 21))
    with pytest.raises(ParameterError, match="fidelity is 0"):
        smoothing.matting(torch.rand(1, 3, 20, 20), torch.rand(1, 3, 20, 20), 0)
