import numpy as np
import pytest
import torch

from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.training import data
from photostyle.training.photorealism import (
    affine_residual,
    colour_distance,
    consistency,
    flat_deviation,
    record_moments,
    style_distance,
    transfer,
)
from photostyle.transfer.fitting import stylize
from photostyle.transfer.transfer import run
from tests.util import halves, picture, tiny_model


def moments_at(model, images, at, regions):
    found = {}

    def site(name, features):
        found[name] = record_moments(features, regions)
        return features

    run(model, images, at, site)
    return found


def residual_by_least_squares(content, output, radius, epsilon):
    """The same share from a ridge regression in every window, one at a time."""
    c = np.pad(content, ((0, 0), (radius, radius), (radius, radius)), mode="reflect")
    o = np.pad(output, ((0, 0), (radius, radius), (radius, radius)), mode="reflect")
    left, total = 0.0, 0.0
    for y in range(content.shape[1]):
        for x in range(content.shape[2]):
            window = np.s_[:, y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            a, b = c[window].reshape(3, -1), o[window].reshape(3, -1)
            a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
            n = a.shape[1]
            cross = a @ b.T / n
            explained = (cross * np.linalg.solve(a @ a.T / n + epsilon * np.eye(3), cross)).sum(0)
            variance = (b * b).mean(1)
            left += np.maximum(variance - explained, 0).sum()
            total += variance.sum()
    return left / total


def test_affine_residual_agrees_with_least_squares():
    content, other = picture(12, 14, 0).double(), picture(12, 14, 1).double()
    expected = residual_by_least_squares(content.numpy(), other.numpy(), 2, 1e-4)
    assert float(affine_residual(content[None], other[None], 2, 1e-4)) == pytest.approx(expected, rel=1e-6)


def test_affine_images_leave_no_residual_and_noise_does():
    content = picture(40, 48, 0).double()[None]
    matrix = torch.tensor([[0.5, 0.2, 0.0], [0.1, 0.7, -0.2], [0.0, 0.3, 0.4]], dtype=torch.float64)
    graded = torch.einsum("ij,bjhw->bihw", matrix, content) + 0.1
    assert float(affine_residual(content, graded)) < 0.05
    noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(affine_residual(content, graded + 0.3 * noise)) > 0.5


def test_losses_have_the_gradients_of_finite_differences():
    content = picture(10, 10, 0).double()[None]
    output = picture(10, 10, 1).double()[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda o: affine_residual(content, o, 2), (output,), atol=1e-6)
    features = torch.rand(1, 3, 5, 5, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 3, 5, 5, dtype=torch.float64)
    # moments and roots run in float64; the layers above them see float32, hence the step and the tolerance
    value = style_distance([features], [target])
    value.backward()
    step = torch.zeros_like(features)
    step[0, 1, 2, 3] = 1e-3
    with torch.no_grad():
        there, back = (style_distance([features + s], [target]) for s in (step, -step))
    assert float((there - back) / 2e-3) == pytest.approx(float(features.grad[0, 1, 2, 3]), rel=0.02, abs=1e-3)


def test_flat_deviation_sees_noise_only_where_the_content_is_flat():
    flat = torch.full((1, 3, 40, 40), 0.5)
    noise = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(0)) * 0.02
    assert float(flat_deviation(flat, flat)) == pytest.approx(255e-4, rel=1e-3)  # the square root's floor
    assert float(flat_deviation(flat, flat + noise)) > 2
    assert float(flat_deviation(torch.rand(1, 3, 40, 40), flat + noise)) == 0


def test_style_distance():
    x, y = torch.rand(2, 4, 8, 8), 3 * torch.rand(2, 4, 8, 8)
    assert float(style_distance([x], [x])) < 1e-6
    assert float(style_distance([x], [y])) > 0.1
    shuffled = x.flatten(2)[..., torch.randperm(64)].unflatten(-1, (8, 8))
    assert float(style_distance([x], [shuffled])) < 1e-6  # statistics alone


