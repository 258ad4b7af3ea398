"""What two programs tell of a file, and what of it is missing from another: the accounts of `scripts/check/lost.py`."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# How a file is stored, what is made of other tags, and what must not outlive the old pixels: thumbnails of them.
_OF_THE_FILE = re.compile(
    r"SourceFile|(System|ExifTool|Composite|IFD[1-9]\d*|MPF\d*|MPImage\d+|JFXX|Adobe|AdobeCM|SPIFF|RIFF|GIF|BMP|Jpeg2000|Meta"
    r"|SubIFD\d*|AVI1|JFIF):.*(?<!Resolution)(?<!ResolutionUnit)$|File:(?!Comment).*"
    r"|IFD[1-9]\d*:.*|JFIF:JFIFVersion|QuickTime:(?!.*(Title|Author|Comment|Create|Modify|GPS|Make|Model|Software|Location)).*"
    r"|(IFD0|IFD2|PNG|ExifIFD|InteropIFD):(Sub|Old)?(SubfileType|BitsPerSample|Compression|PhotometricInterpretation|"
    r"Strip\w+|RowsPerStrip|SamplesPerPixel|PlanarConfiguration|Predictor|Tile\w+|SampleFormat|ExtraSamples|FillOrder|"
    r"YCbCr\w+|ReferenceBlackWhite|ColorMap|ThumbnailTIFF|\w*Image(Width|Height)|BitDepth|ColorType|Filter|Interlace|"
    r"Palette|Transparency|BackgroundColor|SignificantBits|Orientation|JPEGTables)"
    r"|.*:(\w*ImageStart|\w*ImageOffset|\w*DataOffset|ThumbnailOffset|\w*ThumbnailImage|PhotoshopThumbnail|Thumbnails\w*)"
    r"|XMP-xmpNote:HasExtendedXMP|XMP-tiff:Orientation|XMP-xmp:Thumbnails\w+|XMP-x:XMPToolkit"
)
# What a line of the command says, and the tags that it accounts for.
_SAID = {
    "HDR gain map": r"XMP-(hdrgm|HDRGainMap|Container|apdi|GContainer|Item).*|JPEG-HDR:.*",
    "motion clip": r"XMP-(GCamera|Container|GContainer|Item|OpCamera):.*|(Samsung|QuickTime|Track\d):.*",
    "second view": r"XMP-(GImage|Container)\S*|Nintendo:.*",
    "content credentials": r"(JUMBF|JSON|CBOR|C2PA\S*|PNG):.*",
    "layers": r"\w+:(ImageSourceData|Layer\w*)",
    "data behind the picture": r"(AFCP|PhotoMechanic|FotoStation|IPTC\d|Samsung|CanonVRD|MIE\S*|Trailer).*",
    "IPTC": r"(IPTC|Photoshop)\d*:.*",
    "application data": r"(?!IFD|ExifIFD|GPS|XMP|IPTC|PNG|ICC).*",
    "comment": r"File:Comment",
    "text '": r"PNG:.*",
    "XMP": r"XMP.*",
    "maker notes": r"(?!IFD|ExifIFD|GPS|XMP|IPTC|PNG|ICC).*",
    "EXIF": r"(IFD|ExifIFD|GPS|Interop).*",
    "camera data": r".*",
    "converted": r"(ICC|PNG).*",
    "profile": r"ICC.*",
    "timecode": r".*(timecode|tmcd|data).*",
}
_PER_STREAM = (
    "sample_aspect_ratio", "avg_frame_rate", "r_frame_rate", "color_range", "color_space", "color_transfer",
    "color_primaries", "field_order", "channel_layout", "sample_rate",
)  # fmt: skip
_OF_THE_MUXER = re.compile(
    r"(?i)(major_brand|minor_version|compatible_brands|encoder|vendor_id|handler_name|duration.*|_?statistics.*|bps.*|"
    r"number_of_.*|creation_time|encoding_?params)"
)
Account = dict[str, Any]


def of_photo(path: Path) -> Account:
    """ExifTool's account: every tag with its group, values as stored."""
    done = subprocess.run(
        ["exiftool", "-j", "-a", "-G1", "-s", "-n", path], capture_output=True, text=True, check=False
    )
    found: Account = json.loads(done.stdout)[0] if done.stdout else {}
    return found


def of_clip(path: Path) -> Account:
    """ffprobe's account of a film, as flat names: what it holds, when, and what is written about it."""
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-show_chapters", "-of", "json", str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found: Account = {f"format:{key}": value for key, value in _tags(told["format"])}
    found["duration"] = round(float(told["format"].get("duration", 0)), 1)
    counts: dict[str, int] = {}
    for stream in told["streams"]:
        kind = stream.get("codec_type", "data")
        name = f"{kind}{counts.setdefault(kind, 0)}"
        counts[kind] += 1
        found[name] = "there"
        found |= {
            f"{name}:{key}": stream[key] for key in _PER_STREAM if stream.get(key) not in (None, "0/0", "unknown")
        }
        found |= {f"{name}:{key}": value for key, value in _tags(stream)}
        found |= {f"{name}:is {key}": 1 for key, value in stream.get("disposition", {}).items() if value}
    for number, chapter in enumerate(told.get("chapters", [])):
        found[f"chapter{number}"] = (chapter["start_time"], chapter.get("tags", {}).get("title"))
    return found


def lost(before: Mapping[str, Any], after: Mapping[str, Any], *, same_format: bool) -> list[str]:
    """Return what of an account is missing from another or tells something else, a line each.

    In another format a value may have another name: it is missing where no tag has it.
    """
    kept = {_plain(value) for value in after.values()}
    found = []
    for name, value in before.items():
        if _OF_THE_FILE.fullmatch(name) or (name in after and _plain(after[name]) == _plain(value)):
            continue
        if not same_format and (_plain(value) in kept or _is_resolution(name)):
            continue
        found.append(f"{name}: {_short(value)}" + (f" is now {_short(after[name])}" if name in after else ""))
    return found


def not_said(lines: Iterable[str], said: str) -> list[str]:
    """Of such lines, those that no word of the command accounts for."""
    patterns = [re.compile(pattern) for words, pattern in _SAID.items() if words in said]
    return [line for line in lines if not any(pattern.match(line) for pattern in patterns)]


def _tags(part: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, value) for key, value in part.get("tags", {}).items() if not _OF_THE_MUXER.fullmatch(key)]


def _is_resolution(name: str) -> bool:
    return bool(re.search(r"(X|Y)?Resolution(Unit)?$|PixelsPerUnit|PixelUnits", name))


def _plain(value: object) -> str:
    return re.sub(r"\s+", " ", json.dumps(value, ensure_ascii=False)).strip('" ')


def _short(value: object) -> str:
    text = _plain(value)
    return text if len(text) <= 60 else text[:57] + "..."
