"""Output paths: checked before any work starts, written atomically, never replacing a file unasked."""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from photostyle.errors import OutputError, ParameterError
from photostyle.io.opening import describe

StrPath = str | os.PathLike[str]

OUTPUT_EXTENSIONS: tuple[str, ...] = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
"""Extensions a photo can be written to, in lower case; compared without regard to case."""

_FALLBACK_EXTENSION = ".png"


def check_output(path: StrPath, *, overwrite: bool, extensions: Sequence[str] = OUTPUT_EXTENSIONS) -> None:
    """Raise unless a file could be written to `path` right now; leaves nothing behind.

    The folder is probed by creating and removing a hidden file, because permission bits say nothing about
    read-only mounts or the superuser. Folders are never created here (see `ensure_folder`).

    Raises:
        OutputError: unknown extension, existing file without `overwrite`, `path` is a folder or a special file,
            or its folder is missing or cannot be written to.
    """
    target = Path(path)
    if target.suffix.lower() not in extensions:
        raise OutputError(
            f"{target}: cannot write files with extension {target.suffix or '(none)'!r}; use one of "
            + ", ".join(extensions)
        )
    parent = target.parent
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        if not os.path.lexists(parent):
            raise OutputError(
                f"{target}: the folder {parent} does not exist and is not created for a file; create it first"
            ) from None
    except NotADirectoryError:
        raise OutputError(f"{target}: {parent} is not a folder; choose another output path") from None
    except (OSError, ValueError) as error:
        raise OutputError(f"{target}: not a usable output path ({describe(error)}); choose another one") from error
    else:
        _check_existing(target, mode, overwrite=overwrite)
    probe = _temporary_name(target)
    try:
        _create_temporary(probe)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot create files in the folder {parent} ({describe(error)}); choose a writable folder"
        ) from error
    finally:  # also where a signal ends the program just now
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_write(path: StrPath, *, overwrite: bool, within: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there becomes `path` when the block ends well.

    With `within`, a folder of the same file system, the temporary file lies there.

    The temporary file exists already, is hidden, has the suffix of `path` and permissions as the umask wants
    them. Whatever ends the block early, KeyboardInterrupt included, it is removed and `path` stays as it was.
    Without `overwrite` a file that appears at `path` during the block is kept. A symbolic link at `path` is
    itself replaced, not the file it points to.

    Raises:
        OutputError: `path` exists and `overwrite` is off, or any OSError (full disk, lost folder), also one
            raised inside the block.
    """
    target = Path(path)
    temporary = _temporary_name(target if within is None else within / target.name)
    try:
        if os.path.lexists(target):
            _check_existing(target, os.lstat(target).st_mode, overwrite=overwrite)
        _create_temporary(temporary)
        yield temporary
        # A rename may reach the disk before the data does; after a crash the name would stand for an empty file.
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        if overwrite:
            os.replace(temporary, target)
        else:
            _rename_exclusively(temporary, target)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written ({describe(error)}); check that its folder exists, is writable and has space"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def ensure_folder(folder: StrPath) -> None:
    """Create `folder` and its parents where missing.

    Raises:
        OutputError: something that is not a folder is in the way, or it cannot be created.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}: cannot create this folder ({describe(error)}); choose another one") from error


def output_paths(inputs: Sequence[Path], out: Path, *, keep: Sequence[Path] = ()) -> list[Path]:
    """Return the output path of each input, in order; touches nothing on disk.

    One input and an `out` with a photo extension that is no existing folder: `out` itself. Otherwise `out` is a
    folder, existing or (without a suffix) to be made with `ensure_folder`, and every output takes the name of its
    input, with .png in place of an extension that cannot be written. `keep` names further files, such as the style
    photo and masks, that no output may replace.

    Raises:
        ParameterError: there are no inputs.
        OutputError: several inputs but `out` names a photo, `out` has an unknown extension or is an existing file
            where a folder is needed, two inputs would share an output, or an output is one of the inputs or of `keep`.
    """
    if not inputs:
        raise ParameterError("no input photos given; name at least one")
    if os.path.isdir(out) or (not out.suffix and not os.path.lexists(out)):
        outputs = [out / _writable_name(source) for source in inputs]
    elif len(inputs) == 1 and out.suffix.lower() in OUTPUT_EXTENSIONS:
        outputs = [out]
    elif out.suffix.lower() in OUTPUT_EXTENSIONS:
        raise OutputError(f"{out}: one photo cannot hold the results of {len(inputs)} inputs; give a folder instead")
    elif os.path.lexists(out):
        raise OutputError(f"{out}: exists and is not a folder; give a folder or a photo path")
    else:
        raise OutputError(
            f"{out}: cannot write files with extension {out.suffix!r}; use one of "
            f"{', '.join(OUTPUT_EXTENSIONS)}, or name a folder"
        )
    _check_distinct(inputs, outputs, keep)
    return outputs


def check_apart(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Raise OutputError where an output is one of the inputs or another output, whatever they are called."""
    sources = {_identity(source) for source in inputs}
    taken: set[tuple[int, int] | str] = set()
    for output in outputs:
        if _identity(output) in sources:
            raise OutputError(f"{output}: would replace a file that is read; choose another output path")
        if _identity(output) in taken:
            raise OutputError(f"{output}: is to be written twice; choose another output path")
        taken.add(_identity(output))


def _writable_name(source: Path) -> str:
    if not source.name:
        raise OutputError(f"{source}: is a folder; give the paths of photos")
    if source.suffix.lower() in OUTPUT_EXTENSIONS:
        return source.name
    return source.with_suffix(_FALLBACK_EXTENSION).name


def _check_distinct(inputs: Sequence[Path], outputs: Sequence[Path], keep: Sequence[Path]) -> None:
    sources = {_identity(source) for source in (*inputs, *keep)}
    taken: dict[str, Path] = {}
    for source, output in zip(inputs, outputs, strict=True):
        if _identity(output) in sources:
            raise OutputError(f"{output}: would replace an input photo; choose another output path")
        # Case is folded everywhere: many file systems take X.jpg and x.jpg for one file, and it costs a rename.
        other = taken.setdefault(output.name.casefold(), source)
        if other is not source:
            raise OutputError(f"{output}: both {other} and {source} would be written here; rename one of them")


def _identity(path: Path) -> tuple[int, int] | str:
    """Tell files apart as the file system does, so that links and odd spellings of a path are seen through."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return os.path.abspath(path)
    return status.st_dev, status.st_ino


def _check_existing(target: Path, mode: int, *, overwrite: bool) -> None:
    if os.path.isdir(target):
        raise OutputError(f"{target}: is a folder; give a file path")
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OutputError(f"{target}: is not a regular file; choose another output path")
    if not overwrite:
        raise _exists(target)


def _exists(target: Path) -> OutputError:
    return OutputError(f"{target}: already exists; pass --overwrite to replace it, or choose another output path")


def _temporary_name(target: Path) -> Path:
    # A fixed-length stem: the target's own name may already be as long as the file system allows.
    return target.parent / f".{uuid.uuid4().hex}{target.suffix}"


def _create_temporary(temporary: Path) -> None:
    # Not tempfile.mkstemp: its files are private (0600), while here the kernel applies the umask to 0666.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def _rename_exclusively(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:
        # No hard links here (FAT, some network mounts): claim the name with an empty file, then replace that.
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            raise _exists(target) from None
        try:
            os.replace(temporary, target)
        except BaseException:
            target.unlink()
            raise