def test_style_distance_by_region_compares_like_with_like():
    left, right = halves(8, 8, 0, 1) == 0, halves(8, 8, 0, 1) == 1
    pair = tuple(Regions.from_labels(halves(8, 8, *order)) for order in ((0, 1), (1, 0)))
    x = torch.rand(1, 4, 8, 8)
    swapped = torch.cat([x[..., 4:], x[..., :4]], -1)
    assert float(style_distance([x], [swapped], [pair])) < 1e-6
    brighter = swapped + 2.0 * left  # the style's label 1
    assert float(style_distance([x], [brighter], [pair])) > 0.3
    masked = style_distance([x], [swapped + 2.0 * right], [pair])
    assert float(masked) > 0.3


def test_colour_distance_is_one_where_nothing_was_done_and_less_the_nearer_the_style():
    content, style = torch.rand(2, 3, 32, 32) * 0.4, torch.rand(2, 3, 32, 32) * 0.4 + 0.5
    directions = torch.nn.functional.normalize(torch.randn(3, 6), dim=0)
    distances = [
        float(colour_distance(content, output, style, [None, None], directions))
        for output in (content, content + 0.25, content + 0.5)
    ]
    assert 0.85 < distances[0] <= 1
    assert distances[0] > 1.8 * distances[1] > 3 * distances[2]
    regions = (Regions.from_labels(halves(32, 32, 0, 1)), Regions.from_labels(halves(32, 32, 1, 0)))
    flipped = content.flip(-1)  # its left half has the colours of the content's right half, which has the same label
    assert float(colour_distance(content, content, flipped, [regions] * 2, directions)) < 1e-6


def test_consistency_is_zero_where_the_decoder_repeats_the_encoder():
    x = torch.rand(1, 4, 8, 8)
    assert float(consistency({"encoder2": x, "decoder2": x})) == 0
    assert float(consistency({"encoder2": x, "decoder2": x.mean().expand_as(x)})) == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("at", [("encoder",), ("encoder", "decoder")])
def test_transfer_by_region_is_what_fitting_does(at):
    model = tiny_model()
    content, style = picture(32, 32, 1), picture(32, 32, 1) * 0.9 + 0.05
    own, other = (Regions.from_weights({"a": w, "b": 1 - w}) for w in (picture(32, 32, 3)[0], picture(32, 32, 4)[0]))
    found = moments_at(model, style[None], at, [other])
    output = transfer(model, content[None], [own], found, at, "monge", 1e-3)[0]
    options = FitOptions(at, "monge", 1.0, 1e-3, shrinkage=0.0, finish=False)
    alone = stylize(model, content, style, content_regions=own, style_regions=other, options=options)
    assert (alone - output).abs().mean() < 2e-3


@pytest.mark.parametrize("at", [("encoder",), ("encoder", "decoder"), ("skip",)])
def test_transfer_is_what_fitting_does_but_for_the_clamp(at):
    model = tiny_model()
    contents = torch.stack([picture(32, 32, 1), picture(32, 32, 2)])
    styles = torch.stack([contents[0] * 0.9 + 0.05, contents[1] * 0.8 + 0.1])  # near enough that nothing is clamped
    found = moments_at(model, styles, at, [None, None])
    outputs = transfer(model, contents, [None, None], found, at, "monge", 1e-3)
    for content, style, output in zip(contents, styles, outputs, strict=True):
        alone = stylize(model, content, style, options=FitOptions(at, "monge", 1.0, 1e-3, finish=False))
        assert (alone - output).abs().mean() < 2e-3


def test_gradient_reaches_every_layer_through_the_transfer():
    model = tiny_model().requires_grad_(True)
    found = moments_at(model, picture(32, 32, 2)[None], ("encoder",), [None])
    output = transfer(model, picture(32, 32, 1)[None], [None], found, ("encoder",), "monge", 1e-3)
    output.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all()


def test_twins_show_the_same_scene_under_the_same_grade():
    photos = [(picture(90, 90, seed) * 255).round().to(torch.uint8) for seed in range(4)]
    first, second = data.twin_crops(photos, 3, 32, data.step_generator(0, 0))
    assert first.shape == second.shape == (3, 3, 32, 32)
    assert (first.mean((2, 3)) - second.mean((2, 3))).abs().max() < 0.15
    a, b = data.random_grade(torch.cat([first, first]), data.step_generator(0, 1), copies=2).chunk(2)
    assert torch.equal(a, b)
    assert not torch.equal(a[0], data.random_grade(first, data.step_generator(0, 2))[0])
