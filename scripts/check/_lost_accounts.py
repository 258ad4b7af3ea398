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
    r"|XMP-(G)?Container:DirectoryItemLength"
)
# What describes a sensor's values, of which a developed photo has none.
_OF_THE_MOSAIC = re.compile(
    r"(IFD0|ExifIFD|SubIFD\d*):(CFA\w+|DNG\w*Version|(White|Black)Level\w*|LinearizationTable|(Color|Camera|Forward)\w*"
    r"Matrix\d|AsShot\w+|CalibrationIlluminant\d|AnalogBalance|Baseline\w+|Default\w+|ActiveArea|NoiseProfile)"
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
    "keep its alpha": r"video\d+:alpha_mode.*",
    "is interlaced": r"video\d+:field_order.*",
    "stereo layout": r"video\d+:side data Stereo 3D.*",
    "spherical projection": r"video\d+:side data Spherical.*",
    "of the subtitle stream": r"subtitle\d+:.*",
    "subtitle stream": r"subtitle\d+.*",
    "audio stream": r"audio\d+.*",
    "data stream": r"data\d+.*",
    "attachment stream": r"attachment\d+.*",
    "cover picture": r"(video|attachment)[1-9]\d*.*|ItemList:CoverArt.*",
    "chapters": r"chapter\d+.*",
}
_PER_STREAM = (
    "width", "height", "sample_aspect_ratio", "avg_frame_rate", "r_frame_rate", "color_space",
    "color_transfer", "color_primaries", "field_order", "channel_layout", "channels", "sample_rate",
)  # fmt: skip
_TEXT = ("mov_text", "subrip", "webvtt", "ass", "ssa", "text")  # containers hold subtitles each in its own
_OF_THE_MUXER = re.compile(
    r"(?i)(major_brand|minor_version|compatible_brands|encoder|vendor_id|handler_name|duration.*|_?statistics.*|bps.*|"
    r"number_of_.*|creation_time|encoding_?params|stereo_mode)"
)
# Where mp4 and mov keep words about the film; what they say of their boxes is ffprobe's to tell.
_OF_THE_MOVIE = re.compile(
    r"(Keys|ItemList|UserData|XMP-(?!GSpherical)[\w-]+|IFD0|ExifIFD|GPS|IPTC):(?!Encoder$|SoftwareVersion$)\w+"
)
Account = dict[str, Any]


def of_photo(path: Path) -> Account:
    """ExifTool's account: every tag with its group, values as stored."""
    done = subprocess.run(
        ["exiftool", "-j", "-a", "-G1", "-s", "-n", path], capture_output=True, text=True, check=False
    )
    found: Account = json.loads(done.stdout)[0] if done.stdout else {}
    return found


def of_movie(path: Path) -> Account:
    """ExifTool's account of what an mp4 or mov says about its film, values as stored."""
    return {name: value for name, value in of_photo(path).items() if _OF_THE_MOVIE.fullmatch(name)}


def of_clip(path: Path) -> Account:
    """ffprobe's account of a film, as flat names: what it holds, when, and what is written about it."""
    asked = ("-show_format", "-show_streams", "-show_chapters", "-count_packets", "-of", "json")
    command = ["ffprobe", "-v", "error", *asked, str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found: Account = {f"format:{key}": value for key, value in _tags(told["format"])}
    film: dict[str, Any] = next((s for s in told["streams"] if s.get("codec_type") == "video" and not _is_cover(s)), {})
    found["duration"] = round(_seconds(film) or float(told["format"].get("duration", 0)), 1)
    counts: dict[str, int] = {}
    for stream in told["streams"]:
        kind = stream.get("codec_type", "data")
        name = f"{kind}{counts.setdefault(kind, 0)}"
        counts[kind] += 1
        found[name] = "there"
        if kind == "data":  # timecode and the text of chapters, which are told otherwise as well
            continue
        found |= {
            f"{name}:{key}": stream[key]
            for key in _PER_STREAM
            if stream.get(key) not in (None, "0/0", "unknown", "progressive")
        }
        if kind == "video":  # what says nothing of its range is limited
            rgb = str(stream.get("pix_fmt", "")).startswith(("gb", "rgb", "bgr", "gray", "pal", "argb", "yuvj"))
            found[f"{name}:frames"] = stream.get("nb_read_packets")
            found[f"{name}:color_range"] = stream.get("color_range", "pc" if rgb else "tv")
        elif kind in ("audio", "subtitle"):
            codec = stream.get("codec_name")
            found[f"{name}:codec"] = "text" if codec in _TEXT else codec
        for beside in stream.get("side_data_list", []):
            if beside.get("side_data_type") == "CPB properties":  # of the old encoding
                continue
            told_of_it = {
                key: value for key, value in beside.items() if key not in ("side_data_type", "side_data_size")
            }
            found[f"{name}:side data {beside.get('side_data_type')}"] = told_of_it
        found |= {f"{name}:{key}": value for key, value in _tags(stream) if (key, value) != ("language", "und")}
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
        if name.startswith("PNG-cICP:") and any(x.startswith("ICC") for x in after):
            continue  # told by a profile instead
        if "IFD0:CFAPattern2" in before and _OF_THE_MOSAIC.fullmatch(name):
            continue
        if not same_format and (_plain(value) in kept or _is_resolution(name)):
            continue
        found.append(f"{name}: {_short(value)}" + (f" is now {_short(after[name])}" if name in after else ""))
    return found


def not_said(lines: Iterable[str], said: str) -> list[str]:
    """Of such lines, those that no word of the command accounts for."""
    patterns = [re.compile(pattern) for words, pattern in _SAID.items() if words in said]
    return [line for line in lines if not any(pattern.match(line) for pattern in patterns)]


def _is_cover(stream: Mapping[str, Any]) -> bool:
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _seconds(stream: Mapping[str, Any]) -> float:
    """How long a stream lasts; 0 where it says nothing."""
    if "duration" in stream:
        return float(stream["duration"])
    written = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.get("tags", {}).get("DURATION", ""))  # Matroska's
    return 3600 * int(written[1]) + 60 * int(written[2]) + float(written[3]) if written else 0.0


def _tags(part: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, value) for key, value in part.get("tags", {}).items() if not _OF_THE_MUXER.fullmatch(key)]


def _is_resolution(name: str) -> bool:
    return bool(re.search(r"(X|Y)?Resolution(Unit)?$|PixelsPerUnit|PixelUnits", name))


def _plain(value: object) -> str:
    return re.sub(r"\s+", " ", json.dumps(value, ensure_ascii=False)).strip('" ')


def _short(value: object) -> str:
    text = _plain(value)
    return text if len(text) <= 60 else text[:57] + "..."
