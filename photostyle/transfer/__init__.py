"""Fit, then apply: what a style does to features, one affine map a site and region, measured once.

`matching` turns moments into maps, `fitting` measures, `transfer` applies; `tiling`, `grid` and `interpolation` do the
same in tiles, at any size and over time; `targets`, `presets` and `mixing` keep and mix what was measured.
Imports `network`, `regions`, `edges` and, for `.style` files alone, `io` and `weights`. Never a picture's file, a clip
or a worker: those belong to `jobs`, `video` and `batch`.
"""
