"""What is to be done in a folder: which files are photos, where each result goes, and what is done already."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from photostyle.errors import ImageReadError, OutputError, ParameterError, PhotostyleError
from photostyle.io import OUTPUT_EXTENSIONS, photo_extensions

Format = Literal["same", "jpg", "png", "tiff", "webp"]
FORMATS: tuple[str, ...] = get_args(Format)
_FALLBACK = "png"  # for what can be read but not written, as camera raw


@dataclass(frozen=True)
class Item:
    """A photo of the folder.

    Attributes:
        content: where it is.
        output: where its result goes.
        finished: the result is there. Results appear whole or not at all, so what is there is whole.
        outdated: it is, but older than the photo.
        replace: a file of that name is there and may be replaced.
        problem: why the photo cannot even be tried.
    """

    content: Path
    output: Path
    finished: bool = False
    outdated: bool = False
    replace: bool = False
    problem: PhotostyleError | None = None


@dataclass(frozen=True)
class Plan:
    """A folder as it was found.

    Attributes:
        items: its photos, in order of their paths.
        others: how many files are no photos by their extension, or hidden.
        links: how many links to folders were not followed: they may lead out of the folder or back into it.
    """

    items: tuple[Item, ...]
    others: int
    links: int

    @property
    def waiting(self) -> tuple[Item, ...]:
        """What is left to do."""
        return tuple(item for item in self.items if not item.finished and item.problem is None)


def survey(folder: Path, out: Path, form: Format = "same", *, since: int | None = 0, keep: Sequence[Path] = ()) -> Plan:
    """Find the photos of a folder and its subfolders; nothing is read or written.

    A result keeps its photo's subfolder and name, with the extension of `form`; ``same`` keeps that as well, or takes
    .png where it cannot be written. Where another photo has that name already, the photo's own extension stays in
    front: IMG_1.CR2.png.

    Args:
        folder: where the photos are.
        out: where results go. It may lie in `folder` and is then left out of it.
        form: what results are written as.
        since: results last changed before this time (nanoseconds) do not count as finished; None: none do.
        keep: files that no result may replace, such as the style photo.

    Raises:
        ParameterError: no folder, or no such format.
        OutputError: results would lie among the photos.
    """
    if form not in FORMATS:
        raise ParameterError(f"format is {form!r}; it must be one of {', '.join(FORMATS)}")
    if not os.path.isdir(folder):
        what = "is no folder; for single photos use: photostyle photo" if os.path.exists(folder) else "no such folder"
        raise ParameterError(f"{folder}: {what}")
    inside, result = Path(os.path.realpath(folder)), Path(os.path.realpath(out))
    if inside == result:
        raise OutputError(f"{out}: the results would lie among the photos; give another folder")
    found, others, links, problems = _walk(folder, inside, result)
    items = [*_named(folder, out, form, found), *problems]
    if not result.is_relative_to(inside):
        _check_apart(items, inside)
    items.sort(key=lambda item: item.content.parts)
    kept = {os.path.realpath(path) for path in (*keep, *(item.content for item in items))}
    return Plan(tuple(_looked_up(item, since, kept, result) for item in items), others, links)


def _walk(folder: Path, inside: Path, result: Path) -> tuple[list[Path], int, int, list[Item]]:
    """Photos by their paths within the folder, counts of other files and of links, and folders that cannot be read."""
    extensions, photos, problems, others, links = photo_extensions(), [], [], 0, 0

    def unreadable(error: OSError) -> None:
        path = Path(error.filename)
        text = f"{path}: cannot be read ({error.strerror}); check its permissions"
        problems.append(Item(path, path, problem=ImageReadError(text)))

    for name, folders, files in os.walk(folder, onerror=unreadable):
        here = Path(name)
        within = here.relative_to(folder)
        linked = [sub for sub in folders if (here / sub).is_symlink()]
        links += len(linked)
        folders[:] = sorted(
            sub for sub in folders if sub not in linked and not sub.startswith(".") and inside / within / sub != result
        )
        chosen = [file for file in files if Path(file).suffix.lower() in extensions and not file.startswith(".")]
        photos += [within / file for file in chosen]
        others += len(files) - len(chosen)
    return photos, others, links, problems


def _named(folder: Path, out: Path, form: Format, photos: list[Path]) -> Iterator[Item]:
    """Items of photos by their paths within the folder, no two with the same output."""
    # Those that keep their name come first: nobody takes it from them. Case is folded as some file systems do.
    wanted = [(photo, photo.with_suffix(_suffix(photo, form))) for photo in photos]
    taken: dict[str, Path] = {}
    for photo, output in sorted(wanted, key=lambda pair: (pair[0] != pair[1], pair[0].parts)):
        for name in dict.fromkeys((output, photo.with_name(photo.name + output.suffix))):
            other = taken.setdefault(str(name).casefold(), photo)
            if other is photo:
                yield Item(folder / photo, out / name)
                break
        else:
            text = f"{folder / photo}: its result would have the same name as that of {folder / other}; rename one"
            yield Item(folder / photo, out / output, problem=OutputError(text))


def _suffix(photo: Path, form: Format) -> str:
    own = photo.suffix.lower()
    if form == "same":
        return photo.suffix if own in OUTPUT_EXTENSIONS else f".{_FALLBACK}"
    alike = {"jpg": (".jpg", ".jpeg"), "tiff": (".tif", ".tiff")}.get(form, (f".{form}",))
    return photo.suffix if own in alike else f".{form}"


def _check_apart(items: list[Item], inside: Path) -> None:
    for parent in dict.fromkeys(item.output.parent for item in items if item.problem is None):
        if Path(os.path.realpath(parent)).is_relative_to(inside):
            raise OutputError(f"{parent}: results would lie among the photos of {inside}; give another folder")


def _looked_up(item: Item, since: int | None, kept: Collection[str], result: Path) -> Item:
    if item.problem:
        return item
    if os.path.realpath(item.output) in kept:
        error = OutputError(f"{item.output}: would replace a photo that is read; give another folder")
        return replace(item, problem=error)
    if not Path(os.path.realpath(item.output.parent)).is_relative_to(result):
        error = OutputError(f"{item.output}: a link leads out of {result}; remove the link, or give another folder")
        return replace(item, problem=error)
    try:
        there = os.stat(item.output)
    except (OSError, ValueError):
        return item
    # Where there are no hard links, a name is claimed with an empty file first (`photostyle.io.files`).
    if since is None or there.st_mtime_ns < since or there.st_size == 0:
        return replace(item, replace=True)
    try:
        outdated = os.stat(item.content).st_mtime_ns > there.st_mtime_ns
    except OSError:
        outdated = False
    return replace(item, finished=True, outdated=outdated)
