from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.torch import save_file
from torch import nn

from photostyle.errors import ParameterError, WeightsError
from photostyle.network.features import FeatureConfig, FeatureEncoder
from photostyle.training.teachers import PcaTeacher, Vgg19Teacher, make_teacher
from tests.util import picture

# Outputs of the layers of each block; their inputs follow.
WIDTHS = {"0.0": 3, "0.1": 4, "1.0": 5, "1.1": 6, "2.0": 6, "2.1": 7, "3.0": 5, "3.1": 8, "3.2": 7, "3.3": 9}


def pca_tensors(seed=0):
    generator = torch.Generator().manual_seed(seed)
    tensors, inputs = {}, 3
    for name, outputs in WIDTHS.items():
        side = 1 if name == "0.0" else 3
        kernel = torch.randn(outputs, inputs, side, side, generator=generator) / (inputs * side * side) ** 0.5
        tensors |= {f"enc.{name}.kernel": kernel, f"enc.{name}.bias": torch.randn(outputs, generator=generator) * 0.2}
        inputs = outputs
    return tensors


def write_pca(path, seed=0):
    """A tiny random network in the format of the distilled VGG-19."""
    save_file(pca_tensors(seed) | {"dec.0.0.bias": torch.zeros(3)}, path)
    return path


def write_cd16(path):
    """A random network in the format of the VGG-19 at a sixteenth; returns it."""
    torch.manual_seed(0)
    encoder = FeatureEncoder(FeatureConfig("cd16", (16, 32, 64, 128, 128)))
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    save_file({f"encoder5.{name}": tensor for name, tensor in encoder.state_dict().items()}, path)
    return encoder


