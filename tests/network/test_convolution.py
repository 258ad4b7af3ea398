import pytest
import torch
from torch import nn

from photostyle.network.convolution import Convolution

SIZES = [(2, 2), (3, 200), (16, 16), (128, 128), (4, 4096), (131, 257)]


def layers():
    torch.manual_seed(0)
    return nn.Conv2d(3, 3, 1), Convolution(3, 5)


def plain(convolution):
    layer = nn.Conv2d(3, 5, 3, padding=1, padding_mode="reflect")
    layer.weight, layer.bias = convolution.weight, convolution.bias
    return layer


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@torch.no_grad()
def test_is_the_convolution_padded_by_reflection(size, form):
    _, conv = layers()
    x = torch.rand(2, 3, *size).contiguous(memory_format=form)
    assert torch.allclose(conv(x), plain(conv)(x), atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@torch.no_grad()
def test_two_convolutions_as_one(size):
    first, second = layers()
    x = torch.rand(1, 3, *size)
    assert torch.allclose(second(x, before=first), plain(second)(first(x)), atol=1e-5)
    first.bias = None
    assert torch.allclose(second(x, before=first), plain(second)(first(x)), atol=1e-5)
    second.bias = None
    assert torch.allclose(second(x, before=first), plain(second)(first(x)), atol=1e-5)


def test_gradients_reach_both_layers():
    first, second = layers()
    x = torch.rand(1, 3, 140, 130)
    second(x, before=first).square().sum().backward()
    ours = [p.grad.clone() for p in (*first.parameters(), *second.parameters())]
    first.zero_grad()
    second.zero_grad()
    plain(second)(first(x)).square().sum().backward()
    for found, parameter in zip(ours, (*first.parameters(), *second.parameters()), strict=True):
        assert torch.allclose(found, parameter.grad, rtol=1e-3, atol=1e-2)
