from __future__ import annotations

import hashlib
import logging
import os
import pickle
import random
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from photostyle.errors import OutputError, ParameterError, WeightsError
from photostyle.network.wct2 import WCT2, ModelConfig
from photostyle.weights import import_checkpoints, load_model, read_header, read_model
from photostyle.weights.convert import haar_filter

WIDTHS = (2, 3, 4, 5)
HAAR = {
    "LL": [[0.5, 0.5], [0.5, 0.5]],
    "LH": [[-0.5, 0.5], [-0.5, 0.5]],
    "HL": [[-0.5, -0.5], [0.5, 0.5]],
    "HH": [[0.5, -0.5], [-0.5, 0.5]],
}
State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def public(unpool: str, filters: bool = True, widths: tuple[int, int, int, int] = WIDTHS) -> tuple[WCT2, State, State]:
    """A model and the two checkpoints in which the public program would keep it."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = WCT2(ModelConfig("vgg19", widths, unpool))  # type: ignore[arg-type]
    encoder, decoder = OrderedDict(model.encoder.state_dict()), OrderedDict(model.decoder.state_dict())
    if unpool == "cat5":
        for layer in ("conv3_4", "conv2_2", "conv1_2"):
            for kind in ("weight", "bias"):
                decoder[f"{layer}_2.{kind}"] = decoder.pop(f"{layer}.{kind}")
    if filters:
        for number in (1, 2, 3):
            for band, taps in HAAR.items():
                weight = torch.tensor(taps)[None, None]
                encoder[f"pool{number}.{band}.weight"] = weight.repeat(widths[number - 1], 1, 1, 1)
                decoder[f"recon_block{number}.{band}.weight"] = weight.repeat(widths[3 - number], 1, 1, 1)
    return model, encoder, decoder


def write(folder: Path, encoder: Any, decoder: Any, **options: Any) -> tuple[Path, Path]:
    paths = folder / "encoder.pth", folder / "decoder.pth"
    for path, state in zip(paths, (encoder, decoder), strict=True):
        torch.save(state, path, **options)
    return paths


def failure(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(WeightsError) as error:
        import_checkpoints(*args, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("unpool", ["cat5", "sum"])
@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_import(tmp_path: Path, cache: Path, unpool: str, filters: bool, zipped: bool) -> None:
    model, encoder, decoder = public(unpool, filters)
    paths = write(tmp_path, encoder, decoder, _use_new_zipfile_serialization=zipped)
    result = import_checkpoints(*paths)
    assert result == cache / f"vgg19-{unpool}.safetensors"
    assert os.listdir(cache) == [result.name]
    back = load_model("vgg19", unpool=unpool)  # type: ignore[arg-type]
    assert back.config == ModelConfig("vgg19", WIDTHS, unpool, ll_gain=1.0, regularization=1.0)  # type: ignore[arg-type]
    assert back.fingerprint() == model.fingerprint()


def test_hashes_are_logged_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, encoder, decoder = public("cat5")
    paths = write(tmp_path, encoder, decoder)
    with caplog.at_level(logging.INFO, "photostyle"):
        extra = read_header(import_checkpoints(*paths)).extra
    for half, path in zip(("encoder", "decoder"), paths, strict=True):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert extra[f"{half}_sha256"] == digest
        assert digest in caplog.text


def test_dataparallel_prefix_and_other_float_types(tmp_path: Path) -> None:
    model, encoder, decoder = public("sum")
    paths = write(
        tmp_path,
        {f"module.{key}": tensor for key, tensor in encoder.items()},
        {f"module.{key}": torch.nn.Parameter(tensor.double()) for key, tensor in decoder.items()},
    )
    assert read_model(import_checkpoints(*paths)).fingerprint() == model.fingerprint()


def test_names_and_destinations(tmp_path: Path) -> None:
    _, encoder, decoder = public("sum")
    paths = write(tmp_path, encoder, decoder)
    folder, file = tmp_path / "new" / "folder", tmp_path / "mine.safetensors"
    assert import_checkpoints(*paths, name="holiday", destination=folder) == folder / "holiday-sum.safetensors"
    assert import_checkpoints(*paths, name="holiday", destination=file) == file
    assert read_header(file).config.name == "holiday"
    for name in ("a/b", "", "..", "a.safetensors", "-x", "small"):
        with pytest.raises(ParameterError):
            import_checkpoints(*paths, name=name)


def test_existing_files_are_kept_unless_asked(tmp_path: Path) -> None:
    _, encoder, decoder = public("sum")
    paths = write(tmp_path, encoder, decoder)
    result = import_checkpoints(*paths)
    result.write_bytes(b"mine")
    with pytest.raises(OutputError):
        import_checkpoints(*paths)
    assert result.read_bytes() == b"mine"
    import_checkpoints(*paths, overwrite=True)
    assert read_model(result).config.unpool == "sum"


@pytest.mark.parametrize("band", HAAR)
def test_haar_filters(band: str) -> None:
    assert haar_filter(band).tolist() == HAAR[band]


@pytest.mark.parametrize("half", [0, 1])
def test_other_wavelets_are_refused(tmp_path: Path, half: int) -> None:
    _, *states = public("cat5")
    key = ("pool2.HL.weight", "recon_block3.LH.weight")[half]
    good = states[half][key].clone()
    states[half][key] = good + 9e-5  # rounding of the file's writer
    import_checkpoints(*write(tmp_path, *states))
    states[half][key] = -good
    assert key in failure(*write(tmp_path, *states), overwrite=True)
    states[half][key] = good.flatten()
    assert "expected (channels, 1, 2, 2)" in failure(*write(tmp_path, *states), overwrite=True)


def test_files_of_the_wrong_kind(tmp_path: Path, cache: Path) -> None:
    _, encoder, decoder = public("cat5")
    one, other = write(tmp_path, encoder, decoder)
    assert "swap the two" in failure(other, one)
    assert f"{one} is an encoder, not a decoder" in failure(one, one)
    assert f"{other} is a decoder, not an encoder" in failure(other, other)
    foreign = tmp_path / "vgg.pth"
    torch.save({"features.0.weight": torch.zeros(2, 3, 3, 3)}, foreign)
    assert "not a public WCT2 encoder" in failure(foreign, other)
    assert "not a public WCT2 decoder" in failure(one, foreign)
    for content in ([1.0], torch.zeros(3), {1: torch.zeros(3)}, {}):
        torch.save(content, foreign)
        assert str(foreign) in failure(one, foreign)
    for value in (3, torch.zeros(3, dtype=torch.int64), torch.zeros(2, 2).to_sparse(), torch.zeros(2, device="meta")):
        torch.save({**encoder, "conv0.bias": value}, foreign)
        assert "conv0.bias" in failure(foreign, other)
    assert not cache.exists()


@pytest.mark.parametrize(
    ("half", "changes", "parts"),
    [
        (0, {"conv1_1.weight": None}, ["encoder.pth", "conv1_1.weight"]),
        (0, {"conv3_3.bias": None}, ["encoder.pth", "missing: conv3_3.bias"]),
        (0, {"conv5_1.bias": torch.zeros(3)}, ["encoder.pth", "unexpected: conv5_1.bias"]),
        (0, {"pool4.LL.weight": torch.zeros(3)}, ["encoder.pth", "unexpected: pool4.LL.weight"]),
        (0, {"conv1_1.weight": torch.zeros(())}, ["encoder.pth", "shape"]),
        (0, {"conv4_1.weight": torch.zeros(0, 4, 3, 3)}, ["encoder.pth", "conv4_1.weight has shape (0, 4, 3, 3)"]),
        (0, {"conv3_2.weight": torch.zeros(4, 5, 3, 3)}, ["conv3_2.weight", "(4, 5, 3, 3), expected (4, 4, 3, 3)"]),
        (0, {"conv2_2.bias": torch.full((3,), float("nan"))}, ["encoder.pth", "conv2_2.bias", "not finite"]),
        (1, {"conv4_1.weight": torch.zeros(4, 6, 3, 3)}, ["decoder.pth", "(4, 6, 3, 3), expected (4, 5, 3, 3)"]),
        (1, {"conv2_2_2.weight": None}, ["decoder.pth", "cat5", "missing: conv2_2_2.weight"]),
        (1, {"conv2_2.weight": torch.zeros(3, 3, 3, 3)}, ["decoder.pth", "cat5", "unexpected: conv2_2.weight"]),
        (1, {"module.conv1_1.bias": torch.zeros(3)}, ["decoder.pth", "with and without 'module.'"]),
    ],
)
def test_checkpoints_that_do_not_fit(
    tmp_path: Path, cache: Path, half: int, changes: dict[str, Tensor | None], parts: list[str]
) -> None:
    _, *states = public("cat5")
    for key, tensor in changes.items():
        states[half].pop(key, None)
        if tensor is not None:
            states[half][key] = tensor
    message = failure(*write(tmp_path, *states))
    assert all(part in message for part in parts), message
    assert not cache.exists()


def test_decoder_of_another_encoder(tmp_path: Path) -> None:
    _, encoder, _ = public("sum")
    _, _, decoder = public("sum", widths=(2, 3, 4, 6))
    assert "decoder.pth is no sum decoder for an encoder with widths (2, 3, 4, 5)" in failure(
        *write(tmp_path, encoder, decoder)
    )


def test_missing_empty_and_folder(tmp_path: Path) -> None:
    _, encoder, decoder = public("sum")
    one, other = write(tmp_path, encoder, decoder)
    assert "does not exist" in failure(tmp_path / "no.pth", other)
    assert "is a folder" in failure(one, tmp_path)
    (tmp_path / "empty.pth").touch()
    assert "is empty" in failure(one, tmp_path / "empty.pth")


class Bomb:
    """Unpickled by a trusting reader, makes the file whose path it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("how", ["zip", "legacy", "pickle"])
