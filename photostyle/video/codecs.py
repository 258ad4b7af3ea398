"""Which codecs and containers there are, and what a clip is written as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import av

from photostyle.errors import OutputError, ParameterError
from photostyle.video.info import FULL, LIMITED, Colour, VideoInfo, chroma_shifts


@dataclass(frozen=True)
class Codec:
    """An encoder.

    Attributes:
        encoder: libav's name.
        containers: extensions that can hold it; the first codec in `CODECS` for an extension is its default.
        crf: default constant rate factor; None where the codec has none.
        most_crf: greatest crf.
        options: for libav.
        preview: the options for a quick preview.
        tag: the four letters under which players look for it in mp4 and mov, if not libav's choice.
        segment: format of segment files.
        alpha: extensions that hold it with alpha.
        refused: formats that libav lists for it, but then does not take.
    """

    encoder: str
    containers: tuple[str, ...]
    crf: int | None = None
    most_crf: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    preview: Mapping[str, str] = field(default_factory=dict)
    tag: str | None = None
    segment: str = "nut"  # holds any codec but ProRes
    alpha: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


CODECS: Mapping[str, Codec] = {
    # x264's macroblock tree does not always give the same bits for the same frames; a continued run must.
    "h264": Codec(
        "libx264",
        (".mp4", ".mov", ".mkv"),
        18,
        51,
        {"preset": "medium", "mbtree": "0"},
        {"preset": "ultrafast", "mbtree": "0"},
    ),
    "hevc": Codec(
        "libx265",
        (".mp4", ".mov", ".mkv"),
        20,
        51,
        {"preset": "medium", "x265-params": "log-level=error"},
        {"preset": "ultrafast", "x265-params": "log-level=error"},
        tag="hvc1",
    ),
    "prores": Codec("prores_ks", (".mov",), segment="mov", alpha=(".mov",)),
    "ffv1": Codec("ffv1", (".mkv",), options={"level": "3", "g": "1", "slicecrc": "1"}, alpha=(".mkv",)),
    "vp9": Codec(
        "libvpx-vp9",
        (".webm", ".mkv", ".mp4"),
        24,
        63,
        {"b": "0", "row-mt": "1", "cpu-used": "4"},
        {"b": "0", "row-mt": "1", "cpu-used": "8", "deadline": "realtime"},
        alpha=(".webm", ".mkv"),
        refused=("yuva422p", "yuva444p", "gbrap"),
    ),
}
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
VIDEO_EXTENSIONS = tuple(FORMATS)
# ProRes: the encoder's name of each profile, by libav's name of it, and the four letters that tell them apart.
_PRORES = {"Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq", "4444": "4444", "XQ": "4444xq"}
_PRORES_TAGS = {
    "proxy": "apco", "lt": "apcs", "standard": "apcn", "hq": "apch", "4444": "ap4h", "4444xq": "ap4x",
}  # fmt: skip
_PLANAR = re.compile(r"(yuva?4\d\dp|gbra?p)(\d+le)?")
_TELLS_ASPECT = ("h264", "hevc")  # in their own bits; elsewhere only the container can


@dataclass(frozen=True)
class Encoding:
    """What a clip is written as.

    Attributes:
        codec: a key of `CODECS`.
        format: libav's name of a planar pixel format.
        bits: bits a sample.
        width, height: of the coded picture.
        rate: frames a second, as the encoder is told them.
        colour: tags to write.
        pixel_aspect: width to height of a pixel.
        options: for the encoder.
    """

    codec: str
    format: str
    bits: int
    width: int
    height: int
    rate: Fraction
    colour: Colour
    pixel_aspect: Fraction | None
    options: Mapping[str, str]

    @property
    def rgb(self) -> bool:
        """The planes are G, B, R."""
        return self.format.startswith("gbr")

    @property
    def alpha(self) -> bool:
        """The last plane is opacity."""
        return _has_alpha(self.format)

    @property
    def segment(self) -> str:
        """Format of segment files: VP9 keeps alpha beside its packets, where only Matroska holds it."""
        return "matroska" if self.codec == "vp9" and self.alpha else CODECS[self.codec].segment

    @property
    def tag(self) -> str | None:
        """The four letters under which players look for it in mp4 and mov, if not libav's choice."""
        return _PRORES_TAGS[self.options["profile"]] if self.codec == "prores" else CODECS[self.codec].tag

    @property
    def shifts(self) -> tuple[int, int]:
        """log2 of chroma subsampling across and down."""
        return chroma_shifts(av.VideoFormat(self.format, 64, 64))


def default_codec(extension: str) -> str:
    """The codec for an output's extension. Raises OutputError for one that is no container here."""
    for name, codec in CODECS.items():
        if extension.lower() in codec.containers:
            return name
    raise OutputError(f"{extension or '(no extension)'}: not a clip's extension; use one of {', '.join(FORMATS)}")


