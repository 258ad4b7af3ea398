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
    count from its first frame and serve for the order only: containers round them, and `join` is told the true ones.
    """

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self.path, self._encoding = path, encoding
        # A name of its own: a worker that was given up may still be writing the same segment.
        self._partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
        self._first: int | None = None
        self._frames = 0
        codec = CODECS[encoding.codec]
        options = {"avoid_negative_ts": "disabled"}
        if codec.segment == "mov":
            options["video_track_timescale"] = str(encoding.time_base.denominator)
        with _writing(path, self._partial):
            self._container = av.open(str(self._partial), "w", format=codec.segment, options=options)
            stream: Any = self._container.add_stream(
                codec.encoder,
                rate=encoding.rate.limit_denominator(1001000),
                options=dict(encoding.options),
                width=encoding.width,
                height=encoding.height,
                time_base=encoding.time_base,
            )
            self._stream = stream
            stream.pix_fmt = encoding.format
            context = stream.codec_context
            context.time_base = encoding.time_base
            context.flags |= _GLOBAL_HEADER
            tag(context, encoding)

    def write(self, pts: int, planes: Sequence[npt.NDArray[np.integer[Any]]]) -> None:
        """Encode a frame given as planes of the encoding's format. Raises OutputError."""
        frame = av.VideoFrame(self._encoding.width, self._encoding.height, self._encoding.format)
        for plane, values in zip(frame.planes, planes, strict=True):
            rows(plane, self._encoding.bits)[:] = values
        self._first = pts if self._first is None else self._first
        frame.pts, frame.time_base = pts - self._first, self._encoding.time_base
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
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
        what = "the disk is full" if full else describe(error)
        raise OutputError(f"{path}: cannot be written ({what}); make room, then run again with --resume") from error
