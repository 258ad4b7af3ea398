"""What a clip says about itself: size, timing, colour tags, rotation, and the planes its frames come in."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from photostyle.errors import VideoReadError
from photostyle.io.images import MIN_SIDE
from photostyle.video.spatial import Spatial, spatial_of

Planes = list[npt.NDArray[np.integer[Any]]]
"""A frame's samples, (H, W) uint8 or uint16 a plane: luma and chroma, or G, B, R, or luma alone; alpha behind them."""

MAX_PIXELS = 1 << 27
"""Limit on the declared pixels of a frame: 16K has 133 million."""

UNSPECIFIED = 2  # H.273's code for primaries, transfer and matrix
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
FULL, LIMITED = 2, 1  # libav's colour range; 0 is unspecified
_MATRICES = (0, 1, 4, 5, 6, 7, 9)  # those that photostyle.colour.yuv knows
_NATIVE = re.compile(
    r"(yuv4(20|22|44|40|11|10)p|gbrp|gray)(9|10|12|14|16)?(le)?"
    r"|yuva4(20|22|44)p|yuva4(20|22)p(9|10|16)le|yuva4(22|44)p12le|yuva444p(9|10|16)le|gbrap((10|12|14|16)le)?"
)
_CENTRED = ("mjpeg", "mpeg1video")  # their chroma lies midway between luma samples
_TELLS_FIELDS = ("h264", "hevc", "mpeg2video", "mpeg4", "vc1", "dvvideo", "prores", "dnxhd")  # frame by frame
_TOP_FIRST, _PROGRESSIVE = (2, 5), 1  # libav's field orders
# What decoders find beside a picture that no encoder is given, and what it is called.
_BESIDE = {
    "A53_CC": "closed captions",
    "MASTERING_DISPLAY_METADATA": "mastering display",
    "CONTENT_LIGHT_LEVEL": "light levels",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
}
_EXACT = "mov,mp4"  # begins libav's name of the containers that keep any time base


