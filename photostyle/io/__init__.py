"""Photos, masks and output files on disk; NumPy and Pillow only."""

from photostyle.io.files import OUTPUT_EXTENSIONS, atomic_write, check_output, ensure_folder, output_paths
from photostyle.io.images import (
    MIN_SIDE,
    Photo,
    check_encodable,
    check_size,
    limit_size,
    read_photo,
    write_photo,
)
from photostyle.io.masks import DPST_COLOURS, read_label_pair, read_labels

__all__ = [
    "DPST_COLOURS",
    "MIN_SIDE",
    "OUTPUT_EXTENSIONS",
    "Photo",
    "atomic_write",
    "check_encodable",
    "check_output",
    "check_size",
    "ensure_folder",
    "limit_size",
    "output_paths",
    "read_label_pair",
    "read_labels",
    "read_photo",
    "write_photo",
]
