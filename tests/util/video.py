"""Clips that the tests make with PyAV, and looking at what came out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import torch
from av.stream import Disposition

from photostyle.colour.yuv import to_rgb
from photostyle.video.codecs import Encoding, encoding_for
from photostyle.video.encode import SegmentWriter
from photostyle.video.grade import input_layout
from photostyle.video.info import Planes, VideoInfo, rows
from photostyle.video.join import join
from photostyle.video.reading import VideoReader
from photostyle.video.timing import rate_of

GLOBAL_HEADER = 0x00400000


def scene(number: int, time: int, height: int, width: int) -> npt.NDArray[np.float64]:
    """Luma (H, W) in [0, 1] of frame `time` of one of several scenes: blobs of its own, moving slowly."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:height, :width] / max(height, width)
    picture = np.full((height, width), 0.5)
    for _ in range(12):
        cx, cy, size, sign = rng.random(), rng.random() * height / width, 0.05 + rng.random() * 0.1, rng.choice([-1, 1])
        picture += sign * 0.35 * np.exp(-(((x - cx - 0.002 * time) ** 2 + (y - cy) ** 2) / size**2))
    return picture.clip(0, 1)


def planes_of(fmt: str, luma: npt.NDArray[np.float64], cb: float = 0.45, cr: float = 0.55) -> av.VideoFrame:
    """A frame of a planar YUV format in limited code values, of luma (H, W) and one chroma; alpha rises from 0 to 1."""
    height, width = luma.shape
    frame = av.VideoFrame(width, height, fmt)
    bits = frame.format.components[0].bits
    unit = 2 ** (bits - 8)
    rows(frame.planes[0], bits)[:] = np.round((16 + 219 * luma) * unit)
    for plane, value in zip(frame.planes[1:3], (cb, cr), strict=True):
        tilt = np.linspace(-0.05, 0.05, plane.width)[None]
        rows(plane, bits)[:] = np.round((16 + 224 * (value + tilt)) * unit)
    if len(frame.planes) == 4:
        rows(frame.planes[3], bits)[:] = np.round(np.linspace(0, 1, width) * (2**bits - 1))
    return frame


def make_clip(
    path: Path,
    shots: Sequence[int] = (24,),
    *,
    size: tuple[int, int] = (48, 64),
    codec: str = "libx264",
    fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    rate: Fraction = Fraction(25),
    colour: tuple[int, int, int, int] | None = None,
    rotation: int = 0,
    aspect: Fraction | None = None,
    audio: str | None = None,
    subtitles: bool = False,
    chapters: bool = False,
    options: dict[str, str] | None = None,
    gain: Sequence[float] | None = None,
    paint: Callable[[int], npt.NDArray[np.float64]] | None = None,
    field_order: int = 0,
    tags: dict[str, str] | None = None,
    stream_tags: dict[str, str] | None = None,
    audio_tags: dict[str, str] | None = None,
    audio_flags: int | None = None,
    cover: bytes = b"",
    muxer: dict[str, str] | None = None,
) -> Path:
    """A clip of several shots.

    Args:
        path: its extension decides the container.
        shots: frames of each.
        size: (H, W).
        codec, fmt, options: of the encoder.
        pts: tick of each frame; at `rate` if None.
        time_base: seconds a tick; if None, one that fits the rate.
        rate: frames a second, as the file is told.
        colour: range, primaries, transfer, matrix by their numbers.
        rotation: degrees counterclockwise.
        aspect: of a pixel.
        audio: codec of a sine.
        subtitles: two lines of text.
        chapters: two of them.
        gain: exposure of each frame.
        paint: luma (H, W) in [0, 1] of a frame by its number, in place of the scenes.
        field_order: libav's number for what the container says of fields.
        tags, stream_tags: of the file and of the picture.
        audio_tags, audio_flags: of the sound.
        cover: a PNG.
        muxer: more options for mp4 and mov.
    """
    time_base = time_base or 1 / rate / (512 if rate == 25 else 1)
    mov = path.suffix in (".mp4", ".mov")
    ticks = str(time_base.denominator)
    muxing = {"video_track_timescale": ticks, "movie_timescale": ticks, **(muxer or {})}
    container = av.open(str(path), "w", options=muxing if mov else {})
    stream = container.add_stream(
        codec, rate=rate, width=size[1], height=size[0], time_base=time_base,
        options=options if options is not None else ({"crf": "8", "preset": "veryfast"} if "264" in codec else {}),
    )  # fmt: skip
    stream.pix_fmt = fmt
    stream.codec_context.time_base = time_base
    if container.format.name not in ("avi",):
        stream.codec_context.flags |= GLOBAL_HEADER
    if colour:
        context = stream.codec_context
        context.color_range, context.color_primaries, context.color_trc, context.colorspace = colour
    if aspect:
        stream.codec_context.sample_aspect_ratio = aspect
    if rotation:
        stream.set_display_rotation(rotation)
    stream.codec_context.field_order = field_order
    stream.metadata.update(stream_tags or {})
    container.metadata.update(tags or {})
    sound = container.add_stream(audio, rate=48000) if audio else None
    if sound:
        sound.metadata.update(audio_tags or {})
        if audio_flags is not None:
            sound.disposition = audio_flags
    if chapters:
        container.set_chapters(
            [
                {"id": i + 1, "start": 400 * i, "end": 400 * i + 400, "time_base": Fraction(1, 1000),
                 "metadata": {"title": f"part {i}"}}
                for i in range(2)
            ]
        )  # fmt: skip
    text = None
    if subtitles:
        text = container.add_mux_stream("mov_text" if mov else "subrip")
        text.time_base = Fraction(1, 1000)
        text.metadata["language"] = "kor"
    picture = None
    if cover and path.suffix == ".mkv":
        container.add_attachment("cover.png", "image/png", cover)
    elif cover:
        with av.open(io.BytesIO(cover)) as still:
            picture = container.add_stream_from_template(still.streams.video[0], opaque=True)
        picture.disposition = Disposition.attached_pic
    container.start_encoding()
    if picture is not None:
        packet = av.Packet(cover)
        packet.stream = picture
        container.mux(packet)
    index = 0
    for number, count in enumerate(shots):
        for time in range(count):
            luma = (paint(index) if paint else scene(number, time, *size)) * (gain[index] if gain else 1.0)
            frame = planes_of(fmt, luma, 0.4 + 0.07 * number, 0.6 - 0.07 * number)
            if colour:
                frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace = colour
            frame.pts = pts[index] if pts is not None else round(index / rate / time_base)
            frame.time_base = time_base
            frame.duration = round(1 / rate / time_base)
            container.mux(stream.encode(frame))
            index += 1
    container.mux(stream.encode())
    if sound:
        for i in range(int(index * 48000 / rate) // 1024 + 1):
            wave = (np.sin((np.arange(1024) + 1024 * i) * 0.05) * 8000).astype(np.int16)
            block = av.AudioFrame.from_ndarray(wave.repeat(2)[None], "s16", "stereo")
            block.sample_rate, block.pts, block.time_base = 48000, i * 1024, Fraction(1, 48000)
            container.mux(sound.encode(block))
        container.mux(sound.encode())
    if text:
        for i, words in enumerate((b"one", b"two")):
            packet = av.Packet(len(words).to_bytes(2, "big") + words if mov else words)
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = 300 * i
            packet.duration = 200
            container.mux(packet)
    container.close()
    return path


def decoded(path: Path) -> list[tuple[Fraction, list[npt.NDArray[np.int64]]]]:
    """(second, planes) of every frame of a clip."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            (
                frame.pts * stream.time_base,
                [rows(p, frame.format.components[0].bits).astype(np.int64) for p in frame.planes],
            )
            for frame in container.decode(stream)
        ]


def frames_of(path: Path) -> torch.Tensor:
    """(frames, 3, H, W) R′G′B′ in [0, 1] of a clip, as photostyle reads it."""
    reader = VideoReader(path)
    layout = input_layout(reader.info)
    found = [to_rgb([torch.from_numpy(plane) for plane in frame.planes()], layout) for frame in reader.frames()]
    return torch.stack(found).clamp(0, 1)


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """(second, bytes) of every packet of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.pts is not None and p.size]


