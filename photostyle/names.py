"""Names of regions that mean the same in masks, in memory and in saved styles."""

WHOLE = "*"
"""The region of everything that no other region claims."""

UNSURE = "unsure"
"""What a segmentation cannot tell; a region like others when it is read back from a mask that photostyle wrote."""