def test_code_is_never_run(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # must not matter
    _, encoder, decoder = public("cat5")
    one, other = write(tmp_path, encoder, decoder)
    trace = tmp_path / "it-was-run"
    bad = {**encoder, "conv0.bias": Bomb(trace)}
    if how == "pickle":
        one.write_bytes(pickle.dumps(bad, protocol=4))
    else:
        torch.save(bad, one, _use_new_zipfile_serialization=how == "zip")
    message = failure(one, other)
    assert str(one) in message
    assert not trace.exists()
    if how != "pickle":
        assert "code" in message
        torch.load(one, weights_only=False)  # the bomb itself is live
        assert trace.exists()


@pytest.mark.parametrize(
    "content", [b"hello, this is text", b"<html>404</html>", b"\x80", b"PK\x03\x04 no", b"\0" * 99]
)
def test_not_a_checkpoint(tmp_path: Path, content: bytes) -> None:
    _, encoder, decoder = public("sum")
    one, other = write(tmp_path, encoder, decoder)
    one.write_bytes(content)
    assert str(one) in failure(one, other)


@pytest.mark.parametrize("zipped", [True, False])
def test_truncated(tmp_path: Path, zipped: bool) -> None:
    _, encoder, decoder = public("sum")
    one, other = write(tmp_path, encoder, decoder, _use_new_zipfile_serialization=zipped)
    data = other.read_bytes()
    for length in (1, 2, 8, 20, len(data) // 4, len(data) // 2, len(data) - 2):
        other.write_bytes(data[:length])
        assert str(other) in failure(one, other)


def test_a_flipped_weight_of_a_zip_is_noticed(tmp_path: Path) -> None:
    _, encoder, decoder = public("sum")
    one, other = write(tmp_path, encoder, decoder)
    data = bytearray(other.read_bytes())
    place = data.index(decoder["conv3_3.weight"].numpy().tobytes())
    data[place] ^= 1
    other.write_bytes(bytes(data))
    assert "checksum" in failure(one, other)


@pytest.mark.parametrize("zipped", [True, False])
def test_flipped_bytes_never_escape_as_another_error(tmp_path: Path, zipped: bool) -> None:
    _, encoder, decoder = public("sum", filters=False)
    one, other = write(tmp_path, encoder, decoder, _use_new_zipfile_serialization=zipped)
    data, source = other.read_bytes(), random.Random(0)
    messages: list[str] = []
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(source.randint(1, 4)):
            changed[source.randrange(min(2000, len(data)))] = source.randrange(256)
        other.write_bytes(bytes(changed))
        try:
            import_checkpoints(one, other, overwrite=True)
        except WeightsError as error:
            messages.append(str(error))
    assert len(messages) > 75
    assert not any("\n" in message for message in messages)
