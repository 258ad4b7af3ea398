import pytest
import torch
import torch.nn.functional as F
from torch import nn

from photostyle.errors import WeightsError
from photostyle.weights import vgg19
from tests.util import picture

WIDTHS = (4, 5, 6, 7, 8)


def torchvision_like():
    """A narrow network of the layout of torchvision's ``vgg19().features``."""
    torch.manual_seed(0)
    layers, inputs = [], 3
    for width, count in zip(WIDTHS, (2, 2, 4, 4, 4), strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def state(network):
    return {f"features.{name}": tensor for name, tensor in network.state_dict().items()}


def test_layers_are_torchvisions_but_for_borders():
    network = torchvision_like()
    encoder = vgg19.from_torchvision(state(network), "it", WIDTHS)
    image = picture(64, 64, 1)[None]
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (vgg19.IMAGENET_MEAN, vgg19.IMAGENET_DEVIATION))
    found = encoder(image, ("relu1_1", "relu2_2", "relu3_4", "relu4_2", "relu5_1"))
    x = (image - mean) / deviation
    ends = {1: "relu1_1", 8: "relu2_2", 17: "relu3_4", 22: "relu4_2", 29: "relu5_1"}
    for index, layer in enumerate(network):
        if isinstance(layer, nn.Conv2d):  # padding by zeros or by reflection differs at the borders alone
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)
        else:
            x = layer(x)
        if index in ends:
            assert torch.allclose(found[ends[index]], x, atol=1e-5), ends[index]
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_a_fetched_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(tmp_path))
    monkeypatch.setattr(vgg19.from_torchvision, "__defaults__", (WIDTHS,))
    torch.save(state(torchvision_like()), vgg19.vgg19_file())
    encoder = vgg19.read_vgg19()
    assert encoder.config.widths == WIDTHS
    assert encoder.config.name == "vgg19"


def test_what_is_not_vgg19_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="run photostyle weights fetch vgg19"):
        vgg19.read_vgg19()
    path = tmp_path / "x.pth"
    path.write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match="damaged or no PyTorch checkpoint"):
        vgg19.read_vgg19(path)
    torch.save([1], path)
    with pytest.raises(WeightsError, match="holds no weights"):
        vgg19.read_vgg19(path)
    torch.save(state(torchvision_like()), path)
    with pytest.raises(WeightsError, match=r"features\.0\.weight does not fit"):
        vgg19.read_vgg19(path)
    broken = state(torchvision_like())
    broken["features.5.bias"][0] = float("nan")
    with pytest.raises(WeightsError, match=r"features\.5\.bias does not fit"):
        vgg19.from_torchvision(broken, "it", WIDTHS)