def same_pictures(first: Path, second: Path) -> bool:
    """Whether two clips decode to the same frames at the same times."""
    a, b = decoded(first), decoded(second)
    return len(a) == len(b) and all(
        x[0] == y[0] and all(np.array_equal(p, q) for p, q in zip(x[1], y[1], strict=True))
        for x, y in zip(a, b, strict=True)
    )


def remake(
    source: Path,
    output: Path,
    cuts: Sequence[int] = (),
    *,
    codec: str | None = None,
    span: tuple[int, int | None] | None = None,
    last: int = 0,
    **choices: Any,
) -> tuple[Encoding, list[tuple[Path, list[int]]]]:
    """Encode a clip's frames again in segments that end at `cuts`, and join them."""
    reader = VideoReader(source)
    frames = list(reader.frames(*(span or ())))
    encoding = encoding_for(reader.info, output.suffix, codec, **choices)
    encoding = replace(encoding, rate=rate_of([frame.pts for frame in frames], reader.info))
    segments = []
    for number, (begin, end) in enumerate(zip((0, *cuts), (*cuts, len(frames)), strict=True)):
        writer = SegmentWriter(output.with_name(f"{output.stem}-{number}.seg"), encoding)
        for frame in frames[begin:end]:
            writer.write(converted(frame.planes(), reader.info, encoding))
        writer.close()
        segments.append((writer.path, [frame.pts for frame in frames[begin:end]]))
    join(segments, encoding, reader.info, output, span=(frames[0].pts, span[1]) if span else None, last=last)
    return encoding, segments


def converted(planes: Planes, info: VideoInfo, encoding: Encoding) -> Planes:
    """To more bits and finer chroma, as ProRes needs."""
    shift = encoding.bits - info.bits
    planes = [plane.astype(np.uint16) << shift if shift else plane for plane in planes]
    down, across = info.shift_y - encoding.shifts[1], info.shift_x - encoding.shifts[0]
    return [planes[0]] + [p.repeat(1 << down, 0).repeat(1 << across, 1) for p in planes[1:]]


def plan_of(output: Path) -> dict[str, object]:
    """The plan in the folder of a run."""
    found: dict[str, object] = json.loads((output.with_name(output.name + ".parts") / "plan.json").read_text())
    return found
