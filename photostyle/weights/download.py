"""Downloads of registered files: resumed where they stopped, checked by size and SHA-256, never half there."""

from __future__ import annotations

import http
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from photostyle.errors import DownloadError
from photostyle.weights.files import file_sha256, one_line
from photostyle.weights.registry import RegistryEntry, cache_dir, find_entry

if TYPE_CHECKING:
    import requests

_logger = logging.getLogger(__name__)

PARTIAL = ".partial"
_CHUNK = 1 << 16  # what a cut connection can cost at most
_TIMEOUT = (15.0, 60.0)  # seconds to connect, and between two packets

Progress = Callable[[int, int], None]


def fetch(name: str, *, progress: Progress | None = None, base_url: str | None = None, overwrite: bool = False) -> Path:
    """Download a registered file into the cache, or find it there.

    A download that was cut stays as a .partial file, which the next call goes on with. A file that is there already
    is checked, and then the network is not used.

    Args:
        name: a name of the registry.
        progress: called with the bytes that are there and all bytes, now and then.
        base_url: a mirror: the URL of a folder with the registered file names.
        overwrite: replace a file that is there but is not the registered one.

    Returns:
        The path of the complete file.

    Raises:
        WeightsError: no such name.
        DownloadError: the server cannot be reached or lacks the file, the connection was cut, the size or SHA-256 is
            not the registered one, or the cache cannot be written.
    """
    return download(find_entry(name), cache_dir(), progress=progress, base_url=base_url, overwrite=overwrite)


def download(
    entry: RegistryEntry,
    folder: Path,
    *,
    progress: Progress | None = None,
    base_url: str | None = None,
    overwrite: bool = False,
) -> Path:
    """`fetch` for any entry and folder."""
    target = folder / entry.file
    partial = folder / (entry.file + PARTIAL)
    url = f"{base_url.rstrip('/')}/{entry.file}" if base_url else entry.url
    try:
        if target.exists():
            problem = _mismatch(target, entry)
            if not problem:
                return target
            if not overwrite:
                raise DownloadError(f"{target} {problem}: delete it or fetch it again with overwriting")
        folder.mkdir(parents=True, exist_ok=True)
        if _size(partial) > entry.size:
            partial.unlink()
        if _size(partial) < entry.size:
            _get(url, entry, partial, target, progress or _silent)
        problem = _mismatch(partial, entry)
        if problem:
            partial.unlink()
            raise DownloadError(f"what came from {url} {problem}: run again, and if it stays so, try another mirror")
        partial.replace(target)
    except OSError as error:
        raise DownloadError(f"cannot keep {entry.file} in {folder}: {error.strerror or one_line(error)}") from error
    _logger.info("fetched %s to %s", url, target)
    return target


def _get(url: str, entry: RegistryEntry, partial: Path, target: Path, progress: Progress) -> None:
    """Bring `partial` from whatever it has to `entry.size` bytes, or raise DownloadError and leave what it has."""
    import requests  # a tenth of a second that only downloads are to cost

    done = _size(partial)
    headers = {"Accept-Encoding": "identity"}  # bytes as they are, so that they can be counted
    if done:
        headers["Range"] = f"bytes={done}-"
        _logger.info("going on with %s at byte %d", url, done)
    by_hand = f"or download it by hand and put it at {target}"
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT)
    except requests.RequestException as error:
        raise DownloadError(
            f"cannot reach {url} ({type(error).__name__}): check the network and run again, {by_hand}"
        ) from error
    with response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            partial.unlink()
            raise DownloadError(f"{url} is shorter than the registered {entry.size} bytes: run again, {by_hand}")
        if not response.ok:
            raise DownloadError(f"{url} answered {response.status_code} {response.reason}: run again later, {by_hand}")
        done = _start(response, done)
        declared = response.headers.get("Content-Length", "")
        if declared.isdecimal() and done + int(declared) != entry.size:
            found = done + int(declared)
            raise DownloadError(f"{url} has {found} bytes, not the registered {entry.size}: run again later, {by_hand}")
        try:
            with partial.open("ab" if done else "wb") as file:
                progress(done, entry.size)
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    progress(done, entry.size)
                    if done > entry.size:
                        return  # the caller finds it too long
        except requests.RequestException as error:
            raise _cut(url, done, entry) from error
    if done < entry.size:
        raise _cut(url, done, entry)


def _start(response: requests.Response, done: int) -> int:
    """The offset of the body's first byte, 0 from a server without ranges. Raises DownloadError on another range."""
    if response.status_code != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    range_sent = response.headers.get("Content-Range", "")
    if not range_sent.startswith(f"bytes {done}-"):
        raise DownloadError(f"{response.url} sent range {range_sent!r}, not the one from byte {done}: run again later")
    return done


def _cut(url: str, done: int, entry: RegistryEntry) -> DownloadError:
    return DownloadError(f"the download of {url} was cut at {done} of {entry.size} bytes: run again to go on")


def _mismatch(path: Path, entry: RegistryEntry) -> str:
    """How the file differs from what is registered, as the end of a sentence; empty if it does not."""
    size = _size(path)
    if size != entry.size:
        return f"has {size} bytes, not the registered {entry.size}"
    digest = file_sha256(path)
    if not digest.startswith(entry.sha256_prefix.lower()):
        return f"has SHA-256 {digest}, not one that starts with the registered {entry.sha256_prefix}"
    return ""


def _size(path: Path) -> int:
    """Bytes in the file; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _silent(done: int, total: int) -> None:
    """The progress callback of those who want none."""
