"""Who owns which pixel: named weights, their names, which style region serves which, and borders along the photo.

Belongs here: everything on regions that needs tensors and no files. Finding them is the business of
`photostyle.segmentation`, reading and writing them that of `photostyle.io`. Imports `network` (features to cluster) and
`edges` (borders); never `transfer`.
"""
