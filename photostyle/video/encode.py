"""Encoding one segment of a clip to a file of its own."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from photostyle.errors import OutputError
from photostyle.io.opening import describe
from photostyle.video.codecs import CODECS, Encoding
from photostyle.video.info import rows

_GLOBAL_HEADER = 0x00400000  # libav: parameter sets go to the file's header, as a join without re-encoding needs


class SegmentWriter:
    """One segment: frames in, a file that begins with a key frame and decodes on its own out.

    Nothing stands under `path` until `close` has put it there whole; `abandon` leaves nothing. Timestamps in the file
    count frames, at the encoding's rate, and serve for the order only: `join` is told the true ones. What H.264 and
    HEVC say of the rate in their own bits is so the clip's mean rate, whatever its time base.
    """

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self.path, self._encoding = path, encoding
        # A name of its own: a worker that was given up may still be writing the same segment.
        self._partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
        self._frames = 0
        codec = CODECS[encoding.codec]
        rate = encoding.rate.limit_denominator(1001000)
        options = {"avoid_negative_ts": "disabled"}
        if encoding.segment == "mov":
            options["video_track_timescale"] = str(rate.numerator)
        with _writing(path, self._partial):
            self._container = av.open(str(self._partial), "w", format=encoding.segment, options=options)
            stream: Any = self._container.add_stream(
                codec.encoder,
                rate=rate,
                options=dict(encoding.options),
                width=encoding.width,
                height=encoding.height,
                time_base=1 / rate,
            )
            self._stream = stream
            stream.pix_fmt = encoding.format
            context = stream.codec_context
            context.time_base = 1 / rate
            context.flags |= _GLOBAL_HEADER
            tag(context, encoding)

    def write(self, planes: Sequence[npt.NDArray[np.integer[Any]]]) -> None:
        """Encode a frame given as planes of the encoding's format. Raises OutputError."""
        frame = av.VideoFrame(self._encoding.width, self._encoding.height, self._encoding.format)
        for plane, values in zip(frame.planes, planes, strict=True):
            rows(plane, self._encoding.bits)[:] = values
        frame.pts, frame.time_base = self._frames, self._stream.codec_context.time_base
        frame.color_range = self._encoding.colour.range_
        frame.colorspace = self._encoding.colour.matrix
        with _writing(self.path, self._partial):
            self._container.mux(self._stream.encode(frame))
        self._frames += 1

    def close(self) -> None:
        """Finish the file, see that all frames are in it, and give it its name. Raises OutputError."""
        with _writing(self.path, self._partial):
            self._container.mux(self._stream.encode())
            self._container.close()
            count = len(display_order(self._partial))
            if count != self._frames:
                raise OSError(errno.EIO, f"{count} of {self._frames} frames are in the file")
            with self._partial.open("rb+") as stream:
                os.fsync(stream.fileno())
            os.replace(self._partial, self.path)

    def abandon(self) -> None:
        """Drop what has been written."""
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):  # a full disk may be why it is dropped
            self._container.close()
        self._partial.unlink(missing_ok=True)


def display_order(path: Path) -> list[int]:
    """For every packet of a segment, in the file's order, which frame it is in order of display."""
    with av.open(str(path)) as container:
        times = [packet.pts or 0 for packet in container.demux(video=0) if packet.size]
    rank = {pts: i for i, pts in enumerate(sorted(times))}
    return [rank[pts] for pts in times]


def tag(context: Any, encoding: Encoding) -> None:
    """Write colour tags and pixel aspect to a codec context."""
    colour = encoding.colour
    context.color_range, context.colorspace = colour.range_, colour.matrix
    context.color_primaries, context.color_trc = colour.primaries, colour.transfer
    if encoding.pixel_aspect is not None:
        context.sample_aspect_ratio = encoding.pixel_aspect


@contextlib.contextmanager
def _writing(path: Path, partial: Path) -> Iterator[None]:
    """libav's errors as OutputErrors that name the file; what was written of it is removed, to make room."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        partial.unlink(missing_ok=True)
        raise failed(path, error) from error


def failed(path: Path, error: Exception) -> OutputError:
    """What libav's error on writing a file says, and what there is to do about it."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return OutputError(f"{path}: cannot be written (the disk is full); make room, then run again with --resume")
    if isinstance(error, OSError) and number != errno.EINVAL:
        return OutputError(f"{path}: cannot be written ({describe(error)}); mend that, then run again with --resume")
    return OutputError(
        f"{path}: the container does not take this picture ({describe(error)}); choose another -o or --codec"
    )
