"""Reading clips frame by frame with PyAV: timestamps, colour tags, rotation and damage as the file has them.

PyAV is pinned to 17 and 18: 16.0 broke 10-bit frames, and each major version has renamed parts of its interface.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.stream import Disposition
from av.video.reformatter import Interpolation

from photostyle.errors import VideoReadError
from photostyle.video.fields import apart
from photostyle.video.info import (
    MAX_PIXELS,
    Planes,
    VideoInfo,
    check_pixels,
    check_supported,
    describe_stream,
    rows,
)
from photostyle.video.transparency import as_seen

logger = logging.getLogger(__name__)
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True, eq=False)
class Frame:
    """One decoded frame.

    Attributes:
        index: its number among the frames read, from 0.
        pts: timestamp in ticks of the clip's time base; every frame's is greater than the one's before.
        picture: libav's frame.
        format: the pixel format to deliver.
    """

    index: int
    pts: int
    picture: av.VideoFrame
    format: str

    def planes(self) -> Planes:
        """Copies of the planes, (H, W) uint8 or uint16: luma and chroma, or G, B, R."""
        picture = self.picture
        if picture.format.name.replace("yuvj", "yuv") != self.format:
            picture = picture.reformat(format=self.format)  # a repacking: samples keep their values
        return [rows(plane, picture.format.components[0].bits).copy() for plane in picture.planes]

    @property
    def duration(self) -> int:
        """Ticks for which it is shown; 0 if the file does not say."""
        return int(self.picture.duration or 0)

    def rgb(self) -> npt.NDArray[np.uint8]:
        """A copy as (H, W, 3) R, G, B bytes, by libav's conversion."""
        return self.picture.to_ndarray(format="rgb24").astype(np.uint8)

    def thumbnail(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """A small copy as (3, height, width) Y, Cb, Cr bytes."""
        small = self.picture.reformat(width=width, height=height, format="yuv444p", interpolation=Interpolation.AREA)
        return np.stack([rows(plane, 8) for plane in small.planes])


class VideoReader:
    """A clip opened for reading.

    Attributes:
        info: see `VideoInfo`.
        damaged: seconds at which packets could not be decoded, found so far.
        deinterlace: take the two fields of a frame apart; on where the first frame has fields.
        woven: a frame of two fields came while `deinterlace` was off.
        careful: decode with one thread. What a decoder makes of damage depends on how its threads happen to meet, so a
            damaged clip gives the same frames again only like this.

    Raises:
        VideoReadError: missing, not a video, no frame in it, or of a colour system that is not supported.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: list[float] = []
        self.careful = False
        self.woven = False
        self.info = self._probe()
        self.deinterlace = bool(self.info.fields)

    def frames(
        self, start: int | None = None, end: int | None = None, *, seek: bool = True
    ) -> Generator[Frame, None, None]:
        """Frames in order of display, from the first at or after `start` to the last before `end` (ticks).

        What cannot be decoded is noted in `damaged` and logged, and reading goes on behind it. With `seek` off the
        clip is decoded from its beginning, which costs time and is exact whatever the file.
        """
        wanted = seek and start is not None and self.info.timed
        margin = int(2 / self.info.time_base)  # behind damage or an open group of pictures the nearest key frame is bad
        yielded, last = 0, None
        pictures = self._decode(start - margin if wanted and start is not None else None)
        for pts, picture in apart(pictures, self.info) if self.deinterlace else pictures:
            if last is not None and pts <= last:
                logger.debug("%s: frame at tick %d is out of order", self.path, pts)
                pts = last + 1
            last = pts
            if start is not None and pts < start:
                continue
            if end is not None and pts >= end:
                return
            if self.info.alpha and not self.info.grey:
                picture = as_seen(picture, self.info)
            yield Frame(yielded, pts, picture, self.info.format)
            yielded += 1

    def _decode(self, seek: int | None) -> Iterator[tuple[int, av.VideoFrame]]:
        step = max(1, round(1 / (self.info.rate * self.info.time_base)))
        following = 0
        with _open(self.path) as container:
            stream = _video_stream(container, self.path)
            if self.careful:
                stream.codec_context.thread_count = 1
            else:
                stream.thread_type = "AUTO"
            decode = _decoder(stream, self.careful)
            if seek is not None and seek > (stream.start_time or 0):
                container.seek(seek, stream=stream)
            for packet in self._packets(container, stream):
                try:
                    pictures = decode(packet)
                except (av.error.FFmpegError, ValueError) as error:
                    self._note(packet, str(error))
                    continue
                for picture in pictures:
                    if (picture.width, picture.height) != (self.info.width, self.info.height):
                        self._note(packet, f"its size changes to {picture.width}x{picture.height}")
                        continue
                    if picture.is_corrupt:
                        self._note(packet, "damaged, shown as far as the decoder could mend it")
                    pts = following if picture.pts is None else picture.pts
                    following = pts + step
                    self.woven = self.woven or picture.interlaced_frame
                    yield pts, picture

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        def ended(error: av.error.FFmpegError) -> None:
            self._note(None, f"the file ends here ({error.strerror})")

        for packet in tolerant(container.demux(stream), ended):
            if packet.is_corrupt:
                self._note(packet, "damaged packet")
            yield packet

    def _note(self, packet: Any, what: str) -> None:
        when = -1.0 if packet is None or packet.pts is None else float(packet.pts * packet.time_base)
        if when not in self.damaged:
            place = f"at {when:.2f} s" if when >= 0 else "at its end"
            logger.warning("%s: damaged %s (%s); the rest goes on", self.path, place, " ".join(what.split()))
            self.damaged.append(when)

    def _probe(self) -> VideoInfo:
        with _open(self.path) as container:
            stream = _video_stream(container, self.path)
            check_pixels(self.path, stream.codec_context.width, stream.codec_context.height)
            picture, field_order = None, stream.codec_context.field_order
            decode = _decoder(stream, True)
            for packet in tolerant(container.demux(stream), lambda error: None):
                try:
                    picture = next(iter(decode(packet)), None)
                except (av.error.FFmpegError, ValueError):
                    continue
                if picture is not None:
                    break
            if picture is None or stream.time_base is None:
                raise VideoReadError(f"{self.path}: holds no frame that can be decoded; is the clip empty or cut off?")
            info = describe_stream(self.path, stream, picture, field_order)
        check_supported(info)
        return info


def tolerant(packets: Iterator[Any], ended: Callable[[av.error.FFmpegError], None]) -> Iterator[Any]:
    """Packets to the end of the file, or to where it cannot be read any more, which is told to `ended`."""
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            ended(error)
            return
        yield packet


def _open(path: Path) -> Any:
    try:
        # Titles in another encoding than UTF-8 are no reason to refuse a clip.
        return av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoReadError(f"{path}: cannot be read as a video ({reason}); check the path and the file") from error


def _video_stream(container: Any, path: Path) -> Any:
    stream = film(container)
    if stream is None:
        cover = " but a cover picture" if container.streams.video else ""
        raise VideoReadError(f"{path}: holds no video stream{cover}; give a clip")
    if stream.codec_context is None:
        raise VideoReadError(f"{path}: its video is of a codec that is not known here; convert it to H.264")
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # what the stream itself says, frame by frame
    return stream


def film(container: Any) -> Any:
    """The stream of moving pictures that is worked on: libav's choice, but never a cover; None if there is none."""
    best = container.streams.best("video")
    if best is not None and not is_picture(best):
        return best
    return next((stream for stream in container.streams.video if not is_picture(stream)), None)


def is_picture(stream: Any) -> bool:
    """Whether a video stream is a cover, or the thumbnails of chapters."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _decoder(stream: Any, careful: bool) -> Callable[[Any], list[Any]]:
    """What makes pictures of packets: libav's usual decoder, or for VP8 and VP9 with alpha the one that knows it."""
    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if name is None or tags.get("alpha_mode") != "1":
        return lambda packet: packet.decode()  # type: ignore[no-any-return]
    context: Any = av.CodecContext.create(name, "r")
    context.thread_count = 1 if careful else 0
    return lambda packet: context.decode(packet if packet.size else None)  # type: ignore[no-any-return]
