"""The guided filter against the regression it stands for, window by window in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.edges.guided import affine_windows, box_mean, enlarged_rows, guided_filter
from photostyle.errors import ParameterError
from tests.util import picture


def window(y, x, height, width, radius):
    return slice(max(0, y - radius), min(height, y + radius + 1)), slice(max(0, x - radius), min(width, x + radius + 1))


def naive_windows(guide, target, radius, epsilon):
    """Slope (C, 3, H, W) and intercept (C, H, W) by solving each window's normal equations."""
    (_, height, width), channels = guide.shape, len(target)
    slope, intercept = np.zeros((channels, 3, height, width)), np.zeros((channels, height, width))
    for y in range(height):
        for x in range(width):
            rows, columns = window(y, x, height, width, radius)
            g, t = guide[:, rows, columns].reshape(3, -1), target[:, rows, columns].reshape(channels, -1)
            deviation = g - g.mean(1, keepdims=True)
            covariance = deviation @ deviation.T / g.shape[1]
            cross = deviation @ (t - t.mean(1, keepdims=True)).T / g.shape[1]
            slope[:, :, y, x] = np.linalg.solve(covariance + epsilon * np.eye(3), cross).T
            intercept[:, y, x] = t.mean(1) - slope[:, :, y, x] @ g.mean(1)
    return slope, intercept


def naive_mean(values, radius):
    height, width = values.shape[-2:]
    result = np.zeros_like(values)
    for y in range(height):
        for x in range(width):
            rows, columns = window(y, x, height, width, radius)
            result[..., y, x] = values[..., rows, columns].mean((-2, -1))
    return result


@given(st.integers(1, 14), st.integers(1, 14), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_box_mean(height, width, radius):
    x = torch.rand(2, 3, height, width)
    assert np.allclose(box_mean(x, radius).numpy(), naive_mean(x.numpy(), radius), atol=1e-6)


GUIDES = {
    "colour": picture(13, 17, 1),
    "grey": picture(13, 17, 1).mean(0, keepdim=True).expand(3, -1, -1),
    "flat": torch.full((3, 13, 17), 0.25),
    "nearly flat": 0.9 + 1e-3 * picture(13, 17, 2),
    "black and white": (picture(13, 17, 3) > 0.5).float()[:1].expand(3, -1, -1),
}


@pytest.mark.parametrize("guide", GUIDES)
@pytest.mark.parametrize(("radius", "epsilon"), [(1, 1e-2), (3, 1e-4), (30, 1e-3)])
def test_against_each_window_s_regression(guide, radius, epsilon):
    photo, target = GUIDES[guide], torch.cat([picture(13, 17, 5), picture(13, 17, 6)[:1] ** 2])
    slope, intercept = affine_windows(photo[None], target[None], radius, epsilon)
    expected = naive_windows(photo.double().numpy(), target.double().numpy(), radius, epsilon)
    scale = max(1.0, np.abs(expected[0]).max())
    assert np.abs(slope[0].numpy() - expected[0]).max() < 5e-3 * scale
    assert np.abs(intercept[0].numpy() - expected[1]).max() < 5e-3 * scale
    mean_slope, mean_intercept = (naive_mean(part, radius) for part in expected)
    result = guided_filter(photo[None], target[None], radius, epsilon)[0].numpy()
    assert np.abs(result - ((mean_slope * photo.numpy()).sum(1) + mean_intercept)).max() < 2e-4


def test_float64_agrees_to_the_last_digits():
    photo, target = picture(12, 11, 1).double(), picture(12, 11, 2).double()
    slope, intercept = affine_windows(photo[None], target[None], 2, 1e-4)
    expected = naive_windows(photo.numpy(), target.numpy(), 2, 1e-4)
    assert np.allclose(slope[0].numpy(), expected[0], atol=1e-9)
    assert np.allclose(intercept[0].numpy(), expected[1], atol=1e-9)


def test_what_is_affine_in_the_photo_s_colours_passes_unchanged():
    photo = picture(40, 30, 1)[None]
    target = torch.einsum("kc,bchw->bkhw", torch.tensor([[0.2, -0.5, 1.0], [0.0, 0.3, 0.3]]), photo) + 0.1
    assert (guided_filter(photo, target, 4, 1e-8) - target).abs().max() < 1e-3


def test_an_edge_of_the_photo_stays_and_others_go():
    photo = torch.full((1, 3, 40, 40), 0.2)
    photo[..., 20:] = 0.8
    target = torch.zeros(1, 1, 40, 40)
    target[..., 20:] = 1
    assert (guided_filter(photo, target, 6, 1e-4) - target).abs().max() < 0.01
    elsewhere = torch.zeros(1, 1, 40, 40)
    elsewhere[:, :, 20:] = 1
    smooth = guided_filter(photo, elsewhere, 6, 1e-4)
    assert (smooth[0, 0, 1:, 5] - smooth[0, 0, :-1, 5]).abs().max() < 0.12


@pytest.mark.parametrize(
    ("guide", "target", "radius", "epsilon"),
    [
        ((1, 1, 8, 8), (1, 1, 8, 8), 2, 1e-4),
        ((3, 8, 8), (1, 1, 8, 8), 2, 1e-4),
        ((1, 3, 8, 8), (1, 1, 8, 9), 2, 1e-4),
        ((1, 3, 8, 8), (1, 1, 8, 8), 0, 1e-4),
        ((1, 3, 8, 8), (1, 1, 8, 8), 2, 0.0),
        ((1, 3, 8, 8), (1, 1, 8, 8), 2, float("nan")),
    ],
)
def test_bad_arguments(guide, target, radius, epsilon):
    with pytest.raises(ParameterError):
        guided_filter(torch.zeros(guide), torch.zeros(target), radius, epsilon)


@pytest.mark.parametrize("size", [(11, 14), (40, 57), (7, 9), (5, 4)])
def test_rows_of_an_enlargement_without_the_others(size):
    stack = torch.rand(2, 3, 7, 9)
    whole = F.interpolate(stack, size, mode="bilinear", align_corners=False)
    for top, count in ((0, 1), (1, 3), (size[0] - 2, 2), (0, size[0])):
        rows = enlarged_rows(stack, top, count, size)
        torch.testing.assert_close(rows, whole[..., top : top + count, :], atol=1e-6, rtol=0)
    one = stack[:, :, :1]  # a grid of one row
    torch.testing.assert_close(enlarged_rows(one, 2, 2, size), enlarged_rows(one, 0, 2, size))
