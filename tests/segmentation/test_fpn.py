"""The embedded network's layers in plain torch, held to the libraries that define them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from photostyle.segmentation.files import read_network, save_network
from photostyle.segmentation.fpn import fused, plain
from photostyle.segmentation.network import Architecture, build
from photostyle.weights import scenes_file

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
OPTIONS = {
    "channels": [8, 8, 16, 24], "stem_width": 8, "decoder_pyramid_channels": 12, "decoder_segmentation_channels": 32,
}  # fmt: skip
LIBRARIES = ("segmentation_models_pytorch", "timm", "torchvision", "huggingface_hub")


def architecture(**changes):
    return Architecture("FPN", "tu-resnet18d", {**OPTIONS, **changes}, ("a", "b", "c"))


def wild(network):
    """Random statistics and biases, which fresh networks have at 0 and 1."""
    generator = torch.Generator().manual_seed(5)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(
                0.5 + noise if "var" in name or tensor.dim() == 1 else (noise - 0.5) / tensor[0].numel() ** 0.5
            )
    return network.eval()


def alike(ours, theirs, shape):
    images = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, found = theirs(images), ours(images)
    assert expected.shape == (shape[0], found.shape[1], *shape[2:])
    assert float((found - expected).abs().max()) <= 1e-6 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("changes", [{}, {"stem_width": 4}, {"channels": [32, 8, 8, 8], "stem_width": 16}])
@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 3, 96, 160)])
def test_plain_layers_are_those_of_the_libraries(changes, shape):
    theirs = wild(build(architecture(**changes)))
    ours = plain(architecture(**changes)).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    alike(ours, theirs, shape)


def test_the_embedded_network_is_plain_and_what_the_libraries_make_of_its_file():
    ours, described, _ = read_network(scenes_file())
    theirs = build(described).eval()
    assert type(ours) is not type(theirs)
    theirs.load_state_dict(ours.state_dict())
    alike(ours, theirs, (1, 3, 192, 256))


@pytest.mark.parametrize("channels", [[8, 8, 16, 24], [32, 8, 8, 8]])
def test_normalisations_become_part_of_the_convolutions(channels):
    network = wild(plain(architecture(channels=channels)))
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, found = network(images), fused(network)(images)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    other = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    assert fused(other) is other
    assert isinstance(other[1], nn.BatchNorm2d)


@pytest.mark.parametrize(
    "other",
    [
        Architecture("Unet", "tu-resnet18d", OPTIONS), Architecture("FPN", "tu-resnet10t", OPTIONS),
        architecture(depth=4),
        architecture(channels=[8, 8, 16]), architecture(channels=8), architecture(channels=[8, 8, 16, 0]),
        architecture(stem_width=4.0), architecture(stem_width=True), architecture(decoder_segmentation_channels=40),
        Architecture("FPN", "tu-resnet18d", {"channels": [8, 8, 16, 24]}), Architecture("FPN", "tu-resnet18d"),
    ],
)  # fmt: skip
def test_other_networks_are_left_to_the_libraries(other):
    assert plain(other) is None


def test_a_trained_network_of_the_libraries_is_read_back_plain(tmp_path):
    network = wild(build(architecture()))
    save_network(network, architecture(), tmp_path / "n.safetensors", half=False)
    found, *_ = read_network(tmp_path / "n.safetensors")
    assert isinstance(found, nn.Module)
    assert type(found) is not type(network)
    alike(found, network, (1, 3, 64, 64))


def test_a_photo_with_regions_imports_none_of_the_libraries(tmp_path):
    arguments = [str(SAMPLES / "day.jpg"), "--style", str(SAMPLES / "dusk.jpg"), "-o", str(tmp_path / "out.png")]
    code = (
        "import sys; sys.argv = ['photostyle', 'photo', *sys.argv[1:], '--size', '96', '--report', '{}']\n"
        "from photostyle.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "assert 'photostyle.segmentation' in sys.modules\n"
        "print('found:', *{{name.split('.')[0] for name in sys.modules}} & {libraries!r})"
    ).format(tmp_path / "report.json", libraries=set(LIBRARIES))
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "found:"
    assert (tmp_path / "out.png").is_file()
    assert "sky" in (tmp_path / "report.json").read_text()
