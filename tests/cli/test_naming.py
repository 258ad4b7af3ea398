"""Names of results that are not given, photos through pipes, and folders given to `photo`."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from photostyle.cli.naming import STANDARD, beside, piped
from photostyle.errors import ImageReadError, OutputError, ParameterError
from tests.util.cli import ROOT, contents, pixels, read, save_picture, size
from tests.util.waiting import PATIENCE


def arguments(scene, *extra):
    return ("photo", *extra, "--style", scene / "s.png", "--model", scene / "tiny.safetensors", "--segment", "off")


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


@pytest.fixture
def pipes(monkeypatch):
    """Sets what standard input holds, and gives what is written to standard output."""

    def connect(data=b"", terminal=False):
        received = io.BytesIO()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        monkeypatch.setattr(sys, "stdout", (Terminal if terminal else io.TextIOWrapper)(received))
        return received

    return connect


def encoded(name, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels(20, 30)).save(stream, name, **options)
    return stream.getvalue()


def test_without_out_the_result_lies_beside_the_photo(cli, scene):
    before = contents(scene)
    for name in ("c-styled.png", "c-styled-2.png"):
        result = cli(*arguments(scene, scene / "c.png"))
        assert result.code == 0, result.err
        assert str(scene / name) in result.err
        assert size(scene / name) == (56, 40)
    assert {name: contents(scene)[name] for name in before} == before
    assert cli(*arguments(scene, scene / "c.png"), "--overwrite").code == 0
    assert sorted(set(contents(scene)) - set(before)) == ["c-styled-2.png", "c-styled.png"]


def test_names_beside_photos(tmp_path):
    photos = [tmp_path / "a.jpg", tmp_path / "a.heic", tmp_path / "a.png", tmp_path / "b.tar.tif"]
    names = [path.name for path in beside(photos)]
    assert names == ["a-styled.jpg", "a-styled.png", "a-styled-2.png", "b.tar-styled.tif"]
    (tmp_path / "a-styled.jpg").touch()
    assert beside(photos[:1])[0].name == "a-styled-2.jpg"
    assert beside(photos[:1], overwrite=True)[0].name == "a-styled.jpg"
    assert beside(photos[:1], [tmp_path / "a-styled.jpg"], overwrite=True)[0].name == "a-styled-2.jpg"
    with pytest.raises(OutputError, match="is a folder"):
        beside([Path("/")])


@pytest.mark.parametrize(("name", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("TIFF", ".tif"), ("GIF", ".png")])
def test_a_pipe_keeps_the_format(pipes, name, suffix):
    received = pipes(encoded(name))
    with piped([STANDARD], STANDARD) as pipe:
        assert pipe.quiet
        assert pipe.contents[0].read_bytes() == encoded(name)
        assert pipe.out.suffix == suffix
        pipe.out.write_bytes(b"the result")
        folder = pipe.out.parent
    assert received.getvalue() == b"the result"
    assert not folder.exists()


def test_one_end_of_a_pipe(pipes, tmp_path):
    received = pipes(encoded("PNG"))
    with piped([STANDARD], tmp_path / "o.png") as pipe:
        assert (pipe.out, pipe.quiet) == (tmp_path / "o.png", False)
    photo = save_picture(tmp_path / "a.png", 20, 30)
    with piped([photo], STANDARD) as pipe:
        assert pipe.contents == [photo]
        pipe.out.write_bytes(b"1")
    with piped([photo], tmp_path / "o.png") as pipe:
        assert (pipe.contents, pipe.out) == ([photo], tmp_path / "o.png")
    assert received.getvalue() == b"1"


def test_what_goes_through_no_pipe(pipes):
    pipes(b"")
    with pytest.raises(ImageReadError, match="standard input: is empty"), piped([STANDARD], STANDARD):
        pass
    for given in ([STANDARD, STANDARD], [STANDARD, Path("a.png")]):
        with pytest.raises(ParameterError, match="one photo at a time"), piped(given, STANDARD):
            pass
    pipes(encoded("PNG"), terminal=True)
    with pytest.raises(OutputError, match="standard output is a terminal"), piped([STANDARD], None):
        pass


def test_a_failure_writes_nothing_to_the_pipe(pipes):
    received = pipes(encoded("PNG"))

    def fail():
        with piped([STANDARD], STANDARD) as pipe:
            pipe.out.write_bytes(b"half")
            raise ParameterError("no")

    with pytest.raises(ParameterError, match="no"):
        fail()
    assert received.getvalue() == b""


def test_through_a_real_pipe(scene):
    """In a folder of its own, where nothing called ``-`` may be left."""
    (scene / "empty").mkdir()
    command = [sys.executable, "-m", "photostyle", *map(str, arguments(scene, "-")), "-o", "-"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (scene / "c.png").open("rb") as photo:
        done = subprocess.run(
            command, stdin=photo, capture_output=True, cwd=scene / "empty", env=environment, timeout=PATIENCE,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    with Image.open(io.BytesIO(done.stdout)) as result:
        assert (result.format, result.size) == ("PNG", (56, 40))
    assert list((scene / "empty").iterdir()) == []


def test_photo_does_a_folder_as_batch_does(cli, scene, tmp_path):
    shoot = tmp_path / "shoot"
    (shoot / "sub").mkdir(parents=True)
    save_picture(shoot / "a.png", 40, 56, 3)
    save_picture(shoot / "sub" / "b.png", 40, 56, 4)
    result = cli(*arguments(scene, shoot))
    assert result.code == 0, result.err
    assert "2 done" in result.err
    assert "1 skipped" not in cli(*arguments(scene, shoot)).err.replace("2 skipped", "")
    batch = ("batch", shoot, "--style", scene / "s.png", "--model", scene / "tiny.safetensors", "--segment", "off")
    assert cli(*batch, "-o", tmp_path / "other").code == 0
    for name in ("a.png", "sub/b.png"):
        assert (read(tmp_path / "shoot-styled" / name) == read(tmp_path / "other" / name)).all()


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--save-style", "x.style"], "without --save-style"),
        (["--smooth", "guided"], "without --method and --smooth"),
        (["--open"], "without --compare, --preview and --open"),
        (["c.png"], "give it alone"),
    ],
)
def test_what_a_folder_does_not_go_with(cli, scene, monkeypatch, extra, complaint):
    monkeypatch.chdir(scene)
    (scene / "shoot").mkdir()
    save_picture(scene / "shoot" / "a.png", 40, 56, 3)
    assert complaint in cli.refuses(scene, *arguments(scene, "shoot", *extra))
