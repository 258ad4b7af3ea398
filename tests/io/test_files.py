"""Output paths and atomic writes on a real folder."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from photostyle.errors import OutputError, ParameterError
from photostyle.io import OUTPUT_EXTENSIONS, atomic_write, check_output, ensure_folder, output_paths
from tests.util.waiting import PATIENCE

unix = pytest.mark.skipif(sys.platform == "win32", reason="Unix permissions and limits")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refusal(path: Path, *, overwrite: bool = False) -> str:
    with pytest.raises(OutputError) as caught:
        check_output(path, overwrite=overwrite)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("extension", [*OUTPUT_EXTENSIONS, ".JPG", ".Tif"])
def test_a_fine_path_passes_and_leaves_nothing(tmp_path, extension):
    check_output(tmp_path / f"out{extension}", overwrite=False)
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["out.gif", "out", ".jpg", "out.jpg.zip"])
def test_unknown_extension_lists_the_known(tmp_path, name):
    message = refusal(tmp_path / name)
    assert all(extension in message for extension in OUTPUT_EXTENSIONS)


def test_other_extensions_can_be_asked_for(tmp_path):
    check_output(tmp_path / "evening.style", overwrite=False, extensions=(".style",))
    with pytest.raises(OutputError, match=r"\.style"):
        check_output(tmp_path / "evening.jpg", overwrite=False, extensions=(".style",))


def test_existing_file(tmp_path):
    path = tmp_path / "out.png"
    path.write_text("mine")
    assert "pass --overwrite" in refusal(path)
    check_output(path, overwrite=True)
    assert path.read_text() == "mine"


def test_dangling_link_counts_as_existing(tmp_path):
    path = tmp_path / "out.png"
    path.symlink_to(tmp_path / "gone.png")
    assert "already exists" in refusal(path)


@pytest.mark.parametrize("overwrite", [True, False])
def test_path_is_a_folder(tmp_path, overwrite):
    path = tmp_path / "out.png"
    path.mkdir()
    assert "is a folder" in refusal(path, overwrite=overwrite)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a Unix thing")
def test_path_is_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "out.png")
    assert "not a regular file" in refusal(tmp_path / "out.png", overwrite=True)


def test_folders_are_not_created_for_a_file(tmp_path):
    assert "create it first" in refusal(tmp_path / "new" / "out.png")
    assert names(tmp_path) == []


def test_parent_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "not a folder" in refusal(tmp_path / "file" / "out.png")


def test_name_too_long_or_impossible(tmp_path):
    refusal(tmp_path / ("x" * 300 + ".png"))
    refusal(tmp_path / "a\0b.png")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a file system without new files")
def test_folder_that_takes_no_files_even_from_root():
    assert "choose a writable folder" in refusal(Path("/proc/out.png"))


def test_atomic_write_appears_at_the_end(tmp_path):
    path = tmp_path / "out.png"
    with atomic_write(path, overwrite=False) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["out.png"]


def test_atomic_write_replaces_only_when_asked(tmp_path):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="pass --overwrite"), atomic_write(path, overwrite=False):
        pytest.fail("the block must not start")
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["out.png"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError, GeneratorExit])
@pytest.mark.parametrize("overwrite", [True, False])
def test_nothing_half_written_stays(tmp_path, error, overwrite):
    path = tmp_path / "out.png"
    if overwrite:
        path.write_bytes(b"old")
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.raises(error))
        stack.enter_context(atomic_write(path, overwrite=overwrite)).write_bytes(b"half")
        raise error
    assert names(tmp_path) == (["out.png"] if overwrite else [])
    assert not overwrite or path.read_bytes() == b"old"


def test_os_errors_become_output_errors(tmp_path):
    path = tmp_path / "out.png"
    with (
        pytest.raises(OutputError, match=r"out\.png: cannot be written \(No space left on device\)") as caught,
        atomic_write(path, overwrite=False),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert isinstance(caught.value.__cause__, OSError)
    assert names(tmp_path) == []


@unix
def test_a_write_that_really_fails(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(OutputError), atomic_write(tmp_path / "out.png", overwrite=False) as temporary:
            temporary.write_bytes(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


def test_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="No such file"), atomic_write(tmp_path / "no" / "a.png", overwrite=True):
        pytest.fail("the block must not start")


def without_links(*_: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("links", [True, False])
def test_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", without_links)
    path = tmp_path / "out.png"
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.raises(OutputError, match="already exists"))
        stack.enter_context(atomic_write(path, overwrite=False)).write_bytes(b"ours")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["out.png"]


def test_file_systems_without_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", without_links)
    with atomic_write(tmp_path / "out.png", overwrite=False) as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "out.png").read_bytes() == b"new"
    assert names(tmp_path) == ["out.png"]


def test_file_systems_without_links_keep_no_placeholder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", without_links)
    monkeypatch.setattr(os, "replace", without_links)
    with pytest.raises(OutputError), atomic_write(tmp_path / "out.png", overwrite=False) as temporary:
        temporary.write_bytes(b"new")
    assert names(tmp_path) == []


def test_of_many_writers_one_wins(tmp_path):
    path = tmp_path / "out.png"
    barrier = threading.Barrier(8, timeout=PATIENCE)
    results: list[bool] = []

    def write(number: int) -> None:
        try:
            with atomic_write(path, overwrite=False) as temporary:
                temporary.write_bytes(bytes([number]) * 100)
                barrier.wait()
        except OutputError:
            results.append(False)
        else:
            results.append(True)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 7 + [True]
    assert len(set(path.read_bytes())) == 1
    assert names(tmp_path) == ["out.png"]


@unix
@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
@pytest.mark.parametrize("overwrite", [True, False])
def test_permissions_follow_the_umask(tmp_path, umask, expected, overwrite):
    before = os.umask(umask)
    try:
        with atomic_write(tmp_path / "out.png", overwrite=overwrite) as temporary:
            temporary.write_bytes(b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == expected


def test_longest_possible_name(tmp_path):
    path = tmp_path / ("x" * 251 + ".png")
    check_output(path, overwrite=False)
    with atomic_write(path, overwrite=False) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new"


def test_ensure_folder(tmp_path):
    ensure_folder(tmp_path / "a" / "b")
    ensure_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("x")
    for bad in (tmp_path / "file", tmp_path / "file" / "b"):
        with pytest.raises(OutputError, match="cannot create this folder"):
            ensure_folder(bad)


def test_one_input_one_file(tmp_path):
    assert output_paths([tmp_path / "a.jpg"], tmp_path / "b.webp") == [tmp_path / "b.webp"]


def test_folder_to_be_made_or_existing(tmp_path):
    inputs = [tmp_path / "a.jpg", tmp_path / "b.PNG", tmp_path / "c.bmp", tmp_path / "d"]
    expected = ["a.jpg", "b.PNG", "c.png", "d.png"]
    assert output_paths(inputs, tmp_path / "new") == [tmp_path / "new" / name for name in expected]
    assert names(tmp_path) == []
    dotted = tmp_path / "trip.jpg"
    dotted.mkdir()
    assert output_paths(inputs, dotted) == [dotted / name for name in expected]
    assert output_paths(inputs[:1], dotted) == [dotted / "a.jpg"]


def test_several_inputs_into_one_photo(tmp_path):
    with pytest.raises(OutputError, match="results of 2 inputs"):
        output_paths([tmp_path / "a.jpg", tmp_path / "b.jpg"], tmp_path / "out.jpg")


@pytest.mark.parametrize("name", ["out.gif", "out.v2"])
def test_unknown_output_extension(tmp_path, name):
    with pytest.raises(OutputError, match=r"\.webp"):
        output_paths([tmp_path / "a.jpg"], tmp_path / name)


@pytest.mark.parametrize("name", ["notes", "notes.txt"])
def test_output_folder_is_a_file(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(OutputError, match="not a folder"):
        output_paths([tmp_path / "a.jpg"], tmp_path / name)


@pytest.mark.parametrize(
    ("first", "second"),
    [("a/x.jpg", "b/x.jpg"), ("a/x.bmp", "a/x.png"), ("a/X.jpg", "a/x.jpg"), ("a/x.jpg", "a/x.jpg")],
)
def test_two_inputs_with_one_output(tmp_path, first, second):
    inputs = [tmp_path / first, tmp_path / second]
    with pytest.raises(OutputError) as caught:
        output_paths(inputs, tmp_path / "out")
    assert all(str(path) in str(caught.value) for path in inputs)


def test_an_input_is_never_an_output(tmp_path, monkeypatch):
    photo, other = tmp_path / "a.jpg", tmp_path / "b.bmp"
    photo.write_text("x")
    other.write_text("x")
    (tmp_path / "b.png").write_text("x")
    (tmp_path / "linked").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    for inputs, out in (
        ([photo], photo),
        ([photo], tmp_path),
        ([Path("a.jpg")], tmp_path),
        ([photo], tmp_path / "linked"),
        ([photo], tmp_path / "linked" / ".." / tmp_path.name / "a.jpg"),
        ([other, tmp_path / "b.png"], tmp_path),
        ([Path("not-there.jpg")], tmp_path),
    ):
        with pytest.raises(OutputError, match="replace an input"):
            output_paths(inputs, out)


def test_no_inputs(tmp_path):
    with pytest.raises(ParameterError):
        output_paths([], tmp_path)
