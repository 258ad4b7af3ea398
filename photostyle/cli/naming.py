"""Names of results where none is given, and photos through pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from photostyle.errors import ImageReadError, OutputError, ParameterError

STANDARD = Path("-")
"""Standard input or output in place of a file."""
_FORMATS = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp"}


def beside(contents: Sequence[Path], keep: Sequence[Path] = (), *, overwrite: bool = False) -> list[Path]:
    """``NAME-styled.EXT`` beside each photo, with a number where that is taken: nothing is ever replaced.

    With `overwrite` the plain name is taken, if it is none of the photos and of the files to `keep`. What cannot be
    written in the photo's own format becomes a PNG. Raises OutputError as `photostyle.io.output_paths`.
    """
    from photostyle.io import output_paths

    outputs: list[Path] = []
    for content in contents:
        name = output_paths([content], content.parent / "photostyle-styled")[0].name  # a folder that is not made
        stem, suffix = os.path.splitext(name)
        number, path = 1, content.with_name(f"{stem}-styled{suffix}")
        while path in outputs or (os.path.lexists(path) and not (overwrite and path not in (*contents, *keep))):
            number += 1
            path = content.with_name(f"{stem}-styled-{number}{suffix}")
        outputs.append(path)
    return outputs


def clip_beside(clip: Path, codec: str | None = None, *, overwrite: bool = False, resume: bool = False) -> Path:
    """``NAME-styled.EXT`` beside a clip, with a number where that is taken, or where an interrupted run goes on.

    The container is the clip's own if it can be written and holds the codec, else the first that does.
    """
    from photostyle.video.codecs import CODECS, FORMATS

    own = clip.suffix.lower()
    holding = [suffix for suffix in FORMATS if codec is None or suffix in CODECS[codec].containers]
    suffix = own if own in holding else next(iter(holding), own)
    number = 1
    while True:
        path = clip.with_name(f"{clip.stem}-styled{'' if number == 1 else f'-{number}'}{suffix}")
        begun = resume and os.path.lexists(path.with_name(path.name + ".parts"))
        if begun or overwrite or not os.path.lexists(path):
            return path
        number += 1


@dataclass(frozen=True)
class Piped:
    """Photos and outputs as files: `-` stands for a temporary one.

    Attributes:
        contents: the photos.
        out: what ``--out`` says.
        quiet: there is nothing to say of a result that is no file.
    """

    contents: list[Path]
    out: Path | None
    quiet: bool


@contextmanager
def piped(contents: Sequence[Path], out: Path | None) -> Iterator[Piped]:
    """Photos from standard input and a result to standard output, as files meanwhile; others pass through.

    A photo from standard input without ``--out`` goes to standard output. The result has the photo's format, or PNG.

    Raises:
        ImageReadError: standard input holds no photo.
        ParameterError: more than one photo goes through a pipe.
        OutputError: standard output is a terminal, or is closed.
    """
    names = list(contents)
    reads = names.count(STANDARD)
    if reads > 1 or (out == STANDARD and len(names) > 1):
        raise ParameterError("one photo at a time goes through - : give one CONTENT, or a folder to write to")
    writes = out == STANDARD or (reads == 1 and out is None)
    if not reads and not writes:
        yield Piped(names, out, False)
        return
    if writes and sys.stdout.isatty():
        raise OutputError("standard output is a terminal, which shows no photo: add > FILE, | PROGRAM or -o FILE")
    with TemporaryDirectory(prefix="photostyle-") as folder:
        if reads:
            names[names.index(STANDARD)] = _received(Path(folder))
        if not writes:
            yield Piped(names, out, False)
            return
        result = Path(folder) / f"result{_suffix(names[0])}"
        yield Piped(names, result, True)
        _send(result)


def _received(folder: Path) -> Path:
    data = sys.stdin.buffer.read()
    if not data:
        raise ImageReadError("standard input: is empty; pipe a photo into it")
    raw = folder / "standard-input"
    raw.write_bytes(data)
    return raw.rename(raw.with_suffix(_suffix(raw)))


def _suffix(path: Path) -> str:
    """Of the format that a photo has, if it can be written too."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return _FORMATS.get(image.format or "", ".png")
    except (OSError, ValueError, Image.DecompressionBombError):
        return path.suffix.lower() if path.suffix.lower() in _FORMATS.values() else ".png"


def _send(result: Path) -> None:
    try:
        sys.stdout.buffer.write(result.read_bytes())
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        # What Python flushes at its end would fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError("standard output: was closed before the photo was written") from error
