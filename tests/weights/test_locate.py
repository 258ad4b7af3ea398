from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from photostyle.errors import ParameterError, WeightsError
from photostyle.network.wct2 import WCT2, ModelConfig
from photostyle.weights import REGISTRY, cache_dir, list_models, load_model, locate, save_model


def tiny(unpool: str = "cat5", name: str = "tiny") -> WCT2:
    with torch.random.fork_rng():
        torch.manual_seed(len(name))
        return WCT2(ModelConfig(name=name, widths=(2, 3, 4, 5), unpool=unpool))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOTOSTYLE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout without weights, in place of the real one."""
    package = tmp_path / "checkout" / "photostyle"
    (package / "weights").mkdir(parents=True)
    monkeypatch.setattr(locate, "__file__", str(package / "weights" / "locate.py"))
    return package


def failure(*args: object, **kwargs: object) -> str:
    with pytest.raises(WeightsError) as error:
        load_model(*args, **kwargs)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    return str(error.value)


def test_cache_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.setenv("PHOTOSTYLE_CACHE", "~/somewhere")
    assert cache_dir() == Path.home() / "somewhere"
    monkeypatch.setenv("PHOTOSTYLE_CACHE", "")
    assert "photostyle" in str(cache_dir())
    monkeypatch.delenv("PHOTOSTYLE_CACHE")
    assert "photostyle" in str(cache_dir())


def test_looking_makes_no_folders(cache: Path) -> None:
    list_models()
    failure("vgg19")
    assert not cache.exists()


def test_embedded_in_a_checkout_and_in_a_wheel(package: Path) -> None:
    checkout, wheel = tiny(name="in the checkout"), tiny(name="wheel")
    save_model(checkout, package.parent / "weights" / "small.safetensors", half=False)
    assert load_model().fingerprint() == checkout.fingerprint()
    save_model(wheel, package / "_weights" / "small.safetensors", half=False)
    assert load_model("small").fingerprint() == wheel.fingerprint()


def test_missing_embedded_model(package: Path) -> None:
    assert str(package / "_weights") in failure()


def test_the_real_package_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    import photostyle.weights.locate as real

    wheel, checkout = real._embedded_folders()
    assert (wheel.parent / "network" / "wct2.py").is_file()
    assert checkout.parent == wheel.parent.parent


def test_imported_by_name_and_unpool(cache: Path) -> None:
    models = {kind: tiny(kind) for kind in ("cat5", "sum")}
    for kind, model in models.items():
        save_model(model, cache / f"vgg19-{kind}.safetensors", half=False)
    assert load_model("vgg19").fingerprint() == models["cat5"].fingerprint()
    assert load_model("vgg19", unpool="sum").fingerprint() == models["sum"].fingerprint()


@pytest.mark.parametrize("kind", ["cat5", "sum"])
def test_absent_vgg19_says_which_command_makes_it(kind: str) -> None:
    message = failure("vgg19", unpool=kind)
    pair = [f"wave_{half}_{kind}_l4.pth" for half in ("encoder", "decoder")]
    assert f"photostyle weights import --encoder {pair[0]} --decoder {pair[1]}" in message
    assert "github.com/clovaai/WCT2" in message
    assert "model_checkpoints" in message


def test_only_the_other_kind_is_there(cache: Path) -> None:
    save_model(tiny("sum"), cache / "vgg19-sum.safetensors")
    assert "ask for sum" in failure("vgg19")


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()
    path = tmp_path / "mine.safetensors"
    save_model(model, path, half=False)
    plain = path.rename(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    for given in (plain, str(plain), "./mine"):
        assert load_model(given).fingerprint() == model.fingerprint()
    plain.rename(path)
    assert load_model("mine.safetensors").fingerprint() == model.fingerprint()
    assert "does not exist" in failure("other.safetensors")
    assert "does not exist" in failure(Path("small"))


def test_unknown_names(cache: Path) -> None:
    assert "did you mean 'small'" in failure("smal")
    assert "did you mean 'vgg19'" in failure("vgg-19")
    message = failure("zzz")
    assert "small" in message
    assert "vgg19" in message
    save_model(tiny(), cache / "holiday-cat5.safetensors")
    assert "did you mean 'holiday'" in failure("holidays")


def test_unpool_must_be_the_models(package: Path) -> None:
    save_model(tiny("cat5"), package.parent / "weights" / "small.safetensors")
    assert load_model(unpool="cat5").config.unpool == "cat5"
    with pytest.raises(ParameterError, match="is a cat5 model, not sum"):
        load_model(unpool="sum")
    with pytest.raises(ParameterError, match="'max'"):
        load_model(unpool="max")  # type: ignore[arg-type]


def test_list_models(cache: Path, package: Path) -> None:
    embedded = package.parent / "weights" / "small.safetensors"
    save_model(tiny("sum"), embedded, extra={"licence": "MIT", "description": "the small one"})
    save_model(tiny(), cache / "vgg19-cat5.safetensors")
    (cache / "broken-sum.safetensors").write_bytes(b"broken")
    (cache / ".hidden-sum.safetensors").write_bytes(b"being written")
    (cache / "unrelated.txt").write_bytes(b"")
    (package.parent / "weights" / "scenes.safetensors").write_bytes(b"a segmentation network, not listed")
    small, broken, vgg, fetchable, ade20k = list_models()
    assert (small.name, small.where, small.path, small.unpool) == ("small", "embedded", embedded, "sum")
    assert (small.widths, small.licence, small.note) == ((2, 3, 4, 5), "MIT", "the small one")
    assert small.size == embedded.stat().st_size
    assert (broken.name, broken.where, broken.unpool, broken.widths) == ("broken", "cache", None, None)
    assert "damaged" in broken.note
    assert (vgg.name, vgg.where, vgg.unpool, vgg.licence) == ("vgg19", "cache", "cat5", None)
    assert (fetchable.name, fetchable.where, fetchable.path) == ("vgg19", "available", None)
    assert (fetchable.size, fetchable.licence) == (574673361, "BSD-3-Clause")
    assert (ade20k.name, ade20k.where, ade20k.licence) == ("ade20k", "available", "MIT")
    (cache / "vgg19-dcbb9e9d.pth").write_bytes(b"abc")
    here = list_models()[-2]
    assert (here.where, here.path, here.size) == ("cache", cache / "vgg19-dcbb9e9d.pth", 3)


def test_registry() -> None:
    entry, ade20k = REGISTRY
    # The hash is not known: the revision in the address, the size and the hash of the first download stand for it.
    assert "/resolve/e1fb07f/" in ade20k.url
    assert "e1fb07f" in ade20k.file
    assert entry.url == "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
    assert entry.url.endswith("/" + entry.file)
    assert entry.sha256_prefix in entry.file
