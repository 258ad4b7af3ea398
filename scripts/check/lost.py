"""What is lost on the way: python scripts/check/lost.py FOLDER --style PHOTO [--as EXTENSION] [-- OPTIONS]

Every file of FOLDER goes through `photostyle photo` or `photostyle video`. What ExifTool and ffprobe tell of the file
but not of the result is printed, a line each, and what the command said. Results go to a temporary folder, or to --out.
Exit code 1 if something was lost without a word.

Needs exiftool and ffprobe.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from _lost_accounts import Account, lost, not_said, of_clip, of_movie, of_photo

_MOVIES = frozenset((".mp4", ".mov", ".m4v", ".3gp"))  # of which ExifTool tells more than ffprobe
CLIPS = _MOVIES | frozenset(
    (".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".vob", ".mts", ".m2ts", ".ts", ".mxf", ".wmv", ".flv", ".ogv", ".nut")
)
_AS_THEY_ARE = {
    "photo": frozenset((".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")),
    "video": frozenset((".mp4", ".mov", ".mkv")),
}
_USUAL = {"photo": ".png", "video": ".mkv"}
_NEEDED = ("exiftool", "ffprobe")
_FRAME = " \t│─╭╮╰╯"  # around what the terminal is told of errors


@dataclass(frozen=True)
class Finding:
    """One file: what is lost without a word, what the command said, and why there is no result, where there is none."""

    path: Path
    lost: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    refused: bool = False


def compare(source: Path, result: Path, said: Sequence[str]) -> Finding:
    """Hold a result against its source by both programs' accounts."""
    same = result.suffix.lower().replace("jpeg", "jpg") == source.suffix.lower().replace("jpeg", "jpg")
    if source.suffix.lower() not in CLIPS:
        accounts: list[Callable[[Path], Account]] = [of_photo]
    else:
        accounts = [of_clip, of_movie] if {source.suffix.lower(), result.suffix.lower()} <= _MOVIES else [of_clip]
    lines = [line for account in accounts for line in lost(account(source), account(result), same_format=same)]
    return Finding(source, tuple(not_said(lines, " ".join(said))), tuple(said))


def graded(source: Path, style: Path, folder: Path, extension: str | None, options: Sequence[str]) -> Finding:
    """Run the command on one file and compare."""
    kind = "video" if source.suffix.lower() in CLIPS else "photo"
    as_it_is = source.suffix.lower() in _AS_THEY_ARE[kind]
    suffix = source.suffix if as_it_is else _USUAL[kind]
    if extension and (extension in CLIPS) == (kind == "video"):
        suffix = extension
    result = folder / f"{source.stem}-{source.suffix[1:]}{suffix}"
    command = [sys.executable, "-m", "photostyle", kind, source, "--style", style, "-o", result, "--overwrite"]
    done = subprocess.run([*map(str, command), *options], capture_output=True, text=True, check=False)
    said = tuple(words for line in re.split(r"[\r\n]+", done.stderr) if (words := line.strip(_FRAME)))
    if done.returncode:
        return Finding(source, said=said[-1:], refused=True)
    return compare(source, result, said)


def report(finding: Finding) -> list[str]:
    """Return lines that tell of one file."""
    head = "refused" if finding.refused else "LOST" if finding.lost else "nothing lost"
    lines = [f"{finding.path.name}: {head}", *(f"  lost  {line}" for line in finding.lost)]
    return lines + [f"  said  {line}" for line in finding.said if finding.refused or line.startswith("warning:")]


def _parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is for this command, and behind -- what is for photo and video."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:place]), list(arguments[place + 1 :])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="files to send through, or one file")
    parser.add_argument("--style", type=Path, required=True, help="the reference photo")
    parser.add_argument(
        "--as", dest="extension", help="write in another format: .jpg, .png, .tif, .webp, or .mp4, .mov, .mkv, .webm"
    )
    parser.add_argument("--out", type=Path, help="keep the results here")
    own, options = _parted(sys.argv[1:] if arguments is None else arguments)
    given = parser.parse_args(own)
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing:
        parser.error(f"{' and '.join(missing)} must be installed")
    files = [given.folder] if given.folder.is_file() else sorted(p for p in given.folder.iterdir() if p.is_file())
    worst = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            if path.suffix.lower() in (".md", ".txt", ".json", ".cube"):
                continue
            finding = graded(path, given.style, folder, given.extension, options)
            print("\n".join(report(finding)), flush=True)
            worst |= bool(finding.lost)
    return int(worst)


if __name__ == "__main__":
    sys.exit(main())
