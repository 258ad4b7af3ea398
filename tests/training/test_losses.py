from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.network import haar
from photostyle.network.wct2 import LEVELS
from photostyle.training import losses
from photostyle.training.teachers import PcaTeacher
from tests.training.test_teachers import write_pca
from tests.util import picture, tiny_model


def batch(count=2, height=32, width=24):
    return torch.stack([picture(height, width, seed) for seed in range(count)])


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return PcaTeacher(write_pca(tmp_path_factory.mktemp("teacher") / "pca.safetensors"))


def test_projections_have_the_teachers_channels_and_the_students_sizes():
    projections = losses.Projections((6, 8, 10, 12), (4, 6, 7, 9))
    features = [torch.rand(2, channels, side, side + 1) for channels, side in ((6, 8), (8, 4), (10, 2), (12, 1))]
    projected = projections(features)
    assert [tuple(x.shape) for x in projected] == [(2, 4, 8, 9), (2, 6, 4, 5), (2, 7, 2, 3), (2, 9, 1, 2)]
    assert all(parameter.requires_grad for parameter in projections.parameters())
    weight, bias = projections.layers[1].weight[:, :, 0, 0], projections.layers[1].bias
    torch.testing.assert_close(projected[1][0, :, 2, 3], weight @ features[1][0, :, 2, 3] + bias)


def test_projections_want_as_many_levels_on_both_sides():
    with pytest.raises(ValueError, match="shorter"):
        losses.Projections((6, 8), (4,))
    with pytest.raises(ValueError, match="longer"):
        losses.Projections((6,), (4,))([torch.rand(1, 6, 4, 4)] * 2)


@pytest.mark.parametrize("unpool", ["cat5", "sum"])
def test_the_result_without_a_site_is_the_reconstruction(unpool):
    model, images = tiny_model(unpool), batch()
    assert torch.equal(losses.walk_with_features(model, images)[0], model(images))


def test_features_of_cat5_are_what_its_levels_return():
    model, images, skips = tiny_model("cat5"), batch(), {}
    _, features = losses.walk_with_features(model, images)
    x = images
    for level, found in zip(LEVELS, features, strict=True):
        x = model.encoder.level(x, level, skips)
        assert torch.equal(found, x)


def test_features_of_sum_are_those_of_the_first_convolution_of_each_block():
    model, images = tiny_model("sum"), batch()
    encoder, gain = model.encoder, model.config.ll_gain
    _, features = losses.walk_with_features(model, images)
    with torch.no_grad():
        relu1_1 = encoder.conv1_1(encoder.conv0(images)).relu()
        x = haar.pool(encoder.conv1_2(relu1_1).relu()).ll * gain
        relu2_1 = encoder.conv2_1(x).relu()
        x = haar.pool(encoder.conv2_2(relu2_1).relu()).ll * gain
        relu3_1 = encoder.conv3_1(x).relu()
        x = relu3_1
        for layer in (encoder.conv3_2, encoder.conv3_3, encoder.conv3_4):
            x = layer(x).relu()
        relu4_1 = encoder.conv4_1(haar.pool(x).ll * gain).relu()
    for found, expected in zip(features, (relu1_1, relu2_1, relu3_1, relu4_1), strict=True):
        assert expected.abs().max() > 0
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("unpool", ["cat5", "sum"])
def test_gradients_reach_all_layers_through_result_and_features(unpool):
    model = tiny_model(unpool).requires_grad_(True)
    result, features = losses.walk_with_features(model, batch())
    features[3].sum().backward(retain_graph=True)
    assert model.encoder.conv4_1.weight.grad.abs().max() > 0
    assert model.decoder.conv4_1.weight.grad is None
    result.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def hooks(model):
    return [hook for module in model.modules() for hook in module._forward_hooks.values()]


def test_hooks_are_removed_also_after_an_error():
    model = tiny_model()
    losses.walk_with_features(model, batch())
    assert not hooks(model)

    def broken(_name, _features):
        assert hooks(model)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        losses.walk_with_features(model, batch(), ("encoder",), broken)
    assert not hooks(model)


def test_a_site_changes_the_result_but_not_the_features_before_it():
    model, images = tiny_model(), batch()
    plain, features = losses.walk_with_features(model, images)
    names = []

    def double(name, x):
        names.append(name)
        return 2 * x

    mapped, others = losses.walk_with_features(model, images, ("decoder",), double)
    assert len(names) > 1
    assert all(torch.equal(a, b) for a, b in zip(features, others, strict=True))
    assert not torch.allclose(mapped, plain)


def test_targets_have_mean_zero_and_variance_one_a_channel_on_what_they_were_calibrated_with(teacher):
    images = batch(4)
    targets = losses.Targets(teacher, images)
    for raw, x in zip(teacher(images), targets(images), strict=True):
        assert x.mean((0, 2, 3)).abs().max() < 1e-4
        assert float(x.var((0, 2, 3)).sum()) == pytest.approx(x.shape[1], rel=1e-4)
        # One factor a level: channels keep their proportions.
        ratios = raw.var((0, 2, 3)) / x.var((0, 2, 3)).clamp_min(1e-9)
        assert float(ratios.max()) == pytest.approx(float(ratios[x.var((0, 2, 3)) > 1e-3].min()), rel=1e-3)


def test_targets_are_fixed_once_calibrated_and_need_no_gradient(teacher):
    targets = losses.Targets(teacher, batch(4))
    alone, together = targets(batch(1)), targets(batch(3))
    for a, b in zip(alone, together, strict=True):
        torch.testing.assert_close(a, b[:1], rtol=1e-4, atol=1e-4)
        assert not a.requires_grad
    assert not list(targets.parameters())


def test_distillation_is_zero_for_equal_features_and_one_for_their_means(teacher):
    images = batch(4, 64, 64)
    targets = losses.Targets(teacher, images)(images)
    assert float(losses.distillation_loss(targets, targets)) == 0
    means = [torch.zeros_like(x) for x in targets]
    assert float(losses.distillation_loss(means, targets)) == pytest.approx(1, rel=5e-3)
    # Levels count alike, whatever their sizes.
    half = [targets[0], means[1], targets[2], means[3]]
    assert float(losses.distillation_loss(half, targets)) == pytest.approx(0.5, rel=5e-3)


def test_distillation_compares_half_precision_in_float32():
    x = [torch.full((1, 2, 4, 4), 300.0, dtype=torch.bfloat16)]
    loss = losses.distillation_loss(x, [torch.zeros(1, 2, 4, 4)])
    assert loss.dtype == torch.float32
    assert float(loss) == 90000


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 3), height=st.integers(1, 9), width=st.integers(1, 9), scale=st.floats(1e-4, 1))
def test_psnr_is_that_of_numpy_for_each_image(count, height, width, scale):
    generator = torch.Generator().manual_seed(count * 100 + height * 10 + width)
    target = torch.rand(count, 3, height, width, generator=generator)
    output = target + scale * torch.rand(count, 3, height, width, generator=generator)
    found = losses.psnr(output, target)
    squares = np.square(output.double().numpy() - target.double().numpy()).mean((1, 2, 3))
    assert found.shape == (count,)
    np.testing.assert_allclose(found.numpy(), 20 * np.log10(1 / np.sqrt(squares)), atol=1e-2)


def test_psnr_of_equal_images_is_finite():
    image = F.pad(torch.rand(1, 3, 4, 4), (1, 1))
    assert losses.psnr(image, image).tolist() == pytest.approx([120], abs=1e-4)
