"""What is where in a photo: class probabilities by a network that works without a connection, or by the user's own.

This is the only part of the package that knows segmentation-models-pytorch, which it imports for others' networks.
"""

from __future__ import annotations

from photostyle.segmentation.ade20k import ADE20K, COARSE, coarse
from photostyle.segmentation.load import load_segmenter
from photostyle.segmentation.network import CLASSES, IGNORE
from photostyle.segmentation.segmenter import Segmenter

__all__ = ["ADE20K", "CLASSES", "COARSE", "IGNORE", "Segmenter", "coarse", "load_segmenter"]
