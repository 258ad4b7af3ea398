from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save

from photostyle.errors import DeviceError, OutputError, ParameterError, WeightsError
from photostyle.network.wct2 import WCT2, ModelConfig
from photostyle.weights import files, read_header, read_model, save_model

CONFIG = ModelConfig(name="tiny", widths=(2, 3, 4, 5), unpool="cat5", ll_gain=0.5, regularization=0.01)
METADATA = {"format": "photostyle-wct2", "version": "1", "config": CONFIG.to_json()}


def tiny(config: ModelConfig = CONFIG, seed: int = 0) -> WCT2:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return WCT2(config)


def one_line(error: pytest.ExceptionInfo[BaseException], *parts: object) -> None:
    text = str(error.value)
    assert "\n" not in text
    assert all(str(part) in text for part in parts), text


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    widths=st.tuples(*[st.integers(1, 9)] * 4),
    unpool=st.sampled_from(["sum", "cat5"]),
    gain=st.sampled_from([1.0, 0.5]),
)
def test_float32_round_trip_is_exact(
    tmp_path: Path, widths: tuple[int, int, int, int], unpool: str, gain: float
) -> None:
    model = tiny(ModelConfig("m", widths, unpool, gain, 0.25))  # type: ignore[arg-type]
    path = tmp_path / "model.safetensors"
    save_model(model, path, half=False, overwrite=True)
    back = read_model(path)
    assert back.config == model.config
    assert back.fingerprint() == model.fingerprint()
    assert not back.training
    assert all(p.dtype == torch.float32 and not p.requires_grad and p.device.type == "cpu" for p in back.parameters())
    image = torch.rand(1, 3, 16, 24)
    assert torch.equal(back(image), model(image).detach())


def test_half_rounds_to_float16_and_halves_the_file(tmp_path: Path) -> None:
    model = tiny(ModelConfig(widths=(8, 8, 16, 16)))
    save_model(model, tmp_path / "half.safetensors")
    save_model(model, tmp_path / "full.safetensors", half=False)
    back = read_model(tmp_path / "half.safetensors").state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(back[name], tensor.half().float())
    assert {t.dtype for t in load_file(tmp_path / "half.safetensors").values()} == {torch.float16}
    assert (tmp_path / "half.safetensors").stat().st_size < 0.7 * (tmp_path / "full.safetensors").stat().st_size


def test_extra_metadata_and_header(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "m.safetensors"
    save_model(tiny(), path, extra={"licence": "MIT", "trained_on": "photos"})
    header = read_header(path)
    assert header.config == CONFIG
    assert header.extra == {"licence": "MIT", "trained_on": "photos"}
    with pytest.raises(ParameterError, match="config"):
        save_model(tiny(), tmp_path / "x", extra={"config": "mine"})
    assert not (tmp_path / "x").exists()


def test_reading_leaves_the_random_generator_alone(tmp_path: Path) -> None:
    save_model(tiny(), tmp_path / "m.safetensors")
    before = torch.random.get_rng_state()
    read_model(tmp_path / "m.safetensors")
    assert torch.equal(before, torch.random.get_rng_state())


def test_model_does_not_change_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(tiny(), path, half=False)
    model = read_model(path)
    expected = model.fingerprint()
    with path.open("r+b") as file:  # in place, unlike an atomic write
        file.write(bytes(path.stat().st_size))
    assert model.fingerprint() == expected


def test_existing_files_are_kept_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError) as error:
        save_model(tiny(), path)
    one_line(error, path)
    assert path.read_bytes() == b"mine"
    save_model(tiny(), path, overwrite=True)
    assert read_model(path).config == CONFIG
    assert os.listdir(tmp_path) == ["m.safetensors"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_others_may_read_what_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        save_model(tiny(), tmp_path / "m.safetensors")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "m.safetensors").stat().st_mode) == 0o644


def test_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        save_model(tiny(), tmp_path / "m.safetensors")
    assert os.listdir(tmp_path) == []


def test_weights_that_float16_cannot_hold(tmp_path: Path) -> None:
    model = tiny()
    with torch.no_grad():
        model.encoder.conv2_1.bias[0] = 1e6
    with pytest.raises(WeightsError, match="half=False") as error:
        save_model(model, tmp_path / "m.safetensors")
    one_line(error, "encoder.conv2_1.bias")
    save_model(model, tmp_path / "m.safetensors", half=False)
    assert read_model(tmp_path / "m.safetensors").encoder.conv2_1.bias[0] == 1e6
    with torch.no_grad():
        model.encoder.conv2_1.bias[0] = float("nan")
    with pytest.raises(WeightsError, match="not finite"):
        save_model(model, tmp_path / "nan.safetensors", half=False)


@pytest.mark.parametrize("content", [b"", b"1234567", b"<html>not found</html>", b"\0" * 100, b"\xff" * 1000])
def test_not_safetensors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    for read in (read_model, read_header):
        with pytest.raises(WeightsError) as error:
            read(path)
        one_line(error, path)


