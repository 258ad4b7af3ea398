import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from photostyle.edges.finish import REACH, project
from photostyle.edges.guided import guided_filter
from photostyle.errors import ParameterError
from photostyle.options import FitOptions
from photostyle.transfer.fitting import fit_and_apply
from tests.util import picture, tiny_model


def silhouette(side=128):
    """A dark disc on white, and a dull version of it with a bright rim of three pixels around the disc."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    distance = ((y - side / 2) ** 2 + (x - side / 2) ** 2).sqrt()
    inside = (distance < side / 4).float()
    photo = (1 - 0.8 * inside)[None].repeat(3, 1, 1)
    clean = torch.stack([0.6 - 0.5 * inside, 0.5 - 0.42 * inside, 0.4 - 0.35 * inside])
    rim = (distance >= side / 4) & (distance < side / 4 + 3)
    rimmed = torch.where(rim, torch.tensor(1.0), clean)
    return photo[None], clean[None], rimmed[None]


def test_an_affine_look_passes_unchanged():
    photo = picture(48, 64)[None]
    matrix = torch.tensor([[0.5, 0.2, 0.0], [0.1, 0.7, -0.2], [0.0, 0.3, 0.4]])
    graded = torch.einsum("ij,bjhw->bihw", matrix, photo) + 0.1
    assert (project(photo, graded) - graded).abs().max() < 0.02
    assert (project(photo, graded) - graded).abs().mean() < 0.005


def test_a_rim_along_a_silhouette_goes_and_leaves_no_glow():
    photo, clean, rimmed = silhouette()
    error = (project(photo, rimmed) - clean).abs().mean(1)[0]
    before = (rimmed - clean).abs().mean(1)[0]
    assert before.max() > 0.4
    plain = (guided_filter(photo, rimmed, 8, 1e-4) - clean).abs().mean(1)[0]
    assert error.mean() < 0.2 * before.mean()
    # What is left lies on the silhouette's own edge; the ground beside it is clean, where a plain filter glows.
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    beside = ((y - 64) ** 2 + (x - 64) ** 2).sqrt() > 32 + 5
    assert 3 * error[beside].max() < 0.04 < plain[beside].max()


def test_noise_that_the_photo_lacks_is_taken_off():
    photo = torch.full((1, 3, 64, 64), 0.5)
    noise = 0.05 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    assert project(photo, photo + noise).std() < 0.1 * noise.std()


def test_edges_come_from_the_photo():
    photo = picture(64, 64, 1)[None]
    shifted = torch.roll(photo, 2, -1)
    change = project(photo, shifted)
    # more like the photo itself than what was put in: the shift is no function of the photo's colours
    assert (change - photo).abs().mean() < 0.7 * (shifted - photo).abs().mean()


def test_nothing_beyond_its_reach_matters():
    photo, other = picture(192, 192, 1)[None], picture(192, 192, 2)[None]
    whole = project(photo, other)
    cut = slice(96 - 8 - REACH, 96 + 8 + REACH)
    part = project(photo[..., cut, cut], other[..., cut, cut])
    inner = slice(REACH, REACH + 16)
    assert torch.allclose(part[..., inner, inner], whole[..., 88:104, 88:104], atol=1e-4)


@given(st.integers(8, 30), st.integers(8, 30), st.integers(0, 3))
def test_constant_and_tiny_photos_stay_finite(height, width, kind):
    photo = [torch.zeros, torch.ones, torch.rand, lambda *s: torch.rand(*s).round()][kind](1, 3, 2 * height, 2 * width)
    result = project(photo, torch.rand_like(photo))
    assert result.isfinite().all()
    assert result.abs().max() < 5


def test_shapes_are_checked():
    with pytest.raises(ParameterError, match="even sides"):
        project(torch.rand(1, 3, 17, 16), torch.rand(1, 3, 17, 16))
    with pytest.raises(ParameterError, match="even sides"):
        project(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 18))


@pytest.mark.parametrize("size", [(33, 47), (64, 64)])
def test_fitting_and_applying_both_finish(size):
    model, content, style = tiny_model(), picture(*size, 1), picture(40, 40, 2)
    transfer, image = fit_and_apply(model, content, style, options=FitOptions(finish=True))
    plain = fit_and_apply(model, content, style, options=FitOptions(finish=False))[1]
    assert torch.equal(transfer.apply(content), image)
    assert not torch.allclose(image, plain, atol=1e-3)


def test_gradients_pass():
    photo, other = picture(16, 16, 1)[None], picture(16, 16, 2)[None].requires_grad_()
    project(photo, other).square().sum().backward()
    assert other.grad.isfinite().all()
    assert other.grad.abs().sum() > 0
