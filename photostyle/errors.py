"""Every error that photostyle raises on purpose, under one base.

A message is one line that says what is wrong, where, and what to do about it; the command line prints it as it is.
"""

from __future__ import annotations


class PhotostyleError(Exception):
    """Base of all errors raised by this package."""


class ImageReadError(PhotostyleError):
    """A photo or mask cannot be read: missing, empty, truncated, not an image, or dangerously large."""


class VideoReadError(PhotostyleError):
    """A clip cannot be read: missing, not a video, without a frame, or of a kind that is not handled (HDR)."""


class ImageSizeError(PhotostyleError):
    """An image is smaller than the networks can work on (16 pixels a side)."""


class OutputError(PhotostyleError):
    """A result cannot be written: unknown extension, existing file, unwritable folder, full disk."""


class MaskError(PhotostyleError):
    """Region labels do not fit their photo, or content and style share none."""


class ParameterError(PhotostyleError, ValueError):
    """An argument is outside its documented range."""


class NumericalError(PhotostyleError):
    """Features or maps contain NaN or infinity, so no result can be computed."""


class WeightsError(PhotostyleError):
    """A weights file is missing, damaged, of another format, or does not have the expected shapes."""


class DownloadError(WeightsError):
    """A download failed, was cut, or did not match its registered size or hash."""


class TransferMismatchError(PhotostyleError):
    """A fitted Transfer (or .style file) belongs to another model, version or set of regions."""


class DeviceError(PhotostyleError):
    """The requested device is not available on this machine."""


class MemoryLimitError(PhotostyleError):
    """An image does not fit into this machine's memory."""


class EngineError(PhotostyleError):
    """Work handed to other processes or machines could not be done: a worker died, or there is no such cluster."""