def encoding_for(
    info: VideoInfo,
    extension: str,
    codec: str | None = None,
    crf: int | None = None,
    *,
    size: tuple[int, int] | None = None,
    preview: bool = False,
) -> Encoding:
    """What `info`'s clip becomes in a container: its own sampling and depth where the codec has them, else the next.

    Args:
        info: the clip.
        extension: of the output.
        codec: a key of `CODECS`; the container's default if None.
        crf: constant rate factor; the codec's default if None.
        size: (height, width) if not the clip's own.
        preview: encode quickly.

    Raises:
        OutputError: the container does not hold the codec, or would lose the clip's pixel aspect.
        ParameterError: unknown codec, or crf that it does not have.
    """
    name = codec or default_codec(extension)
    if name not in CODECS:
        raise ParameterError(f"codec is {name!r}; it must be one of {', '.join(CODECS)}")
    chosen = CODECS[name]
    if extension.lower() not in chosen.containers:
        raise OutputError(f"{extension} files do not hold {name} here; use {' or '.join(chosen.containers)}")
    if crf is not None and (chosen.crf is None or not 0 <= crf <= chosen.most_crf):
        limits = f"from 0 to {chosen.most_crf}" if chosen.crf is not None else "not used"
        raise ParameterError(f"crf is {crf}; for {name} it is {limits}")
    odd_pixels = info.pixel_aspect not in (None, 1)
    if odd_pixels and extension.lower() in (".mkv", ".webm") and name not in _TELLS_ASPECT:
        raise OutputError(
            f"{info.path}: its pixels are not square ({info.pixel_aspect}), which {name} in {extension} would lose; "
            "write .mp4 or .mov, or use --codec h264"
        )
    height, width = size or (info.height, info.width)
    odd = bool(height % 2 or width % 2) and name in ("h264", "hevc")
    pixel_format = _pixel_format(chosen, info, odd, extension.lower() in chosen.alpha)
    options = dict(chosen.preview if preview and chosen.preview else chosen.options)
    if chosen.crf is not None:
        options["crf"] = str(chosen.crf if crf is None else crf)
    if name == "prores":
        options["profile"] = _prores_profile(pixel_format, info)
    colour = info.colour
    if info.rgb and not pixel_format.startswith("gbr"):
        colour = Colour(colour.primaries, colour.transfer, 1, LIMITED)
    bits = av.VideoFormat(pixel_format, 16, 16).components[0].bits
    if name == "prores" and colour.range_ == FULL:  # ProRes has no full range
        colour = Colour(colour.primaries, colour.transfer, colour.matrix, LIMITED)
    return Encoding(name, pixel_format, bits, width, height, info.rate, colour, info.pixel_aspect, options)


def _prores_profile(pixel_format: str, info: VideoInfo) -> str:
    """The clip's own profile if it has one for these samples."""
    own = _PRORES.get(info.profile, "") if info.codec == "prores" else ""
    if "444" in pixel_format:
        return own if own.startswith("4444") else "4444"
    return own if own and not own.startswith("4444") else "hq"


def _pixel_format(codec: Codec, info: VideoInfo, odd: bool, keeps_alpha: bool) -> str:
    """The encoder's nearest format that loses nothing, or as little as it can."""
    formats = [f.name for f in av.Codec(codec.encoder, "w").video_formats or []]
    offered = [name for name in formats if not name.startswith("yuvj") and name not in codec.refused]
    alpha = _has_alpha(info.format) and keeps_alpha
    if info.format in offered and _has_alpha(info.format) == alpha and not (odd and (info.shift_x or info.shift_y)):
        return info.format
    shifts = (0, 0) if odd or info.rgb else (info.shift_x, info.shift_y)

    def loss(name: str) -> tuple[int, int, int, int, int, int]:
        found = av.VideoFormat(name, 64, 64)
        bits = found.components[0].bits
        here = chroma_shifts(found)
        coarser = sum(max(0, a - b) for a, b in zip(here, shifts, strict=True))
        finer = sum(max(0, b - a) for a, b in zip(here, shifts, strict=True))
        return (
            int(_has_alpha(name) != alpha),
            max(0, info.bits - bits),
            coarser,
            int(name.startswith("gbr") != info.rgb),
            finer,
            max(0, bits - info.bits),
        )

    return min(filter(_PLANAR.fullmatch, offered), key=loss)


def _has_alpha(name: str) -> bool:
    return name.startswith(("yuva", "gbrap"))


def lost_of_picture(info: VideoInfo, encoding: Encoding) -> list[str]:
    """What of a clip's samples an encoding does not hold, in words."""
    lost = ["alpha"] if info.alpha and not encoding.alpha else []
    if encoding.bits < info.bits:
        lost.append(f"{info.bits} bits a sample (it has {encoding.bits})")
    across, down = encoding.shifts
    if not info.grey and (across > info.shift_x or down > info.shift_y):
        lost.append("finer chroma")
    return [*lost, *info.beside]
