"""``photostyle photo`` when something fails on the way: nothing half-written, and the other photos still done."""

from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from photostyle.errors import NumericalError
from tests.util.cli import contents, photo_arguments, pixels, save_picture, subprocess_cli


def test_features_that_overflow_name_the_photo(scene, refuses, monkeypatch):
    def overflow(*args, **kwargs):
        raise NumericalError("features contain NaN or infinity")

    monkeypatch.setattr("photostyle.transfer.fitting.fit_and_apply", overflow)
    line = refuses()
    assert str(scene / "c.png") in line
    assert "NaN" in line


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")]
)
def test_out_of_memory(scene, refuses, monkeypatch, error):
    def run_out(*args, **kwargs):
        raise error

    monkeypatch.setattr("photostyle.transfer.fitting.fit_and_apply", run_out)
    line = refuses()
    assert str(scene / "c.png") in line
    assert "--size" in line


def failing_encoder(error):
    """A replacement of ``Image.save`` that raises when it has written something."""

    def save(image, target, *args, **kwargs):
        if hasattr(target, "write"):
            target.write(b"half a file")
        else:
            Path(target).write_bytes(b"half a file")
        raise error

    return save


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("bad\nvalue")])
def test_an_encoder_that_fails_midway(scene, refuses, monkeypatch, error):
    monkeypatch.setattr(Image.Image, "save", failing_encoder(error))
    assert str(scene / "o.png") in refuses()


def test_a_disk_that_fails_at_the_end(scene, refuses, monkeypatch):
    def fail(*args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fail)
    assert str(scene / "o.png") in refuses()


@pytest.fixture
def short_of_space():
    """``with short_of_space(n)``: no file can grow past n bytes, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource")

    @contextmanager
    def limit(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


@pytest.mark.parametrize("extension", [".png", ".webp", ".jpg", ".tif"])
def test_a_full_disk(scene, refuses, short_of_space, extension):
    save_picture(scene / "large.png", 100, 120)
    with short_of_space(500):
        line = refuses(content="large.png", out=f"o{extension}")
    assert str(scene / f"o{extension}") in line


def test_a_disk_that_is_full_when_the_style_is_saved(cli, scene, short_of_space):
    save_picture(scene / "small.png", 16, 16)
    before = contents(scene)
    with short_of_space(2000):
        result = cli("photo", *photo_arguments(scene, "--save-style", scene / "look.style", content="small.png"))
    assert (result.code, len(result.lines)) == (1, 1)
    assert str(scene / "look.style") in result.err
    assert set(contents(scene)) == {*before, "o.png"}  # the photo was done before


@pytest.mark.parametrize("where", ["photostyle.transfer.fitting.fit_and_apply", "photostyle.weights.load_model"])
def test_interrupted(cli, scene, monkeypatch, where):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupt)
    before = contents(scene)
    result = cli("photo", *photo_arguments(scene))
    assert (result.code, result.out, result.lines[-1]) == (130, "", "photostyle: interrupted")
    assert len(result.lines) == 1 or "nothing was written; the same command starts anew" in result.lines[0]
    assert contents(scene) == before


def test_interrupted_while_writing(cli, scene, monkeypatch):
    monkeypatch.setattr(Image.Image, "save", failing_encoder(KeyboardInterrupt()))
    before = contents(scene)
    assert cli("photo", *photo_arguments(scene)).code == 130
    assert contents(scene) == before


def test_bugs_are_not_hidden(cli, scene, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr("photostyle.transfer.fitting.fit_and_apply", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        cli("photo", *photo_arguments(scene))
    assert not (scene / "o.png").exists()


def test_one_bad_photo_among_several(cli, scene):
    for name in ("bad.jpg", "worse.png"):
        (scene / name).write_text("no picture")
    save_picture(scene / "d.png", 33, 21, 3)
    result = cli("photo", *photo_arguments(scene, content=["bad.jpg", "c.png", "worse.png", "d.png"], out="out"))
    assert (result.code, result.out) == (1, "")
    assert sorted(p.name for p in (scene / "out").iterdir()) == ["c.png", "d.png"]
    written, (summary, *failures) = result.lines[:2], result.lines[2:]
    for name, line in zip(("c.png", "d.png"), written, strict=True):
        assert str(scene / "out" / name) in line
    assert "2 of 4 photos failed" in summary
    for name, line in zip(("bad.jpg", "worse.png"), failures, strict=True):
        assert str(scene / name) in line


def test_failures_are_told_even_if_quiet(cli, scene):
    result = cli("photo", *photo_arguments(scene, "--quiet", content=["absent.png", "c.png"], out="out"))
    assert (result.code, len(result.lines)) == (1, 2)
    assert str(scene / "absent.png") in result.err
    assert (scene / "out/c.png").exists()


def test_in_a_process_of_its_own(scene):
    (scene / "bad.jpg").write_bytes(pixels(4, 4).tobytes())
    before = contents(scene)
    result = subprocess_cli("photo", *photo_arguments(scene, content="bad.jpg"))
    assert (result.code, result.out, len(result.lines)) == (1, "", 1)
    assert str(scene / "bad.jpg") in result.err
    assert contents(scene) == before


def test_a_name_that_is_not_unicode(scene):
    result = subprocess_cli("photo", b"\xff.png", "--style", scene / "s.png", "-o", scene / "o.png")
    assert (result.code, result.out, len(result.lines)) == (1, "", 1)