@dataclass(frozen=True)
class Colour:
    """Colour tags by their H.273 numbers, as found, 2 unspecified; `range_` is libav's: 1 limited, 2 full, 0 none."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range_: int = 0


@dataclass(frozen=True)
class VideoInfo:
    """What a clip says about itself.

    Attributes:
        path: the file.
        codec: libav's name of what it is encoded with.
        profile: of the codec, by libav's name; empty if unknown.
        width, height: of the coded picture, before rotation.
        time_base: seconds a tick of its timestamps.
        begins: second at which a player's clock for it stands at 0.
        keeps_start: the time before `begins` is its own; in MPEG and AVI it is where some clock stood.
        exact: its container keeps any time base; others round timestamps and state the rate beside them.
        rate_stated: it states one rate for all frames beside their timestamps, as Matroska can.
        rate: mean frames a second.
        rates: frames a second by all that the file says of it, the likeliest first.
        starts: tick of its first frame.
        ends: tick at which its last frame ends; None if the file does not say.
        frames: how many frames there should be; 0 if the file does not say.
        format: planar pixel format that frames are delivered in (libav's name).
        bits: bits a sample.
        shift_x, shift_y: log2 of chroma subsampling.
        rgb, grey: the planes are G, B, R; there is only luma.
        alpha: it has opacity. It is delivered as one more plane, in full range, unless `grey`.
        fields: ``frames`` if the first frame says that it is woven of two fields, ``top`` or ``bottom`` if only the
            container says so, with the field that comes first; empty if neither does.
        beside: names of what lies beside its first picture and cannot be written.
        spatial: what it says of the picture's place in space.
        centred: chroma lies midway between luma samples (MPEG-1, JPEG).
        colour: tags as found.
        rotation: degrees counterclockwise by which a player turns the picture.
        display_matrix: the nine numbers that say so, kept as they are (they can mirror as well).
        pixel_aspect: width to height of a pixel; None if unsaid.
        timed: its frames have timestamps of their own.
    """

    path: Path
    codec: str
    profile: str
    width: int
    height: int
    time_base: Fraction
    begins: Fraction
    keeps_start: bool
    exact: bool
    rate_stated: bool
    rate: Fraction
    rates: tuple[Fraction, ...]
    starts: int
    ends: int | None
    frames: int
    format: str
    bits: int
    shift_x: int
    shift_y: int
    rgb: bool
    grey: bool
    alpha: bool
    fields: str
    beside: tuple[str, ...]
    spatial: Spatial
    centred: bool
    colour: Colour
    rotation: int
    display_matrix: tuple[int, ...] | None
    pixel_aspect: Fraction | None
    timed: bool

    @property
    def matrix(self) -> int:
        """Matrix coefficients to convert with: the tag, or by the common rule BT.709 above SD and BT.601 up to it."""
        if self.rgb:
            return 0
        if self.colour.matrix in _MATRICES[1:]:
            return self.colour.matrix
        return 1 if self.width >= 1280 or self.height > 576 else 6

    @property
    def full(self) -> bool:
        """Full range: the tag, else RGB and grey are full and the rest limited."""
        return self.colour.range_ == FULL or (self.colour.range_ != LIMITED and (self.rgb or self.grey))


def check_sdr(info: VideoInfo, *, allow_hdr: bool) -> None:
    """Raise VideoReadError for HDR (PQ or HLG) unless allowed: the network knows pictures of display brightness."""
    name = HDR_TRANSFERS.get(info.colour.transfer)
    if name and not allow_hdr:
        raise VideoReadError(
            f"{info.path}: is HDR ({name}), for which the network is not made; "
            "convert it to SDR first, or pass --allow-hdr to go on with its code values as they are"
        )


def check_pixels(path: Path, width: int, height: int) -> None:
    """Raise VideoReadError for frames of more than `MAX_PIXELS`."""
    if width * height > MAX_PIXELS:
        raise VideoReadError(f"{path}: {width}x{height} is more than the limit of {MAX_PIXELS} pixels; make it smaller")


def check_supported(info: VideoInfo) -> None:
    """Raise VideoReadError for a clip whose colours or size cannot be handled."""
    if info.colour.matrix not in (*_MATRICES, UNSPECIFIED, 3):
        raise VideoReadError(
            f"{info.path}: matrix coefficients {info.colour.matrix} are not supported; convert the clip to BT.709"
        )
    if min(info.width, info.height) < MIN_SIDE:
        raise VideoReadError(
            f"{info.path}: {info.width}x{info.height} pixels are too small; at least {MIN_SIDE}x{MIN_SIDE} are needed"
        )


def describe_stream(path: Path, stream: Any, picture: av.VideoFrame, field_order: int) -> VideoInfo:
    """What a video stream and its first frame say; `field_order` is what the container said before it was decoded."""
    context, layout = stream.codec_context, picture.format
    alpha = any(part.is_alpha for part in layout.components) and layout.name != "pal8"
    rgb = layout.is_rgb or layout.name == "pal8"
    grey = not rgb and sum(not part.is_alpha for part in layout.components) == 1
    full_hint = FULL if "yuvj" in layout.name else 0
    shift_x, shift_y = (0, 0) if rgb or grey else chroma_shifts(layout)
    pick = {
        name: int(getattr(picture, name) or 0) if int(getattr(picture, name) or 2) != UNSPECIFIED
        else int(getattr(context, name) or 2)
        for name in ("color_primaries", "color_trc", "colorspace")
    }  # fmt: skip
    colour = Colour(
        pick["color_primaries"],
        pick["color_trc"],
        0 if rgb else pick["colorspace"] or UNSPECIFIED,
        int(picture.color_range or context.color_range or full_hint),
    )
    turned: Any = picture.side_data.get("DISPLAYMATRIX")
    matrix = b"" if turned is None else bytes(turned)
    aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
    rates = tuple(Fraction(r) for r in (stream.average_rate, stream.guessed_rate, stream.base_rate) if r and r > 0)
    rate = rates[0] if rates else Fraction(25)
    begins = Fraction(stream.container.start_time or 0, av.time_base)
    started = stream.start_time or 0
    delivered = _native(
        layout.name.replace("yuvj", "yuv"), layout.components[0].bits, rgb, grey, alpha, (shift_x, shift_y)
    )
    return VideoInfo(
        path=path,
        codec=context.name,
        profile=str(context.profile or ""),
        width=picture.width,
        height=picture.height,
        time_base=Fraction(stream.time_base),
        begins=begins,
        keeps_start=stream.container.format.name.startswith((_EXACT, "matroska")),
        exact=stream.container.format.name.startswith(_EXACT),
        rate_stated=stream.container.format.name.startswith("matroska") and bool(rates),
        rate=rate,
        rates=rates,
        starts=started if picture.pts is None else picture.pts,
        ends=started + stream.duration if stream.duration else None,
        frames=stream.frames or (round(float(stream.duration * stream.time_base * rate)) if stream.duration else 0),
        format=delivered,
        bits=av.VideoFormat(delivered, 64, 64).components[0].bits,
        shift_x=shift_x,
        shift_y=shift_y,
        rgb=rgb,
        grey=grey,
        alpha=alpha,
        fields=_fields(context.name, picture, field_order),
        beside=tuple(words for name, words in _BESIDE.items() if picture.side_data.get(name) is not None),
        spatial=spatial_of(picture),
        centred=context.name in _CENTRED,
        colour=colour,
        rotation=picture.rotation,
        display_matrix=struct.unpack("=9i", matrix) if len(matrix) == 36 else None,
        pixel_aspect=Fraction(aspect) if aspect and aspect > 0 else None,
        timed=picture.pts is not None,
    )


def rows(plane: Any, bits: int) -> npt.NDArray[np.integer[Any]]:
    """A libav plane's samples in place, (H, W) uint8 or uint16."""
    dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
    whole = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    return whole[:, : plane.width]


def chroma_shifts(layout: Any) -> tuple[int, int]:
    """log2 of the chroma subsampling of a libav pixel format, across and down."""
    across, down = ((64 // chroma(64)).bit_length() - 1 for chroma in (layout.chroma_width, layout.chroma_height))
    return across, down


def _native(name: str, bits: int, rgb: bool, grey: bool, alpha: bool, shifts: tuple[int, int]) -> str:
    """The planar format that holds the same samples."""
    if _NATIVE.fullmatch(name):
        return name
    depth = next((depth for depth in (8, 9, 10, 12, 14, 16) if bits <= depth), 16)
    if alpha:  # in other layouts than the planar ones it goes with whole chroma, or R, G and B
        depth = next(d for d in (8, 10, 12, 16) if d >= depth)
    ending = "" if depth == 8 else f"{depth}le"
    if rgb or grey:
        return ("gray" if grey else "gbrap" if alpha else "gbrp") + ending
    family = {(1, 1): "420", (1, 0): "422", (0, 0): "444", (0, 1): "440", (2, 0): "411", (2, 2): "410"}[shifts]
    return f"yuva444p{ending}" if alpha else f"yuv{family}p{ending}"


def _fields(codec: str, picture: av.VideoFrame, order: int) -> str:
    if picture.interlaced_frame:
        return "frames"
    if order <= _PROGRESSIVE or codec in _TELLS_FIELDS:
        return ""
    return "top" if order in _TOP_FIRST else "bottom"
