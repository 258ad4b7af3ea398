import pytest
import torch

from photostyle.device import resolve
from photostyle.errors import DeviceError, PhotostyleError


@pytest.fixture(params=[True, False], ids=["gpu", "no gpu"])
def gpu(request, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param)
    return request.param


def test_auto_takes_the_gpu_if_there_is_one(gpu):
    assert resolve() == resolve("auto") == torch.device("cuda" if gpu else "cpu")


@pytest.mark.usefixtures("gpu")
def test_cpu_is_always_there():
    assert resolve("cpu") == torch.device("cpu")


def test_cuda_must_be_there(gpu):
    if gpu:
        assert resolve("cuda") == torch.device("cuda")
        return
    with pytest.raises(DeviceError, match="--device cpu") as error:
        resolve("cuda")
    assert "\n" not in str(error.value)
    assert isinstance(error.value, PhotostyleError)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("name", ["", "CPU", "cuda:0", "tpu"])
def test_other_names(name):
    with pytest.raises(DeviceError, match="auto, cpu or cuda"):
        resolve(name)


def test_what_is_found_can_be_used():
    assert torch.ones(2, device=resolve()).sum().item() == 2