def test_missing_and_folder(tmp_path: Path) -> None:
    for path, what in ((tmp_path / "no.safetensors", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(WeightsError, match=what) as error:
            read_model(path)
        one_line(error, path)


def test_truncated_and_lengthened(tmp_path: Path) -> None:
    whole = tmp_path / "whole.safetensors"
    save_model(tiny(), whole)
    data, path = whole.read_bytes(), tmp_path / "m.safetensors"
    for cut in (*(data[: len(data) * part // 10] for part in range(10)), data[:-1], data + b"\0"):
        path.write_bytes(cut)
        with pytest.raises(WeightsError) as error:
            read_model(path)
        one_line(error, path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_any_changed_byte_is_a_weights_error_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    whole = tmp_path / "whole.safetensors"
    if not whole.exists():
        save_model(tiny(), whole)
    content = bytearray(whole.read_bytes())
    header_end = 8 + int.from_bytes(content[:8], "little")
    # Half of the changes fall into the header, which is the more fragile part.
    place = data.draw(st.integers(0, header_end) | st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "m.safetensors"
    path.write_bytes(bytes(content))
    try:
        read_model(path)
    except WeightsError as error:
        message = str(error)
    else:
        message = str(path)
        assert place < header_end  # such as a letter of the model's name; never a weight
    assert str(path) in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "not a photostyle model"),
        ({"format": "pt"}, "not a photostyle model"),
        (METADATA | {"version": "2"}, "version 2"),
        ({key: METADATA[key] for key in ("format", "config")}, "version none"),
        ({key: METADATA[key] for key in ("format", "version")}, "configuration"),
        (METADATA | {"config": "{"}, "configuration"),
        (METADATA | {"config": "[]"}, "configuration"),
        (METADATA | {"config": "[" * 100_000}, "configuration"),
        (METADATA | {"config": CONFIG.to_json().replace("cat5", "max")}, "configuration"),
        (METADATA | {"config": CONFIG.to_json().replace("cat5", "sum")}, "shape"),
        (METADATA | {"config": json.dumps({**json.loads(CONFIG.to_json()), "widths": [2, 3, 4, 6]})}, "widths"),
        (METADATA | {"config": json.dumps({**json.loads(CONFIG.to_json()), "widths": [10**12] * 4})}, "widths"),
        (METADATA | {"sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_false_metadata(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(save(tiny().state_dict(), metadata=metadata))
    with pytest.raises(WeightsError, match=message) as error:
        read_model(path)
    one_line(error, path)


def test_a_file_without_digest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(save(tiny().state_dict(), metadata=METADATA))
    assert read_model(path).fingerprint() == tiny().fingerprint()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder.conv1_1.weight": None}, "lacks encoder tensors"),
        ({"decoder.conv3_4.bias": None}, "missing: decoder.conv3_4.bias"),
        ({"decoder.conv9": torch.zeros(3)}, "unexpected: decoder.conv9"),
        ({"decoder.conv1_1.bias": torch.zeros(4)}, r"decoder.conv1_1.bias has shape \(4,\), expected \(3,\)"),
        ({"encoder.conv3_1.weight": torch.zeros(())}, "widths"),
        ({"encoder.conv3_1.weight": torch.zeros(0, 3, 3, 3)}, "widths"),
        ({"encoder.conv3_1.weight": torch.zeros(4, 3, 3, 3).double()}, "encoder.conv3_1.weight is torch.float64"),
        ({"encoder.conv3_1.weight": torch.zeros(4, 3, 3, 3, dtype=torch.int32)}, "is torch.int32"),
        ({"encoder.conv1_2.weight": torch.full((2, 2, 3, 3), float("inf"))}, "encoder.conv1_2.weight has values"),
    ],
)
def test_tensors_that_do_not_fit(tmp_path: Path, changes: dict[str, torch.Tensor | None], message: str) -> None:
    path = tmp_path / "m.safetensors"
    tensors = {**tiny().state_dict(), **changes}
    path.write_bytes(save({name: t for name, t in tensors.items() if t is not None}, metadata=METADATA))
    with pytest.raises(WeightsError, match=message) as error:
        read_model(path)
    one_line(error, path)


def test_unavailable_device(tmp_path: Path) -> None:
    save_model(tiny(), tmp_path / "m.safetensors")
    with pytest.raises(DeviceError, match="nonsense") as error:
        read_model(tmp_path / "m.safetensors", "nonsense")
    one_line(error)


def test_any_network_can_be_stored_by_kind(tmp_path: Path) -> None:
    kind = files.Kind("photostyle-line", "a line", json.loads, key="sides", version="3")
    path, line = tmp_path / "line.safetensors", torch.nn.BatchNorm1d(3)
    assert line.bias is not None
    torch.nn.init.constant_(line.bias, 0.5)
    files.write(kind, "[2, 3]", line.state_dict(), path, extra={"config": "is free here"})
    stored = files.read(kind, path)
    assert (stored.config, stored.extra) == ([2, 3], {"config": "is free here"})
    assert files.read(kind, path, tensors=False).tensors == {}
    other = torch.nn.BatchNorm1d(3)
    other.num_batches_tracked += 7
    files.fill(other, stored.tensors, path, ignored="num_batches_tracked")
    assert torch.equal(other.bias, line.bias)
    assert int(other.num_batches_tracked) == 7
    assert not other.training
    with pytest.raises(ParameterError, match="sides"):
        files.write(kind, "[2, 3]", line.state_dict(), path, extra={"sides": ""}, overwrite=True)
    path.write_bytes(save(line.state_dict(), metadata={"format": "photostyle-line", "version": "3", "sides": "[]"}))
    with pytest.raises(WeightsError, match="SHA-256"):
        files.read(kind, path)
    with pytest.raises(WeightsError, match="not a photostyle model"):
        read_model(path)
