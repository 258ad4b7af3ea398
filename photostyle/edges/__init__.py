"""All that follows a photo's edges: the guided filter and the finish.

Belongs here: filters and solvers guided by a photo. Imports `photostyle.errors` and torch; everything above may use it.
Never knows a network, a style or a region's name.
"""
