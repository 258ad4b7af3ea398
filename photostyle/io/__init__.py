"""Photos, masks, look-up tables and output files on disk: NumPy, Pillow, tifffile and imagecodecs live here.

Imports `photostyle.errors` and `photostyle.options`; never torch or a network.
"""

from photostyle.io.files import (
    OUTPUT_EXTENSIONS,
    atomic_write,
    check_apart,
    check_output,
    ensure_folder,
    output_paths,
)
from photostyle.io.images import (
    MIN_SIDE,
    Photo,
    as_seen,
    check_size,
    limit_size,
    photo_extensions,
    read_photo,
)
from photostyle.io.mask_colours import CLASS_COLOURS, DPST_COLOURS, UNSURE, canonical, region_colours
from photostyle.io.masks import LabelMap, read_label_pair, read_labels, read_mask, read_mask_pair, write_mask
from photostyle.io.writing import check_encodable, write_photo

__all__ = [
    "CLASS_COLOURS",
    "DPST_COLOURS",
    "MIN_SIDE",
    "OUTPUT_EXTENSIONS",
    "UNSURE",
    "LabelMap",
    "Photo",
    "as_seen",
    "atomic_write",
    "canonical",
    "check_apart",
    "check_encodable",
    "check_output",
    "check_size",
    "ensure_folder",
    "limit_size",
    "output_paths",
    "photo_extensions",
    "read_label_pair",
    "read_labels",
    "read_mask",
    "read_mask_pair",
    "read_photo",
    "region_colours",
    "write_mask",
    "write_photo",
]