def reference(tensors, image):
    """The four levels of one image (3, H, W), in numpy and float64."""
    weights = {name: tensor.double().numpy() for name, tensor in tensors.items()}

    def conv(x, name):
        kernel = weights[f"enc.{name}.kernel"]
        border = kernel.shape[-1] // 2
        x = np.pad(x, ((0, 0), (border, border), (border, border)), mode="reflect")
        windows = sliding_window_view(x, kernel.shape[-2:], axis=(1, 2))
        return np.einsum("chwij,ocij->ohw", windows, kernel) + weights[f"enc.{name}.bias"][:, None, None]

    def relu_conv(x, name):
        return np.maximum(conv(x, name), 0)

    def pool(x):
        channels, height, width = x.shape
        return x.reshape(channels, height // 2, 2, width // 2, 2).max((2, 4))

    relu1_1 = relu_conv(conv(image.double().numpy(), "0.0"), "0.1")
    relu2_1 = relu_conv(pool(relu_conv(relu1_1, "1.0")), "1.1")
    relu3_1 = relu_conv(pool(relu_conv(relu2_1, "2.0")), "2.1")
    x = relu_conv(relu_conv(relu_conv(relu3_1, "3.0"), "3.1"), "3.2")
    return [relu1_1, relu2_1, relu3_1, relu_conv(pool(x), "3.3")]


def test_pca_teacher_computes_what_its_weights_say(tmp_path):
    teacher = PcaTeacher(write_pca(tmp_path / "pca.safetensors", seed=3))
    images = torch.stack([picture(16, 24, 0), picture(16, 24, 1)])
    features = teacher(images)
    assert teacher.channels == (4, 6, 7, 9)
    assert [tuple(x.shape) for x in features] == [(2, 4, 16, 24), (2, 6, 8, 12), (2, 7, 4, 6), (2, 9, 2, 3)]
    for index, image in enumerate(images):
        for ours, expected in zip(features, reference(pca_tensors(3), image), strict=True):
            assert expected.std() > 0.01  # not dead, so the comparison says something
            np.testing.assert_allclose(ours[index].numpy(), expected, atol=1e-5)


def test_half_precision_weights_are_read_as_float32(tmp_path):
    tensors = {name: tensor.half() for name, tensor in pca_tensors().items()}
    save_file(tensors, tmp_path / "half.safetensors")
    assert all(buffer.dtype == torch.float32 for buffer in PcaTeacher(tmp_path / "half.safetensors").buffers())


@pytest.mark.parametrize("missing", ["enc.0.0.kernel", "enc.2.1.bias", "enc.3.3.kernel"])
def test_an_incomplete_pca_file_is_an_error_that_names_what_lacks(tmp_path, missing):
    path = tmp_path / "cut.safetensors"
    save_file({name: tensor for name, tensor in pca_tensors().items() if name != missing}, path)
    with pytest.raises(WeightsError, match=missing) as error:
        PcaTeacher(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("content", [None, b"", b"not safetensors at all"])
def test_a_missing_or_damaged_pca_file_is_an_error(tmp_path, content):
    path = tmp_path / "pca.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match="PCA-distilled") as error:
        PcaTeacher(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(5, 6, 3, 3), (6, 5), (6, 5, 2, 2)])
def test_pca_kernels_that_do_not_fit_are_an_error(tmp_path, shape):
    path = tmp_path / "pca.safetensors"
    save_file(pca_tensors() | {"enc.1.1.kernel": torch.zeros(shape)}, path)
    with pytest.raises(WeightsError, match=r"enc\.1\.1") as error:
        PcaTeacher(path)
    assert str(path) in str(error.value)


def test_make_teacher_gives_a_frozen_one_in_evaluation_mode(tmp_path):
    teacher = make_teacher("pca", write_pca(tmp_path / "pca.safetensors"), torch.device("cpu"))
    assert isinstance(teacher, PcaTeacher)
    assert not teacher.training
    assert not any(x.requires_grad for x in teacher(picture(16, 16)[None]))


def test_make_teacher_refuses_an_unknown_kind_and_a_missing_path():
    with pytest.raises(ParameterError, match="path"):
        make_teacher("pca", None, torch.device("cpu"))
    with pytest.raises(ParameterError, match="'pca' or 'vgg19'"):
        make_teacher("resnet", None, torch.device("cpu"))  # type: ignore[arg-type]


@pytest.fixture
def random_vgg(monkeypatch):
    """torchvision's VGG-19 with random weights in place of a download."""
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):  # the classifier, most of the network, is never needed
        vgg = models.vgg19(weights=None)
    vgg.features.to_empty(device="cpu")
    torch.manual_seed(0)
    for layer in vgg.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, std=0.1)
    asked = []
    monkeypatch.setattr(models, "vgg19", lambda weights: asked.append(weights) or vgg)
    return vgg, asked, models.VGG19_Weights.IMAGENET1K_V1


def test_vgg19_teacher_gives_the_activations_after_the_first_convolution_of_each_block(random_vgg):
    vgg, asked, weights = random_vgg
    teacher = make_teacher("vgg19", None, torch.device("cpu"))
    assert isinstance(teacher, Vgg19Teacher)
    assert asked == [weights]
    image = picture(32, 48)[None]
    features = teacher(image)
    assert [tuple(x.shape) for x in features] == [(1, 64, 32, 48), (1, 128, 16, 24), (1, 256, 8, 12), (1, 512, 4, 6)]
    assert teacher.channels == tuple(x.shape[1] for x in features)
    # The published architecture, one convolution after the other.
    convolutions = iter(layer for layer in vgg.features if isinstance(layer, nn.Conv2d))
    x = (image - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    for block, count in enumerate((2, 2, 4, 1)):
        x = F.max_pool2d(x, 2) if block else x
        for position in range(count):
            layer = next(convolutions)
            x = F.conv2d(x, layer.weight, layer.bias, padding=1).clamp_min(0)
            if position == 0:
                assert x.std() > 0.01
                torch.testing.assert_close(features[block], x, rtol=1e-4, atol=1e-4)


def test_vgg19_teacher_without_torchvision_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(WeightsError, match="pip install"):
        Vgg19Teacher()
