"""Colour as numbers: CIELAB, Y′CbCr planes, look-up tables fitted to colours.

Belongs here: conversions by published formulas, on arrays and tensors. Imports `photostyle.errors`. Files' own colour
(profiles, tags, tables on disk) belongs to `photostyle.io` and `photostyle.video`.
"""
